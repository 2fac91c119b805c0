"""The syntax tree round a cursor, kept between keystrokes so that only what changed is parsed anew.

Input: a document's lines and a cursor. Output: a frozen `SyntaxAt`, or None where there is no grammar or no tree in
time. Knows nothing of what is asked of the tree.

A parser that goes over a changed file takes up all its top-level statements again, 2 ms in a file of 5,000 lines. So
the whole is parsed once, to see where its statements begin, and then only the region: the top-level statements round
the cursor, for as long as all edits stay inside it.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from tree_sitter import Node, Tree

from codefuse_lsp.context.grammars import GRAMMARS, PARSE_DEADLINE_S, parse_bytes
from codefuse_lsp.context.regions import AFTER_CHARS, BEFORE_CHARS, MOST_CHANGED_LINES, Outline, outline_of

LARGEST_WHOLE_CHARS = 1 << 20  # about 30,000 lines; more is not parsed whole
LONGEST_LINE_CHARS = 64 << 10  # of the cursor's line; of a longer one only what is next to the cursor is parsed
WINDOW_DEADLINE_S = 0.03
KEPT_DOCUMENTS = 24
KEPT_BYTES = 1 << 20  # of source in all; a tree takes about 25 times its source


@dataclass(frozen=True, slots=True)
class SyntaxAt:
    """The tree of a text, or of its region round a cursor; the cursor is counted in bytes of UTF-8."""

    language: str
    source: bytes
    tree: Tree
    cursor: int

    @property
    def root(self) -> Node:
        """The root of the tree."""
        return self.tree.root_node

    def edited(self, start: int, stop: int, text: bytes) -> SyntaxAt | None:
        """Return the tree with bytes `start` to `stop` replaced and the cursor behind `text`; None if not in time."""
        source = self.source[:start] + text + self.source[stop:]
        end, start_point = start + len(text), _point(self.source, start)
        tree = self.tree.copy()
        tree.edit(start, stop, end, start_point, _point(self.source, stop), _point(source, end))
        new = parse_bytes(source, self.language, tree, WINDOW_DEADLINE_S)
        return None if new is None else replace(self, source=source, tree=new, cursor=end)


def syntax_at(language: str, before: str, after: str) -> SyntaxAt | None:
    """Return the tree of `before + after` with the cursor between; None without a grammar or a tree in time."""
    if len(before) + len(after) > LARGEST_WHOLE_CHARS:
        return _in_line(language, before, after)
    return _tree(language, _encoded(before), _encoded(after))


@dataclass(frozen=True, slots=True)
class _Kept:
    """What is remembered of a document: its lines, where its statements began, and the region's lines and tree."""

    language: str
    lines: list[str]
    outline: Outline
    region: SyntaxAt | None  # None when it takes too long
    first: int
    stop: int

    @property
    def size(self) -> int:
        """Bytes of source that a tree is kept of."""
        return 0 if self.region is None else len(self.region.source)

    def stop_in(self, lines: list[str]) -> int | None:
        """Return the line after the region in a changed text; None when anything changed outside of it."""
        stop = self.stop + len(lines) - len(self.lines)
        if stop <= self.first or lines[: self.first] != self.lines[: self.first]:
            return None  # comparing is cheap: lines that did not change are the same objects
        return stop if lines[stop:] == self.lines[self.stop :] else None


class Trees:
    """The trees of the documents last asked about; any thread may ask."""

    def __init__(self, documents: int = KEPT_DOCUMENTS, source_bytes: int = KEPT_BYTES) -> None:
        self._documents = documents
        self._source_bytes = source_bytes
        self._kept: OrderedDict[str, _Kept] = OrderedDict()  # by uri, the least recently asked first
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._kept)

    def at(self, uri: str, language: str, lines: Sequence[str], line: int, column: int) -> SyntaxAt | None:
        """Return the tree at character `column` of `line`; `lines` have their ends, places outside are moved inside.

        What is kept under `uri` is compared with the text, so no edit can be missed.
        """
        if language not in GRAMMARS:
            return None
        lines = list(lines) or [""]
        line = min(max(line, 0), len(lines) - 1)
        column = min(max(column, 0), len(lines[line]))
        if len(lines[line]) > LONGEST_LINE_CHARS:
            return _in_line(language, lines[line][:column], lines[line][column:])
        with self._lock:
            old = self._kept.get(uri)
        if old is not None and old.language != language:
            old = None
        new = _with_region_edited(old, lines, line) or _with_new_region(old, language, lines, line)
        self._keep(uri, new)
        if new.region is None:
            return None
        before = "".join(new.lines[new.first : line]) + lines[line][:column]
        return replace(new.region, cursor=len(_encoded(before)))

    def forget(self, uri: str) -> None:
        """Let a document's tree go, as when it is closed."""
        with self._lock:
            self._kept.pop(uri, None)

    def _keep(self, uri: str, new: _Kept) -> None:
        with self._lock:
            self._kept[uri] = new
            self._kept.move_to_end(uri)
            total = sum(kept.size for kept in self._kept.values())
            while len(self._kept) > self._documents or (total > self._source_bytes and len(self._kept) > 1):
                total -= self._kept.popitem(last=False)[1].size


