"""Open documents as they are now, for threads to read: nobody changes a snapshot under them.

Taken in the event loop, anew only of a document that has changed. Knows nothing of what is looked for in them.
"""

from __future__ import annotations

from itertools import islice

from codefuse_lsp.context.snippets import Document as Snapshot
from codefuse_lsp.lsp.document import Document
from codefuse_lsp.lsp.server import CodeFuseServer

MOST_DOCUMENTS = 40  # the last opened ones; Copilot looks at 20 files


def path_of(document: Document) -> str:
    """Return where a document lies; its uri, where that is no file."""
    return document.path or document.uri


def snapshot_of(server: CodeFuseServer, document: Document) -> Snapshot:
    """Return a document as it is now."""
    known = server.snapshots.get(document.uri)
    version = document.version or 0
    if known is None or known.version != version:
        known = Snapshot(path_of(document), document.language_id or "", version, tuple(document.lines))
        server.snapshots[document.uri] = known
    return known


def refresh(server: CodeFuseServer) -> None:
    """Take snapshots of the open documents that have changed, and forget those that were closed."""
    documents = server.workspace.text_documents
    for uri in [uri for uri in server.snapshots if uri not in documents]:
        del server.snapshots[uri]
    for document in islice(reversed(list(documents.values())), MOST_DOCUMENTS):
        if isinstance(document, Document):
            snapshot_of(server, document)
