"""What the grammar of a language says of a text: whether it parses, and which definitions and statements it holds.

Input: text and an LSP language id. Output: answers, or None for a language without a grammar here. Knows nothing of
prompts or editors.
"""

from __future__ import annotations

from tree_sitter import Node

from codefuse_lsp.context.definitions import Definition, LineSpan, definition, definition_name, enclosing_definition
from codefuse_lsp.context.grammars import LEADING, nodes, parse
from codefuse_lsp.context.languages import language_of

__all__ = [
    "Definition",
    "LineSpan",
    "definition",
    "definition_name",
    "enclosing_definition",
    "language_of",
    "parses",
    "whole_statements",
]


def parses(text: str, language: str) -> bool | None:
    """Return whether `text` is a whole, correct file of its language; None when there is no telling."""
    root = parse(text, language)
    return None if root is None else not root.has_error and not _lacks_body(root)


def whole_statements(text: str, language: str) -> str:
    """Return the longest head of `text` made of whole top-level statements with no syntax error, '' where none is.

    A comment, decorator or attribute that leads a statement left out is left out with it. Without a grammar, the last
    line is left out, since it may have been cut.
    """
    root = parse(text, language)
    if root is None:
        return text[: text.rfind("\n") + 1]
    if is_whole(root):
        return text
    lines = text.split("\n")
    for stop in range(min(first_flaw_row(root), len(lines) - 1), 0, -1):
        if not _begins_statement(lines[stop]) or _leads(lines[stop - 1]):
            continue
        head = lines_up_to(lines, stop)
        if (tree := parse(head, language)) is not None and is_whole(tree):
            return head
    return ""


def is_whole(root: Node) -> bool:
    """Return whether a tree holds statements and no syntax error."""
    statements = (child for child in root.named_children if child.type not in LEADING)
    return not root.has_error and next(statements, None) is not None and not _lacks_body(root)


def first_flaw_row(root: Node) -> int:
    """Return the last row of the first node that is wrong, missing or without a body: no head beyond it can parse."""
    rows = (n.end_point.row for n in nodes(root) if n != root and (n.is_error or n.is_missing or is_bodiless(n)))
    return next(rows, root.end_point.row)


def lines_up_to(lines: list[str], stop: int) -> str:
    """Return the lines before `stop`, without the blank ones at their end."""
    while stop > 0 and not lines[stop - 1].strip():
        stop -= 1
    return "\n".join(lines[:stop]) + "\n" if stop else ""


def _lacks_body(root: Node) -> bool:
    return any(is_bodiless(node) for node in nodes(root))


def is_bodiless(node: Node) -> bool:
    """Return whether a Python statement has no body, or a `try` no handler: the grammar lets both pass."""
    if node.type == "block":
        return node.child_count == 0  # in other languages a block has at least its braces
    return node.type == "try_statement" and node.named_children[-1].type == "block"


def _begins_statement(line: str) -> bool:
    first = line[:1]
    return bool(first.strip()) and first not in ")}]" and not line.startswith(("else", "elif", "except", "finally"))


def _leads(line: str) -> bool:
    return line.startswith(("#", "//", "/*", "*", " *", "@"))
