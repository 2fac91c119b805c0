from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.suggestions.debounce import (
    FIRST_INTERVAL_S,
    KEYS,
    LATENCIES,
    LEAST_KEYS,
    MAX_DELAY_S,
    MAX_INTERVAL_S,
    MAX_RATE,
    MIN_INTERVAL_S,
    MIN_RATE,
    Debounce,
    Moment,
)

IN_WORD = Moment()
AT_END = Moment(ends_word=True, ends_line=True, ends_document=True)
seconds = st.floats(0, 20)


def typist(interval: float, keys: int = KEYS, latency: float | None = None) -> Debounce:
    debounce = Debounce()
    for key in range(keys + 1):
        debounce.key_pressed(key * interval)
    if latency is not None:
        debounce.answered(latency)
    return debounce


@given(st.lists(seconds), st.lists(seconds), seconds)
def test_who_asks_never_waits(keys: list[float], answers: list[float], waited: float) -> None:
    debounce = Debounce()
    for moment in sorted(keys):
        debounce.key_pressed(moment)
    for answer in answers:
        debounce.answered(answer)
    assert debounce.delay(Moment(invoked=True), waited) == 0.0


@given(st.lists(seconds), st.lists(seconds), seconds, st.booleans(), st.booleans(), st.booleans())
def test_nobody_waits_longer_than_an_answer_takes_or_a_second(
    keys: list[float], answers: list[float], waited: float, word: bool, line: bool, document: bool
) -> None:
    debounce = Debounce()
    for moment in sorted(keys):
        debounce.key_pressed(moment)
    for answer in answers:
        debounce.answered(answer)
    delay = debounce.delay(Moment(word, line, document), waited)
    assert 0.0 <= delay <= MAX_DELAY_S
    if answers:
        assert delay <= max(answers)


def test_answers_that_nobody_waited_for_teach_only_that_they_take_longer_than_was_thought() -> None:
    quick, slow, unknown = typist(0.2, latency=0.05), typist(0.2, latency=5.0), typist(0.2)
    at_once, usual = quick.delay(IN_WORD), slow.delay(IN_WORD)
    for _ in range(LATENCIES):
        for debounce in (quick, slow, unknown):
            debounce.given_up(0.3)
    assert at_once == 0.0 < quick.delay(IN_WORD)
    assert slow.delay(IN_WORD) == usual
    assert unknown.latency is None  # a short time would say that the model is quick


def test_before_anything_is_known_the_wait_is_that_of_an_ordinary_typist() -> None:
    assert Debounce().delay(IN_WORD) == pytest.approx(MAX_RATE * FIRST_INTERVAL_S)
    assert Debounce().delay(AT_END) == pytest.approx(MIN_RATE * FIRST_INTERVAL_S)


def test_a_quick_model_is_asked_at_once() -> None:
    assert typist(0.2, latency=0.1).delay(IN_WORD) == 0.0
    assert typist(0.2, latency=0.15).delay(IN_WORD) == pytest.approx(0.05)


def test_a_slow_model_is_asked_when_the_typing_stops() -> None:
    assert typist(0.15, latency=5.0).delay(IN_WORD) == pytest.approx(MAX_RATE * 0.15)
    assert typist(0.15, latency=5.0).delay(AT_END) == pytest.approx(MIN_RATE * 0.15)


def test_a_slower_typist_is_waited_for_longer() -> None:
    delays = [typist(interval, latency=5.0).delay(IN_WORD) for interval in (0.1, 0.2, 0.3)]
    assert delays == sorted(set(delays))


def test_the_end_of_a_word_or_a_line_shortens_the_wait() -> None:
    debounce = typist(0.2, latency=5.0)
    delays = [debounce.delay(at) for at in (IN_WORD, Moment(ends_line=True), Moment(ends_word=True), AT_END)]
    assert delays == sorted(set(delays), reverse=True)


def test_few_keys_tell_nothing() -> None:
    assert typist(0.3, keys=LEAST_KEYS - 1).interval == FIRST_INTERVAL_S
    assert typist(0.3, keys=LEAST_KEYS).interval == pytest.approx(0.3)


def test_pauses_are_no_typing_and_bursts_no_typist() -> None:
    debounce = typist(0.2, keys=KEYS)
    debounce.key_pressed(1e6)
    assert debounce.interval == pytest.approx(0.2)
    assert typist(0.001).interval == MIN_INTERVAL_S
    assert typist(MAX_INTERVAL_S - 1e-9).interval <= MAX_INTERVAL_S


def test_habits_may_change() -> None:
    debounce = typist(0.3)
    for key in range(KEYS + 1):
        debounce.key_pressed(1000 + key * 0.12)
    assert debounce.interval == pytest.approx(0.12)
    for _ in range(10):
        debounce.answered(5.0)
    for _ in range(10):
        debounce.answered(0.01)
    assert debounce.delay(IN_WORD) == 0.0


def test_one_slow_answer_does_not_make_a_quick_model_slow() -> None:
    debounce = typist(0.2, latency=0.05)
    debounce.answered(0.05)
    debounce.answered(9.0)
    assert debounce.delay(IN_WORD) == 0.0


def test_what_was_waited_already_counts() -> None:
    debounce = Debounce()
    assert debounce.delay(IN_WORD, waited=0.1) == pytest.approx(debounce.delay(IN_WORD) - 0.1)
    assert debounce.delay(IN_WORD, waited=9.0) == 0.0
