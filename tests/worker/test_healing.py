from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from codefuse_lsp.worker.healing import Healing, VocabularyIndex
from codefuse_lsp.worker.tokenizer import Tokenizer, load_tokenizer


class Words:
    """A vocabulary of these words."""

    def __init__(self, *words: bytes | None) -> None:
        self.words = words
        self.vocab_size = len(words)

    def token_bytes(self, token_id: int) -> bytes | None:
        return self.words[token_id]


def index_of(*words: bytes | None) -> VocabularyIndex:
    return VocabularyIndex(Words(*words))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def tiny(tiny_llama: Path) -> Tokenizer:
    return load_tokenizer(tiny_llama)


def test_allowed_are_the_beginnings_of_the_text_and_what_begins_with_it() -> None:
    index = index_of(b"r", b"re", b"ret", b"return", b"retry", b"rest", b"x", None, b"", b"returned\xff")
    assert sorted(index.allowed(b"ret")) == [0, 1, 2, 3, 4, 9]
    assert index.allowed(b"z") == []


def test_the_same_bytes_may_belong_to_several_ids() -> None:
    assert sorted(index_of(b"a", b"a", b"b").allowed(b"a")) == [0, 1]


def test_a_longer_token_may_be_written_over_the_end() -> None:
    healing = Healing(index_of(b"  ", b" return", b" "), "  ret")
    assert sorted(healing.allowed_ids() or []) == [2]  # after two spaces nothing could spell "ret"
    healing.advance(2)
    assert healing.allowed_ids() == [1]
    healing.advance(1)
    assert healing.allowed_ids() is None


def test_a_step_into_a_dead_end_is_not_allowed() -> None:
    healing = Healing(index_of(b"a", b"ab", b"abc", b"bc"), "abc")
    assert sorted(healing.allowed_ids() or []) == [0, 2]


def test_text_that_cannot_be_spelled_is_not_held_to() -> None:
    assert Healing(index_of(b"a"), "ab").allowed_ids() is None
    assert Healing(index_of(b"a"), "").allowed_ids() is None


def test_a_token_that_was_not_allowed_ends_the_healing() -> None:
    healing = Healing(index_of(b"a", b"b", None), "aa")
    healing.advance(2)
    assert healing.allowed_ids() is None
    healing.advance(0)
    assert healing.allowed_ids() is None


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=12), picks=st.lists(st.integers(0, 10**6), min_size=64, max_size=64))
def test_whatever_is_picked_the_answer_begins_with_the_text(tiny: Tokenizer, text: str, picks: list[int]) -> None:
    healing, ids = Healing(VocabularyIndex(tiny), text), []
    while (allowed := healing.allowed_ids()) is not None:
        assert allowed
        ids.append(allowed[picks[len(ids)] % len(allowed)])
        healing.advance(ids[-1])
    raw = b"".join(tiny.token_bytes(i) or b"" for i in ids)
    assert raw.startswith(text.encode())
    assert not raw[: -len(tiny.token_bytes(ids[-1]) or b"")].startswith(text.encode()) if ids else not text


def test_a_large_vocabulary_is_indexed_once_and_looked_up_in_almost_no_time() -> None:
    index = index_of(*(n.to_bytes(3, "big") for n in range(60_000)))
    start = time.thread_time()
    index.allowed(b"\0")
    indexed = time.thread_time() - start
    start = time.thread_time()
    for _ in range(100):
        index.allowed(b"\0\x10\x20\x30\x40")
    assert time.thread_time() - start < indexed
