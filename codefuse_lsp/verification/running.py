"""One run of some tests, in a fresh copy of the workspace behind walls: what is to be run in, a `Report` out.

A test that changes files which are not its own is found out by what is left of the copy. Knows nothing of why tests
are run, nor of what comes of it.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil

from codefuse_lsp.errors import SandboxUnavailable
from codefuse_lsp.execution.limits import MIB, Limits, Outcome
from codefuse_lsp.execution.run import WITHOUT_WALLS, find_wall, run_command
from codefuse_lsp.verification.copies import HOME, Copies, Copy
from codefuse_lsp.verification.reports import Report
from codefuse_lsp.verification.runners import NoRunner, Order, Runner

MOST_WATCHED = 400  # files of a workspace, whose paths have to fit into a variable
# What a runner with its project needs; Node.js alone has a dozen threads and 100 MiB, a compiler more.
LIMITS = Limits(
    wall_s=30.0,
    cpu_s=120,
    memory_bytes=2048 * MIB,
    address_bytes=None,
    processes=128,
    disk_bytes=512 * MIB,
    file_bytes=128 * MIB,
    open_files=1024,
    output_bytes=1024 << 10,
)


def limits_of(seconds: float) -> Limits:
    """Return what a run of some seconds may use: it may compute all the time."""
    return replace(LIMITS, wall_s=seconds, cpu_s=max(LIMITS.cpu_s, ceil(seconds)))


async def must_be_walled() -> None:
    """Return where tests can be run behind walls; raises NoRunner with the reason where they cannot."""
    try:
        await find_wall()
    except SandboxUnavailable as error:
        raise _refused(error) from error


@dataclass(frozen=True, slots=True)
class Runs:
    """The runs of one runner in copies of one workspace; `texts` stand there in place of files."""

    runner: Runner
    copies: Copies
    texts: Mapping[str, str]
    limits: Limits = LIMITS

    async def run(self, text: str, names: Sequence[str] | None, *, measured: bool = False) -> Report:
        """Run the tests of `text` called `names`, None for all of it.

        Raises NoRunner where they cannot be started, or not be walled in; CodeFuseError where a copy cannot be written.
        """
        project, mark = self.runner.project, uuid.uuid4().hex
        copy = await self.copies.fresh({**self.texts, project.test: text})
        order = self.runner.order(names, mark, measured=measured)
        outcome = await self._ended(copy, order)
        report = self.runner.read(outcome.output, names, mark)
        if report.broken and outcome.status in ("passed", "failed"):
            last = report.broken.splitlines()[-1:] or ["it said nothing"]
            raise NoRunner(f"{self.runner.shown} cannot be run here: {last[0][:200]}")
        ended_by = report.ended_by or _ended_by(outcome, report)
        began = bool(report.results or report.running) or not self.runner.tells_starts
        return _with_damage(replace(report, ended_by=ended_by, began=began), _changed(copy))

    async def _ended(self, copy: Copy, order: Order) -> Outcome:
        try:
            return await run_command(
                order.argv,
                folder=copy.folder,
                place=copy.root,
                start=self.runner.start,
                limits=self.limits,
                visible=(*copy.shown, *self.runner.visible),
                environment={**_environment(copy), **order.environment},
            )
        except SandboxUnavailable as error:
            raise _refused(error) from error


def _refused(error: SandboxUnavailable) -> NoRunner:
    return NoRunner(str(error).removesuffix(f" {WITHOUT_WALLS}"))


def _environment(copy: Copy) -> dict[str, str]:
    """Return a home folder, and the files that a probe of ours looks at after each test: those at home come first."""
    watched = sorted(copy.stamps, key=lambda name: not name.startswith(f"{HOME}/"))[:MOST_WATCHED]
    places = json.dumps([str(copy.root / name) for name in watched])
    return {"HOME": str(copy.root / HOME), "NO_COLOR": "1", "CODEFUSE_WATCHED": places}


def _with_damage(report: Report, changed: list[str]) -> Report:
    """Return a report with what is changed; a test that is known to have done it is what ended the run."""
    told = ", ".join(changed[:3]) + (", …" if len(changed) > 3 else "")
    guilty = {name: replace(one, message=told) for name, one in report.results.items() if one.ending == "damage"}
    if guilty:
        return replace(report, results={**report.results, **guilty}, ended_by="damage")
    return replace(report, changed=tuple(changed))


def _ended_by(outcome: Outcome, report: Report) -> str:
    """Return why a run had to be ended; a test that ends its own process takes the others with it, too."""
    if outcome.status in ("timed_out", "killed"):
        return outcome.reason
    return (outcome.reason or "it ended the whole run") if report.running else ""


def _changed(copy: Copy) -> list[str]:
    """Return what a run has changed, as a user would say it."""
    names = copy.changed()
    ours = ["the home folder"] if any(name.startswith(f"{HOME}/") for name in names) else []
    return [*ours, *(name for name in names if not name.startswith(f"{HOME}/"))]
