r"""Lines with their ends, as LSP counts them: \n, \r\n or \r (3.18, "Text Documents").

Text in, lines and text out. Knows nothing of languages.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence

_ENDS = re.compile(r"\r\n|\r|\n")


def lines_of(text: str) -> list[str]:
    """Return the lines of a text with their ends; the last one may have none, and an empty text has no line."""
    return list(io.StringIO(text, newline=""))


def line_end_of(text: str) -> str:
    r"""Return how the first line of a text ends, '\n' where none ends."""
    found = _ENDS.search(text)
    return found[0] if found else "\n"


def with_line_ends(text: str, end: str) -> str:
    """Return `text` with all its lines ended by `end`."""
    return _ENDS.sub(lambda _: end, text)


def is_blank(line: str) -> bool:
    """Return whether nothing stands on a line."""
    return not line.strip()


def without_blank_edges(lines: Sequence[str]) -> list[str]:
    """Return lines without the blank ones at both ends."""
    start, stop = 0, len(lines)
    while start < stop and is_blank(lines[start]):
        start += 1
    while stop > start and is_blank(lines[stop - 1]):
        stop -= 1
    return list(lines[start:stop])
