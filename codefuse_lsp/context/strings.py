"""The strings of a text that go over several lines: what is in them is data, and no indentation of code.

Input: text and an LSP language id. Output: their lines. Knows nothing of what is done with them.
"""

from __future__ import annotations

import re

from codefuse_lsp.context.definitions import LineSpan
from codefuse_lsp.context.grammars import nodes, parse

_STRING = re.compile("string|heredoc|template|text_block|raw_text|block_scalar|literal")
_CODE = re.compile(
    "statement|block|body|declaration|definition|function|parameters|template_(?:param|arg|type|func|decl|meth)"
)


def long_strings(text: str, language: str) -> list[LineSpan]:
    """Return, for each string over several lines, the lines behind its first one, in the order of the text."""
    root = parse(text, language)
    if root is None:
        return []
    found: list[LineSpan] = []
    for node in nodes(root):
        start, stop = node.start_point.row + 1, node.end_point.row + 1
        if start >= stop or (found and start < found[-1].stop):
            continue
        if _STRING.search(node.type) and not _CODE.search(node.type):
            found.append(LineSpan(start, stop))
    return found
