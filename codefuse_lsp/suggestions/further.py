"""What would come after a suggestion that is accepted: where the cursor will stand, and a question for idle time.

A suggestion and its place in; the next place to ask about out. Takes milliseconds where there is a tree, so it is
called off the event loop. Knows nothing of models.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from codefuse_lsp.config import Settings
from codefuse_lsp.context.blocks import opens_block
from codefuse_lsp.context.cursor import CursorContext
from codefuse_lsp.context.intent import intent_at
from codefuse_lsp.context.trees import SyntaxAt
from codefuse_lsp.generation.connection import Ready
from codefuse_lsp.generation.request import Priority
from codefuse_lsp.suggestions.cache import Hit
from codefuse_lsp.suggestions.filters import Place
from codefuse_lsp.suggestions.filters.indentation import Style, style_of
from codefuse_lsp.suggestions.filters.place import depth
from codefuse_lsp.suggestions.outcome import Suggestion
from codefuse_lsp.suggestions.stream import Question

USUAL_STYLE = Style(tabs=False, width=4)  # where the file shows none
# Editors set the line below these one step back: VS Code's Python extension, Neovim's and Emacs's Python modes.
_LEAVES_BLOCK = re.compile(r"\s*(?:break|continue|pass|raise|return)\b")


@dataclass(frozen=True, slots=True)
class Further:
    """The next place to ask about, and the end of a line at which there is nothing more to say; None where none is."""

    asked: Place | None = None
    ended: Place | None = None


def looks_ahead(settings: Settings, ready: Ready | None) -> bool:
    """Return whether what comes next is computed beforehand: where it is wished, or where it costs little."""
    wish = settings.completion_ahead
    return wish == "on" or (wish == "auto" and ready is not None and ready.card.on_gpu)


def further(place: Place, shown: Suggestion, syntax: SyntaxAt | None, answer: Hit | None) -> Further:
    """Return where to go on when a suggestion is accepted: on its line, or on the next one where that is whole.

    It is where the grammar says so, and where the `answer` that it was made of, one line, says no more.
    """
    after, at = accepted(place.context, shown), _typed(syntax, shown.text, shown.replaces)
    is_all = _is_all(place, after, answer)
    intent = intent_at(after, at)
    if not is_all and intent.reason != "line finished":
        return Further(None if intent.reason else Place(after, intent.is_block, opens=intent.may_open))
    below = _entered(after)
    intent = intent_at(below, _typed(at, below.prefix[len(after.prefix) :]))
    asked = None if intent.reason else Place(below, intent.is_block, opens=intent.may_open)
    return Further(asked, Place(after, block=False) if is_all else None)


def accepted(context: CursorContext, shown: Suggestion) -> CursorContext:
    """Return the cursor as it will be when a suggestion has been accepted."""
    text = shown.text.replace(context.line_end, "\n")
    suffix = context.suffix[shown.replaces :]
    return replace(context, prefix=context.prefix + text, suffix=suffix, version=context.version + 1)


def when_idle(question: Question) -> Question:
    """Return a question that everyone else's goes before."""
    return replace(question, request=replace(question.request, priority=Priority.SPECULATION, document=""))


def _is_all(place: Place, after: CursorContext, answer: Hit | None) -> bool:
    """Return whether an answer of one line ends where the cursor will be, and the line with it."""
    if place.block or answer is None or answer.place.is_cut or not after.at_line_end:
        return False
    return after.prefix == place.context.prefix + answer.rest.rstrip()


def _entered(context: CursorContext) -> CursorContext:
    """Return the cursor on the line below, indented as an editor does."""
    line, style = context.line_prefix, style_of(context) or USUAL_STYLE
    columns = depth(line)
    if opens_block(line, context.language, is_whole=True):
        columns += style.width
    elif context.language == "python" and _LEAVES_BLOCK.match(line):
        columns = max(0, columns - style.width)
    return replace(context, prefix=f"{context.prefix}\n{style.blank(columns)}", version=context.version + 1)


def _typed(at: SyntaxAt | None, text: str, replaces: int = 0) -> SyntaxAt | None:
    """Return the tree with a text at the cursor, in place of so many characters right of it."""
    if at is None:
        return None
    gone = at.source[at.cursor :].decode("utf-8", "surrogatepass")[:replaces]
    stop = at.cursor + len(gone.encode("utf-8", "surrogatepass"))
    return at.edited(at.cursor, stop, text.encode("utf-8", "surrogatepass"))
