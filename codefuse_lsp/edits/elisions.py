"""Code that leaves out what stays ("# ... existing code ..."), with what it leaves out put back.

Input: the old lines, and new ones with marks in them. Output: whole lines, or None where it is not certain what a mark
stands for. Knows nothing of languages but how they write a comment: it aligns lines.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from codefuse_lsp.edits.indentation import indent_of
from codefuse_lsp.edits.lines import is_blank
from codefuse_lsp.edits.matching import matched_lines

MOST_CELLS = 300_000  # of the alignment's table: 0.3 s at most; for more than that, nothing is certain
LIKE = 0.5  # share of words that two lines have in common when one is taken for a new form of the other
_EXACT, _UNIQUE, _BRACES, _BLANK, _SAME_DEPTH, _EDGE = 3.0, 2.0, 0.5, 0.1, 0.4, 1.0
_INSERTED, _DELETED = -0.1, -0.3
_CUT = "\0"  # no line of a text: the last one that was written is not taken for the last of the old ones
_WORDS = re.compile(r"\w+")
_TARGET = re.compile(r"([^=(]*\w[^=(]*?)\s*[-+*/|&:]?=(?!=|>)")  # what a line gives a value
_OPENING = r"(?:#+|//+|--+|/\*+|<!--|;+|%+|\{/\*|REM\b|')"
_CLOSING = r"(?:\*+/\}?|-->)?"
_DOTS = r"(?:\.\.\.+|…)"
_WHAT = (
    r"(?:existing|rest|remain\w*|unchanged|other|same|previous\w*|omitted|keep|as before|no changes?|above|original"
    r"|truncated|your|more|code)"
)
# Without dots a comment stands for code only when it says nothing else: "Other methods are slower" says more.
_SAYING = (
    r"(?:\W*\b(?:the|your|this|of|rest|remaining|existing|other|previous|original|code|file|class|functions?|methods?"
    r"|module|imports?|definitions?|members?|fields?|logic|implementation|is|are|as|before|above|remains?|stays?|goes"
    r"|unchanged|same|here)\b)+[^\w/]*"
)
_MARK = re.compile(
    rf"\s*(?:{_OPENING}\s*{_DOTS}?[^.…]*\b{_WHAT}\b.*{_DOTS}\s*{_CLOSING}"  # ... the rest of the file ...
    rf"|{_OPENING}\s*{_DOTS}.*\b{_WHAT}\b.*"
    rf"|{_OPENING}\s*(?=.*\b(?:rest|remain\w*|existing|unchanged|same)\b){_SAYING}{_CLOSING}"  # rest of the file
    rf"|{_OPENING}?\s*{_DOTS}\s*{_CLOSING})\s*",
    re.I,
)


def is_elision(line: str) -> bool:
    """Return whether a line stands for code that it does not show; three dots alone may be code in Python."""
    return len(line) < 200 and _MARK.fullmatch(line.rstrip("\r\n")) is not None


def left_out(lines: Sequence[str], old: Sequence[str], language: str) -> list[int]:
    """Return which of the lines stand for some of the `old` ones, which do not have them themselves."""
    there = {line.strip() for line in old}
    marks = (number for number, line in enumerate(lines) if is_elision(line) and line.strip() not in there)
    return [number for number in marks if not (language == "python" and _is_stub(lines, number))]


def _is_stub(lines: Sequence[str], number: int) -> bool:
    """Return whether a line is Python's `...`, alone in its block but for a docstring."""
    before = next((line.rstrip() for line in reversed(lines[:number]) if not is_blank(line)), "")
    behind = next((line for line in lines[number + 1 :] if not is_blank(line)), "")
    is_alone = before.endswith((":", '"', "'")) and len(indent_of(behind)) < len(indent_of(lines[number]))
    return lines[number].strip() == "..." and is_alone


