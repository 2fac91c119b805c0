from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.generation.request import GenerationRequest, speakable, to_chat_wire, to_wire

ANY = st.text(st.characters())  # lone halves of surrogate pairs among them


@given(ANY, ANY)
def test_whatever_is_in_a_buffer_can_be_sent(prompt: str, heal: str) -> None:
    request = GenerationRequest(prompt, heal=heal, messages=(("user", prompt),))
    for body in (to_wire(request), to_chat_wire(request)):
        json.dumps(body, ensure_ascii=False).encode()


@given(st.text())
def test_a_text_that_utf8_can_carry_is_sent_as_it_is(text: str) -> None:
    assert speakable(text) == text


def test_halves_that_belong_together_are_joined_and_lone_ones_marked() -> None:
    assert speakable("a\ud83d\ude00b\ud83dc") == "a😀b\ufffdc"
