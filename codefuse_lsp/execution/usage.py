"""What processes use, as Linux tells it in /proc (man 5 proc).

Process ids in, numbers out; of a process that has just gone, zero. Knows only the standard library.
"""

from __future__ import annotations

import contextlib
import os
import resource
import sys

IS_LINUX = sys.platform.startswith("linux")
PAGE = resource.getpagesize()
PARENT, TASKS = 1, 17  # places of ppid and num_threads behind the name in /proc/PID/stat


def processes() -> list[int]:
    """Return the processes that there are; none where there is no /proc."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit()] if IS_LINUX else []


def parent(pid: int) -> int:
    """Return the process that started another, or took it over."""
    return _number(_after_name(pid), PARENT)


def tasks(pid: int) -> int:
    """Return how many threads a process has, its first one included."""
    return _number(_after_name(pid), TASKS)


def memory(pid: int) -> int:
    """Return the resident bytes of a process."""
    return PAGE * _number(read(pid, "statm"), 1)


def written(io: bytes) -> int:
    """Return the bytes that went to a disk, from the text of a file /proc/PID/io."""
    counts = dict(line.split(b": ") for line in io.splitlines())
    return int(counts.get(b"write_bytes", 0)) - int(counts.get(b"cancelled_write_bytes", 0))


def tasks_of_user(user: int) -> int:
    """Return the threads that a user has, since RLIMIT_NPROC counts them all."""
    mine = []
    for pid in processes():
        with contextlib.suppress(OSError):
            if os.stat(f"/proc/{pid}").st_uid == user:
                mine.append(tasks(pid))
    return sum(mine)


def available_memory() -> int:
    """Return the bytes that the whole machine has left."""
    with open("/proc/meminfo", "rb") as file:
        amounts = dict(line.split(b":") for line in file)
    return 1024 * _number(amounts.get(b"MemAvailable", b"999999999"), 0)


def read(pid: int, name: str) -> bytes:
    """Return a file of a process; nothing where there is none, or where it may not be read."""
    try:
        with open(f"/proc/{pid}/{name}", "rb") as file:
            return file.read()
    except OSError:
        return b""


def _after_name(pid: int) -> bytes:
    """Return the fields of /proc/PID/stat from the third on; the second is a name that may hold anything."""
    return read(pid, "stat").rpartition(b")")[2]


def _number(fields: bytes, index: int) -> int:
    words = fields.split()
    return int(words[index]) if index < len(words) else 0
