"""What a model writes in the place of some code, line by line: without fence or prose, and as deep as the place is.

Pieces of an answer in, pieces of the new text out, as early as they are certain. Knows nothing of where they go.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from codefuse_lsp.edits.indentation import Reindenter, indent_of
from codefuse_lsp.edits.lines import is_blank, lines_of

_OPENING = re.compile(r"\s*(`{3,}|~{3,})[^`]*")
_PROSE = re.compile(r"\s*(?:[A-Z#*>-]|\d+\.).*(?:\w+\s+){2,}.*[.:!?]\s*")  # a sentence, or what leads to a list
_BLOCK_OPENERS = (":", "{", "(", "[", "=>", "do", "then", "begin")
# What opens a block in languages that write no more than `end` to close it.
_OPENING_WORD = re.compile(
    r"\s*(?:def|class|module|if|unless|while|until|case|for|(?:local\s+)?function)\b(?!.*(?:\bend|[;}])\s*$)"
)
MOST_HELD = 200  # lines before which a fence may open; an answer without one is code from there on


@dataclass(frozen=True, slots=True)
class Place:
    """Where the code goes: how deep its first line stands, what a step of indentation is, and how lines end there."""

    indent: str
    unit: str
    line_end: str
    known: frozenset[str] = frozenset()  # lines of the code that is replaced, stripped: an answer with one is code


class Writing:
    """One answer while it is written; `text` is what is certain of the new text so far, its last line without end."""

    def __init__(self, place: Place, ticks: str = "") -> None:
        """`ticks` are those of the fence that the prompt has opened; '' where the answer opens one, or none."""
        self.text = ""
        self._place = place
        self._ticks = ticks
        self._state = "inside" if ticks else "before"
        self._rest = ""
        self._held: list[str] = []  # lines of which it is not certain yet that they are code
        self._blank = 0
        self._seen = 0  # lines with something on them
        self._base, self._mover = "", Reindenter("", "")
        self._opens = False  # the first line opens a block
        self._step = ""  # of indentation in the answer

    def feed(self, piece: str) -> str:
        """Return what a piece of the answer adds to the new text."""
        self._rest += piece
        *whole, self._rest = re.split(r"\r\n|\r(?!\Z)|\n", self._rest)
        return "".join(self._take(line) for line in whole)

    def finish(self, *, complete: bool) -> str:
        """Return what is left to add; where the answer was cut, its last line is left out."""
        added = ""
        rest, self._rest = self._rest.rstrip("\r"), ""
        if complete and rest and not (self._ticks and self._ticks.startswith(rest.strip() or "-")):
            added = self._take(rest)
        if self._state == "before":  # no fence has come: the answer is code, or words
            added += self._open("", self._code_held())
        return added

    def _take(self, line: str) -> str:
        if self._state == "after":
            return ""
        if self._state == "before":
            return self._wait(line)
        fence = _OPENING.fullmatch(line)
        if fence and self._ticks and fence[1].startswith(self._ticks):
            if line.strip() == fence[1]:
                self._state = "after" if self._seen else "inside"
                return ""
            if not self._seen:  # the fence that the prompt opened, once more
                self._ticks = fence[1]
                return ""
        return self._put(line)

    def _wait(self, line: str) -> str:
        if fence := _OPENING.fullmatch(line):
            self._held = []
            return self._open(fence[1], [])
        self._held.append(line)
        if line.strip() in self._place.known or len(self._held) > MOST_HELD:
            return self._open("", self._code_held())
        return ""

    def _code_held(self) -> list[str]:
        """Return the lines waited with that are code; a comment of the old code may read like a sentence."""
        return [line for line in self._held if line.strip() in self._place.known or not _PROSE.fullmatch(line)]

    def _open(self, ticks: str, lines: Collection[str]) -> str:
        self._state, self._ticks, self._held = "inside", ticks, []
        return "".join(map(self._put, lines))

    def _put(self, line: str) -> str:
        """Return a line in its place, with the end of the one before it; blank ones wait for what follows them."""
        if is_blank(line):
            self._blank += self._seen > 0
            return ""
        self._seen += 1
        added = self._place.line_end * (self._blank + (self._seen > 1)) + self._moved(line)
        self._blank = 0
        self.text += added
        return added

    def _moved(self, line: str) -> str:
        indent = indent_of(line)
        if self._seen == 1:
            self._base = indent
            self._mover = Reindenter(indent, self._place.indent)
            self._opens = line.rstrip().endswith(_BLOCK_OPENERS) or _OPENING_WORD.match(line) is not None
        elif self._seen == 2 and self._stands_in_place(line):
            self._base = self._place.indent
            self._mover = Reindenter(self._base, self._base)
        step = indent.removeprefix(self._base) if indent.startswith(self._base) else ""
        if step and (step[0] == "\t") != (self._place.unit == "\t") and self._place.unit:
            self._step = self._step or ("\t" if step[0] == "\t" else step)
            self._mover = Reindenter(self._base, self._place.indent, self._step, self._place.unit)
        return self._mover.line(line)

    def _stands_in_place(self, line: str) -> bool:
        """Whether the second line is as deep as the place wants it, so that only the first has lost its indentation."""
        block = len(self._place.unit or "    ") * self._opens
        deeper = {"{": 0, "*": 1}.get(line.lstrip()[0], block)  # a brace below its head, a comment's star
        wanted = len(self._place.indent)
        return not self._base and wanted > 0 and len(indent_of(line)) == wanted + deeper


def place_of(code: str, indent: str, unit: str, line_end: str) -> Place:
    """Return the place of an answer that comes for `code`."""
    known = frozenset(line.strip() for line in lines_of(code) if re.search(r"\w\W+\w", line))
    return Place(indent, unit, line_end, known)
