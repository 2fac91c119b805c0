"""Whether the line before a cursor is whole, so that to ask for its continuation would be useless.

Input: the text round the cursor and its tree where there is one. Output: yes or no; in doubt no. Knows nothing of what
is done with it.
"""

from __future__ import annotations

import re

from codefuse_lsp.context.blocks import body_below, depth, opens_block
from codefuse_lsp.context.cursor import CursorContext
from codefuse_lsp.context.dialects import BRACES, ENDS, MARKUP, NEW_LINES, SCRIPTS, SEMICOLONS
from codefuse_lsp.context.trees import SyntaxAt

LINES_TELLING_STYLE = 8
_CLOSING_LINE = re.compile(r"\s*[})\]]+[;,]?")  # nothing but closing brackets
_ENDING_LINE = re.compile(r"\s*(end|fi|done|esac|;;)")
_TAG_LINE = re.compile(r"\s*(</[\w.:-]+>|<!--.*-->)")
_TAG_END = re.compile(r".*(/>|</[\w.:-]+>|<(br|hr|img|input|link|meta|!doctype)\b[^<>]*>)", re.IGNORECASE)
_WHOLE_END = re.compile(r"""[)\]}"'`]$|\b(pass|break|continue|None|True|False|true|false|nil|null)$""")
_GOES_ON = re.compile(r"\s*(func|function|def|if|for|while|class|unless|until|case|when|switch|select)\b")
_NAMES_AT_END = re.compile(r"\s*(?:return|raise|import|from\s.*\simport|del|global|nonlocal|goto)\s(?:.*\W)?(\w+)")


def is_finished(context: CursorContext, at: SyntaxAt | None) -> bool:
    """Return whether nothing is left to write on the cursor's line."""
    line, language = context.line_prefix, context.language
    text = line.rstrip()
    if not text or not context.at_line_end:
        return False
    if opens_block(text, language):
        return not text.endswith(("(", "[", "=>", "->")) and body_below(context)
    if text.endswith((";", "*/", "-->")):
        return language not in ENDS and (not text.endswith(";") or (language in SEMICOLONS and depth(text) <= 0))
    if text != line:
        return False  # white space was typed for something to come: `} else`, `f() do`
    if _is_entry(context):
        return True
    if _closes(text, language) or (_ends_with_line(context) and _is_whole(context)):
        return at is None or _is_right(at, text)
    return False


def _closes(text: str, language: str) -> bool:
    """Return whether a line does nothing but close."""
    return bool(
        (language in BRACES and _CLOSING_LINE.fullmatch(text))
        or (language in ENDS and _ENDING_LINE.fullmatch(text))
        or (language in MARKUP and _TAG_LINE.fullmatch(text))
        or (language in ("html", "xml", "vue", "svelte") and _TAG_END.fullmatch(text))
    )


def _is_entry(context: CursorContext) -> bool:
    """Return whether a line is one of several entries, each on a line of its own, and has its comma."""
    text = context.line_prefix
    if not text.endswith(",") or depth(text) or not text[:-1].strip():
        return False
    above = context.prefix[: -len(text)].rstrip().rpartition("\n")[2]
    return above.endswith((",", "(", "[", "{"))


def _ends_with_line(context: CursorContext) -> bool:
    """Return whether statements end with their line, as in a script whose author writes no semicolons."""
    if context.language in NEW_LINES:
        return True
    is_bare = ";\n" not in context.prefix and ";\n" not in context.suffix
    return context.language in SCRIPTS and is_bare and context.prefix.count("\n") >= LINES_TELLING_STYLE


def _is_whole(context: CursorContext) -> bool:
    """Return whether a line ends as a whole statement does: with a bracket, a literal, or a name known to be whole."""
    text = context.line_prefix
    if depth(text) or _GOES_ON.match(text):
        return False
    if _WHOLE_END.search(text):
        return context.language != "ruby" or not text.endswith((")", "]"))  # a block may follow
    named = _NAMES_AT_END.fullmatch(text)
    if named is None:
        return False
    others = context.prefix[: -len(text)] + "\n" + context.suffix
    return set(re.findall(rf"\b{re.escape(named[1])}\w*", others)) == {named[1]}


def _is_right(at: SyntaxAt, text: str) -> bool:
    """Return whether the tree has no error in the cursor's line."""
    start = at.cursor - len(text.lstrip().encode("utf-8", "surrogatepass"))
    node = at.root.descendant_for_byte_range(max(0, start), at.cursor)
    return node is not None and not node.has_error
