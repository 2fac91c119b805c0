"""What of a text is meant when a part of it is selected: whole statements, never half of one.

Input: text, an LSP language id and the lines that are selected, or the cursor's. Output: a `LineSpan`. Told by the
grammar; without one the lines stay as they are. Knows nothing of editors or of what is done with them.
"""

from __future__ import annotations

import re

from tree_sitter import Node

from codefuse_lsp.context.definitions import LineSpan
from codefuse_lsp.context.grammars import parse

# Nodes whose children are statements or members, each on lines of its own; of all grammars together.
CONTAINER = re.compile(
    r"(?!heredoc)(?:.*_)?(?:block|body)|module|program|source_file|translation_unit|compilation_unit|chunk|stylesheet|document"
    r"|(?:field_)?declaration_list|compound_statement|statement_list|do_group|then|else|ensure|begin|body_statement|enum_body_declarations|stream|switch_(?:case|default)"
    r"|match_block|enum_(?:variant|member_declaration)_list"
)
_IDLE = re.compile("import|include|using|package|comment|preproc|use_declaration")
_ENDS = frozenset({";", ",", "\n"})
_BEHIND = re.compile(r"[\s;,]*(?:(?://|#|--|/\*).*)?")  # what may follow a statement on its last line


def widened(text: str, language: str, span: LineSpan) -> LineSpan:
    """Return the smallest run of whole statements that holds the lines of `span`, without blank lines at its ends."""
    lines = text.split("\n")
    span = trimmed(lines, span)
    root = None if span.start == span.stop else parse(text, language)
    return span if root is None else _around(root, span, lines) or span


def statement_at(text: str, language: str, line: int) -> LineSpan | None:
    """Return the statement at a line; None on a blank line, without a grammar, and on what does nothing by itself.

    An import or a comment does not: who asks there means the file.
    """
    lines = text.split("\n")
    root = parse(text, language) if line < len(lines) and lines[line].strip() else None
    if root is None:
        return None
    there = [node for node in root.named_children if node.start_point.row <= line <= node.end_point.row]
    if not there or all(_IDLE.search(node.type) for node in there):
        return None
    return _around(root, LineSpan(line, line + 1), lines)


def trimmed(lines: list[str], span: LineSpan) -> LineSpan:
    """Return the lines without the blank ones at both ends; what is all blank is empty."""
    start, stop = span.start, min(span.stop, len(lines))
    while start < stop and not lines[start].strip():
        start += 1
    while stop > start and not lines[stop - 1].strip():
        stop -= 1
    return LineSpan(start, stop)


def _around(node: Node, span: LineSpan, lines: list[str]) -> LineSpan | None:
    """Return the innermost run of children, alone on their lines, that holds `span`."""
    inside = _touching(node, span)
    for child in inside:
        if child.start_point.row <= span.start and _last_row(child) >= span.stop - 1:
            found = _around(child, span, lines)
            if found is not None:
                return found
    if not inside or not CONTAINER.fullmatch(node.type):
        return None
    inside = _touching(node, LineSpan(inside[0].start_point.row, _last_row(inside[-1]) + 1))  # others on these lines
    if not all(child.is_named or child.type in _ENDS for child in inside):
        return None
    first, last = inside[0], inside[-1]
    behind = lines[_last_row(last)].encode("utf-8", "surrogatepass")[last.end_point.column :]
    ends = last.end_point.row != _last_row(last) or _BEHIND.fullmatch(behind.decode("utf-8", "replace"))
    if lines[first.start_point.row].encode("utf-8", "surrogatepass")[: first.start_point.column].strip() or not ends:
        return None
    covers = first.start_point.row <= span.start and _last_row(last) >= span.stop - 1
    return LineSpan(first.start_point.row, _last_row(last) + 1) if covers else None


def _touching(node: Node, span: LineSpan) -> list[Node]:
    return [child for child in node.children if child.start_point.row < span.stop and _last_row(child) >= span.start]


def _last_row(node: Node) -> int:
    ends_before_line = node.end_point.column == 0 and node.end_point.row > node.start_point.row
    return node.end_point.row - ends_before_line
