"""What would come after a suggestion that is accepted: where the cursor will stand, and a question for idle time."""

from __future__ import annotations

from dataclasses import replace

from codefuse_lsp.context.cursor import CursorContext
from codefuse_lsp.generation.request import Priority
from codefuse_lsp.suggestions.outcome import Suggestion
from codefuse_lsp.suggestions.stream import Question


def accepted(context: CursorContext, shown: Suggestion) -> CursorContext:
    """Return the cursor as it will be when a suggestion has been accepted."""
    text = shown.text.replace(context.line_end, "\n")
    suffix = context.suffix[shown.replaces :]
    return replace(context, prefix=context.prefix + text, suffix=suffix, version=context.version + 1)


def when_idle(question: Question) -> Question:
    """Return a question that everyone else's goes before."""
    return replace(question, request=replace(question.request, priority=Priority.SPECULATION, document=""))
