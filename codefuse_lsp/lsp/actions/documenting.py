"""Document: the model writes a comment, and the edit puts it where the language wants it. No code is rewritten."""

from __future__ import annotations

from codefuse_lsp.context.definitions import LineSpan
from codefuse_lsp.context.doc_comments import DocPlace, doc_place
from codefuse_lsp.edits.documentation import documentation
from codefuse_lsp.errors import CodeFuseError
from codefuse_lsp.lsp.actions.replacing import Rewriting
from codefuse_lsp.lsp.actions.told import Told
from codefuse_lsp.lsp.selection import text_of
from codefuse_lsp.prompts.documenting import document_prompt
from codefuse_lsp.prompts.formats import ModelFormat
from codefuse_lsp.prompts.questions import CodePrompt


def _build(told: Told, model: ModelFormat, system: str) -> CodePrompt:
    return document_prompt(told.subject, _where(told).style, model, system)


def _fit(answer: str, told: Told) -> tuple[LineSpan, list[str]]:
    where = _where(told)
    return where.span, documentation(answer, where, told.place)


def _where(told: Told) -> DocPlace:
    selection = told.selection
    found = doc_place(text_of(selection.document), selection.language, selection.span)
    if found is None:
        raise CodeFuseError("There is no function, method or class here that a comment could document.")
    return found


DOCUMENTING = Rewriting("Documenting", _build, _fit)
