"""Syntax trees by tree-sitter, whose grammars are imported when their language is first asked for.

Input: text and an LSP language id. Output: a tree, or None for a language without a grammar here and for a text whose
parse would take too long. Every grammar is a wheel of its own with nothing in it but the parser (MIT, 15 MB unpacked
for all): packs of grammars are larger or fetch them when first used.
"""

from __future__ import annotations

import importlib
import logging
import re
import time
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from tree_sitter import Language, Node, Parser, Point, Tree

log = logging.getLogger(__name__)

# language id -> module of the grammar, function in it
GRAMMARS: Final = {
    "c": ("tree_sitter_c", "language"),
    "cpp": ("tree_sitter_cpp", "language"),
    "csharp": ("tree_sitter_c_sharp", "language"),
    "css": ("tree_sitter_css", "language"),
    "go": ("tree_sitter_go", "language"),
    "html": ("tree_sitter_html", "language"),
    "java": ("tree_sitter_java", "language"),
    "javascript": ("tree_sitter_javascript", "language"),
    "javascriptreact": ("tree_sitter_javascript", "language"),
    "json": ("tree_sitter_json", "language"),
    "jsonc": ("tree_sitter_json", "language"),
    "lua": ("tree_sitter_lua", "language"),
    "markdown": ("tree_sitter_markdown", "language"),
    "php": ("tree_sitter_php", "language_php"),
    "python": ("tree_sitter_python", "language"),
    "ruby": ("tree_sitter_ruby", "language"),
    "rust": ("tree_sitter_rust", "language"),
    "shellscript": ("tree_sitter_bash", "language"),
    "toml": ("tree_sitter_toml", "language"),
    "typescript": ("tree_sitter_typescript", "language_typescript"),
    "typescriptreact": ("tree_sitter_typescript", "language_tsx"),
    "yaml": ("tree_sitter_yaml", "language"),
}

LEADING: Final = {"comment", "line_comment", "block_comment", "attribute_item", "decorator"}  # before a definition

PARSE_DEADLINE_S: Final = 0.05  # of this thread's own time: what else the machine does says nothing of the text
LARGEST_KEPT_CHARS: Final = 200_000  # of a text whose tree is kept; it takes 25 times as many bytes
_MOST_INDENTED, _MOST_INDICATORS = 120, 100
_YAML_LONG_LINE = re.compile(rb"[^\n]{%d,}" % min(_MOST_INDENTED, _MOST_INDICATORS))
_YAML_INDICATOR = re.compile(rb"[-?:](?=\s|$)")
_READ_BYTES: Final = 1 << 14  # given to the parser at a time; it asks again whenever it leaves a piece


def parse(text: str, language: str) -> Node | None:
    """Return the root of the syntax tree of `text`; None without a grammar or when it cannot be had in time.

    For what a user has asked for: it may take ten times as long as `parse_bytes` does between two keystrokes. The last
    tree is kept, since one question is often followed by others about the same text.
    """
    if len(text) > LARGEST_KEPT_CHARS:
        return _root(text, language)
    try:
        return _kept_root(text, language)
    except _NoTreeError:
        return None


class _NoTreeError(Exception):
    """There is no tree now, though there may be one when the machine is less busy: nothing to keep."""


@lru_cache(maxsize=1)
def _kept_root(text: str, language: str) -> Node:
    root = _root(text, language)
    if root is None:
        raise _NoTreeError
    return root


def _root(text: str, language: str) -> Node | None:
    tree = parse_bytes(text.encode("utf-8", "surrogatepass"), language, deadline_s=10 * PARSE_DEADLINE_S)
    return None if tree is None else tree.root_node


def parse_bytes(
    source: bytes, language: str, old: Tree | None = None, deadline_s: float = PARSE_DEADLINE_S
) -> Tree | None:
    """Return the tree of UTF-8 `source`, what has not changed taken from `old`, a tree edited to fit it.

    None without a grammar, for a binary file, or after `deadline_s` seconds of this thread's time. Other threads run
    meanwhile.
    """
    grammar = _grammar(language)
    if grammar is None or b"\0" in source or (language == "yaml" and _overruns_yaml(source)):
        return None
    ends, own_ends = time.perf_counter() + deadline_s, time.thread_time() + deadline_s

    def read(offset: int, _point: Point) -> bytes:
        return source[offset : offset + _READ_BYTES]

    def is_late(_offset: int, _has_error: bool) -> bool:
        return time.perf_counter() > ends and time.thread_time() > own_ends  # the second costs a system call

    parser = Parser(grammar)  # cheap, and must not be shared between threads
    try:
        if old is None:
            return parser.parse(read, progress_callback=is_late)
        return parser.parse(read, old, progress_callback=is_late)
    except ValueError:  # py-tree-sitter's word for a parse that was stopped
        return None


def nodes(root: Node) -> Iterator[Node]:
    """Yield all nodes of a tree in the order of the text."""
    stack = [root]
    while stack:
        node = stack.pop()
        yield node
        stack += reversed(node.children)


def _overruns_yaml(source: bytes) -> bool:
    """Return whether tree-sitter-yaml 0.7.2 might write beyond its memory, which no process survives.

    Its scanner keeps 4 bytes for each open block in the 1,024 that tree-sitter gives it. Every open block takes a
    column of indentation or an indicator on its line, so the nesting is at most the sum of the two.
    """
    return any(
        len(line) - len(line.lstrip(b" \t")) > _MOST_INDENTED or len(_YAML_INDICATOR.findall(line)) > _MOST_INDICATORS
        for line in _YAML_LONG_LINE.findall(source)
    )


@lru_cache(maxsize=len(GRAMMARS) + 1)
def _grammar(language: str) -> Language | None:
    if language not in GRAMMARS:
        return None
    module, function = GRAMMARS[language]
    try:
        return Language(getattr(importlib.import_module(module), function)())
    except (ImportError, OSError, AttributeError, ValueError) as error:  # missing, or built for another tree-sitter
        log.warning("the grammar for %s cannot be used: %s", language, error)
        return None
