"""Document: the model writes a comment, and the edit puts it where the language wants it. No code is rewritten."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from codefuse_lsp.context.doc_comments import DocPlace, doc_place
from codefuse_lsp.edits.documentation import documentation
from codefuse_lsp.edits.merging import Change
from codefuse_lsp.errors import CodeFuseError
from codefuse_lsp.lsp.actions.asking import fitting
from codefuse_lsp.lsp.actions.replacing import Rewriting
from codefuse_lsp.lsp.actions.told import Told
from codefuse_lsp.lsp.selection import text_of
from codefuse_lsp.lsp.server import CodeFuseServer
from codefuse_lsp.prompts.documenting import document_prompt
from codefuse_lsp.prompts.formats import ModelFormat, Prompt
from codefuse_lsp.prompts.questions import CodePrompt


async def _question(server: CodeFuseServer, told: Told, model: ModelFormat) -> tuple[CodePrompt, int]:
    """Return the question, about the beginning of code that is too long: the answer holds none of it."""
    where = await asyncio.to_thread(_where, told)

    def asked(code: str) -> CodePrompt:
        subject = replace(told.subject, code=code)
        return document_prompt(subject, where.style, model, server.settings.system_prompt)

    def build(code: str) -> Prompt:
        return asked(code).prompt

    _, shown = await fitting(server, build, told.subject.code, told.subject.language)
    return asked(shown), server.settings.chat_max_tokens


def _fit(answer: str, told: Told) -> list[Change]:
    where = _where(told)
    return [Change(where.span.start, where.span.stop, documentation(answer, where, told.place))]


def _where(told: Told) -> DocPlace:
    selection = told.selection
    found = doc_place(text_of(selection.document), selection.language, selection.span)
    if found is None:
        raise CodeFuseError("There is no function, method or class here that a comment could document.")
    return found


DOCUMENTING = Rewriting("Documenting", _question, _fit)
