from __future__ import annotations

from unittest.mock import patch

import pytest
from lsprotocol import types

from codefuse_lsp.config import Settings
from codefuse_lsp.lsp import snapshots
from codefuse_lsp.lsp.document import Document, Workspace
from codefuse_lsp.lsp.server import CodeFuseServer
from codefuse_lsp.lsp.snapshots import refresh, seen_from

NOTEBOOK = "file:///work/sales.ipynb"
CELLS = ["cell:/work/sales.ipynb#1", "cell:/work/sales.ipynb#2"]


@pytest.fixture
def server() -> CodeFuseServer:
    """A server in which a notebook of two cells is open."""
    server = CodeFuseServer(Settings())
    server.protocol._workspace = Workspace(None)
    open_notebook(server, "a = 1", "b = 2")
    return server


def open_notebook(server: CodeFuseServer, *texts: str) -> None:
    cells = [types.NotebookCell(types.NotebookCellKind.Code, uri) for uri in CELLS]
    items = [types.TextDocumentItem(uri, "python", 1, text) for uri, text in zip(CELLS, texts, strict=True)]
    notebook = types.NotebookDocument(NOTEBOOK, "jupyter-notebook", 1, cells)
    server.workspace.put_notebook_document(types.DidOpenNotebookDocumentParams(notebook, items))


def edit(server: CodeFuseServer, uri: str, text: str, version: int = 2) -> None:
    identifier = types.VersionedTextDocumentIdentifier(version, uri)
    server.workspace.update_text_document(identifier, types.TextDocumentContentChangeWholeDocument(text))


def text_from(server: CodeFuseServer, uri: str) -> str:
    document = server.document(uri)
    assert isinstance(document, Document)
    return "".join(seen_from(server, document).text.lines)


def test_a_notebook_is_joined_once_an_edit_however_often_it_is_looked_at(server: CodeFuseServer) -> None:
    with patch.object(snapshots, "joined", wraps=snapshots.joined) as joined:
        for _ in range(3):
            assert text_from(server, CELLS[0]).startswith("a = 1\n")
            refresh(server)
        assert joined.call_count == 1
        edit(server, CELLS[1], "b = 3")
        for _ in range(3):
            assert "b = 3" in text_from(server, CELLS[0])
            refresh(server)
        assert joined.call_count == 2


def test_a_notebook_reads_otherwise_from_another_cell(server: CodeFuseServer) -> None:
    assert text_from(server, CELLS[0]).startswith("a = 1\n")
    assert text_from(server, CELLS[1]).endswith("# %%\nb = 2")
    assert text_from(server, CELLS[0]).startswith("a = 1\n")


def test_a_notebook_that_is_opened_anew_is_read_anew_though_its_versions_are_the_same(server: CodeFuseServer) -> None:
    assert "b = 2" in text_from(server, CELLS[0])
    notebook = types.NotebookDocumentIdentifier(NOTEBOOK)
    closed = types.DidCloseNotebookDocumentParams(notebook, [types.TextDocumentIdentifier(uri) for uri in CELLS])
    server.workspace.remove_notebook_document(closed)
    open_notebook(server, "a = 1", "b = 9")
    assert "b = 9" in text_from(server, CELLS[0])


def test_what_is_closed_is_forgotten(server: CodeFuseServer) -> None:
    text_from(server, CELLS[0])
    notebook = types.NotebookDocumentIdentifier(NOTEBOOK)
    server.workspace.remove_notebook_document(types.DidCloseNotebookDocumentParams(notebook, []))
    refresh(server)
    assert server.snapshots == {} and server.read_notebooks == {}


def test_of_two_versions_of_a_file_the_file_itself_is_the_one_that_is_looked_at(server: CodeFuseServer) -> None:
    for uri, text in (("git:/work/a.py?HEAD", "old\n"), ("file:///work/a.py", "new\n")):
        server.workspace.put_text_document(types.TextDocumentItem(uri, "python", 1, text))
        text_from(server, uri)
    assert [document.lines[0] for document in server._open_documents() if document.path == "/work/a.py"] == ["new\n"]
