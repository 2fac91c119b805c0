"""What differs between two texts, in pieces that can be taken one by one.

Input: an old and a new text. Output: `Hunk`s, and the old text with any of them applied. Knows nothing of languages,
but that a block is read best when it begins behind a blank line.
"""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from codefuse_lsp.edits.lines import is_blank, lines_of
from codefuse_lsp.edits.matching import matched_lines

MOST_SLIDES = 100  # lines that a hunk is moved up or down for its reader


@dataclass(frozen=True, slots=True)
class Hunk:
    """Lines `start` up to, not including, `stop` of the old text, counted from 0, and what comes in their place."""

    id: str  # the same for the same change, whatever else changes
    start: int
    stop: int
    old: str
    new: str


def hunks(old: str, new: str) -> list[Hunk]:
    """Return what makes `new` of `old`, in the order of the text, with lines between them that stay."""
    before, after = lines_of(old), lines_of(new)
    seen: Counter[tuple[str, str]] = Counter()
    found = []
    for start, stop, new_start, new_stop in _changes(before, after):
        gone, come = "".join(before[start:stop]), "".join(after[new_start:new_stop])
        found.append(Hunk(_id(gone, come, seen[gone, come]), start, stop, gone, come))
        seen[gone, come] += 1
    return found


def applied(old: str, chosen: Collection[Hunk]) -> str:
    """Return the old text with some of its hunks applied; all other lines stay byte for byte."""
    lines, parts, done = lines_of(old), [], 0
    for hunk in sorted(chosen, key=lambda hunk: (hunk.start, hunk.stop)):
        parts += [*lines[done : hunk.start], hunk.new]
        done = hunk.stop
    return "".join([*parts, *lines[done:]])


def _changes(old: Sequence[str], new: Sequence[str]) -> Iterator[tuple[int, int, int, int]]:
    """Yield the lines that go and those that come, between lines that stay."""
    edges = [(-1, -1), *matched_lines(old, new), (len(old), len(new))]
    floor = 0  # what an earlier change has taken for itself
    for (a, b), (c, d) in itertools.pairwise(edges):
        start, stop, new_start, new_stop = a + 1, c, b + 1, d
        if start == stop and new_start == new_stop:
            continue
        if start == stop:
            shift = _slide(new, new_start, new_stop, min(start, new_start) - floor)
            start, stop, new_start, new_stop = start - shift, stop - shift, new_start - shift, new_stop - shift
        elif new_start == new_stop:
            shift = _slide(old, start, stop, min(start - floor, new_start))
            start, stop, new_start, new_stop = start - shift, stop - shift, new_start - shift, new_stop - shift
        floor = stop + 1
        yield start, stop, new_start, new_stop


def _slide(lines: Sequence[str], start: int, stop: int, most: int) -> int:
    """Return how many lines up a block that only comes or goes is moved, so that it is a whole for its reader.

    A block can move up by a line that equals its last one. The best place begins least deep, behind a blank line (as
    git's indent heuristic has it, Haggerty and Tarjan, 2016).
    """
    best, best_rank = 0, _rank(lines, start, stop)
    for shift in range(1, min(max(most, 0), MOST_SLIDES) + 1):
        if lines[start - shift] != lines[stop - shift]:
            break
        rank = _rank(lines, start - shift, stop - shift)
        if rank < best_rank:
            best, best_rank = shift, rank
    return best


def _rank(lines: Sequence[str], start: int, stop: int) -> tuple[int, bool, bool]:
    first = lines[start]
    depth = len(first) - len(first.lstrip()) if not is_blank(first) else 1_000
    closes = first.lstrip().startswith((")", "}", "]", "end"))
    return depth + closes, start > 0 and not is_blank(lines[start - 1]), not is_blank(lines[stop - 1])


def _id(old: str, new: str, number: int) -> str:
    text = f"{number}\0{old}\0{new}".encode("utf-8", "surrogatepass")
    return hashlib.sha256(text).hexdigest()[:12]
