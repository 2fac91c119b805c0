"""In what kind of text a cursor stands: code, a comment, a string or prose.

Input: the cursor's context and, where there is one, its tree. Output: a `Within`. Knows nothing of what follows
from it.
"""

from __future__ import annotations

import re
from enum import Enum

from tree_sitter import Node

from codefuse_lsp.context.cursor import CursorContext
from codefuse_lsp.context.dialects import DASH_COMMENTS, HASH_COMMENTS, PROSE, SLASH_COMMENTS
from codefuse_lsp.context.trees import SyntaxAt

MAX_PARENTS = 12  # looked at above the cursor's node; each costs a walk from the root
_COMMENT = re.compile("comment")
_STRING = re.compile("string|char(acter)?_literal|heredoc|quote_scalar|block_scalar|quoted_attribute_value|regex")
_NO_STRING = frozenset({"string_scalar"})  # YAML's word for a plain value
_CODE = re.compile("interpolation|substitution|expansion|embedded")  # code inside a string
_FENCE = re.compile(r"^ {0,3}(```+|~~~+)[ \t]*([\w+#-]*)[^`\n]*$", re.MULTILINE)
_FENCE_LANGUAGES = {
    **{"py": "python", "js": "javascript", "jsx": "javascriptreact", "ts": "typescript", "tsx": "typescriptreact"},
    **{"sh": "shellscript", "bash": "shellscript", "shell": "shellscript", "zsh": "shellscript", "c++": "cpp"},
    **{"cs": "csharp", "c#": "csharp", "rb": "ruby", "rs": "rust", "golang": "go", "yml": "yaml", "": "plaintext"},
}


class Within(Enum):
    """What a cursor stands in."""

    CODE = "code"
    COMMENT = "comment"
    STRING = "string"
    PROSE = "prose"


def within(context: CursorContext, at: SyntaxAt | None) -> Within:
    """Return what the cursor stands in, by the tree, else by how its line begins."""
    if context.language in PROSE:
        return Within.PROSE
    found = None if at is None else _by_tree(at)
    if found is not None:
        return found
    return Within.COMMENT if is_comment(context.line_prefix, context.language) else Within.CODE


def is_comment(line: str, language: str) -> bool:
    """Return whether a line is, from its beginning, a comment."""
    line = line.lstrip()
    return (
        (language in HASH_COMMENTS and line.startswith("#") and not line.startswith("#["))
        or (language in SLASH_COMMENTS and line.startswith(("//", "/*", "* ")))
        or (language in DASH_COMMENTS and line.startswith("--"))
    )


def fenced_code(context: CursorContext) -> CursorContext | None:
    """Return the context inside the fence of a Markdown text that the cursor stands in, in the fence's own language."""
    opened = None
    for fence in _FENCE.finditer(context.prefix[: len(context.prefix) - len(context.line_prefix)]):
        opened = fence if opened is None else None
    if opened is None:
        return None
    closing = _FENCE.search(context.suffix)
    language = _FENCE_LANGUAGES.get(opened[2].lower(), opened[2].lower())
    return CursorContext(
        uri=context.uri,
        path=context.path,
        language=language,
        version=context.version,
        prefix=context.prefix[opened.end() + 1 :],
        suffix=context.suffix[: closing.start()] if closing else context.suffix,
        line_end=context.line_end,
    )


def _by_tree(at: SyntaxAt) -> Within | None:
    """Return what the character before the cursor is part of; None where the tree has only an error there."""
    node = at.root.descendant_for_byte_range(max(0, at.cursor - 1), at.cursor)
    is_torn = False
    for _ in range(MAX_PARENTS):
        if node is None:
            break
        if _CODE.search(node.type):
            return Within.CODE
        if _COMMENT.search(node.type) and _goes_on(node, at):
            return Within.COMMENT
        if _STRING.search(node.type) and node.type not in _NO_STRING and _is_inside(node, at):
            return Within.STRING
        is_torn = is_torn or node.is_error
        node = node.parent
    return None if is_torn else Within.CODE


def _goes_on(node: Node, at: SyntaxAt) -> bool:
    """Return whether a comment would go on with what is typed at the cursor."""
    return at.cursor < node.end_byte or not at.source[: at.cursor].endswith((b"*/", b"-->", b"\n", b"]]", b"=end"))


def _is_inside(node: Node, at: SyntaxAt) -> bool:
    return node.start_byte < at.cursor < node.end_byte
