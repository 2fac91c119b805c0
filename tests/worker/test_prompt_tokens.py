from __future__ import annotations

import inspect
import json
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codefuse_lsp.worker import prompt_tokens
from codefuse_lsp.worker.prompt_tokens import PromptTokens, Tokens
from codefuse_lsp.worker.tokenizer import Tokenizer, load_tokenizer

CODE = inspect.getsource(json) + inspect.getsource(inspect)[:20_000]
# What tokenizers treat in ways of their own: runs of white space, digits, letters of several bytes, tags.
ODD = ["    ", "\n\n\n", "\t", "\r\n", "0" * 40, "x" * 90, "é", "🙂", "你好", "</s>", "<|im_end|>", " ", "▁", "\u00a0"]


@pytest.fixture(scope="module")
def smollm2_tokenizer(smollm2: Path) -> Tokenizer:
    return load_tokenizer(smollm2)


@pytest.fixture(scope="module")
def pieces_tokenizer(piece_folder: Path) -> Tokenizer:
    return load_tokenizer(piece_folder)


@pytest.fixture(scope="module", params=["smollm2_tokenizer", "pieces_tokenizer"])
def tokenizer(request: pytest.FixtureRequest) -> Tokenizer:
    found: Tokenizer = request.getfixturevalue(request.param)
    return found


edits = st.lists(
    st.tuples(st.integers(0, 8_000), st.integers(0, 60), st.sampled_from(ODD) | st.text(max_size=12)), max_size=6
)


@settings(max_examples=25, deadline=None)
@given(start=st.integers(0, 6_000), edits=edits)
def test_a_text_that_is_edited_anywhere_has_the_tokens_that_it_has_when_read_anew(
    tokenizer: Tokenizer, start: int, edits: list[tuple[int, int, str]]
) -> None:
    remembered = PromptTokens(tokenizer._tokens)
    text = CODE[start : start + 8_000]
    for place, deleted, typed in [(0, 0, ""), *edits]:
        text = text[:place] + typed + text[place + deleted :]
        assert remembered.encode(text) == tokenizer._tokens(text).ids


def test_every_keystroke_at_the_end_of_a_long_text_has_the_tokens_that_it_has_when_read_anew(
    tokenizer: Tokenizer,
) -> None:
    remembered = PromptTokens(tokenizer._tokens)
    for length in range(5_000, 5_100):
        assert remembered.encode(CODE[:length]) == tokenizer._tokens(CODE[:length]).ids


def test_only_what_changed_is_read_again() -> None:
    read: list[str] = []

    def by_letters(text: str) -> Tokens:
        read.append(text)
        return Tokens([ord(letter) for letter in text], list(range(len(text))))

    remembered = PromptTokens(by_letters)
    remembered.encode(CODE)
    assert remembered.encode(CODE + "x") == [ord(letter) for letter in CODE + "x"]
    assert [len(text) for text in read] == [len(CODE), prompt_tokens.LEAD + 2]


def test_memory_is_bounded_and_short_texts_are_not_kept() -> None:
    remembered = PromptTokens(lambda text: Tokens([1] * len(text), list(range(len(text)))))
    for number in range(50):
        remembered.encode(f"{number}" * 2_000)
        remembered.encode(f"{number}")
    assert len(remembered._texts) == prompt_tokens.KEPT


def test_a_text_longer_than_any_context_is_read_and_not_kept() -> None:
    remembered = PromptTokens(lambda text: Tokens([1] * len(text), list(range(len(text)))))
    for length, kept in ((prompt_tokens.LONGEST + 1, 0), (prompt_tokens.LONGEST, 1)):
        assert len(remembered.encode("x" * length)) == length
        assert len(remembered._texts) == kept


def test_even_texts_of_one_token_a_letter_take_less_than_100_mb() -> None:
    remembered = PromptTokens(lambda text: Tokens([300 + n for n in range(len(text))], list(range(len(text)))))
    tracemalloc.start()
    try:
        for number in range(prompt_tokens.KEPT):
            remembered.encode(f"{number}" * prompt_tokens.LONGEST)
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(remembered._texts) == prompt_tokens.KEPT
    assert taken < 100_000_000


def test_a_way_to_tokenise_that_never_agrees_with_itself_is_asked_for_the_whole() -> None:
    def reversed_numbers(text: str) -> Tokens:  # each token hangs on how much follows
        return Tokens(list(range(len(text), 0, -1)), list(range(len(text))))

    remembered = PromptTokens(reversed_numbers)
    remembered.encode(CODE)
    assert remembered.encode(CODE + "x") == reversed_numbers(CODE + "x").ids


def test_callers_cannot_change_what_is_remembered() -> None:
    remembered = PromptTokens(lambda text: Tokens([1] * len(text), list(range(len(text)))))
    remembered.encode(CODE).clear()
    assert len(remembered.encode(CODE)) == len(CODE)
