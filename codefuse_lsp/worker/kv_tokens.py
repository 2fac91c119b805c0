"""What an engine tells of the keys and values that it keeps. Values only."""

from __future__ import annotations

from typing import NamedTuple


class KvTokens(NamedTuple):
    """Tokens that are held, that could be held, and of all prompts so far: those found held, and those read.

    A prompt that was given up counts as far as it was read. The last two stay 0 where an engine cannot tell.
    """

    held: int
    capacity: int
    found: int = 0
    read: int = 0
