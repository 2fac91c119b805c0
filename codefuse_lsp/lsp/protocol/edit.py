"""Edits: proposed, looked at hunk by hunk, accepted or discarded; and blocks of code put into files."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
from lsprotocol import types

from codefuse_lsp.lsp.protocol.methods import Id, request

EDIT = "codefuse/edit"
EDIT_ACCEPT = "codefuse/edit/accept"
EDIT_DISCARD = "codefuse/edit/discard"
APPLY_CODE_BLOCK = "codefuse/applyCodeBlock"


@attrs.define
class DocumentId:
    """A document, and the version of it that is meant; without one it is meant as it is."""

    uri: str
    version: int | None = None


@attrs.define
class HunkItem:
    """A piece of an edit that can be taken by itself: `range` of the document as it was, and what comes there."""

    id: str
    range: types.Range
    old_text: str
    new_text: str


@attrs.define
class EditParams:
    """What to change and how; an empty range is a place to put code in.

    With `partialResultToken` the new text streams as `$/progress` {kind: "delta", seq, text}, at most 30 a second.
    """

    text_document: DocumentId
    range: types.Range
    instruction: str
    partial_result_token: Id | None = None


@attrs.define
class EditResult:
    """A proposal: `newText` for `range` of the document at `version`; `finishReason` is stop, length or cancelled."""

    edit_id: str
    uri: str
    version: int | None
    range: types.Range
    old_text: str
    new_text: str
    hunks: Sequence[HunkItem]
    finish_reason: str
    note: str


@attrs.define
class AcceptParams:
    """The hunks to take, all by default; with `preview` the client is to ask before it changes anything."""

    edit_id: str
    hunks: Sequence[str] | None = None
    preview: bool = False


@attrs.define
class AcceptResult:
    """One versioned edit of one document, which is one step to undo."""

    edit: types.WorkspaceEdit


@attrs.define
class DiscardParams:
    """The proposal to forget."""

    edit_id: str


@attrs.define
class DiscardResult:
    """Whether there was one."""

    discarded: bool


@attrs.define
class ApplyCodeBlockParams:
    """A block of code and where it goes: at the start of `range`, in its place, or by its names into the file.

    The file is `textDocument`, or `path` in the workspace, which need not exist yet; `mode` is insert, replace or
    merge.
    """

    code: str
    mode: str
    language: str | None = None
    path: str | None = None
    text_document: DocumentId | None = None
    range: types.Range | None = None
    preview: bool = False


@attrs.define
class ApplyCodeBlockResult:
    """An edit for the client to show and apply, its hunks, and what the user should know of it, '' for nothing."""

    edit: types.WorkspaceEdit
    label: str
    uri: str
    hunks: Sequence[HunkItem]
    note: str


METHODS = (
    request(EDIT, EditParams, EditResult)
    | request(EDIT_ACCEPT, AcceptParams, AcceptResult)
    | request(EDIT_DISCARD, DiscardParams, DiscardResult)
    | request(APPLY_CODE_BLOCK, ApplyCodeBlockParams, ApplyCodeBlockResult)
)
