import pytest
from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.context.similarity import jaccard, line_similarity, words


def test_identifiers_are_split_into_words_and_kept_whole() -> None:
    assert words("parseHTTPRequest(max_retries2)") == {
        *("parsehttprequest", "parse", "http", "request", "max_retries2", "max", "retries"),
    }


def test_words_of_any_code_say_nothing() -> None:
    assert words("def f(self): return None") == set()


def test_an_identifier_as_long_as_data_is_none() -> None:
    assert words("x" * 100) == set()


@given(st.text(), st.text())
def test_jaccard_is_a_share_and_the_same_both_ways(one: str, other: str) -> None:
    assert 0 <= jaccard(words(one), words(other)) == jaccard(words(other), words(one)) <= 1
    assert jaccard(words(one), words(one)) == (1 if words(one) else 0)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (["a = 1", "b = 2"], ["  a = 1", "b = 2  "], 1.0),
        (["a = 1", "b = 2"], ["a = 1", "c = 3"], 0.5),
        (["}", "}"], ["}", "}"], 0.0),  # brackets alone make nothing alike
        ([], [], 0.0),
    ],
)
def test_lines_are_compared_as_a_bag(one: list[str], other: list[str], expected: float) -> None:
    assert line_similarity(one, other) == expected
