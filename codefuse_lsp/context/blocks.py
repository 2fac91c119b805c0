"""Where a block of several lines is wanted: behind what opens one, in an empty body, between definitions.

Input: the text round the cursor and its tree where there is one. Output: yes or no. Knows code's surface: how lines
end and how deep they stand; a tree only tells what stands round a blank line.
"""

from __future__ import annotations

import re

from codefuse_lsp.context.cursor import CursorContext
from codefuse_lsp.context.dialects import (
    BRACES,
    C_LIKE,
    DASH_COMMENTS,
    DATA,
    ENDS,
    HASH_COMMENTS,
    MARKUP,
    SCRIPTS,
    SLASH_COMMENTS,
)
from codefuse_lsp.context.trees import SyntaxAt
from codefuse_lsp.context.whereabouts import is_comment

# A string that is not closed goes on to the line's end: looked for again at each of its quotes, it would take seconds.
_BRACKETS = re.compile(r"""[([{]|[)\]}]|"(?:\\.|[^"\\])*"?|'(?:\\.|[^'\\])*'?""")
_PYTHON_HEADER = re.compile(
    r"\s*(?:(?:async|def|for|with|class|if|elif|else|while|try|except|finally|match|case)\b|\)).*:"
)
_CASE_LABEL = re.compile(r"\s*(?:case\b.*|default|public|private|protected)\s*:")
_END_OPENER = re.compile(
    r".*(?:\b(?:do|then|else|begin|repeat|ensure)|\bdo\s*\|[^|]*\||\bin|\bfunction\b[^)]*\)|^\s*(?:def|function)\b.*\))"
)
_END_HEADER = re.compile(
    r"\s*(?:def|class|module|if|unless|while|until|for|case|when|rescue|elsif|describe)\b(?!.*\bend$).*"
)
_OPEN_TAG = re.compile(
    r".*<(?!area|base|br|col|embed|hr|img|input|link|meta|source|wbr|!)[\w.:-]*(?:\s[^<>]*)?(?<![/-])>"
)
_TRAILING = {"#": HASH_COMMENTS, "//": SLASH_COMMENTS, "--": DASH_COMMENTS}
_BRACES_TYPED_AHEAD = re.compile(r"""\{\s*\}[)\]},;"'`]*\s*""")  # by the editor, with the cursor between them
_YAML_KEY = re.compile(r"(?:\s*-)*\s*[^\s#][^#]*:(?:\s+[|>][-+\d]*)?")
_DOCSTRING_QUOTES = ('"' * 3, "'" * 3)
_DECORATOR = re.compile(r"\s*(?:@\w|#\[|\[\w[\w.]*(?:\(.*\))?\]$)")
_CLASS = re.compile(r"\s*(?:[\w<>,@\[\]()]+\s+)*(?:class|interface|trait|impl|struct|enum|module|namespace)\b")
_DEFINITION = re.compile(
    "function|method|class|struct|impl|trait|interface|enum|module|definition|_item|declaration|rule_set|media|type"
)


def wants_block(context: CursorContext, at: SyntaxAt | None) -> bool:
    """Return whether more than one line is wanted at a cursor in code."""
    if not context.at_line_end:
        return bool(_BRACES_TYPED_AHEAD.fullmatch(context.line_prefix[-1:] + context.line_suffix))
    if not context.on_blank_line:
        return opens_block(context.line_prefix, context.language)
    if is_comment(context.suffix.partition("\n")[2].partition("\n")[0], context.language):
        return False  # a comment is going on, or begins the definition below
    above = _line_above(context)
    if above is None:
        return context.language not in DATA
    if opens_block(above, context.language, is_whole=True):
        return not body_below(context, above)
    if _DECORATOR.match(above) and context.language not in DATA:
        return True
    return _is_between_definitions(context, at) or _ends_braced_body(context)


