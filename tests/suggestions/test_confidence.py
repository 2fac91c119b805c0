from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.generation.request import TokenLogprob
from codefuse_lsp.suggestions.confidence import cut_at_doubt


def tokens(*pairs: tuple[str, float]) -> list[TokenLogprob]:
    """Return tokens with their probabilities."""
    return [TokenLogprob(token, math.log(probability)) for token, probability in pairs]


@pytest.mark.parametrize(
    ("written", "least", "kept", "doubt"),
    [
        ([("return", 0.9), (" x", 0.8)], 0.3, "return x", ""),
        ([("return", 0.9), (" x", 0.1), (" +", 0.9)], 0.3, "return", " x"),
        ([("return", 0.9), (" x", 0.1)], 0.0, "return x", ""),  # turned off
        ([("get", 0.9), ("User", 0.1), ("()", 0.9)], 0.3, "", "User"),  # no half word
        ([("a.", 0.9), ("get", 0.9), ("_user", 0.1)], 0.3, "a.", "_user"),
        ([("a.b", 0.9), ("(", 0.1)], 0.3, "a.b", "("),
        ([("x", 0.1)], 0.3, "", "x"),
        ([("naïve", 0.9), ("té", 0.1)], 0.3, "", "té"),
        ([("x = '", 0.9), ("😋", 0.1)], 0.3, "x = '", "😋"),
    ],
)
def test_a_text_ends_at_its_first_improbable_token(
    written: list[tuple[str, float]], least: float, kept: str, doubt: str
) -> None:
    found = cut_at_doubt("".join(token for token, _ in written), tokens(*written), least)
    assert (found.text, found.doubt) == (kept, doubt)


def test_the_mean_is_that_of_the_tokens_that_are_kept() -> None:
    found = cut_at_doubt("a + b", tokens(("a", 0.5), (" +", 0.25), (" b", 0.01)), 0.1)
    assert found.mean_logprob == pytest.approx((math.log(0.5) + math.log(0.25)) / 2)
    assert cut_at_doubt("ab", tokens(("a", 0.5), ("b", 0.01)), 0.1).mean_logprob is None
    assert cut_at_doubt("", [], 0.1).mean_logprob is None


def test_the_healed_beginning_is_not_judged() -> None:
    written = tokens(("\n", 0.01), ("re", 0.01), ("turn", 0.9), (" x", 0.9))
    found = cut_at_doubt("urn x", written, 0.5)
    assert (found.text, found.doubt) == ("urn x", "")
    assert found.mean_logprob == pytest.approx(math.log(0.9))


def test_a_token_that_only_ends_in_the_text_is_judged() -> None:
    assert cut_at_doubt("urn x", tokens(("return", 0.1), (" x", 0.9)), 0.5).text == ""


def test_where_the_tokens_do_not_spell_the_text_nothing_is_cut() -> None:
    assert cut_at_doubt("é = 1", tokens(("�", 0.01), ("�", 0.9), (" = 1", 0.9)), 0.5).text == "é = 1"
    assert cut_at_doubt("x = 1", [], 0.5).text == "x = 1"


@given(
    st.lists(st.tuples(st.text("ab_ (.é", min_size=1, max_size=4), st.floats(0.001, 1.0)), max_size=12),
    st.floats(0, 1),
    st.integers(0, 6),
)
def test_what_is_kept_is_sure_whole_and_the_longest_such(
    written: list[tuple[str, float]], least: float, healed: int
) -> None:
    text = "".join(token for token, _ in written)[healed:]
    found = cut_at_doubt(text, tokens(*written), least)
    assert text.startswith(found.text)
    rest = text[len(found.text) :]
    if rest:
        assert found.doubt in [token for token, probability in written if probability < least]
        word = found.text[-1:] + rest[:1]
        assert not (len(word) == 2 and all(letter.isalnum() or letter == "_" for letter in word))
    else:
        position = 0
        for token, probability in written:
            position += len(token)
            assert position <= healed or math.log(probability) >= (math.log(least) if least else -math.inf)


@given(st.lists(st.tuples(st.text("ab (", min_size=1, max_size=3), st.floats(0.001, 1.0)), max_size=9))
def test_a_higher_threshold_never_keeps_more(written: list[tuple[str, float]]) -> None:
    text = "".join(token for token, _ in written)
    lengths = [len(cut_at_doubt(text, tokens(*written), least / 10).text) for least in range(11)]
    assert lengths == sorted(lengths, reverse=True)
