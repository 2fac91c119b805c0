"""Syntax trees by tree-sitter, whose grammars are imported when their language is first asked for.

Input: text and an LSP language id. Output: the root of its tree, or None for a language without a grammar here.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from functools import lru_cache

from tree_sitter import Language, Node, Parser

# language id -> module of the grammar, function in it
GRAMMARS = {
    "go": ("tree_sitter_go", "language"),
    "java": ("tree_sitter_java", "language"),
    "javascript": ("tree_sitter_javascript", "language"),
    "javascriptreact": ("tree_sitter_javascript", "language"),
    "python": ("tree_sitter_python", "language"),
    "rust": ("tree_sitter_rust", "language"),
    "typescript": ("tree_sitter_typescript", "language_typescript"),
    "typescriptreact": ("tree_sitter_typescript", "language_tsx"),
}

LEADING = {"comment", "line_comment", "block_comment", "attribute_item", "decorator"}  # what stands before a definition


def parse(text: str, language: str) -> Node | None:
    """Return the root of the syntax tree of `text`; None for a language without a grammar."""
    grammar = _grammar(language)  # a parser is cheap, and must not be shared between threads
    return None if grammar is None else Parser(grammar).parse(text.encode("utf-8", "surrogatepass")).root_node


def nodes(root: Node) -> Iterator[Node]:
    """Yield all nodes of a tree in the order of the text."""
    stack = [root]
    while stack:
        node = stack.pop()
        yield node
        stack += reversed(node.children)


@lru_cache(maxsize=len(GRAMMARS) + 1)
def _grammar(language: str) -> Language | None:
    if language not in GRAMMARS:
        return None
    module, function = GRAMMARS[language]
    return Language(getattr(importlib.import_module(module), function)())
