"""Chunks of other documents, and of the rest of this one, that are about the same things as the cursor's place.

Input: documents as they are now, and a cursor. Output: the chunks with the most words in common. A document is indexed
in segments, and a segment again only when its lines changed, so an edit costs no more than the segment it is in. Knows
nothing of where documents come from.
"""

from __future__ import annotations

import heapq
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from codefuse_lsp.context.secret_formats import is_near_private_key
from codefuse_lsp.context.similarity import words
from codefuse_lsp.context.snippets import MAX_LINE_CHARS, Cursor, Document, Snippet, text_of

CHUNK_LINES, STRIDE_LINES = 20, 10
SEGMENT_LINES = 600  # counting many chunks at once is cheaper
EDITED_SEGMENT_LINES = 120  # indexing few lines again is cheaper; where an edit was, more will come
LINES_BEFORE, LINES_AFTER = 20, 10  # of the cursor's place, whose words are looked for
MAX_WORDS = 200  # of the cursor's place: a count must fit a byte
MAX_WORDS_A_CHUNK = 250
MAX_LINES = 20_000  # of a document; the rest is not looked at
MAX_DOCUMENTS = 60
MIN_SCORE = 0.1  # below, only words that stand anywhere are shared
MAX_CHUNKS = 8


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """A run of lines, and for each word of it the chunks that have it: a number with one byte a chunk, 1 or 0."""

    lines: Sequence[str]
    chunks_with: dict[str, int]
    sizes: tuple[int, ...]  # different words of each chunk

    def scores(self, asked: frozenset[str]) -> Iterator[tuple[float, int]]:
        """Yield Jaccard's figure of each chunk that has enough in common with `asked`, and the line where it starts."""
        shared = asked & self.chunks_with.keys()
        counts = sum(map(self.chunks_with.__getitem__, shared)).to_bytes(len(self.sizes), "little")
        least = max(1, math.ceil(MIN_SCORE * len(asked)))  # both together have no fewer words than `asked` alone
        if max(counts) < least:
            return
        for number, (count, size) in enumerate(zip(counts, self.sizes, strict=True)):
            if count >= least and (score := count / (len(asked) + size - count)) >= MIN_SCORE:
                yield score, number * STRIDE_LINES


class _Place(NamedTuple):
    """A chunk of a document."""

    score: float
    start: int


@dataclass(slots=True)
class _Indexed:
    """What is remembered of a document; `version` is None while it is being typed in."""

    version: int | None
    segments: list[Segment]
    question: object = None
    places: list[_Place] = field(default_factory=list)


class Neighbours:
    """The source; `documents` returns those that may be read, as they are now; it is called in the source's thread."""

    name = "neighbours"

    def __init__(self, documents: Callable[[Cursor, float], Sequence[Document]]) -> None:
        self._documents = documents
        self._index: OrderedDict[str, _Indexed] = OrderedDict()  # by path

    def find(self, cursor: Cursor, deadline: float) -> Sequence[Snippet]:
        """Return the chunks most like the cursor's place; documents not indexed by the deadline come next time."""
        asked = asked_words(cursor)
        found: list[tuple[_Place, Document]] = []
        for document in self._documents(cursor, deadline):
            if time.monotonic() > deadline:
                break
            is_own = document.path == cursor.window.path
            indexed = self._indexed(document, cursor.line if is_own else None)
            question = (asked, cursor.window_lines if is_own else range(0))
            if indexed.question != question:
                indexed.question = question
                indexed.places = heapq.nlargest(MAX_CHUNKS, _best_places(indexed.segments, *question))
            found += [(place, document) for place in indexed.places]
        best = heapq.nsmallest(MAX_CHUNKS, found, key=lambda f: (-f[0].score, f[1].path, f[0].start))
        return [_snippet(place, document) for place, document in best]

    def _indexed(self, document: Document, typed_line: int | None) -> _Indexed:
        """Return the index of a document as it is now, but for the line that is being typed."""
        known = self._index.get(document.path)
        if known is None or known.version is None or typed_line is not None or known.version != document.version:
            lines = list(document.lines[:MAX_LINES])
            if typed_line is not None:
                lines[typed_line : typed_line + 1] = ["\n"]
            segments = segmented(lines, known.segments if known is not None else [])
            if known is None or segments != known.segments:
                known = _Indexed(None, segments)
            known.version = document.version if typed_line is None else None
            self._index[document.path] = known
        self._index.move_to_end(document.path)
        if len(self._index) > MAX_DOCUMENTS:
            self._index.popitem(last=False)
        return known


