"""How much to suggest at a cursor: nothing, for a reason, or a line, or a block.

Input: the text round the cursor, its tree where there is one, and how the request came about. Output: a frozen
`Intent`. Pure; knows nothing of models, prompts or filters.

Sources of the rules: code right of the cursor, Copilot's pattern for what may stand there; "empty or mid-token node",
llm-ls; a comment is continued for one line, Continue; an empty body wants a block, llm-ls and Copilot; no block in
files of 8,000 lines, Copilot.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from codefuse_lsp.context.blocks import wants_block
from codefuse_lsp.context.cursor import CursorContext
from codefuse_lsp.context.dialects import MARKUP
from codefuse_lsp.context.finished import is_finished
from codefuse_lsp.context.trees import SyntaxAt
from codefuse_lsp.context.whereabouts import Within, fenced_code, within

MAX_LINES_FOR_BLOCKS = 8_000  # Copilot's VS Code extension
_MAY_STAND_RIGHT = re.compile(r"""\s*[)>}\]"'`]*\s*[:{;,]?\s*""")  # Copilot's VS Code extension
_MARKUP_MAY_STAND_RIGHT = re.compile(r"""\s*[)}\]"'`]*\s*/?>?\s*(</[\w.:-]*>?\s*|[)}\];,])*""")
_COMMENT_MAY_STAND_RIGHT = re.compile(r"""\s*(\*/|-->|\]\]|"{3}|'{3})?\s*""")
_WORD = re.compile(r"\w+")
# Strings, each with its closing quote where it has one: else it goes on to the line's end, and is read only once.
_STRINGS = re.compile(r""""(?:\\.|[^"\\])*("?)|'(?:\\.|[^'\\])*('?)|`[^`]*(`?)""")

REASONS = {
    "empty file": "There is no code yet to continue.",
    "inside a word": "The cursor stands inside a word.",
    "code to the right": "More than closing brackets stands right of the cursor.",
    "line finished": "The statement before the cursor is whole.",
}


class Amount(Enum):
    """How much is wanted."""

    NONE = "none"
    LINE = "line"
    BLOCK = "block"


@dataclass(frozen=True, slots=True)
class Intent:
    """How much to suggest; of none, the `reason` by name and, as `detail`, in a sentence for the user."""

    amount: Amount
    reason: str = ""
    may_open: bool = False  # whether a line that opens a block is wanted with it

    @property
    def is_block(self) -> bool:
        """Whether more than one line is wanted."""
        return self.amount is Amount.BLOCK

    @property
    def detail(self) -> str:
        """The reason in a sentence."""
        return REASONS.get(self.reason, "")


def intent_at(
    context: CursorContext,
    at: SyntaxAt | None,
    *,
    invoked: bool = False,
    extends_popup: bool = False,
    lines: int = 0,
) -> Intent:
    """Return how much to suggest at a cursor in a document of `lines` lines.

    A request that was `invoked` always gets something. With `extends_popup` the text holds the item that is selected in
    the popup: what it makes of the word under the cursor is no reason to be silent.
    """
    if context.language == "markdown" and (inner := fenced_code(context)) is not None:
        context, at = inner, None
    place = within(context, at)
    if not invoked and (reason := _reason_for_none(context, at, place, extends_popup)):
        return Intent(Amount.NONE, reason)
    if lines >= MAX_LINES_FOR_BLOCKS:
        return Intent(Amount.LINE)
    if place is Within.CODE and wants_block(context, at):
        return Intent(Amount.BLOCK)
    return Intent(Amount.LINE, may_open=place is Within.CODE or _is_string_of_line(place, context))


def _is_string_of_line(place: Within, context: CursorContext) -> bool:
    """Return whether the cursor stands in a string that its own line opens, so that code may follow on the line."""
    return place is Within.STRING and not all(any(found.groups()) for found in _STRINGS.finditer(context.line_prefix))


def _reason_for_none(context: CursorContext, at: SyntaxAt | None, place: Within, extends_popup: bool) -> str:
    right = context.line_suffix
    if not context.prefix.strip() and not context.suffix.strip():
        return "empty file"
    if extends_popup:
        right = right[found.end() :] if (found := _WORD.match(right)) else right
    elif _WORD.match(right):
        return "inside a word" if _WORD.match(context.line_prefix[-1:]) else "code to the right"
    right = " ".join(right.split())  # long white space would cost the patterns time
    if not _may_stand_right(context.language, place).fullmatch(right):
        return "code to the right"
    if not extends_popup and place is Within.CODE and is_finished(context, at):
        return "line finished"
    return ""


def _may_stand_right(language: str, place: Within) -> re.Pattern[str]:
    if place in (Within.COMMENT, Within.PROSE):
        return _COMMENT_MAY_STAND_RIGHT
    return _MARKUP_MAY_STAND_RIGHT if language in MARKUP else _MAY_STAND_RIGHT
