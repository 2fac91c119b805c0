"""The arithmetic of a measurement: costs go in, rows of a table come out. Pure; knows nothing of models.

The gate is process CPU time where one thread computes on a CPU, since wall time on a shared machine tells of the
neighbours; wall time stands beside it. Elsewhere the gate is wall time.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, TypeVar

Clock = Literal["cpu", "wall"]
Status = Literal["measured", "skipped", "failed"]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Cost:
    """What something took, in seconds: of wall time, and of CPU time of the process that did it."""

    wall: float
    cpu: float

    def __sub__(self, other: Cost) -> Cost:
        return Cost(self.wall - other.wall, self.cpu - other.cpu)

    def on(self, clock: Clock) -> float:
        """Return the seconds by one clock."""
        return self.cpu if clock == "cpu" else self.wall


@dataclass(frozen=True, slots=True)
class Figure:
    """The median of several runs and their range."""

    median: float
    lowest: float
    highest: float
    runs: int


@dataclass(frozen=True, slots=True)
class Target:
    """What a row is held to: its ratio, or our median or highest run, on one side of a bound."""

    of: Literal["ratio", "median", "highest"]
    side: Literal[">=", "<="]
    bound: float

    def met(self, row_ratio: float | None, ours: Figure) -> bool | None:
        """Return whether the figures keep to it; None when there is no ratio to judge."""
        value = row_ratio if self.of == "ratio" else getattr(ours, self.of)
        if value is None:
            return None
        return bool(value >= self.bound if self.side == ">=" else value <= self.bound)

    def __str__(self) -> str:
        sign = "≥" if self.side == ">=" else "≤"
        return f"{sign} {self.bound:g}" + (" times" if self.of == "ratio" else "")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. `ratio` says how many times better ours is; below 1 it is worse."""

    suite: str
    measure: str
    against: str
    unit: str
    gate: str  # what `ours` and `theirs` are counted in: cpu time, wall time, or a count
    ours: Figure | None = None
    theirs: Figure | None = None
    ratio: float | None = None
    target: str = ""
    bound: float | None = None  # the target's number,
    bound_of: str = ""  # and what it binds: ratio, median or highest
    met: bool | None = None
    wall_ours: Figure | None = None  # beside the gate, where that is CPU time
    wall_theirs: Figure | None = None
    wall_ratio: float | None = None
    quality: str = ""  # whether both gave the same answer
    note: str = ""
    status: Status = "measured"

    def as_json(self) -> dict[str, Any]:
        """Return the row as JSON holds it."""
        return asdict(self)


def figure(values: Sequence[float]) -> Figure:
    """Return the figure of several runs, at least one."""
    low, middle, high = (_rounded(v) for v in (min(values), statistics.median(values), max(values)))
    return Figure(middle, low, high, len(values))


def percentile(values: Sequence[float], part: float) -> float:
    """Return the smallest value that at least `part` (0..1) of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(part * len(ordered)) - 1)]


def interleaved(runners: Sequence[T], rounds: int) -> Iterator[tuple[int, T]]:
    """Yield each runner once a round; the rounds begin at different ones, so that nobody always goes first."""
    for number in range(rounds):
        for place in range(len(runners)):
            yield number, runners[(number + place) % len(runners)]


def better(ours: float, theirs: float, unit: str) -> float | None:
    """Return how many times better ours is: of a rate the larger, of anything else the smaller."""
    best, worst = (ours, theirs) if is_rate(unit) else (theirs, ours)
    return _rounded(best / worst) if worst > 0 else None


def is_rate(unit: str) -> bool:
    """Return whether more of the unit is better."""
    return unit.endswith("/s")


@dataclass(frozen=True, slots=True)
class Series:
    """The runs of one runner in one measure, by both clocks."""

    cpu: Sequence[float]
    wall: Sequence[float]

    def on(self, clock: Clock) -> Sequence[float]:
        """Return the runs by one clock."""
        return self.cpu if clock == "cpu" else self.wall


def series(runs: Sequence[T], value: Callable[[T, Clock], float]) -> Series:
    """Return what `value` makes of each run by either clock."""
    return Series([value(run, "cpu") for run in runs], [value(run, "wall") for run in runs])


def timed_row(
    head: tuple[str, str, str, str],
    clock: Clock,
    ours: Series,
    theirs: Series | None = None,
    target: Target | None = None,
    quality: str = "",
    note: str = "",
) -> Row:
    """Return the row of runs by two clocks; `head` is suite, measure, against and unit."""
    unit = head[3]
    gate_ours, gate_theirs, ratio = _pair(ours, theirs, clock, unit)
    row = Row(*head, f"{clock} time", gate_ours, gate_theirs, ratio, quality=quality, note=note)
    if clock == "cpu":
        mine, other, beside = _pair(ours, theirs, "wall", unit)
        row = replace(row, wall_ours=mine, wall_theirs=other, wall_ratio=beside)
    return held_to(target, row, gate_ours)


def counted_row(
    head: tuple[str, str, str, str],
    ours: float,
    theirs: float | None = None,
    target: Target | None = None,
    ratio: float | None = None,
    quality: str = "",
    note: str = "",
) -> Row:
    """Return the row of a quantity that is no time; the ratio, where there is one, is told by the caller."""
    of_ours = figure([ours])
    of_theirs = None if theirs is None else figure([theirs])
    ratio = None if ratio is None else _rounded(ratio)
    row = Row(*head, "count", of_ours, of_theirs, ratio, quality=quality, note=note)
    return held_to(target, row, of_ours)


def held_to(target: Target | None, row: Row, ours: Figure) -> Row:
    """Return the row with its target and whether it is met."""
    if target is None:
        return row
    met = target.met(row.ratio, ours)
    return replace(row, target=str(target), bound=target.bound, bound_of=target.of, met=met)


def _pair(ours: Series, theirs: Series | None, clock: Clock, unit: str) -> tuple[Figure, Figure | None, float | None]:
    mine = figure(ours.on(clock))
    if theirs is None:
        return mine, None, None
    other = figure(theirs.on(clock))
    return mine, other, better(mine.median, other.median, unit)


def _rounded(value: float) -> float:
    """Return four significant digits: more than a measurement holds."""
    return float(f"{value:.4g}")