def asked_words(cursor: Cursor) -> frozenset[str]:
    """Return the words round the cursor; not those of its own line, so that a letter more changes nothing."""
    lines, line = cursor.document.lines, cursor.line
    near = [*lines[max(0, line - LINES_BEFORE) : line], *lines[line + 1 : line + 1 + LINES_AFTER]]
    found = words("".join(text[:MAX_LINE_CHARS] for text in near))
    return frozenset(sorted(found)[:MAX_WORDS] if len(found) > MAX_WORDS else found)


def segmented(lines: Sequence[str], before: Sequence[Segment]) -> list[Segment]:
    """Return the segments of a document, those of its last version wherever the lines are the same."""
    first, start = 0, 0
    while first < len(before) and list(lines[start : start + len(before[first].lines)]) == before[first].lines:
        start += len(before[first].lines)
        first += 1
    last, stop = len(before), len(lines)
    while last > first and stop - len(before[last - 1].lines) >= start:
        size = len(before[last - 1].lines)
        if list(lines[stop - size : stop]) != before[last - 1].lines:
            break
        stop -= size
        last -= 1
    size = EDITED_SEGMENT_LINES if before else SEGMENT_LINES
    count = max(1, round((stop - start) / size)) if stop > start else 0
    edges = [start + (stop - start) * i // count for i in range(count + 1)] if count else []
    anew = [_segment(lines, a, b) for a, b in pairwise(edges)]
    return [*before[:first], *anew, *before[last:]]


def _segment(lines: Sequence[str], start: int, stop: int) -> Segment:
    here = list(lines[start:stop])
    if any("\0" in line for line in here):
        return Segment(here, {}, (0,))  # of no text
    strides = [here[at : at + STRIDE_LINES] for at in range(0, len(here), STRIDE_LINES)]
    found = [words("".join(line[:MAX_LINE_CHARS] for line in stride)) for stride in strides]
    if is_near_private_key(lines, start, stop):
        return Segment(here, {}, (0,))  # a piece of one has nothing to tell it by
    chunks = max(1, len(found) - 1)  # each of two strides
    sizes = tuple(len(found[i] | found[min(i + 1, len(found) - 1)]) for i in range(chunks))
    chunks_with: dict[str, int] = {}
    shared: dict[int, int] = {}  # most words have one of a few numbers
    for i, stride_words in enumerate(found):
        for word in stride_words if len(stride_words) <= MAX_WORDS_A_CHUNK else ():
            for chunk in {max(0, i - 1), min(i, chunks - 1)}:
                number = chunks_with.get(word, 0) | 1 << 8 * chunk
                chunks_with[word] = shared.setdefault(number, number)
    return Segment(here, chunks_with, sizes)


def _best_places(segments: Sequence[Segment], asked: frozenset[str], shown: range) -> Iterator[_Place]:
    """Yield the chunks that the window does not show; of two that overlap, the better one."""
    start, last = 0, _Place(0, -CHUNK_LINES)
    for segment in segments:
        for score, line in segment.scores(asked):
            place = _Place(score, start + line)
            if place.start < shown.stop and shown.start < place.start + CHUNK_LINES:
                continue
            if place.start >= last.start + CHUNK_LINES:
                if last.score:
                    yield last
                last = place
            elif place.score > last.score:
                last = place
        start += len(segment.lines)
    if last.score:
        yield last


def _snippet(place: _Place, document: Document) -> Snippet:
    lines = document.lines[place.start : place.start + CHUNK_LINES]
    blank = next((i for i, line in enumerate(lines) if line.strip()), 0)
    text = text_of(lines)
    return Snippet(Neighbours.name, document.path, document.language, place.start + blank, text, place.score)
