from __future__ import annotations

import pytest

from codefuse_lsp.evaluation.judging import Verdict, judge, judge_all
from codefuse_lsp.evaluation.plan import a_few_at_a_time
from codefuse_lsp.execution.limits import Limits

LIMITS = Limits(wall_s=1.0)


@pytest.mark.parametrize(
    ("source", "verdict"),
    [
        ("assert 1 + 1 == 2", Verdict("passed")),
        ("print('much'); import sys; sys.stderr.write('x')", Verdict("passed")),
        ("assert 1 + 1 == 3, 'no'", Verdict("failed", "AssertionError: no")),
        ("import sys; sys.exit(0)", Verdict("failed", "It left before its tests had ended.")),
        ("import os; os._exit(0)", Verdict("failed", "It left before its tests had ended.")),
        ("raise SystemExit", Verdict("failed", "It left before its tests had ended.")),
        ("while True: pass", Verdict("timed_out", "time")),
        ("def broken(", Verdict("failed", "SyntaxError: '(' was never closed")),
    ],
)
async def test_only_a_program_that_reaches_its_end_has_passed(source: str, verdict: Verdict) -> None:
    assert await judge(source, limits=LIMITS, unsafe=True) == verdict


async def test_programs_that_are_the_same_run_once_and_each_is_told() -> None:
    told: dict[str, Verdict] = {}
    source = "import time; print(time.time_ns()); raise SystemExit(str(time.time_ns()))"
    await judge_all({"a": source, "b": source, "c": "pass"}, told.__setitem__, jobs=2, limits=LIMITS, unsafe=True)
    assert told["a"] == told["b"] and told["a"].why.isdigit()
    assert told["c"].passed


async def test_the_first_error_ends_all_and_is_raised_as_it_is() -> None:
    done = []

    async def work(number: int) -> None:
        if number == 2:
            raise ValueError("two")
        done.append(number)

    with pytest.raises(ValueError, match="two"):
        await a_few_at_a_time(range(1000), 1, work)
    assert done == [0, 1]
