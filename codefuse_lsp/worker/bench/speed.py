"""The speed of an answer, ours beside others': the next keystroke, a cold prompt, one sequence, eight at once.

All get the same prompts in the same round, in turns; whoever keeps a prompt's keys and values is shown it before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from codefuse_lsp.worker.bench.contest import Answer, Contestant, same
from codefuse_lsp.worker.bench.material import edited
from codefuse_lsp.worker.bench.measure import Clock, Row, Target, series, timed_row
from codefuse_lsp.worker.bench.stand import Stand

T = TypeVar("T")
KEY = "x"
# Tokens of the answer before the keystroke. transformers' continuous batching keeps the last part of a prompt for reuse
# only once it has decoded after it: with one token its next first token takes 1.4 s of CPU, with two 0.17 s.
BEFORE = 4
EDITS: Mapping[str, Callable[[str], str]] = {
    "next keystroke": lambda text: text + KEY,
    "backspace": lambda text: text[:-1],
    "edit at 90 %": lambda text: edited(text, 0.9),
    "edit at 50 %": lambda text: edited(text, 0.5),
}
AT_ONCE_PROMPT = 200  # tokens of the shortest of the prompts that are asked together


@dataclass(frozen=True, slots=True)
class Targets:
    """What is promised against one other; None where nothing is."""

    keystroke: Target | None = None
    cold: Target | None = None
    decode: Target | None = None
    at_once: Target | None = None
    joint: Target | None = None


@dataclass(frozen=True, slots=True)
class Other:
    """A contestant beside ours, and what is promised against it."""

    contestant: Contestant
    targets: Targets


@dataclass(frozen=True, slots=True)
class Column:
    """One thing that is read off an answer, and what is promised of it."""

    measure: str
    unit: str
    value: Callable[[Answer, Clock], float]
    target: Target | None


def keystroke(stand: Stand, suite: str, others: Sequence[Other], edits: Sequence[str] = tuple(EDITS)) -> list[Row]:
    """Return the rows of the first token after each kind of edit of a long prompt."""
    prompts = _Prompts(lambda: stand.material.prompt(stand.sizes.typing))

    def ask(runner: Contestant) -> dict[str, Answer]:
        text = prompts.next_for(runner)
        answers: dict[str, Answer] = {}
        for edit in edits:
            if not runner.remembers and answers:
                break  # it reads the whole prompt whatever was edited: once is enough
            if runner.remembers:
                runner.answer([text], BEFORE)
            answers[edit] = runner.answer([EDITS[edit](text)], 1)
        return answers

    results = stand.race([stand.ours, *(o.contestant for o in others)], ask, "First token")
    rows = []
    for other in others:
        for edit in edits:
            what = f"first token, {edit} in {stand.sizes.typing} tokens"
            column = Column(what, "ms", Answer.first_ms, other.targets.keystroke if edit == edits[0] else None)
            picked = {
                name: [answers.get(edit, answers[edits[0]]) for answers in runs] for name, runs in results.items()
            }
            alike = other.contestant.remembers or edit == edits[0]
            rows.append(_row(stand, suite, column, picked, other, alike=alike))
    return rows


def cold(stand: Stand, suite: str, others: Sequence[Other]) -> list[Row]:
    """Return the rows of a prompt that nobody has seen, and of one sequence's decode after it."""
    sizes = stand.sizes
    prompts = _Prompts(lambda: stand.material.prompt(sizes.cold))
    results = stand.race(
        [stand.ours, *(o.contestant for o in others)],
        lambda runner: runner.answer([prompts.next_for(runner)], sizes.new + 1),
        "Prefill and decode",
    )
    prefill, decode = f"cold prefill, {sizes.cold} tokens", f"decode, one sequence, {sizes.new} after {sizes.cold}"
    rows = []
    for other in others:
        for column in (
            Column(prefill, "ms", Answer.first_ms, other.targets.cold),
            Column(decode, "tokens/s", Answer.decode_rate, other.targets.decode),
        ):
            rows.append(_row(stand, suite, column, results, other))
    return rows


def at_once(
    stand: Stand, suite: str, others: Sequence[Other], number: int | None = None, in_turn: int | None = None
) -> list[Row]:
    """Return the rows of several requests asked together.

    Who cannot batch answers them in turn, or only the first `in_turn` of them: the tokens a second are the same.
    """
    number = number or stand.sizes.at_once
    prompts = _Prompts(lambda: stand.material.prompts(number, AT_ONCE_PROMPT))

    def ask(runner: Contestant) -> Answer:
        texts = prompts.next_for(runner)
        return runner.answer(texts if runner.remembers else texts[:in_turn], stand.sizes.new)

    results = stand.race([stand.ours, *(o.contestant for o in others)], ask, f"{number} at once")
    rows = []
    for other in others:
        column = Column(f"{number} requests at once, all tokens", "tokens/s", Answer.rate, other.targets.at_once)
        rows.append(_row(stand, suite, column, results, other))
        if other.targets.joint:
            column = Column(f"decode of {number} together", "tokens/s", Answer.joint_rate, other.targets.joint)
            rows.append(_row(stand, suite, column, results, other))
    return rows


class _Prompts(Generic[T]):
    """The same prompts for everyone: the n-th that one asks for is the n-th of all."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._made: list[T] = []
        self._asked: Counter[str] = Counter()

    def next_for(self, runner: Contestant) -> T:
        """Return the runner's next prompt."""
        number = self._asked[runner.name]
        self._asked[runner.name] += 1
        if number == len(self._made):
            self._made.append(self._make())
        return self._made[number]


def _row(
    stand: Stand,
    suite: str,
    column: Column,
    results: Mapping[str, Sequence[Answer]],
    other: Other,
    alike: bool = True,
) -> Row:
    """Return the row of ours beside one other; without its runs, the row that says why there are none."""
    name = other.contestant.name
    if name not in results:
        return Row(suite, column.measure, name, column.unit, "", status="failed", note=stand.failures[name])
    ours, theirs = results[stand.ours.name], results[name]
    return timed_row(
        (suite, column.measure, name, column.unit),
        stand.clock,
        series(ours, column.value),
        series(theirs, column.value),
        column.target,
        same(ours, theirs) if alike else "",
    )
