"""Syntax errors that a grammar lets pass: tree-sitter's are made for colouring, and are laxer than a compiler.

Input: nodes and places of a tree. Output: how many such flaws there are. Knows nothing of why anybody asks.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from tree_sitter import Node

from codefuse_lsp.context.syntax import is_bodiless

MAX_PARENTS = 24  # looked at above a line's end; each costs a walk from the root
_BRACKETED = frozenset(
    {"argument_list", "parameters", "list", "dictionary", "set", "tuple", "parenthesized_expression", "subscript"}
    | {"list_comprehension", "dictionary_comprehension", "set_comprehension", "generator_expression", "string"}
    | {"list_pattern", "tuple_pattern", "dict_pattern", "class_pattern", "type_parameter", "interpolation"}
    | {"line_continuation", "with_clause", "ERROR"}
)
_CLAUSES = frozenset({"elif_clause", "else_clause", "except_clause", "except_group_clause", "finally_clause"})
_COMPOUND = re.compile(
    r"module|block|.*_clause|.*_definition|(?:if|for|while|try|with|match|async_for|async_with)_statement"
)


def python_flaws(node: Node) -> int:
    """Return how many flaws a node has: no body, `+=` in a chain, statements or clauses that leave their column."""
    if node.type == "expression_statement":
        return int(_augments_in_chain(node.named_children[0] if node.named_children else None))
    if node.type not in ("block", "module"):
        return is_bodiless(node) + _clauses_out_of_line(node)
    before, first, last, out_of_line = "", None, None, 0
    for child in node.children:
        kind = child.type
        if before != ";" and kind not in (";", "comment"):
            column = child.start_point.column
            first = column if first is None else first
            out_of_line += column not in (first, last)
            last = column
        before = kind
    return is_bodiless(node) + out_of_line


def _clauses_out_of_line(node: Node) -> int:
    """Return how many of a statement's clauses, such as `else`, stand at another column than it does."""
    if not node.type.endswith("_statement"):
        return 0
    row, column = node.start_point
    clauses = [child.start_point for child in node.children if child.type in _CLAUSES]
    return sum(start.row != row and start.column != column for start in clauses)


def _augments_in_chain(node: Node | None) -> bool:
    """Whether assignments that follow each other, as in `a = b = c`, are not all plain ones."""
    kinds = []
    while node is not None and node.type in ("assignment", "augmented_assignment"):
        kinds.append(node.type)
        node = node.child_by_field_name("right")
    return len(kinds) > 1 and "augmented_assignment" in kinds


def html_flaws(node: Node) -> int:
    """Return whether a node is an end tag of nothing."""
    return int(node.type == "erroneous_end_tag")


SILENT_FLAWS: Final[dict[str, Callable[[Node], int]]] = {"python": python_flaws, "html": html_flaws}


def joined_lines(root: Node, source: bytes, start: int, stop: int) -> int:
    """Return how many line ends of a Python text, from `start` to `stop`, stand amid an expression with no bracket.

    The grammar goes on with `x =` in the next line.
    """
    found, end = 0, source.find(b"\n", start)
    while 0 <= end <= stop:
        found += _is_amid(root.descendant_for_byte_range(end, end + 1), end)
        end = source.find(b"\n", end + 1)
    return found


def _is_amid(node: Node | None, place: int) -> bool:
    for _ in range(MAX_PARENTS):
        if node is None or node.type in _BRACKETED or _is_in_parentheses(node, place):
            return False
        if _COMPOUND.fullmatch(node.type):
            return False
        around = node.parent
        if around is None or node.type.endswith("_statement") or _COMPOUND.fullmatch(around.type):
            return True
        node = around
    return False


def _is_in_parentheses(node: Node, place: int) -> bool:
    if node.type != "import_from_statement":
        return False
    return any(child.type == "(" and child.start_byte < place for child in node.children)
