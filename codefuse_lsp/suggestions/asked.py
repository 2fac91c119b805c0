"""What an editor asks: a place in a document as it is now, and how the question came about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from codefuse_lsp.context.cursor import CursorContext, cursor_context
from codefuse_lsp.context.snippets import Cursor, Document


@dataclass(frozen=True, slots=True)
class Asked:
    """A cursor with the window round it; `column` counts characters in its line, both from 0."""

    context: CursorContext
    lines: Sequence[str]  # of the whole document, with their ends
    line: int
    column: int
    invoked: bool = False  # by the user, not by typing
    extends_popup: bool = False  # the lines hold the item that is selected in the popup
    first_line: int = 0  # of the editor's document, where other cells of its notebook stand above it

    @property
    def cursor(self) -> Cursor:
        """The place as the sources of context are asked about it."""
        window = self.context
        return Cursor(window, Document(window.path, window.language, window.version, self.lines), self.line)


def asked_at(
    lines: Sequence[str],
    line: int,
    column: int,
    *,
    uri: str,
    path: str,
    language: str,
    version: int,
    budget_chars: int,
    invoked: bool = False,
    extends_popup: bool = False,
    first_line: int = 0,
) -> Asked:
    """Return the question at character `column` of `line`, with a window of at most `budget_chars`."""
    context = cursor_context(
        lines, line, column, uri=uri, path=path, language=language, version=version, budget_chars=budget_chars
    )
    return Asked(context, lines, line, column, invoked, extends_popup, first_line)
