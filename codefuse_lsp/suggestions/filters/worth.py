"""Whether what is left is worth a reader's look.

Filters: text and its place in, text or nothing out. Knows brackets and comments; knows nothing of models.
"""

from __future__ import annotations

import re

from codefuse_lsp.suggestions.filters.brackets import PAIRS, scan
from codefuse_lsp.suggestions.filters.place import Place, in_comment, is_comment

SHORTEST = 3  # characters of a line of its own; Tabby's dropMinimum.ts asks for 4 everywhere
SPAM_LINES = 2  # lines of nothing but comment where no comment was begun
_STARS = re.compile(r"/\*.*?(?:\*/|\Z)", re.DOTALL)
_ENDS_LINE = frozenset({":", ";", "{", ","})


def drop_comment_block(text: str, place: Place) -> str:
    """Say nothing rather than comment where code is wanted; a comment that was begun may be ended."""
    context = place.context
    if in_comment(context):
        return text
    lines = [line for line in text.split("\n") if line.strip()]
    outside = [line for line in _STARS.sub("", text).split("\n") if line.strip()]
    if not all(is_comment(line, context.language) for line in outside):
        return text
    wants_code = bool(context.line_prefix.strip()) and not _ends_statement(context.line_prefix)
    return "" if wants_code or len(lines) >= SPAM_LINES else text


def _ends_statement(line: str) -> bool:
    """Whether a line may stand as it is, so that a comment behind it is welcome."""
    return line.rstrip()[-1:] not in "=([{,:+-*/%<>&|.\\"


def drop_too_short(text: str, place: Place) -> str:
    """Say nothing rather than a character or two that complete nothing."""
    said = "".join(text.split())
    if len(said) >= SHORTEST or _closes(said, place):
        return text
    if not place.context.line_prefix.strip():
        return ""
    return text if any(map(str.isalnum, said)) or said in _ENDS_LINE else ""


def _closes(said: str, place: Place) -> bool:
    """Whether brackets or quotes of the text close something that is open at the cursor."""
    context = place.context
    line = scan(context.line_prefix)
    here = scan(said, line.quote)
    if not here.closed:
        return False
    if here.closed[0] == line.quote:
        return True
    before, after = scan(context.prefix), scan(context.suffix)
    still_open = before.opened[: max(0, len(before.opened) - sum(mark in PAIRS for mark in after.closed))]
    own = PAIRS.get(here.closed[0], "")
    return own in line.opened or own in still_open
