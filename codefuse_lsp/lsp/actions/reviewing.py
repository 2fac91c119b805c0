"""Review: the model reads code, and what it finds stands in the document as diagnostics, until that is changed."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from lsprotocol import types

from codefuse_lsp.lsp.actions.asking import Written, ask, fitting, model_of
from codefuse_lsp.lsp.actions.findings import Placed, placed, range_of
from codefuse_lsp.lsp.actions.told import Told, told_about
from codefuse_lsp.lsp.document import Document
from codefuse_lsp.lsp.protocol.actions import Finding, ReviewParams, ReviewResult, Target
from codefuse_lsp.lsp.selection import unchanged
from codefuse_lsp.lsp.server import CodeFuseServer
from codefuse_lsp.prompts.formats import Prompt
from codefuse_lsp.prompts.reviewing import Found, findings_in, review_prompt

SEVERITIES = {
    "error": types.DiagnosticSeverity.Error,
    "warning": types.DiagnosticSeverity.Warning,
    "hint": types.DiagnosticSeverity.Information,  # a hint proper is three dots that few see
}


async def review(server: CodeFuseServer, target: Target) -> list[Placed]:
    """Return what is found in the target's code, published too. Raises CodeFuseError.

    Raises DocumentChanged when the code was edited meanwhile.
    """
    document = unchanged(server, target).frozen()
    told = await asyncio.to_thread(told_about, server, document, target)
    first, lines = told.selection.span.start, told.subject.code.rstrip("\n").split("\n")
    async with server.work_done.shown(f"Reviewing {told.name}") as report:
        model = await model_of(server)

        def build(code: str) -> Prompt:
            subject = replace(told.subject, code=code)
            return review_prompt(subject, first, model, server.settings.system_prompt)

        prompt, shown = await fitting(server, build, told.subject.code, told.subject.language)
        most = server.settings.chat_max_tokens
        written = await ask(server, prompt, model, told.restorations, most, report)
    found = await asyncio.to_thread(findings_in, written.whole_lines, lines, first)
    unchanged(server, target)
    if written.is_cut:
        server.tell(f"The review of {told.name} was cut after {most} tokens (setting chat_max_tokens).")
    await _say(server, told, written, found)
    if shown != told.subject.code:
        server.tell(f"Only the beginning of {told.name} fits the model's context; the rest was not reviewed.")
    there = [_placed(document, first, one) for one in found or ()]
    server.findings.replace(document, first, first + shown.rstrip("\n").count("\n"), there)
    return there


async def reviewed(server: CodeFuseServer, params: ReviewParams) -> ReviewResult:
    """Return what is found in a range, or in the whole document."""
    document = server.document(params.text_document.uri)
    whole = types.Range(types.Position(0, 0), document.end())
    target = Target(document.uri, params.range or whole, document.version)
    found = await review(server, target)
    return ReviewResult([Finding(range_of(document, one), int(one.severity), one.message) for one in found])


def _placed(document: Document, first: int, found: Found) -> Placed:
    return placed(document, first + found.first, first + found.last, SEVERITIES[found.severity], found.message)


async def _say(server: CodeFuseServer, told: Told, written: Written, found: list[Found] | None) -> None:
    """Tell what a list of findings cannot."""
    if found is None:  # what it says cannot be placed, and may be worth reading
        view = server.views.open(f"review-{told.subject.name or 'code'}")
        await view.finish(f"# Review of {told.name}\n\n{written.text}\n")
    elif not found and not written.is_cut:
        server.tell(f"The review of {told.name} found nothing.")