@dataclass(frozen=True, slots=True)
class Segments:
    """New lines without their marks: `marks` are the places, counted in `lines`, at which one stood."""

    lines: list[str]
    marks: frozenset[int]

    @property
    def spans(self) -> list[tuple[int, int]]:
        """The lines between two marks, the first and the last span reaching to the edges."""
        edges = [0, *sorted(self.marks), len(self.lines)]
        return list(itertools.pairwise(edges))


def segments_of(lines: Sequence[str], marked: Sequence[int] | None = None) -> Segments:
    """Return lines parted at their marks; the blank lines next to a mark belong to what it stands for."""
    numbers = {n for n, line in enumerate(lines) if is_elision(line)} if marked is None else set(marked)
    kept: list[str] = []
    marks: set[int] = set()
    for number, line in enumerate(lines):
        if number in numbers:
            while kept and is_blank(kept[-1]):
                kept.pop()
            marks.add(len(kept))
        elif not (is_blank(line) and len(kept) in marks):
            kept.append(line)
    return Segments(kept, frozenset(mark for mark in marks if mark <= len(kept)))


def filled(old: Sequence[str], new: Segments, *, is_definition: bool = False) -> list[str] | None:
    """Return the new lines with old ones where a mark stands; None where it is not certain which.

    Of a definition both begin with its head, so that the first of them need not be alike.
    """
    pairs = aligned(old, new)
    if pairs is None:
        return None
    if not all(_is_certain(old, new, pairs, index, is_definition) for index in range(len(new.spans))):
        return None
    result: list[str] = []
    place = 0
    for number in range(len(new.lines) + 1):
        partner = pairs.get(number, len(old) if number == len(new.lines) else None)
        if number in new.marks:
            stop = _next_partner(pairs, number, len(new.lines), len(old))
            result += old[place:stop]
            place = stop
        if number < len(new.lines):
            result.append(new.lines[number])
        if partner is not None:
            place = partner + 1
    return result


def resumed(old: Sequence[str], written: Sequence[str]) -> list[str] | None:
    """Return what was written of a text that was to replace `old`, and the rest of `old` from there on.

    None where it is not certain where that is: of texts that are too long to compare, only what follows lines that
    both have is compared.
    """
    for place, number in [(0, 0), *matched_lines(old, [*written, _CUT])]:
        tail = list(written[number:])
        pairs = aligned(old[place:], Segments(tail, frozenset({len(tail)})))
        if pairs is not None:
            return [*written, *old[place + max(pairs.values(), default=-1) + 1 :]]
    return None


def aligned(old: Sequence[str], new: Segments) -> dict[int, int] | None:
    """Return new line -> the old line that it is or that it changes; None when there are too many to compare.

    The best global alignment (Needleman and Wunsch, 1970), in which old lines are passed over at marks for nothing.
    """
    count, most = len(new.lines), len(old)
    if (count + 1) * (most + 1) > MOST_CELLS:
        return None
    likeness = _Likeness(old, new)
    row = [(0.0 if 0 in new.marks else _DELETED) * place for place in range(most + 1)]
    came = [bytearray([0, *[3] * most])]  # 1: both lines, 2: a new one, 3: an old one passed over
    for number in range(1, count + 1):
        row, steps = _next_row(row, likeness.scores(number - 1), 0.0 if number in new.marks else _DELETED)
        came.append(steps)
    return _traced(came, count, most)


def _next_row(above: list[float], scores: dict[int, float], passing: float) -> tuple[list[float], bytearray]:
    """Return the best sums for one new line more, with each number of old ones, and the last step to each."""
    before = above[0] + _INSERTED
    row, steps = [before], bytearray([2])
    for place in range(1, len(above)):
        best, step = above[place] + _INSERTED, 2
        if before + passing > best:
            best, step = before + passing, 3
        score = scores.get(place - 1)
        if score is not None and above[place - 1] + score >= best:
            best, step = above[place - 1] + score, 1
        row.append(best)
        steps.append(step)
        before = best
    return row, steps


