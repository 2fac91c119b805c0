"""Notebooks: `notebookDocument/*` keeps their cells, each of which is a document, and in the order they stand in.

pygls applies the changes; here is let go of what goes with a cell. Nothing hangs on a save, so none is asked for.
"""

from __future__ import annotations

from urllib.parse import unquote

from lsprotocol import types

from codefuse_lsp.lsp.server import CodeFuseServer


def register(server: CodeFuseServer) -> None:
    """Listen to what happens to notebooks."""

    @server.feature(types.NOTEBOOK_DOCUMENT_DID_CHANGE)
    def changed(ls: CodeFuseServer, params: types.DidChangeNotebookDocumentParams) -> None:
        cells = params.change.cells
        if cells is not None and cells.structure is not None:
            _forget(ls, [document.uri for document in cells.structure.did_close or ()])

    @server.feature(types.NOTEBOOK_DOCUMENT_DID_CLOSE)
    def closed(ls: CodeFuseServer, params: types.DidCloseNotebookDocumentParams) -> None:
        ls.snapshots.pop(unquote(params.notebook_document.uri), None)
        _forget(ls, [document.uri for document in params.cell_text_documents])


def _forget(server: CodeFuseServer, cells: list[str]) -> None:
    for uri in cells:
        server.suggester.forget(uri, uri)
