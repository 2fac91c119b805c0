"""Open documents as they are now, for threads to read: nobody changes a snapshot under them.

Taken in the event loop, anew only of a document that has changed; a notebook is one, as it reads from one of its cells.
Knows nothing of what is looked for in them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from urllib.parse import unquote

from lsprotocol import types

from codefuse_lsp.context.notebooks import MARKDOWN, Cell, joined
from codefuse_lsp.context.snippets import Document as Snapshot
from codefuse_lsp.lsp.document import Document
from codefuse_lsp.lsp.server import CodeFuseServer

MOST_DOCUMENTS = 40  # the last opened ones; Copilot looks at 20 files


@dataclass(frozen=True, slots=True)
class Seen:
    """The text that a document is read in: itself, or for a cell its notebook, where it begins at `first_line`."""

    text: Snapshot
    first_line: int = 0
    is_cell: bool = False


@dataclass(frozen=True, slots=True)
class _Read:
    """How a notebook was last read: while `state` is the same, it reads so again."""

    state: tuple[object, ...]
    seen: Seen


def seen_from(server: CodeFuseServer, document: Document) -> Seen:
    """Return a document as it is now, a cell with the others round it."""
    notebook = server.notebook(document)
    return Seen(_snapshot(server, document)) if notebook is None else _seen_in(server, notebook, document)


def refresh(server: CodeFuseServer) -> None:
    """Take snapshots of the open documents that have changed, and forget those that were closed."""
    documents, notebooks = server.workspace.text_documents, server.workspace.notebook_documents
    for uri in [uri for uri in server.snapshots if uri not in documents and uri not in notebooks]:
        del server.snapshots[uri]
    for uri in [uri for uri in server.read_notebooks if uri not in notebooks]:
        del server.read_notebooks[uri]
    opened = (document for document in reversed(list(documents.values())) if isinstance(document, Document))
    for document in islice((one for one in opened if server.notebook(one) is None), MOST_DOCUMENTS):
        _snapshot(server, document)
    for uri, notebook in islice(reversed(list(notebooks.items())), MOST_DOCUMENTS):
        known = server.snapshots.get(uri)
        if (known is None or known.version != notebook.version) and (last := _last_code(server, notebook)):
            _seen_in(server, notebook, last)


def _snapshot(server: CodeFuseServer, document: Document) -> Snapshot:
    key, version = unquote(document.uri), document.version or 0
    known = server.snapshots.get(key)
    if known is None or known.version != version:
        known = Snapshot(server.path_of(document), document.language_id or "", version, tuple(document.lines))
        server.snapshots[key] = known
    return known


def _seen_in(server: CodeFuseServer, notebook: types.NotebookDocument, document: Document) -> Seen:
    """Return a notebook as it reads from one of its cells; the neighbours of other documents see it so too.

    It is joined once an edit, since it is asked for more than once a keystroke.
    """
    cells, uri = _cells(server, notebook), unquote(notebook.uri)
    if document not in cells:  # the client has taken it out and not closed it yet
        return Seen(_snapshot(server, document), is_cell=True)
    state = (document, notebook.version, *((cell, cell.version) for cell in cells))  # a cell is the same object or none
    known = server.read_notebooks.get(uri)
    if isinstance(known, _Read) and known.state == state and server.snapshots.get(uri) is known.seen.text:
        return known.seen
    found = joined([Cell(cell.language_id or "", cell.lines) for cell in cells], cells.index(document))
    text = Snapshot(server.path_of(document), document.language_id or "", notebook.version, found.lines)
    server.snapshots[uri] = text
    server.read_notebooks[uri] = _Read(state, seen := Seen(text, found.first, is_cell=True))
    return seen


def _cells(server: CodeFuseServer, notebook: types.NotebookDocument) -> Sequence[Document]:
    """Return the documents of a notebook's cells, in their order, as far as the client has opened them."""
    found = (server.workspace.text_documents.get(unquote(cell.document)) for cell in notebook.cells)
    return [document for document in found if isinstance(document, Document)]


def _last_code(server: CodeFuseServer, notebook: types.NotebookDocument) -> Document | None:
    cells = _cells(server, notebook)
    return next((cell for cell in reversed(cells) if cell.language_id != MARKDOWN), None)