def _traced(came: list[bytearray], i: int, j: int) -> dict[int, int]:
    pairs: dict[int, int] = {}
    while i or j:
        step = came[i][j]
        if step == 1:
            pairs[i - 1] = j - 1
        i, j = i - (step in (1, 2)), j - (step in (1, 3))
    return pairs


class _Likeness:
    """How alike lines are: 0 where they have nothing to do with each other."""

    def __init__(self, old: Sequence[str], new: Segments) -> None:
        self._old, self._new = [line.strip() for line in old], [line.strip() for line in new.lines]
        self._depths = [indent_of(line) for line in old], [indent_of(line) for line in new.lines]
        self._words = [frozenset(_WORDS.findall(line)) for line in self._old]
        self._new_words = [frozenset(_WORDS.findall(line)) for line in self._new]
        self._counts = Counter(self._old)
        self._with_line, self._with_word = defaultdict[str, list[int]](list), defaultdict[str, list[int]](list)
        for place, line in enumerate(self._old):
            self._with_line[line].append(place)
            for word in self._words[place]:
                self._with_word[word].append(place)
        self._edges = {(0, 0)} if 0 not in new.marks else set()
        if len(new.lines) not in new.marks:
            self._edges.add((len(self._new) - 1, len(self._old) - 1))

    def scores(self, i: int) -> dict[int, float]:
        """Return how much speaks for new line `i` being each of the old lines it has anything to do with."""
        likely = {place for word in self._new_words[i] for place in self._with_word.get(word, ())}
        likely.update(self._with_line.get(self._new[i], ()))
        found = ((place, self._score(i, place)) for place in likely)
        return {place: score for place, score in found if score}

    def _score(self, i: int, j: int) -> float:
        line, words = self._new[i], self._new_words[i]
        if line == self._old[j]:
            if not line:
                return _BLANK
            found = (_EXACT + _UNIQUE * (self._counts[line] == 1)) if words else _BRACES
        elif not words or not self._words[j]:
            return 0.0
        else:
            share = len(words & self._words[j]) / len(words | self._words[j])
            if share < LIKE and not self._same_target(i, j):
                return 0.0
            found = 1.0 + share
        same_depth = self._depths[0][j] == self._depths[1][i]
        return found + _SAME_DEPTH * same_depth + _EDGE * ((i, j) in self._edges)

    def _same_target(self, i: int, j: int) -> bool:
        new, old = _TARGET.match(self._new[i]), _TARGET.match(self._old[j])
        return new is not None and old is not None and new[1] == old[1]


def _next_partner(pairs: dict[int, int], number: int, count: int, most: int) -> int:
    """Return the old line at which the new ones from `number` on take over again."""
    return next((pairs[later] for later in range(number, count) if later in pairs), most)


def _is_certain(old: Sequence[str], new: Segments, pairs: dict[int, int], index: int, is_definition: bool) -> bool:
    """Return whether one span of new lines has a place that nothing else could be."""
    spans = new.spans
    start, stop = spans[index]
    words = [number for number in range(start, stop) if _WORDS.search(new.lines[number])]
    if not words:
        return index in (0, len(spans) - 1) or start == stop
    same = [n for n in words if n in pairs and new.lines[n].strip() == old[pairs[n]].strip()]
    counts = Counter(line.strip() for line in old)
    is_unique = any(counts[new.lines[n].strip()] == 1 for n in same)
    is_run = any(n + 1 in same and pairs[n + 1] == pairs[n] + 1 for n in same)
    if is_unique or is_run:
        return True
    if index == 0 and 0 not in new.marks:
        return is_definition
    if index == len(spans) - 1 and len(new.lines) not in new.marks:
        last = max((n for n, line in enumerate(old) if _WORDS.search(line)), default=-1)
        return not any(n in pairs for n in words) or pairs.get(words[-1]) == last
    return False
