"""How far two texts, or two lists of token ids, begin alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def common_prefix(left: Sequence[Any], right: Sequence[Any], limit: int | None = None) -> int:
    """Return how many leading items are equal, at most `limit`; compares slices, which Python does in C."""
    low, high = 0, min(len(left), len(right), len(left) if limit is None else limit)
    if left[:high] == right[:high]:  # as keystrokes at the end of a text are
        return high
    while low + 1 < high:  # left[:low] is equal, left[:high] is not
        middle = (low + high) // 2
        low, high = (middle, high) if left[low:middle] == right[low:middle] else (low, middle)
    return low
