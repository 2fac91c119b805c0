"""How much of a failure is told, and which of two ends of a test counts."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.verification.reports import MOST_CHARS, WORST, Coverage, TestResult, brief, events, merged


@given(st.text(max_size=5000), st.integers(10, 2000))
def test_a_message_is_never_longer_than_it_may_be_and_has_no_control_characters(text: str, most: int) -> None:
    told = brief(text, most)
    assert len(told) <= most + 3
    assert not any(ord(char) < 32 and char not in "\n\t" for char in told)


def test_both_ends_of_a_long_message_are_kept() -> None:
    told = brief("the beginning" + "x" * 10 * MOST_CHARS + "the end")
    assert told.startswith("the beginning") and told.endswith("the end") and "\n…\n" in told


def test_colours_are_taken_off() -> None:
    assert brief("\x1b[31mred\x1b[0m\x07") == "red"


@given(st.lists(st.sampled_from(WORST), min_size=1))
def test_of_all_parameters_the_worst_end_counts(endings: list[str]) -> None:
    results: dict[str, TestResult] = {}
    for ending in endings:
        results = merged(results, TestResult("test_x", ending))
    assert results["test_x"].ending == max(endings, key=WORST.index)


@given(st.lists(st.dictionaries(st.text(), st.integers(), max_size=3)), st.text())
def test_what_a_probe_says_is_heard_through_what_a_test_prints(told: list[dict[str, int]], noise: str) -> None:
    output = "".join(f"{noise}\n@@{json.dumps(event)}\n" for event in told)
    assert [event for event in events(output, "@@") if event in told] == told or "@@" in noise


def test_what_is_cut_or_written_over_is_passed_over() -> None:
    assert list(events('@@{"a": 1}\n@@{"b": \n@@3\nx @@{"c": 2}', "@@")) == [{"a": 1}, {"c": 2}]


def test_lines_are_gained_where_no_other_test_runs_them() -> None:
    by_test = {"": frozenset({1}), "test_old": frozenset({1, 2}), "test_new": frozenset({1, 2, 3})}
    coverage = Coverage(frozenset({1, 2, 3, 4}), frozenset({1, 2, 3}), by_test=by_test)
    assert str(coverage.without(["test_new"])) == "3 of 4 lines run, 1 of them by these tests alone"
    assert str(Coverage(frozenset({1, 2}), frozenset({1}))) == "1 of 2 lines run"
