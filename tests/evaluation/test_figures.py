from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.evaluation.figures import difference, latencies, pass_at_k, percentile, ratio_of_counts


@given(st.integers(1, 9), st.integers(0, 9), st.integers(1, 9))
def test_pass_at_k_is_the_share_of_all_draws_that_hold_a_right_one(samples: int, passed: int, k: int) -> None:
    passed, k = min(passed, samples), min(k, samples)
    outcomes = [True] * passed + [False] * (samples - passed)
    draws = list(combinations(outcomes, k))
    assert pass_at_k(samples, passed, k) == pytest.approx(sum(map(any, draws)) / len(draws))


def test_a_percentile_is_one_of_the_values() -> None:
    assert percentile([], 50) is None
    assert [percentile([30.0, 10.0, 20.0, 40.0], percent) for percent in (0, 25, 50, 95, 100)] == [10, 10, 20, 40, 40]
    assert latencies([1.0]) == {"p50": 1.0, "p95": 1.0, "p99": 1.0}


def test_a_ratio_of_nothing_is_none() -> None:
    assert ratio_of_counts([True], [False]).ratio is None


def test_a_clear_lead_has_an_interval_above_one_and_a_tie_has_one_around_it() -> None:
    theirs = [True] * 25 + [False] * 75
    clear = ratio_of_counts([True] * 50 + [False] * 50, theirs)
    assert clear.ratio == 2.0 and clear.low is not None and clear.high is not None and 1.3 < clear.low < 2 < clear.high
    tie = ratio_of_counts([False] * 10 + [True] * 25 + [False] * 65, theirs)
    assert tie.ratio == 1.0 and tie.low is not None and tie.high is not None and tie.low < 1 < tie.high
    assert ratio_of_counts(theirs, theirs) == (same := ratio_of_counts(theirs, theirs)) and same.low == same.high == 1


def test_the_same_counts_have_the_same_interval_in_any_order() -> None:
    ours, theirs = [True, False, True, True], [True, True, False, False]
    assert ratio_of_counts(ours, theirs) == ratio_of_counts(ours[::-1], theirs[::-1])


def test_a_clear_difference_has_an_interval_beside_zero_and_a_small_one_has_not() -> None:
    theirs = [0.0, 1.0] * 30
    clear = difference([value + 0.5 for value in theirs], theirs)
    assert (clear.mean, clear.low, clear.high) == (0.5, 0.5, 0.5)
    unclear = difference([1.0, *theirs[1:]], theirs)
    assert unclear.low <= 0 < unclear.mean < unclear.high
    assert difference(theirs, theirs[::-1]).low < 0 < difference(theirs, theirs[::-1]).high
    assert difference([], []).mean == 0
