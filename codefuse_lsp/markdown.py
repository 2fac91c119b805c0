"""Which lines of a Markdown text stand in fences. Lines in, answers out; knows nothing of what is written in them.

Fences are those of CommonMark 0.31, section 4.5, at any indentation and behind a list's bullet, too: models indent
them as the list they stand in.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_OPENING = re.compile(
    r"(?P<indent>[ \t]*)(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)?(?P<ticks>`{3,}(?=[^`]*$)|~{3,})[ \t]*(?P<info>.*?)[ \t]*$"
)
_CLOSING = re.compile(r"[ \t]*(`{3,}|~{3,})[ \t]*$")


@dataclass(frozen=True, slots=True)
class Opening:
    """The line that opens a fence; `info` is what stands behind its ticks."""

    ticks: str
    info: str
    indent: str


def opening_of(line: str) -> Opening | None:
    """Return what a line opens where no fence is open; None for any other line."""
    match = _OPENING.match(line.rstrip("\r\n"))
    return Opening(match["ticks"], match["info"], match["indent"]) if match else None


def closes(line: str, opening: Opening) -> bool:
    """Return whether a line closes a fence: the same ticks, as many at least, and nothing behind them."""
    match = _CLOSING.match(line.rstrip("\r\n"))
    return bool(match) and match[1].startswith(opening.ticks)  # type: ignore[index]


class Fences:
    """Goes through a text line by line; `open` is the fence that is open behind the last one."""

    def __init__(self) -> None:
        self.open: Opening | None = None

    def feed(self, line: str) -> bool:
        """Take the next line and return whether it belongs to a fence, as its edge or inside."""
        if self.open is None:
            self.open = opening_of(line)
            return self.open is not None
        if closes(line, self.open):
            self.open = None
        return True


def closing_line(text: str) -> str:
    """Return the line, without its end, that closes the fence which a text leaves open; '' where it leaves none."""
    fences = Fences()
    for line in text.split("\n"):
        fences.feed(line)
    return fences.open.indent + fences.open.ticks if fences.open else ""
