"""What a selection means: whole lines, of whole statements.

Input: text, a language and lines. Output: lines. Knows nothing of why they are selected.
"""

from __future__ import annotations

from collections.abc import Sequence

from tree_sitter import Node

from codefuse_lsp.context.definitions import LineSpan
from codefuse_lsp.context.grammars import parse
from codefuse_lsp.edits.indentation import indent_of
from codefuse_lsp.edits.lines import is_blank

MOST_ROUNDS = 8  # of widening; each takes in what the one before has cut


def widened(lines: Sequence[str], language: str, span: LineSpan) -> LineSpan:
    """Return the lines of a selection without blank ones at its edges, and with the rest of each statement in it."""
    start, stop = span.start, min(span.stop, len(lines))
    while start < stop and is_blank(lines[start]):
        start += 1
    while stop > start and is_blank(lines[stop - 1]):
        stop -= 1
    if start == stop:
        return span
    root = parse("".join(lines), language)
    if root is None or any(line.endswith("\r") for line in lines):  # whose lines tree-sitter does not count
        return LineSpan(start, stop)
    for _ in range(MOST_ROUNDS):
        indent = len(indent_of(lines[start]))  # a block begins there, with its first statement
        width = len(lines[stop - 1].rstrip().encode("utf-8", "surrogatepass"))
        around = _whole(root, (start, indent), (stop - 1, width))
        if around == (start, stop):
            break
        start, stop = around
    return LineSpan(start, min(stop, len(lines)))


def _whole(root: Node, first: tuple[int, int], last: tuple[int, int]) -> tuple[int, int]:
    """Return the rows of the siblings that lines cut or hold, given where their text begins and ends."""
    (start, _), stop = first, last[0] + 1
    node = root.descendant_for_point_range(first, last) or root
    if node.parent is not None and not node.child_count:
        node = node.parent
    touched = [child for child in node.children if child.start_point.row < stop and _last_row(child) >= start]
    rows = [(child.start_point.row, _last_row(child) + 1) for child in touched]
    return min([start, *(first for first, _ in rows)]), max([stop, *(last for _, last in rows)])


def _last_row(node: Node) -> int:
    ends_before = node.end_point.column == 0 and node.end_point.row > node.start_point.row
    return node.end_point.row - ends_before


def insertion(lines: Sequence[str], line: int) -> tuple[LineSpan, str]:
    """Return the lines that code for a cursor's line takes the place of, and how deep it stands.

    A blank line is filled; below any other one a line is put in, as deep as what follows where that is deeper.
    """
    line = min(line, max(len(lines) - 1, 0))
    if not lines or is_blank(lines[line]):
        typed = lines[line].rstrip("\r\n") if lines else ""
        return LineSpan(line, min(line + 1, len(lines))), typed or _depth_between(lines, line)
    below = next((indent_of(one) for one in lines[line + 1 :] if not is_blank(one)), "")
    here = indent_of(lines[line])
    return LineSpan(line + 1, line + 1), below if len(below) > len(here) else here


def _depth_between(lines: Sequence[str], line: int) -> str:
    """Return how deep a blank line stands: as the next line, or as the one above where a block goes on there."""
    above = next((indent_of(one) for one in reversed(lines[:line]) if not is_blank(one)), "")
    below = next((indent_of(one) for one in lines[line + 1 :] if not is_blank(one)), "")
    return below if len(below) >= len(above) else above if is_right_below(lines, line) else below


def is_right_below(lines: Sequence[str], line: int) -> bool:
    """Return whether the line above has something on it."""
    return line > 0 and not is_blank(lines[line - 1])
