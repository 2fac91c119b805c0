"""One measured quantity, and the machine it was measured on."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psutil

Report = Callable[[str, float | None], None]  # what is being measured, and how much of it all is done


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured quantity: the median of its runs, their range, and the bound it is held to."""

    name: str
    unit: str
    median: float
    lowest: float
    highest: float
    runs: int
    target: str


def figure(name: str, unit: str, values: list[float], target: str) -> Figure:
    """Return the figure of several runs."""
    ordered = [round(value, 3) for value in sorted(values)]
    return Figure(name, unit, round(statistics.median(values), 3), ordered[0], ordered[-1], len(values), target)


def machine() -> dict[str, Any]:
    """Return what the figures were measured on."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "load": [round(value, 2) for value in psutil.getloadavg()],
    }
