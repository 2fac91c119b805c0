"""Edits as the client takes them: lines, hunks or a new file as one versioned `WorkspaceEdit`, one step to undo.

Knows nothing of why a text changes.
"""

from __future__ import annotations

from collections.abc import Sequence

from lsprotocol import types

from codefuse_lsp.edits.hunks import Hunk
from codefuse_lsp.edits.merging import Change
from codefuse_lsp.lsp.document import Document
from codefuse_lsp.lsp.protocol.edit import HunkItem

ANNOTATION = "codefuse"  # the id of the one annotation of an edit that is to be confirmed


def range_of(document: Document, start: int, stop: int) -> types.Range:
    """Return the range of whole lines, the last of which may be the document's."""
    return types.Range(_edge(document, start), _edge(document, stop))


def hunk_item(document: Document, hunk: Hunk) -> HunkItem:
    """Return a hunk of a whole document as it goes over the wire."""
    return HunkItem(hunk.id, range_of(document, hunk.start, hunk.stop), hunk.old, hunk.new)


def edit_of(
    document: Document, hunks: Sequence[Hunk], capabilities: types.ClientCapabilities, confirm: str = ""
) -> types.WorkspaceEdit:
    """Return the edit that applies hunks of a whole document; `confirm` is what the user is asked, '' for nothing."""
    items = [types.TextEdit(range_of(document, hunk.start, hunk.stop), hunk.new) for hunk in hunks]
    return versioned(document.uri, document.version, items, capabilities, confirm)


def lines_edit(
    document: Document, changes: Sequence[Change], capabilities: types.ClientCapabilities
) -> types.WorkspaceEdit:
    """Return the edit that makes changes of whole lines, which do not overlap."""
    edits = [types.TextEdit(range_of(document, one.start, one.stop), "".join(one.lines)) for one in changes]
    return versioned(document.uri, document.version, edits, capabilities)


def new_file_edit(uri: str, text: str, capabilities: types.ClientCapabilities) -> types.WorkspaceEdit:
    """Return the edit that makes a file; of a client that can make none, it is of a buffer that is not there yet."""
    start = types.Position(0, 0)
    return versioned(uri, None, [types.TextEdit(types.Range(start, start), text)], capabilities, create=True)


def versioned(
    uri: str,
    version: int | None,
    edits: Sequence[types.TextEdit],
    capabilities: types.ClientCapabilities,
    confirm: str = "",
    *,
    create: bool = False,
) -> types.WorkspaceEdit:
    """Return edits of one document as one edit; `create` makes its file first where the client can do that.

    Without the client's support for versions or for asking, the edit is without.
    """
    support = capabilities.workspace.workspace_edit if capabilities.workspace else None
    if support is None or not (support.document_changes or support.resource_operations):  # Neovim 0.11 tells the second
        return types.WorkspaceEdit(changes={uri: list(edits)})
    asks = bool(confirm) and support.change_annotation_support is not None
    changed: list[types.TextEdit | types.AnnotatedTextEdit | types.SnippetTextEdit] = [
        types.AnnotatedTextEdit(ANNOTATION, edit.range, edit.new_text) if asks else edit for edit in edits
    ]
    changes: list[types.TextDocumentEdit | types.CreateFile | types.RenameFile | types.DeleteFile] = [
        types.TextDocumentEdit(types.OptionalVersionedTextDocumentIdentifier(uri=uri, version=version), changed)
    ]
    if create and creates_files(capabilities):
        options = types.CreateFileOptions(overwrite=False, ignore_if_exists=True)
        changes.insert(0, types.CreateFile(uri=uri, options=options, annotation_id=ANNOTATION if asks else None))
    annotation = types.ChangeAnnotation(label=confirm, needs_confirmation=True)
    return types.WorkspaceEdit(document_changes=changes, change_annotations={ANNOTATION: annotation} if asks else None)


def creates_files(capabilities: types.ClientCapabilities) -> bool:
    """Whether the client makes files where an edit says so."""
    support = capabilities.workspace.workspace_edit if capabilities.workspace else None
    return bool(support and types.ResourceOperationKind.Create in (support.resource_operations or ()))


def uri_of(edit: types.WorkspaceEdit) -> str:
    """Return the uri of the document that an edit changes last."""
    if not edit.document_changes:
        return next(iter(edit.changes or {}))
    change = edit.document_changes[-1]
    assert isinstance(change, types.TextDocumentEdit)
    return change.text_document.uri


def _edge(document: Document, line: int) -> types.Position:
    return document.position(line, 0) if line < len(document.lines) else document.end()
