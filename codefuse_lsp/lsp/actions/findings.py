"""What a review has found in the documents, kept where it is while they are edited, and published as diagnostics.

A finding moves with its lines and vanishes when one of them is changed: then it is no longer what was reviewed. Knows
nothing of how findings are made.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import unquote

from lsprotocol import types

from codefuse_lsp.lsp.document import Document

if TYPE_CHECKING:
    from codefuse_lsp.lsp.server import CodeFuseServer

SOURCE = "codefuse"
MOST_DOCUMENTS = 100  # with findings; those reviewed longest ago are cleared first
MOST_OF_A_DOCUMENT = 200
SEARCHED_LINES = 2_000  # on either side, where a whole new text may have moved a finding to


@dataclass(frozen=True, slots=True)
class Placed:
    """A finding on the lines from `first` to `last`, which read `lines` without their indentation."""

    first: int
    last: int
    lines: tuple[str, ...]
    severity: types.DiagnosticSeverity
    message: str

    def moved(self, by: int) -> Placed:
        """Return the finding some lines further down."""
        return replace(self, first=self.first + by, last=self.last + by)


class Findings:
    """The findings in one editor window's documents."""

    def __init__(self, server: CodeFuseServer) -> None:
        self._server = server
        self._found: OrderedDict[str, list[Placed]] = OrderedDict()  # by uri

    def of(self, uri: str) -> Sequence[Placed]:
        """Return what is found in a document."""
        return self._found.get(unquote(uri), ())

    def replace(self, document: Document, first: int, last: int, found: Sequence[Placed]) -> None:
        """Take what a review of the lines from `first` to `last` has found, in place of what was found there before."""
        kept = [one for one in self.of(document.uri) if one.last < first or one.first > last]
        self._set(document, [*kept, *found][:MOST_OF_A_DOCUMENT])
        while len(self._found) > MOST_DOCUMENTS:
            self.clear(next(iter(self._found)))

    def changed(self, document: Document, changes: Sequence[types.TextDocumentContentChangeEvent]) -> None:
        """Take in what the client has changed; the document has the changes already."""
        before = self.of(document.uri)
        if not before:
            return
        found = list(before)
        for change in changes:
            found = _after(found, change)
        lines = document.lines
        whole = any(not isinstance(change, types.TextDocumentContentChangePartial) for change in changes)
        found = [there for one in found if (there := _where(one, lines, SEARCHED_LINES if whole else 0))]
        if found != before:
            self._set(document, found)

    def clear(self, uri: str | None = None) -> int:
        """Take away what was found in a document, or in all; return how much that was."""
        count = 0
        for one in [unquote(uri)] if uri is not None else list(self._found):
            gone = self._found.pop(one, None)
            if gone is not None:
                count += len(gone)
                self._publish(one, None, [])
        return count

    def _set(self, document: Document, found: list[Placed]) -> None:
        uri = unquote(document.uri)
        if found:
            self._found[uri] = found
            self._found.move_to_end(uri)
        else:
            self._found.pop(uri, None)
        self._publish(document.uri, document.version, [_diagnostic(document, one) for one in found])

    def _publish(self, uri: str, version: int | None, diagnostics: list[types.Diagnostic]) -> None:
        params = types.PublishDiagnosticsParams(uri=uri, diagnostics=diagnostics, version=version)
        self._server.text_document_publish_diagnostics(params)


def placed(document: Document, first: int, last: int, severity: types.DiagnosticSeverity, message: str) -> Placed:
    """Return a finding on lines of a document."""
    return Placed(first, last, _read(document.lines, first, last), severity, message)


def range_of(document: Document, found: Placed) -> types.Range:
    """Return what a finding underlines: its lines without indentation and line end."""
    top, bottom = document.lines[found.first], document.lines[found.last].rstrip()
    start = document.position(found.first, len(top) - len(top.lstrip()))
    return types.Range(start, document.position(found.last, len(bottom)))


def _diagnostic(document: Document, found: Placed) -> types.Diagnostic:
    return types.Diagnostic(
        range_of(document, found), found.message, severity=found.severity, source=SOURCE, code="review"
    )


def _after(found: Sequence[Placed], change: types.TextDocumentContentChangeEvent) -> list[Placed]:
    """Return the findings below a change moved with it."""
    if not isinstance(change, types.TextDocumentContentChangePartial):
        return list(found)
    start, end = sorted((change.range.start, change.range.end), key=lambda place: (place.line, place.character))
    by = change.text.count("\n") - (end.line - start.line)
    whole = start.character == end.character == 0  # lines put before a line, or taken from before it
    first = end.line if whole else end.line + 1
    return [one.moved(by) if one.first >= first else one for one in found]


def _where(found: Placed, lines: Sequence[str], reach: int) -> Placed | None:
    """Return a finding where its lines are now, None where they read otherwise."""
    for distance in range(reach + 1):
        for by in (0,) if distance == 0 else (-distance, distance):
            first, last = found.first + by, found.last + by
            if first >= 0 and last < len(lines) and _read(lines, first, last) == found.lines:
                return found.moved(by)
    return None


def _read(lines: Sequence[str], first: int, last: int) -> tuple[str, ...]:
    return tuple(line.strip() for line in lines[first : last + 1])
