"""Explain: the model's account of some code, in a view that fills as it is written."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from pathlib import PurePath

from codefuse_lsp.answers import request_for, stream_answer
from codefuse_lsp.context.secrets import Redacted
from codefuse_lsp.generation.request import Priority
from codefuse_lsp.lsp.document import Document
from codefuse_lsp.lsp.protocol.actions import Target
from codefuse_lsp.lsp.selection import Selection, selection_of, unchanged
from codefuse_lsp.lsp.server import CodeFuseServer
from codefuse_lsp.prompts.actions import explain_prompt
from codefuse_lsp.prompts.fences import fenced
from codefuse_lsp.suggestions.requests import model_format

QUOTED_LINES = 30  # of the explained code, above the explanation


async def explain(server: CodeFuseServer, target: Target) -> None:
    """Show an explanation of the target's code; a cancel keeps what was written. Raises CodeFuseError."""
    selection, shown = await asyncio.to_thread(_chosen, server, unchanged(server, target).frozen(), target)
    path = PurePath(server.path_of(selection.document)).name
    ready = await server.connection.wait()
    model = model_format(ready.card, server.settings)
    prompt = explain_prompt(shown.text, selection.language, path, model, server.settings.system_prompt)
    request = request_for(prompt, server.settings, Priority.ACTION)
    view = server.views.open(f"explain-{_name(selection, path)}")
    text = heading = _heading(selection, path)
    async with server.work_done.shown(f"Explaining {_name(selection, path)}") as report:
        try:
            async with aclosing(stream_answer(server.connection, request, model, shown.restorations)) as chunks:
                async for chunk in chunks:
                    text += chunk.text
                    if chunk.finish_reason == "length":
                        text += f"…\n\n*Cut after {request.max_tokens} tokens (setting chat_max_tokens).*\n"
                    await view.update(text)
                    report(f"{len(text.split())} words", None)
        finally:
            if text != heading:
                await asyncio.shield(view.finish(text))


def _chosen(server: CodeFuseServer, document: Document, target: Target) -> tuple[Selection, Redacted]:
    """Return the code that is meant, and as the model may read it."""
    selection = selection_of(server, document, target)
    (shown,) = server.suggester.surroundings.redacted([selection.excerpt])
    return selection, shown


def _heading(selection: Selection, path: str) -> str:
    lines = selection.code.splitlines()
    shown = "\n".join(lines[:QUOTED_LINES]) + ("\n…" if len(lines) > QUOTED_LINES else "")
    where = f"`{path}`, lines {selection.span.start + 1}–{selection.span.stop}"
    return f"# {_name(selection, path)}\n\n{where}\n\n{fenced(shown, selection.language)}\n"


def _name(selection: Selection, path: str) -> str:
    return selection.found.name if selection.found and selection.found.name else PurePath(path).stem
