"""Parse before show: whether a text, put in at the cursor, brings a syntax error that was not there.

Input: the tree round a cursor (`trees.SyntaxAt`) and what is to be put in. Output: yes or no, or the longest part that
brings none. Knows nothing of where the text comes from or how it is shown.

The rule. A flaw is an ERROR or MISSING node of tree-sitter, or one of those that its grammars let pass: in Python a
statement without its body or out of line with its neighbours, in HTML an end tag of nothing. A text is sound when the
file has no more flaws with it than it has anyway. What it has anyway is the fewest of

- the file as it stands,
- the file with what is open at the cursor closed there (brackets, quotes, tags, `end`), since a line that is still
  being typed is no error,
- the file without the cursor's line, whose one fault may be that it is not finished.

And of the flaws that begin on the cursor's line or in the text itself there may be no more than that line had. So
flaws elsewhere count on both sides: they silence nothing and hide nothing. What was open before may stay open: the text
is tried with all, some or none of those closers behind it. What it opens itself it must close, or what stands right of
the cursor must. One thing may be left to come, since the next line is where it belongs: the body of a Python statement.
Not, though, where the text begins its line and the code beside it or round it goes on below: that would be left broken.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass

from tree_sitter import Node

from codefuse_lsp.context.grammars import nodes, parse
from codefuse_lsp.context.open_ends import body_to_come, closers
from codefuse_lsp.context.silent_flaws import SILENT_FLAWS, joined_lines
from codefuse_lsp.context.trees import SyntaxAt

MAX_VISITS = 4_000  # nodes looked at for flaws; a file with more of them is beyond telling
MOST_FLAWS = 4  # elsewhere; with more the grammar does not fit the file, as C's does not fit C++ or macros
BUDGET_S = 0.04  # for all that is tried of one text, the last try not counted
DEADLINE_S = 0.02  # for one try
MAX_PARTS = 24  # of a text that are tried
MAX_BLANK_BELOW = 8  # lines, beyond which what follows is another matter
NEAR_BYTES = 200  # round what is put in, where the flaws are looked for that a grammar lets pass
_HOLDERS = re.compile("statement|clause|definition|block|element|tag")  # nodes that may hold such flaws
_NEVER_WRONG = frozenset({"markdown"})
# Where a line may be cut and still say all that it said: before a closing bracket, a comma or a word too many.
_TOO_MANY = re.compile(
    r"(?<=[;)\]}\"'`])(?=\s*[)\]}]|\s+(?!(?:if|and|or|in|is|not|for|else|as)\b)[A-Za-z_\"'`])|(?<=;)(?=.)|(?=,\s*$)"
)
_HEADS = re.compile(r"\s*(if|for|while|switch|else|elif|foreach|unless|until|using|with|catch)\b")  # of what comes next


@dataclass(frozen=True, slots=True)
class Flaws:
    """How many flaws a text has, and how many of them begin on the cursor's line or in what was put in there."""

    total: int
    here: int

    def within(self, other: Flaws) -> bool:
        """Whether there are no more than in another text, altogether and here."""
        return self.total <= other.total and self.here <= other.here


@dataclass(frozen=True, slots=True)
class Ground:
    """A cursor's surroundings as soundness needs them: the flaws there are anyway, and what closes what is open."""

    at: SyntaxAt
    flaws: Flaws
    tails: tuple[bytes, ...]  # () where there is no telling
    ends: float  # of this thread's time, in seconds: when to stop trying


def is_sound(at: SyntaxAt | None, text: str, replaces: int = 0) -> bool:
    """Return whether `text` may replace `replaces` characters right of the cursor; yes where there is no telling."""
    ends = time.thread_time() + BUDGET_S
    return at is None or _passes(at, text, replaces) or _fits(_ground(at, ends), text, replaces, body=True)


def longest_sound(at: SyntaxAt | None, text: str, replaces: int = 0) -> str:
    """Return the longest part of `text` from its start that is sound, '' where none is.

    It is cut at line ends, else in its first line before a bracket or a word that is too many.
    """
    ends = time.thread_time() + BUDGET_S
    if at is None or _passes(at, text, replaces):
        return text
    on = _ground(at, ends)
    if _fits(on, text, replaces, body=True):
        return text
    return next((part for part in _parts(text) if _fits(on, part, replaces, body=False)), "")


def is_flawless(at: SyntaxAt | None, text: str, replaces: int = 0) -> bool:
    """Return whether nothing in the file is wrong with `text` in it; yes where there is no telling."""
    flaws = None if at is None or at.language in _NEVER_WRONG else _flaws_with(at, text, replaces, b"")
    return flaws is None or not flaws.total


def adds_flaws(old: str, new: str, language: str) -> bool:
    """Return whether a file changed anywhere has more flaws than it had; no where there is no telling."""
    if language in _NEVER_WRONG:
        return False
    flaws = _all_flaws(new, language)
    return bool(flaws) and flaws > (_all_flaws(old, language) or 0)


def _all_flaws(text: str, language: str) -> int:
    root = parse(text, language)
    if root is None:
        return 0
    silent = SILENT_FLAWS.get(language)
    found = (node.is_error + node.is_missing + (silent(node) if silent else 0) for node in nodes(root))
    source = text.encode("utf-8", "surrogatepass")
    return sum(found) + (joined_lines(root, source, 0, len(source)) if language == "python" else 0)


def _passes(at: SyntaxAt, text: str, replaces: int) -> bool:
    """Return whether a text may stand without a closer look: with it the file has no flaw, or nobody can tell."""
    if at.language in _NEVER_WRONG:
        return True
    before = _flaws(at, _line_start(at))
    if before is None or before.total >= 3 * MOST_FLAWS:
        return True
    flaws = _flaws_with(at, text, replaces, b"")
    return flaws is not None and not flaws.total


