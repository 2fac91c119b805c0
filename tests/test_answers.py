"""The prompt of a chat that fits the model's context, by whoever counts its tokens."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.answers import FittedChat, fitted_chat
from codefuse_lsp.errors import QuestionTooLong
from codefuse_lsp.prompts.chat import Reference, Round, Talk, chat_turns
from codefuse_lsp.prompts.formats import ModelFormat, Prompt

CODEFUSE, MFT = ModelFormat("codefuse"), ModelFormat("mft")
COUNTERS: list[Callable[[str], int]] = [
    len,
    lambda text: len(text) // 3 + 1,
    lambda text: len(re.findall(r"\w+|\s+|[^\w\s]", text)),
    lambda text: sum(4 if char == "ö" else 1 for char in text),  # dense where one would not think it
]


def fitted(
    talk: Talk, count: Callable[[str], int], context: int, answer: int = 100, model: ModelFormat = CODEFUSE
) -> tuple[FittedChat, int]:
    """Return the prompt and how many counts it took."""
    asked = 0

    async def counted(prompt: Prompt) -> int:
        nonlocal asked
        asked += 1
        return count(prompt.text)

    return asyncio.run(fitted_chat(talk, model, counted, context, answer)), asked


TEXTS = st.text("ab ö\n<|", min_size=1, max_size=120)
REFERENCES = st.lists(
    st.builds(Reference, st.sampled_from("pq"), st.just("go"), st.integers(1, 300).map(lambda n: "ab ö\n" * n)),
    max_size=3,
).map(tuple)
TALKS = st.builds(
    lambda before, asked, system: Talk((*before, asked), system),
    st.lists(st.builds(Round, TEXTS, REFERENCES, TEXTS), max_size=8),
    st.builds(Round, TEXTS, REFERENCES),
    st.sampled_from(["", "Be brief."]),
)


@given(TALKS, st.sampled_from(COUNTERS), st.integers(700, 5000), st.sampled_from([CODEFUSE, MFT]))
def test_no_prompt_is_too_long_by_any_count(
    talk: Talk, count: Callable[[str], int], context: int, model: ModelFormat
) -> None:
    found, counts = fitted(talk, count, context, 64, model)
    assert count(found.prompt.text) + found.answer_tokens <= context and counts <= 7
    turns = chat_turns(found.talk)
    assert turns[-1].text.endswith(talk.asked.question)
    assert not talk.system or turns[0].text == talk.system
    roles = [turn.role for turn in turns if turn.role != "system"]
    assert roles == (["human", "bot"] * len(roles))[: len(roles)]


def test_what_fits_is_counted_once() -> None:
    talk = Talk((Round("why?", (), "so"), Round("and?")))
    found, counts = fitted(talk, len, 4096)
    assert counts == 1 and found.talk == talk and found.left_out == () and found.answer_tokens == 100


def test_what_is_hopelessly_long_is_not_even_counted() -> None:
    lengths: list[int] = []

    def count(text: str) -> int:
        lengths.append(len(text))
        return len(text) // 4

    talk = Talk((Round("why?", (Reference("a.py", "python", "x = 1\n" * 200_000),)),))
    found, _ = fitted(talk, count, 4096, 512)
    assert max(lengths) < 40_000 and found.left_out


def test_the_room_is_used_well() -> None:
    rounds = [Round(f"question {n}?", (), "word " * 80) for n in range(40)]
    big = Reference("a.py", "python", "".join(f"value_{n} = {n}\n" for n in range(2000)))
    for count in COUNTERS:
        found, _ = fitted(Talk((*rounds, Round("where is value_7?", (big,)))), count, 4096, 512)
        assert count(found.prompt.text) > 0.6 * (4096 - 512)
        assert "value_7 = 7" in found.prompt.text


def test_rounds_are_dropped_in_steps_so_that_most_follow_ups_go_on_from_the_last_prompt() -> None:
    talk, gone_on, longest = Talk((Round("question 0?"),), "Be brief."), 0, 0
    before = ""
    for number in range(1, 60):
        found, _ = fitted(talk, len, 4096, 512)
        gone_on += found.prompt.text.startswith(before)
        before = found.prompt.text
        longest = max(longest, len(before))
        answered = replace(found.talk.asked, answer=f"`name_{number}` is it. " + "word " * 30)
        talk = replace(found.talk, rounds=(*found.talk.rounds[:-1], answered, Round(f"question {number}?")))
    assert longest <= 4096 - 512 and talk.dropped > 30
    assert gone_on >= 59 - 8  # the others are steps


def test_a_question_that_leaves_little_room_gets_a_shorter_answer() -> None:
    found, _ = fitted(Talk((Round("a" * 800, (), "b" * 500), Round("c" * 700))), len, 1000, 300)
    assert 64 <= found.answer_tokens < 300 and len(found.prompt.text) + found.answer_tokens == 1000
    assert any(f"an answer of {found.answer_tokens} tokens, not of 300" in sentence for sentence in found.left_out)


def test_a_question_longer_than_the_context_is_refused_with_the_numbers() -> None:
    with pytest.raises(QuestionTooLong) as refusal:
        fitted(Talk((Round("a" * 5000),), "Be brief."), len, 4096, 512)
    assert re.search(r"alone take 5,1\d\d tokens. The model reads 4,096 .* 512 are kept", str(refusal.value))


def test_a_context_shorter_than_the_answer_is_refused_too() -> None:
    with pytest.raises(QuestionTooLong):
        fitted(Talk((Round("a" * 90),)), len, 100, 512)
