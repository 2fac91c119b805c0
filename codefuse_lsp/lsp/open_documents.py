"""What the user opens, edits and looks at, told to those who gather context for ghost text."""

from __future__ import annotations

import time
from collections.abc import Sequence
from urllib.parse import unquote

from lsprotocol import types

from codefuse_lsp.lsp.inline_completion import asked_in
from codefuse_lsp.lsp.server import CodeFuseServer


def register(server: CodeFuseServer) -> None:
    """Listen to what happens to documents."""

    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    async def opened(ls: CodeFuseServer, params: types.DidOpenTextDocumentParams) -> None:
        document = ls.document(params.text_document.uri)
        await ls.suggester.warm_up(asked_in(ls, document, types.Position(0, 0), invoked=True))

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    def changed(ls: CodeFuseServer, params: types.DidChangeTextDocumentParams) -> None:
        document = ls.document(params.text_document.uri)
        _note_edits(ls, ls.path_of(document), params.content_changes)
        ls.findings.changed(document, params.content_changes)

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    def closed(ls: CodeFuseServer, params: types.DidCloseTextDocumentParams) -> None:
        ls.latest.end(params.text_document.uri)
        ls.findings.clear(params.text_document.uri)
        uri = params.text_document.uri
        snapshot = ls.snapshots.pop(unquote(uri), None)
        is_last = snapshot and all(other.path != snapshot.path for other in ls.snapshots.values())
        ls.suggester.forget(uri, snapshot.path if snapshot and is_last else uri)


def _note_edits(server: CodeFuseServer, path: str, changes: Sequence[types.TextDocumentContentChangeEvent]) -> None:
    edits, views, now = server.suggester.surroundings.edits, server.suggester.surroundings.views, time.monotonic()
    for change in changes:
        if isinstance(change, types.TextDocumentContentChangePartial):
            first, last = change.range.start.line, change.range.end.line
            added = change.text.count("\n")
            for places in (edits, views):
                places.moved(path, first, last - first, added)
            edits.touched(path, first, first + added + 1, now)
