"""What became of each test of a run: values, and how much of a failure is told. Knows no runner."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

Ending = Literal["passed", "skipped", "failed", "error", "damage", "timed_out", "killed"]
WORST: tuple[Ending, ...] = ("skipped", "passed", "failed", "error", "damage", "timed_out", "killed")  # the worst last
MOST_CHARS = 1_200  # of a message: what a model needs of a failure, and has room for beside the tests
MOST_VALUE_CHARS = 200  # of an expected or an actual value
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b[@-Z\\-_]|[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class TestResult:
    """How a test ended, and what is known of its failure.

    `failed` is an assertion of its own that does not hold, `error` anything else that it or its file raised, `damage`
    that it changed files which are not its own; the last two had to be ended. `row` is where in the test's file it
    failed, from 0. `sides` are the values that stood left and right in a comparison, and `raised` is an exception
    that came out of the code under test.
    """

    __test__ = False  # not a test case, in spite of its name

    name: str
    ending: Ending
    message: str = ""
    row: int | None = None
    sides: tuple[str, str] = ("", "")
    raised: str = ""


@dataclass(frozen=True, slots=True)
class Coverage:
    """Lines of the file under test, from 1: all that can be run, those that ran, and those that ran without new tests.

    `before` is None where that is not known. `by_test` tells who ran which, where a runner tells it.
    """

    lines: frozenset[int]
    after: frozenset[int]
    before: frozenset[int] | None = None
    by_test: Mapping[str, frozenset[int]] = field(default_factory=dict)

    def without(self, names: Collection[str]) -> Coverage:
        """Return the same with what ran without these tests."""
        if not self.by_test:
            return self
        others = (lines for name, lines in self.by_test.items() if name not in names)
        return replace(self, before=frozenset(line for lines in others for line in lines))

    def __str__(self) -> str:
        ran = f"{len(self.after)} of {len(self.lines)} lines run"
        return ran if self.before is None else f"{ran}, {len(self.after - self.before)} of them by these tests alone"


@dataclass(frozen=True, slots=True)
class Report:
    """A run: how its tests ended, which one was under way when it was ended, and what spoilt all of it.

    `ended_by` is why it had to be ended ('' if it was not): 'time', 'memory', 'processes', 'disk', …; `began` is false
    where that came before the first test; `broken` is why the runner itself cannot be started; `changed` are files that
    are gone or not as they were.
    """

    results: Mapping[str, TestResult] = field(default_factory=dict)
    running: str = ""
    trouble: str = ""
    ended_by: str = ""
    began: bool = True
    broken: str = ""
    changed: tuple[str, ...] = ()
    coverage: Coverage | None = None


def brief(message: str, most_chars: int = MOST_CHARS) -> str:
    """Return a message without colours and control characters, cut in its middle: its ends tell most."""
    text = _ESCAPES.sub("", message.replace("\r\n", "\n")).strip()
    if len(text) <= most_chars:
        return text
    head = most_chars // 3
    return f"{text[:head].rstrip()}\n…\n{text[head - most_chars :].lstrip()}"


def merged(results: Mapping[str, TestResult], result: TestResult) -> dict[str, TestResult]:
    """Return results with one more; of two with one name, such as those of two parameters, the worse counts."""
    known = results.get(result.name)
    worse = known is not None and WORST.index(known.ending) >= WORST.index(result.ending)
    return {**results, result.name: known if worse and known is not None else result}


def events(output: str, mark: str) -> Iterator[dict[str, Any]]:
    """Yield what a probe of ours wrote into a run's output: objects, each on a line behind `mark`."""
    for line in output.splitlines():
        _, found, text = line.partition(mark)
        if found:
            try:
                event = json.loads(text)
            except ValueError:  # cut, or written over
                continue
            if isinstance(event, dict):
                yield event
