"""Runs programs with their tests, a few at a time, and tells which hold.

Sources in, verdicts out. A program has passed when it reaches its end: it prints a word there that nobody can know
before, so that leaving early is no way to pass.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from codefuse_lsp.evaluation.plan import Count, Plan, Report, a_few_at_a_time
from codefuse_lsp.evaluation.results import Results
from codefuse_lsp.execution.limits import Limits
from codefuse_lsp.execution.run import run_python

LONGEST_REASON = 300  # characters
Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a program; `why` is the last line it printed, or what it used too much of."""

    status: str  # passed, failed, timed_out, killed
    why: str = ""

    @property
    def passed(self) -> bool:
        """Whether its tests hold."""
        return self.status == "passed"


async def judge(source: str, *, limits: Limits, unsafe: bool) -> Verdict:
    """Return whether a program reaches its end; raises SandboxUnavailable as `run_python` does."""
    word = secrets.token_hex(16)
    outcome = await run_python(f"{source}\nprint({word!r}, flush=True)\n", limits=limits, unsafe=unsafe)
    lines = [line for line in outcome.output.splitlines() if line.strip()]
    if outcome.status == "passed":
        reached = any(line.endswith(word) for line in lines)
        return Verdict("passed") if reached else Verdict("failed", "It left before its tests had ended.")
    return Verdict(outcome.status, outcome.reason or (lines[-1].strip()[:LONGEST_REASON] if lines else ""))


async def judge_all(
    programs: Mapping[Key, str],
    done: Callable[[Key, Verdict], None],
    *,
    jobs: int,
    limits: Limits,
    unsafe: bool,
) -> None:
    """Tell `done` the verdict of each program, `jobs` at a time; those that are the same run once."""
    keys_of: dict[str, list[Key]] = {}
    for key, source in programs.items():
        keys_of.setdefault(source, []).append(key)

    async def work(item: tuple[str, list[Key]]) -> None:
        source, keys = item
        verdict = await judge(source, limits=limits, unsafe=unsafe)
        for key in keys:
            done(key, verdict)

    await a_few_at_a_time(keys_of.items(), jobs, work)


async def judge_into(
    results: Results,
    programs: Mapping[Key, str],
    named: Callable[[Key], dict[str, Any]],
    plan: Plan,
    report: Report,
) -> None:
    """Keep the verdict of each program with the results, under the names of its key."""
    count = Count(report, "Tests", len(programs))

    def keep(key: Key, verdict: Verdict) -> None:
        results.add({"kind": "verdict"} | named(key) | asdict(verdict))
        count.add()

    await judge_all(programs, keep, jobs=plan.jobs, limits=plan.limits, unsafe=plan.unsafe)
