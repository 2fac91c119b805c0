"""Which lines of two texts are the same line: the ground of a difference that people can read.

Patience diff (Bram Cohen; `git diff --patience`): lines that both texts hold once are anchors, so that braces and blank
lines, which match anything, only match between them. Where no anchor is left, difflib's longest blocks. Lines in,
pairs of line numbers out. Knows nothing of what a line says, but whether it holds a word.
"""

from __future__ import annotations

import itertools
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

MOST_COMPARISONS = 4_000_000  # pairs of lines in a gap without an anchor; a larger one counts as rewritten
_WORD = re.compile(r"\w")

Pairs = list[tuple[int, int]]


def matched_lines(old: Sequence[str], new: Sequence[str]) -> Pairs:
    """Return the numbers of lines that stay, in both texts, in their order."""
    pairs: Pairs = []
    gaps = [(0, len(old), 0, len(new))]
    while gaps:
        old_start, old_stop, new_start, new_stop = gaps.pop()
        while old_start < old_stop and new_start < new_stop and old[old_start] == new[new_start]:
            pairs.append((old_start, new_start))
            old_start, new_start = old_start + 1, new_start + 1
        while old_start < old_stop and new_start < new_stop and old[old_stop - 1] == new[new_stop - 1]:
            old_stop, new_stop = old_stop - 1, new_stop - 1
            pairs.append((old_stop, new_stop))
        if old_start == old_stop or new_start == new_stop:
            continue
        anchors = _anchors(old, new, (old_start, old_stop, new_start, new_stop))
        if not anchors:
            pairs += _blocks(old[old_start:old_stop], new[new_start:new_stop], old_start, new_start)
            continue
        edges = [(old_start - 1, new_start - 1), *anchors, (old_stop, new_stop)]
        pairs += anchors
        gaps += [(a + 1, c, b + 1, d) for (a, b), (c, d) in itertools.pairwise(edges)]
    return _without_islands(sorted(pairs), old, new)


def _anchors(old: Sequence[str], new: Sequence[str], gap: tuple[int, int, int, int]) -> Pairs:
    """Return the longest run, in order, of lines with a word that both sides of a gap hold exactly once."""
    old_start, old_stop, new_start, new_stop = gap
    here, there = Counter(old[old_start:old_stop]), Counter(new[new_start:new_stop])
    once = {line for line, count in here.items() if count == 1 and there[line] == 1 and _WORD.search(line)}
    where = {old[number]: number for number in range(old_start, old_stop) if old[number] in once}
    return _increasing([(where[new[n]], n) for n in range(new_start, new_stop) if new[n] in once])


def _increasing(pairs: Pairs) -> Pairs:
    """Return the longest increasing subsequence, by first numbers, of pairs ordered by their second."""
    ends: list[int] = []  # the smallest first number that a run of each length ends with
    places: list[int] = []  # of those in `pairs`
    before: list[int] = []
    for place, (number, _) in enumerate(pairs):
        length = bisect_left(ends, number)
        before.append(places[length - 1] if length else -1)
        ends[length : length + 1] = [number]
        places[length : length + 1] = [place]
    run, place = [], places[-1] if places else -1
    while place >= 0:
        run.append(pairs[place])
        place = before[place]
    return run[::-1]


def _blocks(old: Sequence[str], new: Sequence[str], old_start: int, new_start: int) -> Iterator[tuple[int, int]]:
    """Yield the lines of the longest common blocks that hold a word."""
    if len(old) * len(new) > MOST_COMPARISONS:
        return
    for block in SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks():
        if any(_WORD.search(line) for line in old[block.a : block.a + block.size]):
            yield from ((old_start + block.a + i, new_start + block.b + i) for i in range(block.size))


def _without_islands(pairs: Pairs, old: Sequence[str], new: Sequence[str]) -> Pairs:
    """Leave out what stays between two changes and says nothing: a brace or a blank line would tear them apart.

    A change beside it has to touch both texts there, else it stays what it is: a line more or less.
    """
    runs: list[Pairs] = []
    for pair in pairs:
        if runs and (pair[0] - 1, pair[1] - 1) == runs[-1][-1]:
            runs[-1].append(pair)
        else:
            runs.append([pair])
    kept: Pairs = []
    for index, run in enumerate(runs):
        is_inside = run[0][0] > 0 and run[0][1] > 0 and run[-1][0] < len(old) - 1 and run[-1][1] < len(new) - 1
        before = kept[-1] if kept else (-1, -1)
        after = runs[index + 1][0] if index + 1 < len(runs) else (len(old), len(new))
        is_amid = all(run[0][side] - before[side] > 1 and after[side] - run[-1][side] > 1 for side in (0, 1))
        if not (is_inside and is_amid and not any(_WORD.search(old[number]) for number, _ in run)):
            kept += run
    return kept
