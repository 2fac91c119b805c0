import pytest
from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.prompts.budget import FIRST_CHARS_PER_TOKEN, TokenEstimate, careful_tokens, usable_tokens


def test_the_first_estimate_is_careful() -> None:
    estimate = TokenEstimate()
    assert estimate.chars_for(1000) == 1000 * FIRST_CHARS_PER_TOKEN
    assert estimate.tokens_in(2001) == 1001


def test_denser_text_is_believed_at_once() -> None:
    estimate = TokenEstimate()
    estimate.observe(chars=800, tokens=1000)
    assert estimate.chars_per_token == 0.75


def test_the_first_measurement_is_believed_at_once() -> None:
    estimate = TokenEstimate()
    estimate.observe(chars=3600, tokens=1000)
    assert estimate.chars_per_token == 3.5


def test_looser_text_is_believed_slowly_and_in_steps() -> None:
    estimate = TokenEstimate()
    estimate.observe(chars=2000, tokens=1000)
    seen = []
    for _ in range(60):
        estimate.observe(chars=3500, tokens=1000)
        seen.append(estimate.chars_per_token)
    assert seen[0] == FIRST_CHARS_PER_TOKEN
    assert 3.0 <= seen[-1] <= 3.5
    assert len(set(seen)) <= 6


def test_a_short_prompt_tells_nothing() -> None:
    estimate = TokenEstimate()
    estimate.observe(chars=10, tokens=10)
    estimate.observe(chars=0, tokens=1000)
    assert estimate.chars_per_token == FIRST_CHARS_PER_TOKEN


@given(st.lists(st.tuples(st.integers(256, 10**5), st.integers(256, 10**4)), min_size=1))
def test_what_was_just_measured_is_never_overestimated(sizes: list[tuple[int, int]]) -> None:
    estimate = TokenEstimate()
    for chars, tokens in sizes:
        estimate.observe(chars, tokens)
        assert estimate.chars_per_token <= max(chars / tokens, 0.25)


@pytest.mark.parametrize(("counted", "tokens"), [(True, 4096), (False, 3481)])
def test_a_far_end_that_cannot_count_gets_a_reserve(counted: bool, tokens: int) -> None:
    assert usable_tokens(4096, counted=counted) == tokens


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        ("def area(width, height):\n    return width * height\n", 14, 24),
        ("1234567890" * 3, 30, 30),
        ("这个函数", 4, 12),
        ("\U0001f355" * 5, 20, 20),
        ("QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlq", 40, 48),
        ("        x", 2, 4),
        ("", 0, 0),
    ],
)
def test_a_careful_count_is_careful_with_any_text(text: str, least: int, most: int) -> None:
    assert least <= careful_tokens(text) <= most


@given(st.text(max_size=60), st.text(max_size=60))
def test_more_text_takes_no_fewer_tokens(one: str, other: str) -> None:
    assert careful_tokens(f"{one}\n{other}") >= max(careful_tokens(one), careful_tokens(other))
