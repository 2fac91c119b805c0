"""What every evaluation is told: how much, how often, how many at a time, and where its results are kept."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from codefuse_lsp.config import Settings
from codefuse_lsp.execution.limits import Limits
from codefuse_lsp.generation.launcher import package_digest
from codefuse_lsp.generation.request import ModelCard

LOADED = ("dtype", "quantization", "draft_model", "kv_slots")  # settings of which weights answer, and how quickly
Report = Callable[[str, float | None], None]
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Plan:
    """One evaluation of the tasks in `data`; `limit` None is all, `timeout_s` is each program's."""

    data: Path
    limit: int | None = None
    seed: int = 0
    jobs: int = 1
    timeout_s: float = 10.0
    unsafe: bool = False
    results: Path | None = None  # None: a file in the user's cache
    fresh: bool = False

    @property
    def limits(self) -> Limits:
        """What each program may use."""
        return Limits(wall_s=self.timeout_s, cpu_s=max(1, round(self.timeout_s)))


def digest_of(path: Path) -> str:
    """Return what tells one file of tasks from another."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def told(plan: Plan, data_sha256: str, settings: Settings, card: ModelCard, **more: Any) -> dict[str, Any]:
    """Return what the figures depend on, so that results made otherwise are never mixed with them.

    Times are among the figures. Not in it: the limit, since a larger sample holds the smaller, and how many are asked
    at a time. With an endpoint, how weights are loaded is not ours to tell, and is ''.
    """
    loaded = {name: "" if settings.endpoint else getattr(settings, name) for name in LOADED}
    return {
        "data": plan.data.name,
        "data_sha256": data_sha256,
        "code_sha256": package_digest(),
        "seed": plan.seed,
        "backend": settings.endpoint or "local",
        "model": card.id,
        "device": card.device,
        **loaded,
        "prompt_format": settings.prompt_format or card.prompt_format or "",
        **more,
    }


class Count:
    """Tells how many of a number of things are done; in words only at each tenth, so that a log stays short."""

    def __init__(self, report: Report, what: str, total: int, done: int = 0) -> None:
        self._report, self._what, self._total, self._done = report, what, total, done
        self._tell()

    def add(self) -> None:
        """Note that one more is done."""
        self._done += 1
        self._tell()

    def _tell(self) -> None:
        step = max(1, self._total // 10)
        told = self._done if self._done == self._total else self._done // step * step
        self._report(f"{self._what}: {told} of {self._total}", self._done / max(1, self._total))


async def a_few_at_a_time(items: Iterable[Item], jobs: int, work: Callable[[Item], Awaitable[None]]) -> None:
    """Do `work` on each item, `jobs` of them at once; the first error ends it all and is raised as it is."""

    async def go_on(waiting: Iterator[Item]) -> None:
        for item in waiting:
            await work(item)

    waiting = iter(items)
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(jobs):
                group.create_task(go_on(waiting))
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
