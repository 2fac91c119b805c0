"""Where a suggestion is to stand, and what is wanted there.

Input: a `CursorContext`. Output: a frozen `Place`. Knows lines and how blocks are opened; knows nothing of models.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache

from codefuse_lsp.context import blocks
from codefuse_lsp.context.cursor import CursorContext
from codefuse_lsp.prompts.languages import LANGUAGES
from codefuse_lsp.suggestions.filters.brackets import scan

TAB_COLUMNS = 4  # of a tab, where depths are compared; what an editor draws does not matter here
STATEMENT_LINES = 24  # above which a statement's beginning is not looked for
END_LANGUAGES = frozenset({"crystal", "elixir", "julia", "lua", "ruby", "shellscript", "vb"})  # blocks close by a word
MARKUP = frozenset({"html", "javascriptreact", "php", "svelte", "typescriptreact", "vue", "xml"})
PROSE = frozenset({"", "latex", "markdown", "plaintext", "restructuredtext", "asciidoc"})
_ANY_MARKS = ("#", "//", "/*", "--", "<!--")
_GOES_ON = (":", ",", ".", "?", "&&", "||", "->")  # a line that begins so belongs to the one above
_TRIPLE, _BACKTICK = re.compile("\"\"\"|'''"), re.compile("`")
_LITERAL_MARKS = {  # of strings over several lines
    "python": _TRIPLE,
    **dict.fromkeys(("go", "javascript", "javascriptreact", "typescript", "typescriptreact"), _BACKTICK),
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where the text is to stand and how much of it is wanted.

    `is_cut` tells that the text ended because it had become too long, so that its last line may be half a line.
    """

    context: CursorContext
    block: bool  # whether more than one line is wanted
    is_cut: bool = False
    opens: bool = False  # whether the first line may open a block, which is then wanted with it, and nothing beyond


def grown(text: str, place: Place) -> Place:
    """Return the place of a text that is not over with its first line: one that opens a block takes it along.

    Unless the block stands below already.
    """
    first, line_end, _ = text.partition("\n")
    if place.block or not place.opens or not line_end or not first.strip():
        return place
    line = place.context.line_prefix + first
    is_opener = opens_block(line, place.context.language)
    return replace(place, block=is_opener and not blocks.body_below(place.context, line))


def opens_block(line: str, language: str) -> bool:
    """Whether the lines below a whole line are to stand deeper than it."""
    return not is_comment(line, language) and blocks.opens_block(line, language, is_whole=True)


@lru_cache(maxsize=8)
def line_above(context: CursorContext) -> str:
    """Return the nearest line above the cursor's that is not blank; '' where there is none."""
    return next((line for line in reversed(context.prefix.split("\n")[:-1]) if line.strip()), "")


@lru_cache(maxsize=8)
def statement_depth(context: CursorContext) -> int:
    """Return the depth of the line on which the cursor's statement began: where a bracket it closes was opened."""
    lines = context.prefix.split("\n")[-STATEMENT_LINES:]
    start = len(lines) - 1
    while start and _belongs_to_above(lines, start):
        start -= 1
    return depth(lines[start] + "." * (start == len(lines) - 1))


def _belongs_to_above(lines: list[str], number: int) -> bool:
    above, line = lines[number - 1].rstrip(), lines[number].lstrip()
    return line.startswith(_GOES_ON) or above.endswith("\\") or bool(scan("\n".join(lines[number:])).closed)


def lines_below(context: CursorContext, count: int = 1) -> list[str]:
    """Return the next lines below the cursor's that are not blank."""
    return [line for line in context.suffix.split("\n")[1:] if line.strip()][:count]


def depth(line: str) -> int:
    """Return how many columns of white space a line begins with."""
    return len(line[: len(line) - len(line.lstrip())].expandtabs(TAB_COLUMNS))


def in_comment(context: CursorContext) -> bool:
    """Whether the cursor stands in a comment, or in text of which comments are no other kind."""
    if context.language in PROSE:
        return True
    line = context.line_prefix
    if not line.strip():
        above = line_above(context)
        return is_comment(above, context.language) or above.lstrip().startswith(("/*", "* "))
    begun = [mark for mark in comment_marks(context.language) if re.search(rf"(?:^|\s){re.escape(mark)}", line)]
    return bool(begun) or line.lstrip().startswith("*")


def is_comment(line: str, language: str) -> bool:
    """Whether a line is nothing but a comment; `#include` and `#[test]` are none."""
    body = line.lstrip()
    return body.startswith(comment_marks(language)) and not body.startswith(("#!", "#["))


def comment_marks(language: str) -> tuple[str, ...]:
    """Return what a comment begins with; of an unknown language, the usual marks."""
    if language not in LANGUAGES:
        return _ANY_MARKS
    mark = LANGUAGES[language][1].partition("{}")[0].strip()
    return (mark, "/*") if mark == "//" else (mark,)


def literal_lines(lines: list[str], language: str) -> list[bool]:
    """Return for each line whether it begins inside a string that an earlier one opened."""
    marks = _LITERAL_MARKS.get(language)
    if marks is None:
        return [False] * len(lines)
    open_mark, inside = "", []
    for line in lines:
        inside.append(bool(open_mark))
        for mark in marks.findall(line):
            if not open_mark:
                open_mark = mark
            elif mark == open_mark:
                open_mark = ""
    return inside
