"""A generated text that was cut short, mended: its last whole statement kept, its open blocks closed.

Input: text and an LSP language id. Output: text that parses, or ''. Knows nothing of what the text is for.
"""

from __future__ import annotations

from dataclasses import dataclass

from tree_sitter import Node

from codefuse_lsp.context.grammars import nodes, parse
from codefuse_lsp.context.syntax import is_whole, whole_statements

_CLOSERS = {"{": "}", "${": "}", "(": ")", "[": "]"}
_OPEN_ENDS = ("{", "(", "[", ",", "=", "=>", "+", "-", "*", "&&", "||", "?", ":", ".")
_LEADS = ("#", "//", "/*", "*", "@")  # comments, attributes, decorators: what they lead was cut off
_WITH_SEMICOLON = frozenset({"javascript", "javascriptreact", "typescript", "typescriptreact", "java", "rust"})
MAX_LINES_GIVEN_UP = 200


@dataclass(frozen=True, slots=True)
class _Opened:
    closer: str
    row: int


def closed_statements(text: str, language: str) -> str:
    """Return the longest head of `text` that parses once its open blocks are closed, with what closes them.

    For tests that were cut off inside `describe(… {`, `class XTest {` or a long function, of which `whole_statements`
    would leave nothing. Where no such head is found, or there is no grammar, it is what `whole_statements` leaves.
    """
    lines = text.split("\n")
    for stop in range(len(lines), max(0, len(lines) - MAX_LINES_GIVEN_UP), -1):
        last = lines[stop - 1].strip()
        if not last or last.endswith(_OPEN_ENDS) or last.startswith(_LEADS):
            continue
        head = "\n".join(lines[:stop]).rstrip() + "\n"
        root = parse(head, language)
        if root is None:
            break
        closed = head + _closing(root, lines, language)
        if (tree := parse(closed, language)) is not None and is_whole(tree):
            return closed
    return whole_statements(text, language)


def _closing(root: Node, lines: list[str], language: str) -> str:
    """Return the lines that close what is open, each at the indentation of the line that opened it."""
    opened = _open_brackets(root)
    if not opened or opened[-1].closer != "}":  # cut inside an expression: closing it would change what it says
        return ""
    closing = ""
    while opened:
        row, closers = opened[-1].row, ""
        while opened and opened[-1].row == row:
            closers += opened.pop().closer
        indent = lines[row][: len(lines[row]) - len(lines[row].lstrip())]
        semicolon = ";" if closers.endswith(")") and language in _WITH_SEMICOLON else ""
        closing += f"{indent}{closers}{semicolon}\n"
    return closing


def _open_brackets(root: Node) -> list[_Opened]:
    opened: list[_Opened] = []
    for node in nodes(root):
        if node.child_count or node.is_missing:
            continue
        if node.type in _CLOSERS:
            opened.append(_Opened(_CLOSERS[node.type], node.start_point.row))
        elif opened and node.type == opened[-1].closer:
            opened.pop()
    return opened
