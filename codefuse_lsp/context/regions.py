"""Which lines round a cursor can be parsed by themselves: whole top-level statements, or else a window.

Input: the lines of a text and, once, its tree. Output: ranges of lines. Knows nothing of cursors' meaning or of edits
but what comparing lines tells.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass

from tree_sitter import Node

BEFORE_CHARS, AFTER_CHARS = 8 << 10, 4 << 10  # round the cursor; whole statements are added to it
MOST_BROKEN_CHARS = 48 << 10  # of a region in a file whose errors have swallowed what stands round them
MOST_CHANGED_LINES = 500  # after which an outline is no longer believed
MOST_STATEMENTS = 10_000  # at the top level; a tree with more is rubble
_TOP_LEVEL = re.compile(r"[^\s)}\]]")  # how a line begins at which a piece of a file can begin
_NOT_DIVIDED = frozenset({"php", "html"})  # what stands above decides how they are read


@dataclass(frozen=True, slots=True)
class Outline:
    """The lines of a text and at which of them its top-level statements begin; None where that takes too long."""

    lines: list[str]
    starts: tuple[int, ...] | None

    def region(self, line: int) -> tuple[int, int]:
        """Return the lines, first and stop, of the statements round `line`; of a window where nobody can tell."""
        first, stop = _lines_round(self.lines, line)
        if self.starts is None:
            return _window(self.lines, first, line), stop
        before = [start for start in self.starts if start <= first]
        behind = [start for start in self.starts if start >= stop]
        return before[-1] if before else 0, behind[0] if behind else len(self.lines)

    def moved(self, lines: list[str]) -> Outline | None:
        """Return the outline of a text in which one place has changed; None when too much of it has."""
        head, tail = _same_lines(self.lines, lines)
        if len(lines) - head - tail > MOST_CHANGED_LINES:
            return None
        if self.starts is None:
            return Outline(lines, None)
        grown, resumes = len(lines) - len(self.lines), len(self.lines) - tail
        above = (start for start in self.starts if start < head)
        below = (start + grown for start in self.starts if start >= resumes)
        return Outline(lines, (*above, *below))


def outline_of(lines: list[str], root: Node | None, language: str) -> Outline:
    """Return where the statements begin of a text whose tree is `root`, None when it could not be had in time."""
    if root is None or root.child_count > MOST_STATEMENTS:
        return Outline(lines, None)
    if language in _NOT_DIVIDED:
        return Outline(lines, ())
    places = (child.start_point for child in root.children if not child.is_error)
    starts = tuple(sorted({row for row, column in places if column == 0 and _TOP_LEVEL.match(lines[row])}))
    edges = (0, *starts, len(lines))
    widest = max(itertools.pairwise(edges), key=lambda edge: edge[1] - edge[0])
    swallowed = root.has_error and sum(map(len, lines[slice(*widest)])) > MOST_BROKEN_CHARS
    return Outline(lines, None if swallowed else starts)


def _lines_round(lines: list[str], line: int) -> tuple[int, int]:
    first, chars = line, 0
    while first > 0 and (chars := chars + len(lines[first - 1])) <= BEFORE_CHARS:
        first -= 1
    stop, chars = line + 1, 0
    while stop < len(lines) and (chars := chars + len(lines[stop])) <= AFTER_CHARS:
        stop += 1
    return first, stop


def _window(lines: list[str], first: int, line: int) -> int:
    """Return the first line from `first` on that looks as if a statement began."""
    return next((row for row in range(first, line) if _TOP_LEVEL.match(lines[row])), first) if first else 0


def _same_lines(old: list[str], new: list[str]) -> tuple[int, int]:
    """Return how many lines two texts share at their starts and, of the rest, at their ends."""
    most = min(len(old), len(new))
    head = next((row for row in range(most) if old[row] is not new[row] and old[row] != new[row]), most)
    most -= head
    tail = next(
        (row for row in range(most) if old[-1 - row] is not new[-1 - row] and old[-1 - row] != new[-1 - row]), most
    )
    return head, tail
