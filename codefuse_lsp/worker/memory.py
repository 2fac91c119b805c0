"""How the C library keeps what is freed. Knows nothing of models; imports no torch."""

from __future__ import annotations

import ctypes
import functools
from typing import Any

# mallopt(3). What is larger than the first comes fresh from the system each time and goes back to it when it is freed.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
LARGEST_KEPT, MOST_KEPT = 32 << 20, 1 << 30


@functools.cache
def keep() -> None:
    """Let glibc keep what is freed between two operators, so that the next one need not wait for fresh pages.

    With 256 tokens and 1,536 numbers each, a gated activation takes 3.6 ms on fresh pages and 0.7 ms on kept ones.
    """
    if (change := _from_libc("mallopt")) is not None:
        change(M_MMAP_THRESHOLD, LARGEST_KEPT)
        change(M_TRIM_THRESHOLD, MOST_KEPT)


def give_back() -> None:
    """Give back to the system what was freed and kept."""
    if (trim := _from_libc("malloc_trim")) is not None:
        trim(0)


def _from_libc(name: str) -> Any:
    """Return a function of the C library, or None where it has no such function."""
    try:
        return getattr(ctypes.CDLL(None), name)
    except (AttributeError, OSError, TypeError):
        return None
