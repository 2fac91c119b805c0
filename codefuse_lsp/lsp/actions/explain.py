"""Explain, and users' own actions that show: the model's account of some code, in a view that grows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import PurePath

from codefuse_lsp.answers import request_for, stream_answer
from codefuse_lsp.generation.request import Priority
from codefuse_lsp.lsp.actions.asking import fitting
from codefuse_lsp.lsp.actions.told import Told, told_about
from codefuse_lsp.lsp.protocol.actions import Target
from codefuse_lsp.lsp.selection import Selection, unchanged
from codefuse_lsp.lsp.server import CodeFuseServer
from codefuse_lsp.prompts.actions import explain_prompt
from codefuse_lsp.prompts.fences import fenced
from codefuse_lsp.prompts.formats import ModelFormat, Prompt
from codefuse_lsp.suggestions.requests import model_format

QUOTED_LINES = 30  # of the explained code, above the explanation
CUT = "*Only the beginning of the code fits the model's context.*\n\n"
Build = Callable[[Told, ModelFormat, str], Prompt]  # the system text comes last


@dataclass(frozen=True, slots=True)
class Showing:
    """What is asked about code, and how the user is told of it."""

    title: str  # of the progress, before the code's name
    word: str  # in the view's name
    build: Build


def _explain(told: Told, model: ModelFormat, system: str) -> Prompt:
    subject = told.subject
    return explain_prompt(subject.code, subject.language, subject.path, model, system, len(subject.code))


EXPLAINING = Showing("Explaining", "explain", _explain)


async def explain(server: CodeFuseServer, target: Target, how: Showing = EXPLAINING) -> None:
    """Show what the model says of the target's code; a cancel keeps what was written. Raises CodeFuseError."""
    told = await asyncio.to_thread(told_about, server, unchanged(server, target).frozen(), target)
    model = model_format((await server.connection.wait()).card, server.settings)

    def build(code: str) -> Prompt:
        return how.build(replace(told, subject=replace(told.subject, code=code)), model, server.settings.system_prompt)

    prompt, shown = await fitting(server, build, told.subject.code, told.subject.language)
    request = request_for(prompt, server.settings, Priority.ACTION)
    name = _name(told.selection, told.subject.path)
    view = server.views.open(f"{how.word}-{name}")
    text = heading = _heading(told.selection, told.subject.path) + ("" if shown == told.subject.code else CUT)
    async with server.work_done.shown(f"{how.title} {name}") as report:
        try:
            async with aclosing(stream_answer(server.connection, request, model, told.restorations)) as chunks:
                async for chunk in chunks:
                    text += chunk.text
                    if chunk.finish_reason == "length":
                        text += f"…\n\n*Cut after {request.max_tokens} tokens (setting chat_max_tokens).*\n"
                    await view.update(text)
                    report(f"{len(text.split())} words", None)
        finally:
            if text != heading:
                await asyncio.shield(view.finish(text))


def _heading(selection: Selection, path: str) -> str:
    lines = selection.code.splitlines()
    shown = "\n".join(lines[:QUOTED_LINES]) + ("\n…" if len(lines) > QUOTED_LINES else "")
    where = f"`{path}`, lines {selection.span.start + 1}–{selection.span.stop}"
    return f"# {_name(selection, path)}\n\n{where}\n\n{fenced(shown, selection.language)}\n"


def _name(selection: Selection, path: str) -> str:
    return selection.found.name if selection.found and selection.found.name else PurePath(path).stem
