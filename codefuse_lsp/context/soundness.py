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

So flaws elsewhere count on both sides and silence nothing. What was open before may stay open: the text is tried with
all, some or none of those closers behind it. What it opens itself it must close, or what stands right of the cursor
must. One thing may be left to come, since the next line is where it belongs: the body of a Python statement.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tree_sitter import Node

from codefuse_lsp.context.open_ends import body_to_come, closers
from codefuse_lsp.context.syntax import is_bodiless
from codefuse_lsp.context.trees import SyntaxAt

MAX_VISITS = 4_000  # nodes looked at for flaws; a file with more of them is beyond telling
MAX_PARTS = 24  # of a text that are tried
NEAR_BYTES = 200  # round what is put in, where the flaws are looked for that a grammar lets pass
_HOLDERS = re.compile("statement|clause|definition|block|element|tag")  # nodes that may hold such flaws
_NEVER_WRONG = frozenset({"markdown"})
_WHOLE_AT = re.compile(r"[;)\]}](?=.)|([\"'`])(?=.)(?!\1)")  # where a line may be cut and still say something whole
_HEADS = re.compile(r"\s*(if|for|while|switch|else|elif|foreach|unless|until|using|with|catch)\b")  # of what comes next


@dataclass(frozen=True, slots=True)
class Ground:
    """A cursor's surroundings as soundness needs them: the flaws there are anyway, and what closes what is open."""

    at: SyntaxAt
    flaws: int
    tails: tuple[bytes, ...]  # () where there is no telling


def is_sound(at: SyntaxAt | None, text: str, replaces: int = 0) -> bool:
    """Return whether `text` may replace `replaces` characters right of the cursor; yes where there is no telling."""
    return at is None or _fits(ground(at), text, replaces, body=True)


def longest_sound(at: SyntaxAt | None, text: str, replaces: int = 0) -> str:
    """Return the longest part of `text` from its start that is sound, '' where none is.

    It is cut at line ends, else in its first line behind a bracket, quote or semicolon that makes a statement whole.
    """
    if at is None:
        return text
    on = ground(at)
    if _fits(on, text, replaces, body=True):
        return text
    return next((part for part in _parts(text) if _fits(on, part, replaces, body=False)), "")


def ground(at: SyntaxAt) -> Ground:
    """Return what the text round a cursor has anyway."""
    flaws = _flaws(at)
    if flaws is None or at.language in _NEVER_WRONG:
        return Ground(at, 0, ())
    if not flaws:
        return Ground(at, 0, (b"",))
    tails = closers(at.language, at.source[: at.cursor], at.source[at.cursor :])
    closed = [(_flaws_of(at.edited(at.cursor, at.cursor, tail), flaws), len(tail)) for tail in tails if tail]
    least, length = min(closed, default=(flaws, 0))
    least = min(flaws, least, _flaws_of(_without_line(at), flaws))
    return Ground(at, least, tuple(tail for tail in tails if len(tail) <= length + 1))  # one more: a semicolon


def _fits(on: Ground, text: str, replaces: int, *, body: bool) -> bool:
    at = on.at
    inserted = text.encode("utf-8", "surrogatepass")
    stop = at.cursor + _byte_length(at.source[at.cursor :], replaces)
    line = at.source[at.source.rfind(b"\n", 0, at.cursor) + 1 : at.cursor] + inserted
    to_come = body_to_come(at.language, line) if body else b""
    tails = (*on.tails, to_come) if to_come and on.tails else on.tails
    if not tails or not text:
        return True
    return any(_flaws_of(at.edited(at.cursor, stop, inserted + tail), on.flaws) <= on.flaws for tail in tails)


def _parts(text: str) -> Iterator[str]:
    """Yield parts of a text from its start, the longest first."""
    lines = text.split("\n")
    before = None
    for count in range(len(lines) - 1, max(0, len(lines) - 1 - MAX_PARTS), -1):
        part = "\n".join(lines[:count]).rstrip()
        if part and part != before:
            yield part
        before = part
    ends = [found.end() for found in _WHOLE_AT.finditer(lines[0])]
    for end in ends[: -MAX_PARTS - 1 : -1]:
        part = lines[0][:end]
        if part[-1] in ";}" or not _HEADS.match(part):
            yield part


def _flaws_of(at: SyntaxAt | None, otherwise: int) -> int:
    flaws = None if at is None else _flaws(at)
    return otherwise if flaws is None else flaws


def _flaws(at: SyntaxAt) -> int | None:
    """Return how many flaws a tree has; None when they are too many to count."""
    near = range(at.source.rfind(b"\n", 0, max(0, at.cursor - NEAR_BYTES)) + 1, at.cursor + NEAR_BYTES)
    silent = _SILENT.get(at.language)
    found, visits, waiting = 0, 0, [at.root]
    while waiting:
        node = waiting.pop()
        visits += 1
        if visits > MAX_VISITS:
            return None
        found += node.is_error or node.is_missing or (silent is not None and silent(node))
        if node.child_count > MAX_VISITS:
            return None
        waiting += [child for child in node.children if child.has_error or (silent and _touches(child, near))]
    return found


def _touches(node: Node, near: range) -> object:
    return node.is_named and node.start_byte < near.stop and node.end_byte >= near.start and _HOLDERS.search(node.type)


def _python_flaws(node: Node) -> int:
    """Return whether a node lacks its body, or how many of its statements are out of line with the first."""
    if node.type not in ("block", "module"):
        return is_bodiless(node)
    columns = [
        child.start_point.column
        for child in node.named_children
        if child.type != "comment" and (child.prev_sibling is None or child.prev_sibling.type != ";")
    ]
    return is_bodiless(node) + sum(column != columns[0] for column in columns)


def _html_flaws(node: Node) -> int:
    return node.type == "erroneous_end_tag"


_SILENT: dict[str, Callable[[Node], int]] = {"python": _python_flaws, "html": _html_flaws}


def _without_line(at: SyntaxAt) -> SyntaxAt | None:
    start, end = at.source.rfind(b"\n", 0, at.cursor) + 1, at.source.find(b"\n", at.cursor)
    return at.edited(start, len(at.source) if end < 0 else end, b"")


def _byte_length(source: bytes, characters: int) -> int:
    return len(source[: 4 * characters].decode("utf-8", "ignore")[:characters].encode()) if characters else 0
