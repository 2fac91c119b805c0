"""Which process writes an answer: told with each, so that one whose writer is gone is known for interrupted.

A process id alone may have been given to another since; with the time it began it is the process's own.
"""

from __future__ import annotations

import os
from functools import cache

_SAME_S = 2.0  # two readings of when a process began may differ by a clock's tick


@cache
def this_process(pid: int | None = None) -> str:
    """Return the name of this process."""
    import psutil  # with the first chat: it would slow the start down

    pid = os.getpid() if pid is None else pid
    return f"{pid} {psutil.Process(pid).create_time():.2f}"


def is_running(writer: str) -> bool:
    """Return whether the process of that name runs; one that is dead but not buried by its parent does not."""
    import psutil

    pid, _, began = writer.partition(" ")
    try:
        process = psutil.Process(int(pid))
        return process.status() != psutil.STATUS_ZOMBIE and abs(process.create_time() - float(began)) < _SAME_S
    except psutil.AccessDenied:
        return True
    except (psutil.NoSuchProcess, ValueError):
        return False
