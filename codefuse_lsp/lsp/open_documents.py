"""What the user has open, edits and looks at, told to those who gather context for ghost text.

The editor's notifications in; snapshots and events out. A snapshot is taken anew only of a document that has changed,
in the event loop, so that threads read what nobody changes under them.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import islice

from lsprotocol import types

from codefuse_lsp.context.snippets import Document as Snapshot
from codefuse_lsp.lsp.document import Document
from codefuse_lsp.lsp.server import CodeFuseServer
from codefuse_lsp.suggestions.asked import asked_at

MOST_DOCUMENTS = 40  # the last opened ones; Copilot looks at 20 files
FIRST_VIEW = 40  # lines that are seen when a document is opened
VIEW_LINES = 20  # on either side of a place that the editor asks about


def snapshot_of(server: CodeFuseServer, document: Document) -> Snapshot:
    """Return a document as it is now."""
    known = server.snapshots.get(document.uri)
    version = document.version or 0
    if known is None or known.version != version:
        path, language = document.path or document.uri, document.language_id or ""
        known = server.snapshots[document.uri] = Snapshot(path, language, version, tuple(document.lines))
    return known


def refresh(server: CodeFuseServer) -> None:
    """Take snapshots of the open documents that have changed, and forget those that were closed."""
    documents = server.workspace.text_documents
    for uri in [uri for uri in server.snapshots if uri not in documents]:
        del server.snapshots[uri]
    for document in islice(reversed(list(documents.values())), MOST_DOCUMENTS):
        if isinstance(document, Document):
            snapshot_of(server, document)


def viewed(server: CodeFuseServer, document: Document, line: int) -> None:
    """Take note that the user looks at a place."""
    path = document.path or document.uri
    server.suggester.surroundings.views.touched(path, line - VIEW_LINES, line + VIEW_LINES, time.monotonic())


def register(server: CodeFuseServer) -> None:
    """Listen to what happens to documents."""

    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    async def opened(ls: CodeFuseServer, params: types.DidOpenTextDocumentParams) -> None:
        document = ls.document(params.text_document.uri)
        path = document.path or document.uri
        ls.suggester.surroundings.views.touched(path, 0, FIRST_VIEW, time.monotonic())
        refresh(ls)
        snapshot = snapshot_of(ls, document)
        asked = asked_at(
            snapshot.lines, 0, 0, uri=document.uri, path=path, language=snapshot.language, version=snapshot.version,
            budget_chars=ls.suggester.budget_chars, invoked=True,
        )  # fmt: skip
        await ls.suggester.warm_up(asked)

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    def changed(ls: CodeFuseServer, params: types.DidChangeTextDocumentParams) -> None:
        document = ls.document(params.text_document.uri)
        _note_edits(ls, document.path or document.uri, params.content_changes)

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    def closed(ls: CodeFuseServer, params: types.DidCloseTextDocumentParams) -> None:
        snapshot = ls.snapshots.pop(params.text_document.uri, None)
        path = snapshot.path if snapshot else params.text_document.uri
        ls.suggester.forget(params.text_document.uri, path)


def _note_edits(server: CodeFuseServer, path: str, changes: Sequence[types.TextDocumentContentChangeEvent]) -> None:
    edits, views, now = server.suggester.surroundings.edits, server.suggester.surroundings.views, time.monotonic()
    for change in changes:
        if isinstance(change, types.TextDocumentContentChangePartial):
            first, last = change.range.start.line, change.range.end.line
            added = change.text.count("\n")
            for places in (edits, views):
                places.moved(path, first, last - first, added)
            edits.touched(path, first, first + added + 1, now)