def _with_region_edited(old: _Kept | None, lines: list[str], line: int) -> _Kept | None:
    """Return the tree after an edit inside the region that holds the cursor; None when it is not that simple."""
    stop = None if old is None else old.stop_in(lines)
    if old is None or old.region is None or stop is None or not old.first <= line < stop:
        return None
    if stop - old.first > 2 * (old.stop - old.first) + MOST_CHANGED_LINES:
        return None  # much was pasted
    region = _changed(old.region, _encoded("".join(lines[old.first : stop])))
    return None if region is None else _Kept(old.language, lines, old.outline, region, old.first, stop)


def _with_new_region(old: _Kept | None, language: str, lines: list[str], line: int) -> _Kept:
    """Return the tree of the region round `line` in a text that is new or has changed anywhere."""
    known = None if old is None else old.outline.moved(old.lines)  # what was edited in the old region, then the rest
    outline, whole = None if known is None else known.moved(lines), None
    if outline is None:
        whole = _whole(language, lines)
        outline = outline_of(lines, None if whole is None else whole.root, language)
    first, stop = outline.region(line)
    if whole is None or (first, stop) != (0, len(lines)):
        whole = _tree(language, _encoded("".join(lines[first:stop])), deadline_s=WINDOW_DEADLINE_S)
    return _Kept(language, lines, outline, whole, first, stop)


def _whole(language: str, lines: list[str]) -> SyntaxAt | None:
    if sum(map(len, lines)) > LARGEST_WHOLE_CHARS:
        return None
    return _tree(language, _encoded("".join(lines)))


def _in_line(language: str, before: str, after: str) -> SyntaxAt | None:
    """Return the tree of the characters next to a cursor in a line that is too long, or a text too large."""
    head, tail = _encoded(before[-BEFORE_CHARS:]), _encoded(after[:AFTER_CHARS])
    return _tree(language, head, tail, WINDOW_DEADLINE_S)


def _tree(language: str, head: bytes, tail: bytes = b"", deadline_s: float = PARSE_DEADLINE_S) -> SyntaxAt | None:
    tree = parse_bytes(head + tail, language, None, deadline_s)
    return None if tree is None else SyntaxAt(language, head + tail, tree, len(head))


def _changed(old: SyntaxAt, source: bytes) -> SyntaxAt | None:
    """Return the tree of a text that is like another but for one place."""
    if old.source == source:
        return old
    start, tail = _shared(old.source, source)
    return old.edited(start, len(old.source) - tail, source[start : len(source) - tail])


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _shared(old: bytes, new: bytes) -> tuple[int, int]:
    """Return how many bytes two texts share at their starts and, of the rest, at their ends; no character is cut."""
    start = _shared_bytes(min(len(old), len(new)), lambda a, b: old[a:b] == new[a:b])
    while start > 0 and _cuts_character(old, new, start):
        start -= 1
    ends = (len(old), len(new))
    tail = _shared_bytes(
        min(ends) - start, lambda a, b: old[ends[0] - b : ends[0] - a] == new[ends[1] - b : ends[1] - a]
    )
    while tail > 0 and _cuts_character(old, new, -tail):
        tail -= 1
    return start, tail


def _shared_bytes(most: int, are_same: Callable[[int, int], bool]) -> int:
    """Return how far two texts are the same; the answer is between `low` and `most`, each step halves what is left."""
    low = 0
    while low < most:
        middle = (low + most + 1) // 2
        if are_same(low, middle):
            low = middle
        else:
            most = middle - 1
    return low


def _cuts_character(old: bytes, new: bytes, place: int) -> bool:
    return any(len(text) > place and text[place] & 0xC0 == 0x80 for text in (old, new))


def _point(source: bytes, offset: int) -> tuple[int, int]:
    return source.count(b"\n", 0, offset), offset - source.rfind(b"\n", 0, offset) - 1
