"""How many syntax errors a whole file has, so that a change can be told to bring none.

Input: text and an LSP language id. Output: a count, or None where there is no telling. Knows nothing of cursors: what
is still being typed is judged by `soundness`.
"""

from __future__ import annotations

from codefuse_lsp.context.definitions import LineSpan
from codefuse_lsp.context.grammars import parse
from codefuse_lsp.context.silent_flaws import SILENT_FLAWS

MAX_VISITS = 100_000  # nodes looked at; a file with more of them is beyond telling


def flaws(text: str, language: str, near: LineSpan) -> int | None:
    """Return how many flaws a file has: those of its grammar anywhere, those that the grammar lets pass in `near`.

    None without a grammar, and for a file that takes too long.
    """
    root = parse(text, language)
    if root is None:
        return None
    silent, found, visits, waiting = SILENT_FLAWS.get(language), 0, 0, [root]
    while waiting:
        node = waiting.pop()
        visits += 1
        if visits > MAX_VISITS:
            return None
        is_near = node.end_point.row >= near.start and node.start_point.row < near.stop
        found += int(node.is_error or node.is_missing) + (silent(node) if silent and is_near else 0)
        if node.has_error or (silent and is_near):
            waiting += node.children
    return found
