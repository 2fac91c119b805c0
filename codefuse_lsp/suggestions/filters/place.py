"""Where a suggestion is to stand, and what is wanted there.

Input: a `CursorContext`. Output: a frozen `Place`. Knows lines and how blocks are opened; knows nothing of models.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from codefuse_lsp.context.cursor import CursorContext
from codefuse_lsp.suggestions.filters.brackets import scan

TAB_COLUMNS = 4  # of a tab, where depths are compared; what an editor draws does not matter here
STATEMENT_LINES = 24  # above which a statement's beginning is not looked for
END_LANGUAGES = frozenset({"crystal", "elixir", "julia", "lua", "ruby", "shellscript", "vb"})  # blocks close by a word
MARKUP = frozenset({"html", "javascriptreact", "php", "svelte", "typescriptreact", "vue", "xml"})
PROSE = frozenset({"", "latex", "markdown", "plaintext", "restructuredtext", "asciidoc"})
_OPENER = re.compile(r"(?:[:{(\[]|=>|->|\b(?:do|then|begin))$")  # a line that ends so wants a block below it
_WORD_OPENER = re.compile(r"\s*(?:(?:local\s+)?function|def|class|module|if|unless|while|until|case|else|begin)\b")
_TAG_OPENER = re.compile(r"<(?!(?:area|base|br|col|embed|hr|img|input|link|meta|source|track|wbr)\b)[A-Za-z][^<>/]*>$")


@dataclass(frozen=True, slots=True)
class Place:
    """Where the text is to stand and how much of it is wanted.

    `is_cut` tells that the text ended because it had become too long, so that its last line may be half a line.
    """

    context: CursorContext
    block: bool  # whether more than one line is wanted
    is_cut: bool = False


def place_of(context: CursorContext) -> Place:
    """Return the place of a cursor: a block is wanted where a line has just been opened or nothing stands yet.

    Between braces that an editor closed, `{│}`, a block is wanted as well.
    """
    if not context.at_line_end:
        opened = context.line_prefix.rstrip().endswith("{")
        return Place(context, block=opened and set(context.line_suffix.strip()) <= set("}]);,"))
    opener = line_above(context) if context.on_blank_line else context.line_prefix
    return Place(context, block=opens_block(opener, context.language))


def opens_block(line: str, language: str) -> bool:
    """Whether the lines below `line` are to stand deeper than it."""
    line = line.rstrip()
    if is_comment(line):
        return False
    if _OPENER.search(line):
        return True
    if language in END_LANGUAGES and _WORD_OPENER.match(line):
        return not re.search(r"\b(?:end|fi|done)$", line)
    return language in MARKUP and bool(_TAG_OPENER.search(line))


@lru_cache(maxsize=8)
def line_above(context: CursorContext) -> str:
    """Return the nearest line above the cursor's that is not blank; '' where there is none."""
    return next((line for line in reversed(context.prefix.split("\n")[:-1]) if line.strip()), "")


@lru_cache(maxsize=8)
def statement_depth(context: CursorContext) -> int:
    """Return the depth of the line on which the cursor's statement began: where a bracket it closes was opened."""
    lines = context.prefix.split("\n")[-STATEMENT_LINES:]
    start = len(lines) - 1
    while start and scan("\n".join(lines[start:])).closed:
        start -= 1
    return depth(lines[start] + "." * (start == len(lines) - 1))


def lines_below(context: CursorContext, count: int = 1) -> list[str]:
    """Return the next lines below the cursor's that are not blank."""
    return [line for line in context.suffix.split("\n")[1:] if line.strip()][:count]


def depth(line: str) -> int:
    """Return how many columns of white space a line begins with."""
    return len(line[: len(line) - len(line.lstrip())].expandtabs(TAB_COLUMNS))


def in_comment(context: CursorContext) -> bool:
    """Whether the cursor stands in a comment, or in text of which comments are no other kind."""
    line = context.line_prefix if context.line_prefix.strip() else line_above(context)
    return context.language in PROSE or bool(
        _COMMENTED.search(line) if context.line_prefix.strip() else is_comment(line)
    )


def is_comment(line: str) -> bool:
    """Whether a line is nothing but a comment, by the marks of the usual languages."""
    return bool(_COMMENT_LINE.match(line))


_COMMENT_LINE = re.compile(
    r"\s*(?:#(?!include|define|if|else|endif|elif|undef|pragma|region|endregion|\[|!)|//|/\*|\*(?:\s|/|$)|--(?!\w)|<!--|;;|%%)"
)
_COMMENTED = re.compile(r"(?:^|\s)(?:#|//|/\*|\*|--|<!--|;;|%%)")
