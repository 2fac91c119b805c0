"""How much a program may use, and what came of it. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

MIB = 1 << 20

Status = Literal["passed", "failed", "timed_out", "killed"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What a program and all that it starts may use; the defaults suit one small program and its tests.

    `wall_s` and `cpu_s` are seconds, of the whole run and of each process. `memory_bytes` is the resident memory of all
    processes together, `address_bytes` the address space of each (None for programs that reserve much and use little,
    such as Node.js and Go). `disk_bytes` counts what is written in all, `file_bytes` is the size of one file.
    `processes` counts threads too. `output_bytes` are kept of the end of what is printed. `spare_bytes` is what stays
    available of the machine's memory, some of which no process is charged for.
    """

    wall_s: float = 10.0
    cpu_s: int = 10
    memory_bytes: int = 512 * MIB
    address_bytes: int | None = 2048 * MIB
    processes: int = 64
    disk_bytes: int = 64 * MIB
    file_bytes: int = 32 * MIB
    open_files: int = 256
    output_bytes: int = 64 << 10
    spare_bytes: int = 128 * MIB


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a program ended: `passed` is exit code 0, `failed` any other end of its own, the rest is ours.

    `reason` says what ended it where it was not the program: 'time', 'CPU time', 'memory', 'processes', 'disk',
    'file size'; or the name of the signal. `output` is the end of what it printed, `seconds` the time it ran.
    """

    status: Status
    exit_code: int | None
    output: str
    seconds: float
    reason: str = ""
