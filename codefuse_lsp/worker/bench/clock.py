"""What time it is for a process: wall time, and the CPU time that the process has had. Knows nothing of models."""

from __future__ import annotations

import contextlib
import ctypes
import time
from collections.abc import Callable

import psutil

from codefuse_lsp.worker.bench.measure import Cost

Read = Callable[[], Cost]


def own() -> Cost:
    """Return the time, with the CPU time of this process."""
    return Cost(time.perf_counter(), time.process_time())


def of_process(pid: int) -> Read:
    """Return the clock of another process: to the nanosecond where the system has such a clock, else to 10 ms."""
    clock = _posix_clock(pid)
    if clock is not None:
        return lambda: Cost(time.perf_counter(), time.clock_gettime(clock))
    process = psutil.Process(pid)
    return lambda: Cost(time.perf_counter(), sum(process.cpu_times()[:2]))


def _posix_clock(pid: int) -> int | None:
    """Return the id of a process's CPU clock (clock_getcpuclockid, POSIX.1-2001), or None."""
    with contextlib.suppress(OSError, AttributeError):
        clock = ctypes.c_int()
        if ctypes.CDLL(None).clock_getcpuclockid(pid, ctypes.byref(clock)) == 0:
            time.clock_gettime(clock.value)
            return clock.value
    return None
