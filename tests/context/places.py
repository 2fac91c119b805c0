"""A document with its cursor drawn in it as ‸, as the sources of context see it."""

from __future__ import annotations

from codefuse_lsp.context.cursor import cursor_context
from codefuse_lsp.context.snippets import Cursor, Document


def cursor_in(drawing: str, *, path: str = "/work/a.py", language: str = "python", budget_chars: int = 4000) -> Cursor:
    """Read a text whose cursor is drawn as ‸."""
    before, _, after = drawing.partition("‸")
    return cursor_at(
        Document(path, language, 1, (before + after).splitlines(keepends=True)),
        before.count("\n"),
        len(before) - (before.rfind("\n") + 1),
        budget_chars=budget_chars,
    )


def cursor_at(document: Document, line: int, column: int = 0, *, budget_chars: int = 4000) -> Cursor:
    window = cursor_context(
        document.lines,
        line,
        column,
        uri=f"file://{document.path}",
        path=document.path,
        language=document.language,
        version=document.version,
        budget_chars=budget_chars,
    )
    return Cursor(window, document, line)
