"""The code that an action is about: what is selected, or the definition round the cursor. Knows no models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from codefuse_lsp.context.secrets import Excerpt
from codefuse_lsp.context.syntax import Definition, LineSpan, definition, enclosing_definition
from codefuse_lsp.context.widening import statement_at, widened
from codefuse_lsp.edits.replacement import with_line_feed
from codefuse_lsp.errors import CodeFuseError, DocumentChanged
from codefuse_lsp.lsp.document import Document
from codefuse_lsp.lsp.protocol.actions import Target
from codefuse_lsp.lsp.server import CodeFuseServer

SOURCE_HEAD_LINES = 40  # of the file, for package clause and imports
ROUND_LINES = 200  # on either side, which may tell that lines hold a secret; a private key takes 50


@dataclass(frozen=True, slots=True)
class Selection:
    """Whole lines of a document; `found` is the definition that they are, or hold first."""

    document: Document
    span: LineSpan
    code: str
    language: str
    found: Definition | None

    @property
    def excerpt(self) -> Excerpt:
        """The code in its place."""
        return excerpt_of(self.document.lines, self.span)

    @property
    def source_head(self) -> Excerpt:
        """The beginning of the file, as far as the definition."""
        return excerpt_of(self.document.lines, LineSpan(0, min(SOURCE_HEAD_LINES, self.span.start)))


def selection_of(server: CodeFuseServer, document: Document, target: Target) -> Selection:
    """Return the code that is meant: the selected statements, each of them whole, else what stands at the cursor.

    That is the definition round it, else its statement, else the whole file. `document` is the target's, frozen: it
    looks at the disk, so it runs in a thread. Raises CodeFuseError for a file that must not be read: a client can name
    any.
    """
    if rule := server.rule_against(document):
        raise CodeFuseError(rule)
    text, language, lines = text_of(document), document.language_id or "", document.lines
    start, stop = document.point(target.range.start), document.point(target.range.end)
    if start == stop:
        span = enclosing_definition(text, language, start[0]) or statement_at(text, language, start[0])
    else:
        last = stop[0] + (1 if stop[1] > 0 or stop[0] == start[0] else 0)
        span = widened(text, language, LineSpan(start[0], min(last, len(lines))))
        span = span if span.start < span.stop else None  # nothing but blank lines
    span = span or LineSpan(0, len(lines))
    code = "".join(lines[span.start : span.stop])
    return Selection(document, span, code, language, definition(text, language, span))


def text_of(document: Document) -> str:
    """Return the text of a document with line feeds for line ends, by which grammars count lines."""
    return "".join(map(with_line_feed, document.lines)) if "\r" in document.source else document.source


def excerpt_of(lines: Sequence[str], span: LineSpan) -> Excerpt:
    """Return lines of a document with those round them, by which secrets in them are known."""
    first = max(0, span.start - ROUND_LINES)
    before, inside = "".join(lines[first : span.start]), "".join(lines[span.start : span.stop])
    after = "".join(lines[span.stop : span.stop + ROUND_LINES])
    return Excerpt(before + inside + after, len(before), len(before) + len(inside))


def unchanged(server: CodeFuseServer, target: Target) -> Document:
    """Return the target's document; raises DocumentChanged when it has another version by now."""
    document = server.document(target.uri)
    if target.version is not None and document.version != target.version:
        raise DocumentChanged("The document was changed meanwhile; please ask again.")
    return document