def _ground(at: SyntaxAt, ends: float) -> Ground:
    """Return what the text round a cursor has anyway."""
    line_start = _line_start(at)
    flaws = _flaws(at, line_start) or Flaws(0, 0)
    if not flaws.total:
        return Ground(at, flaws, (b"",), ends)
    tails = closers(at.language, at.source[: at.cursor], at.source[at.cursor :])
    found, length = [flaws], 0
    for tail in sorted(filter(None, tails), key=len):
        if time.thread_time() > ends:
            return Ground(at, flaws, (), ends)
        closed = _flaws(at.edited(at.cursor, at.cursor, tail, DEADLINE_S), line_start)
        if closed is not None and closed.total < min(others.total for others in found):
            length = len(tail)
        found += [closed] if closed is not None else []
        if closed is not None and not closed.total:
            break  # there are no fewer, with whatever else
    here = min(others.here for others in found)
    if found[-1].total and (bare := _flaws(_without_line(at), line_start)) is not None:
        found.append(bare)
    least = Flaws(min(others.total for others in found), here)
    if least.total >= MOST_FLAWS:
        return Ground(at, least, (), ends)
    return Ground(at, least, tuple(tail for tail in tails if len(tail) <= length + 1), ends)  # one more: a semicolon


def _fits(on: Ground, text: str, replaces: int, *, body: bool) -> bool:
    if not on.tails or not text:
        return True
    line = on.at.source[_line_start(on.at) : on.at.cursor] + text.encode("utf-8", "surrogatepass")
    to_come = body_to_come(on.at.language, line) if body and not _is_followed(on.at, line) else b""
    for tail in (*on.tails, to_come) if to_come else on.tails:
        if time.thread_time() > on.ends:
            return body  # of the whole there is no telling; a part is not worth the time
        flaws = _flaws_with(on.at, text, replaces, tail)
        if flaws is None or flaws.within(on.flaws):
            return True
    return False


def _is_followed(at: SyntaxAt, line: bytes) -> bool:
    """Return whether code below goes on beside the last line put in, or round it: no body is to come there.

    Whoever has begun that line is going to write the body, too.
    """
    below = at.source[at.cursor :].partition(b"\n")[2].split(b"\n", MAX_BLANK_BELOW)[:MAX_BLANK_BELOW]
    following = next((one for one in below if one.strip()), b"")
    own, beside = _indent(line.rstrip().rpartition(b"\n")[2]), _indent(following)
    begun = at.source[_line_start(at) : at.cursor].strip()
    return bool(following) and not begun and (beside == own or (bool(beside) and own.startswith(beside)))


def _indent(line: bytes) -> bytes:
    return line[: len(line) - len(line.lstrip())]


def _flaws_with(at: SyntaxAt, text: str, replaces: int, tail: bytes) -> Flaws | None:
    stop = at.cursor + _byte_length(at.source[at.cursor :], replaces)
    new = at.edited(at.cursor, stop, text.encode("utf-8", "surrogatepass") + tail, DEADLINE_S)
    return _flaws(new, _line_start(at))


def _parts(text: str) -> Iterator[str]:
    """Yield parts of a text from its start, the longest first."""
    lines = text.split("\n")
    before = None
    for count in range(len(lines) - 1, max(0, len(lines) - 1 - MAX_PARTS), -1):
        part = "\n".join(lines[:count]).rstrip()
        if part and part != before:
            yield part
        before = part
    ends = [found.start() for found in _TOO_MANY.finditer(lines[0])]
    for end in ends[: -MAX_PARTS - 1 : -1]:
        part = lines[0][:end]
        if part and (part[-1] in ";}" or not _HEADS.match(part)):
            yield part


def _flaws(at: SyntaxAt | None, line_start: int) -> Flaws | None:
    """Return how many flaws a tree has; None when there is no tree or they are too many to count."""
    if at is None:
        return None
    near = range(at.source.rfind(b"\n", 0, max(0, at.cursor - NEAR_BYTES)) + 1, at.cursor + NEAR_BYTES)
    silent = SILENT_FLAWS.get(at.language)
    line_stop = at.source.find(b"\n", at.cursor)
    here = range(line_start, len(at.source) + 1 if line_stop < 0 else line_stop)
    total, found_here, visits, waiting = 0, 0, 0, [at.root]
    while waiting:
        node = waiting.pop()
        visits += 1
        if visits > MAX_VISITS or node.child_count > MAX_VISITS:
            return None
        found = int(node.is_error or node.is_missing) + (silent(node) if silent else 0)
        total += found
        found_here += found if node.start_byte in here else 0
        waiting += [child for child in node.children if child.has_error or (silent and _touches(child, near))]
    joined = joined_lines(at.root, at.source, here.start, here.stop) if at.language == "python" else 0
    return Flaws(total + joined, found_here + joined)


def _line_start(at: SyntaxAt) -> int:
    return at.source.rfind(b"\n", 0, at.cursor) + 1


def _touches(node: Node, near: range) -> object:
    return node.is_named and node.start_byte < near.stop and node.end_byte >= near.start and _HOLDERS.search(node.type)


def _without_line(at: SyntaxAt) -> SyntaxAt | None:
    start, end = _line_start(at), at.source.find(b"\n", at.cursor)
    return at.edited(start, len(at.source) if end < 0 else end, b"", DEADLINE_S)


def _byte_length(source: bytes, characters: int) -> int:
    return len(source[: 4 * characters].decode("utf-8", "ignore")[:characters].encode()) if characters else 0
