"""What a file or a class is made of: imports, definitions, statements and comments, and the lines of each.

Input: lines and an LSP language id. Output: `Piece`s in their order, each of whole lines; None where no grammar tells.
Knows nothing of what is done with them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from tree_sitter import Node

from codefuse_lsp.context.definitions import CLASSES, WRAPPERS, described
from codefuse_lsp.context.grammars import LEADING, parse
from codefuse_lsp.context.imports import import_lines
from codefuse_lsp.edits.lines import is_blank

Kind = Literal["import", "definition", "statement", "comment", "elision"]

NOT_MADE_OF_PIECES = frozenset({"json", "jsonc", "yaml", "toml", "html", "markdown"})
_COMMENTS = frozenset({"comment", "line_comment", "block_comment"})
# What holds definitions as a class does.
_HOLDERS = CLASSES | {"namespace_definition", "namespace_declaration", "mod_item", "internal_module", "module"}
_DECLARES = re.compile(r"declaration|definition|_item|_spec|alias|property|field|enumerator|variant|signature|rule_set")
_ASSIGNMENTS = frozenset(
    {"assignment", "assignment_expression", "assignment_statement", "variable_declaration", "variable_assignment"}
)
_NAMED_BY = ("name", "left", "declarator", "selectors")
_MOST_DEPTH = 3  # of what a declaration is wrapped in


@dataclass(frozen=True, slots=True)
class Piece:
    """Lines `start` up to `stop`, counted from 0; comments before it end at `code`."""

    kind: Kind
    name: str  # '' for what has none
    owner: str
    start: int
    code: int
    stop: int
    holds: bool = False  # members, as a class does
    members: tuple[Piece, ...] = ()

    @property
    def all_members(self) -> Iterator[Piece]:
        """Yield its members and theirs."""
        for member in self.members:
            yield member
            yield from member.all_members

    def moved(self, lines: int) -> Piece:
        """Return the piece so many lines further down."""
        members = tuple(member.moved(lines) for member in self.members)
        return replace(self, start=self.start + lines, code=self.code + lines, stop=self.stop + lines, members=members)


def pieces_of(lines: Sequence[str], language: str, marks: Collection[int] = ()) -> list[Piece] | None:
    """Return the pieces of a text; `marks` are the lines of elisions."""
    if language in NOT_MADE_OF_PIECES or any(line.endswith("\r") for line in lines):
        return None
    root = parse("".join(lines), language)
    if root is None:
        return None
    return _Reader(lines, language, marks).pieces(root.children)


class _Reader:
    """Reads the pieces of one text."""

    def __init__(self, lines: Sequence[str], language: str, marks: Collection[int]) -> None:
        self._lines = lines
        self._marks = frozenset(marks)
        self._imports = {rows.start for rows in import_lines([line.rstrip("\r\n") for line in lines], language)}

    def pieces(self, nodes: Iterable[Node]) -> list[Piece]:
        """Return the pieces that sibling nodes are."""
        found: list[Piece] = []
        leading: list[Piece] = []  # comments and attributes that may belong to what follows
        for node in nodes:
            start, stop = node.start_point.row, _last_row(node) + 1
            last = leading[-1] if leading else found[-1] if found else None
            if last is not None and start < last.stop:  # goes on in a line that began with another
                (leading or found)[-1] = replace(last, stop=max(last.stop, stop))
            elif node.type in ("\n", "{", "}", ";"):
                continue
            elif start in self._marks:
                found += [*leading, Piece("elision", "", "", start, start, stop)]
                leading = []
            elif node.type in LEADING:
                if leading and start > leading[-1].stop:
                    found, leading = [*found, *leading], []
                leading.append(Piece("comment", "" if node.type in _COMMENTS else "attribute", "", start, start, stop))
            else:
                piece = self._piece(node, start, stop)
                if leading and leading[-1].stop < start:  # a blank line parts them
                    found, leading = [*found, *leading], []
                found.append(_led(piece, leading))
                leading = []
        return [*found, *leading]

    def _piece(self, node: Node, start: int, stop: int) -> Piece:
        if start in self._imports:
            return Piece("import", "", "", start, start, stop)
        inner = _definition_in(node)
        if inner is None:
            return Piece("statement", _value_name(node), "", start, start, stop)
        known = described(inner)
        name = known.name if known else _text(inner.child_by_field_name("name"))
        if inner.type == "impl_item":
            name = _head(inner)
        owner = known.owner if known else ""
        holds = inner.type in _HOLDERS
        return Piece("definition", name, owner, start, start, stop, holds, self._members(inner) if holds else ())

    def _members(self, node: Node) -> tuple[Piece, ...]:
        body = node.child_by_field_name("body")
        if body is None or body.start_point.row == body.end_point.row:
            return ()
        before = [child for child in node.children if child.type in _COMMENTS and child.end_byte <= body.start_byte]
        before = [child for child in before if child.start_point.row > node.start_point.row]
        inside = [c for c in body.children if c.is_named and c.start_point.row > node.start_point.row]
        return tuple(self.pieces([*before, *inside]))


def head_lines(pieces: Sequence[Piece], lines: Sequence[str]) -> int:
    """Return the line behind what has to stand at the top of a file: its comment, its docstring, its package."""
    stop = 0
    for piece in pieces:
        text = lines[piece.code].strip()
        is_string = re.match(r"[rRuU]?(\"|')", text) and piece.kind == "statement" and not piece.name
        if not (piece.kind == "comment" or is_string or _FIRST.match(text)):
            break
        if piece.kind == "comment" and stop and piece.start > stop:
            break  # a comment of what follows
        stop = piece.stop
    return stop


_FIRST = re.compile(r"package\b|namespace\s+[\w.\\]+;|#pragma once|<\?php|declare\(|\"use |'use |#!")


def _led(piece: Piece, leading: Sequence[Piece]) -> Piece:
    """Return a piece with the comments and attributes that stand right before it."""
    if not leading:
        return piece
    attributes = [one.start for one in leading if one.name]
    return replace(piece, start=leading[0].start, code=min([piece.code, *attributes]))


def _definition_in(node: Node, depth: int = 0) -> Node | None:
    if described(node) is not None or node.type in _HOLDERS - {"module"}:
        return node
    if node.type not in WRAPPERS or depth > _MOST_DEPTH:
        return None
    inner = (_definition_in(child, depth + 1) for child in node.named_children)
    return next((found for found in inner if found is not None), None)


def _value_name(node: Node, depth: int = 0) -> str:
    """Return the name that a statement gives a value, '' where it gives none."""
    if node.type in ("expression_statement", "export_statement"):
        inside = [child for child in node.named_children if child.type in _ASSIGNMENTS or _DECLARES.search(child.type)]
        return _value_name(inside[0], depth + 1) if inside and depth <= _MOST_DEPTH else ""
    if node.type not in _ASSIGNMENTS and not _DECLARES.search(node.type):
        return ""
    named = next((found for field in _NAMED_BY if (found := node.child_by_field_name(field))), None)
    if named is not None:
        inner = named.child_by_field_name("name") or named.child_by_field_name("declarator")
        return " ".join(_text(inner or named).split())
    if node.type == "rule_set" and node.named_children:  # CSS
        return " ".join(_text(node.named_children[0]).split())
    inside = [child for child in node.named_children if _DECLARES.search(child.type) or "declarator" in child.type]
    if not inside or depth > _MOST_DEPTH:
        return ""
    name = inside[0].child_by_field_name("name")
    return _text(name) if name is not None else _value_name(inside[0], depth + 1)


def _head(node: Node) -> str:
    body = node.child_by_field_name("body")
    stop = body.start_byte - node.start_byte if body is not None else None
    return " ".join((node.text or b"")[:stop].decode("utf-8", "replace").split())


def _text(node: Node | None) -> str:
    return "" if node is None else (node.text or b"").decode("utf-8", "replace")


def _last_row(node: Node) -> int:
    ends_before = node.end_point.column == 0 and node.end_point.row > node.start_point.row
    return node.end_point.row - ends_before


def blank_between(lines: Sequence[str], stop: int, start: int) -> int:
    """Return how many blank lines stand between two pieces."""
    return sum(is_blank(line) for line in lines[stop:start])
