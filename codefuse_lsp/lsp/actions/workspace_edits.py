"""Lines of a document, and new files, as edits that a client applies: versioned, and undone in one step.

Knows nothing of why anything is changed.
"""

from __future__ import annotations

from collections.abc import Sequence

from lsprotocol import types

from codefuse_lsp.context.definitions import LineSpan
from codefuse_lsp.lsp.document import Document
from codefuse_lsp.lsp.server import CodeFuseServer


def lines_edit(document: Document, span: LineSpan, new: Sequence[str]) -> types.WorkspaceEdit:
    """Return the edit that puts lines, with their ends, in place of those of `span`."""
    identifier = types.OptionalVersionedTextDocumentIdentifier(uri=document.uri, version=document.version)
    change = types.TextEdit(lines_range(document, span), "".join(new))
    return types.WorkspaceEdit(document_changes=[types.TextDocumentEdit(identifier, [change])])


def lines_range(document: Document, span: LineSpan) -> types.Range:
    """Return whole lines as the client counts them."""
    return types.Range(_line_start(document, span.start), _line_start(document, span.stop))


def new_file_edit(server: CodeFuseServer, uri: str, text: str) -> types.WorkspaceEdit | None:
    """Return the edit that makes a file; None where the client can make none."""
    if not creates_files(server.client_capabilities):
        return None
    start = types.Position(0, 0)
    create = types.CreateFile(uri=uri, options=types.CreateFileOptions(overwrite=False, ignore_if_exists=False))
    identifier = types.OptionalVersionedTextDocumentIdentifier(uri=uri, version=None)
    fill = types.TextDocumentEdit(identifier, [types.TextEdit(types.Range(start, start), text)])
    return types.WorkspaceEdit(document_changes=[create, fill])


def creates_files(capabilities: types.ClientCapabilities) -> bool:
    """Whether the client makes files where an edit says so."""
    edits = capabilities.workspace.workspace_edit if capabilities.workspace else None
    return bool(edits and types.ResourceOperationKind.Create in (edits.resource_operations or ()))


def uri_of(edit: types.WorkspaceEdit) -> str:
    """Return the uri of the document that an edit changes last."""
    *_, change = edit.document_changes or ()
    assert isinstance(change, types.TextDocumentEdit)
    return change.text_document.uri


def _line_start(document: Document, line: int) -> types.Position:
    return types.Position(line, 0) if line < len(document.lines) else document.end()
