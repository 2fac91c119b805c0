"""Code that is too long, cut behind a whole statement.

Input: text, an LSP language id and how many characters there is room for. Output: the text's beginning. Knows nothing
of prompts.
"""

from __future__ import annotations

from codefuse_lsp.context.grammars import nodes, parse
from codefuse_lsp.context.widening import CONTAINER


def cut_at_nodes(text: str, language: str, max_chars: int) -> str:
    """Return the longest beginning that fits and ends with a whole statement, else with a whole line.

    A statement of any depth counts, so that a long function is cut between two of its own.
    """
    if len(text) <= max_chars:
        return text
    lines = text.split("\n")
    fitting, chars = 0, 0
    while fitting < len(lines) and (chars := chars + len(lines[fitting]) + 1) <= max_chars:
        fitting += 1
    root = parse(text, language)
    ends = [0]
    for node in nodes(root) if root is not None else ():
        if node.start_point.row < fitting and CONTAINER.fullmatch(node.type):
            ends += [child.end_point.row + 1 for child in node.named_children if child.end_point.row < fitting]
    kept = max(ends) or fitting
    return "\n".join(lines[:kept]) + "\n" if kept else text[:max_chars]
