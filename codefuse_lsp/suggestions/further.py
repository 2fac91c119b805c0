"""What may be wanted beside a suggestion: others to choose from, and what would come after it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import replace

from codefuse_lsp.context.cursor import CursorContext
from codefuse_lsp.generation.connection import Connection
from codefuse_lsp.generation.request import Priority
from codefuse_lsp.suggestions.outcome import Outcome, Suggestion
from codefuse_lsp.suggestions.stream import Question, Stream

ALTERNATIVES, WARMTH = 2, 0.6  # answers beside the greedy one, and their temperature
PATIENCE_S = 2.0  # that the user waits for them; what is not there by then is cut


async def others(connection: Connection, question: Question) -> list[str]:
    """Return what a model writes at the same place when it may choose less probable words."""
    request = replace(question.request, temperature=WARMTH, document="")
    streams = [Stream(connection, replace(question, request=request)) for _ in range(ALTERNATIVES)]
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                place = question.place
                await asyncio.gather(*(stream.rest_at(place.context, place) for stream in streams))
    finally:
        for stream in streams:
            stream.close()
    return [stream.written for stream in streams]


def with_alternatives(shown: Suggestion, outcomes: Sequence[Outcome]) -> Suggestion:
    """Return a suggestion with the different ones among others beside it."""
    found = {one.text: one for one in outcomes if isinstance(one, Suggestion) and one.text != shown.text}
    return replace(shown, alternatives=tuple(found.values()))


def accepted(context: CursorContext, shown: Suggestion) -> CursorContext:
    """Return the cursor as it will be when a suggestion has been accepted."""
    text = shown.text.replace(context.line_end, "\n")
    suffix = context.suffix[shown.replaces :]
    return replace(context, prefix=context.prefix + text, suffix=suffix, version=context.version + 1)


def when_idle(question: Question) -> Question:
    """Return a question that everyone else's goes before."""
    return replace(question, request=replace(question.request, priority=Priority.SPECULATION, document=""))