def opens_block(line: str, language: str, *, is_whole: bool = False) -> bool:
    """Return whether a line opens a block below it; `is_whole` tells that nothing more is typed on it."""
    if language == "yaml" and line.endswith(" ") and not is_whole:
        return False  # a value is to come
    line = _without_comment(line, language).rstrip()
    if line.endswith(("{", "(", "[")) and language not in MARKUP - SCRIPTS - {"php"}:
        return True
    if language == "python":
        return bool(_PYTHON_HEADER.fullmatch(line)) and depth(line.lstrip().lstrip(")")) <= 0
    if language in ENDS:
        return bool(_END_OPENER.fullmatch(line) or (is_whole and _END_HEADER.fullmatch(line)))
    if language in MARKUP and _OPEN_TAG.fullmatch(line) and not line.endswith("=>"):
        return True
    if language == "yaml":
        return bool(_YAML_KEY.fullmatch(line))
    if language in C_LIKE:
        arrow = line.endswith("=>") or (language == "java" and line.endswith("->"))
        return arrow or bool(_CASE_LABEL.fullmatch(line))
    if language in BRACES or language in DATA or language in MARKUP:
        return False
    return line.endswith((":", "=>", "->")) or bool(re.search(r"\b(do|then|begin)$", line))


def _without_comment(line: str, language: str) -> str:
    """Return a line without the comment at its end; one with a quote in it stays, for it may be no comment."""
    marks = [mark for mark, languages in _TRAILING.items() if language in languages]
    for mark in marks:
        head, found, comment = line.partition(f" {mark} ")
        if found and not set(comment) & set("\"'`"):
            return head
    return line


def body_below(context: CursorContext, header: str | None = None) -> bool:
    """Return whether the next line that is not blank stands deeper than `header`, the cursor's line when None."""
    below = next((line for line in context.suffix.split("\n")[1:] if line.strip()), None)
    return below is not None and _width(below) > _width(context.line_prefix if header is None else header)


def depth(line: str) -> int:
    """Return how many more brackets a line opens than it closes, those in strings left out."""
    return sum((token in "([{") - (token in ")]}") for token in _BRACKETS.findall(line))


def _line_above(context: CursorContext) -> str | None:
    """Return the nearest line above that is neither blank nor a comment, nor of a docstring."""
    quotes = ""
    for line in reversed(context.prefix.split("\n")[:-1]):
        text = line.strip()
        if quotes:
            quotes = "" if text.lstrip("rRbBuU").startswith(quotes) else quotes
        elif text.endswith(_DOCSTRING_QUOTES) and context.language == "python":
            quotes = "" if len(text) > 3 and text.startswith(text[-3:]) else text[-3:]
        elif text and not is_comment(text, context.language):
            return line
    return None


def _is_between_definitions(context: CursorContext, at: SyntaxAt | None) -> bool:
    """Return whether a blank line stands at the top level or in a class, and not among other statements."""
    if context.language in DATA or context.language in MARKUP - SCRIPTS - {"php"}:
        return False
    lines = context.prefix.split("\n")
    directly_above = lines[-2] if len(lines) > 1 else ""
    width = _width(context.line_prefix)
    if width:
        around = next((line for line in reversed(lines[:-1]) if line.strip() and _width(line) < width), "")
        if not _CLASS.match(around):
            return False
    elif at is not None and not _is_at_top(at):
        return False
    stands_alone = not directly_above.strip() or is_comment(directly_above, context.language)
    return stands_alone or _width(directly_above) > width or (not width and _ends_definition(at))


def _is_at_top(at: SyntaxAt) -> bool:
    node = at.root.descendant_for_byte_range(at.cursor, at.cursor)
    return node is None or node.parent is None or node.start_byte >= at.cursor or node.end_byte <= at.cursor


def _ends_definition(at: SyntaxAt | None) -> bool:
    """Return whether what stands above at the top level is a definition of more than one line."""
    if at is None:
        return False
    above = [child for child in at.root.named_children if child.end_byte <= at.cursor][-1:]
    return any(_DEFINITION.search(node.type) and node.end_point.row > node.start_point.row for node in above)


def _ends_braced_body(context: CursorContext) -> bool:
    """Return whether a bracket or `end` right below closes the body: a line that opens a block could not close it."""
    if context.language not in BRACES and context.language not in ENDS:
        return False
    below = next((line for line in context.suffix.split("\n")[1:] if line.strip()), "")
    return _width(below) < _width(context.line_prefix) and below.lstrip().startswith(("}", ")", "end", "fi", "done"))


def _width(line: str) -> int:
    return len(line) - len(line.lstrip())
