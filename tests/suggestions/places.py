"""Where suggestions of the tests stand: a drawn document as the way of ghost text sees it."""

from __future__ import annotations

from dataclasses import replace

from codefuse_lsp.context.cursor import CursorContext
from codefuse_lsp.context.intent import intent_at
from codefuse_lsp.context.trees import SyntaxAt, syntax_at
from codefuse_lsp.suggestions.filters import Place


def drawn(document: str, language: str = "python") -> CursorContext:
    """Return the cursor that is drawn in a document."""
    prefix, _, suffix = document.partition("│")
    return CursorContext("file:///drawn", "drawn", language, 1, prefix, suffix)


def tree_at(context: CursorContext) -> SyntaxAt | None:
    return syntax_at(context.language, context.prefix, context.suffix)


def place_at(context: CursorContext) -> Place:
    """Return how much is wanted at a cursor whose user has asked."""
    intent = intent_at(context, tree_at(context), invoked=True)
    return Place(context, intent.is_block, opens=intent.may_open)


def with_typed(context: CursorContext, typed: str, suffix: str | None = None) -> CursorContext:
    """Return the cursor when something has been typed at it."""
    return replace(context, prefix=context.prefix + typed, suffix=context.suffix if suffix is None else suffix)
