"""New code in place of old: Fix, Simplify and a user's own actions that replace, or that insert behind the code.

The answer becomes a versioned edit. One that does not fit is tried once more, then shown instead of written.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from lsprotocol import types

from codefuse_lsp.context.definitions import LineSpan
from codefuse_lsp.edits.merging import Change
from codefuse_lsp.edits.replacement import Place, Unchanged, changed, end_of, replacement
from codefuse_lsp.edits.restyling import indent_of
from codefuse_lsp.lsp.actions.asking import Misfit, fitted, model_of, rewriting_room
from codefuse_lsp.lsp.actions.told import Told, told_about
from codefuse_lsp.lsp.protocol.actions import Target
from codefuse_lsp.lsp.selection import unchanged
from codefuse_lsp.lsp.server import CodeFuseServer
from codefuse_lsp.lsp.workspace_edits import lines_edit
from codefuse_lsp.prompts.fences import fenced
from codefuse_lsp.prompts.formats import ModelFormat
from codefuse_lsp.prompts.questions import CodePrompt

Build = Callable[[Told, ModelFormat, str], CodePrompt]  # the system text comes last
Question = Callable[[CodeFuseServer, Told, ModelFormat], Awaitable[tuple[CodePrompt, int]]]
Fit = Callable[[str, Told], list[Change]]


@dataclass(frozen=True, slots=True)
class Rewriting:
    """How code is written anew: what is asked, what is made of the answer, and what the user is told meanwhile."""

    title: str  # of the progress, before the code's name
    question: Question  # and how many tokens its answer may have
    fit: Fit


async def rewriting_edit(server: CodeFuseServer, target: Target, how: Rewriting) -> types.WorkspaceEdit | None:
    """Return the edit; None when the user was told why there is none. Raises CodeFuseError.

    Raises DocumentChanged when the code was edited meanwhile.
    """
    document = unchanged(server, target).frozen()
    told = await asyncio.to_thread(told_about, server, document, target)
    async with server.work_done.shown(f"{how.title} {told.name}") as report:
        model = await model_of(server)
        asked, most = await how.question(server, told, model)
        try:
            changes = await fitted(
                server, asked, model, told.restorations, most, report, lambda answer: how.fit(answer, told)
            )
        except Unchanged as same:
            server.tell(str(same))
            return None
        except Misfit as misfit:
            await show_instead(server, told, misfit)
            return None
    unchanged(server, target)
    return lines_edit(document, changes, server.client_capabilities)


def with_all_code(build: Build) -> Question:
    """Return the question whose answer has all of the code in it, so that all of it has to be shown."""

    async def question(server: CodeFuseServer, told: Told, model: ModelFormat) -> tuple[CodePrompt, int]:
        asked = build(told, model, server.settings.system_prompt)
        return asked, await rewriting_room(server, asked, told.subject.code)

    return question


def in_place(answer: str, told: Told) -> list[Change]:
    """Return what changes of the file. Raises Unfit."""
    return changed(told.place, replacement(answer, told.place))


def behind(answer: str, told: Told) -> list[Change]:
    """Return what goes behind the code. Raises Unfit."""
    place, stop = told.place, told.place.span.stop
    while stop > place.span.start and not place.lines[stop - 1].strip():
        stop -= 1
    base = indent_of(next((line for line in place.own if line.strip()), ""))
    at = LineSpan(stop, stop)
    new = replacement(answer, Place(place.lines, at, place.language, base)).lines
    unended = stop > 0 and not end_of(place.lines[stop - 1])
    return [Change(stop, stop, [place.line_end, *new[:-1], new[-1].rstrip("\r\n")] if unended else new)]


async def show_instead(server: CodeFuseServer, told: Told, misfit: Misfit) -> None:
    """Show an answer that cannot be written, and say why."""
    server.tell(f"{misfit} It is shown instead of written.", types.MessageType.Warning)
    view = server.views.open(f"answer-{told.subject.name or 'code'}")
    text = misfit.answer if "```" in misfit.answer else fenced(misfit.answer, told.subject.language)
    await view.finish(f"# {told.name}\n\n{misfit}\n\n{text}\n")
