"""Inline edits: `codefuse/edit` writes a new text for some lines, which is accepted or discarded, whole or in part.

The client shows it as it is written and as a diff. The command `codefuse.edit` is for clients that show neither: it
applies what is proposed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

from lsprotocol import types

from codefuse_lsp.errors import CodeFuseError
from codefuse_lsp.lsp.deltas import DeltaStream
from codefuse_lsp.lsp.document import Document
from codefuse_lsp.lsp.editing import Draft, Job, written
from codefuse_lsp.lsp.proposals import Proposal, Proposals
from codefuse_lsp.lsp.protocol.actions import Target
from codefuse_lsp.lsp.protocol.edit import (
    EDIT,
    EDIT_ACCEPT,
    EDIT_DISCARD,
    AcceptParams,
    AcceptResult,
    DiscardParams,
    DiscardResult,
    EditParams,
    EditResult,
)
from codefuse_lsp.lsp.selection import unchanged
from codefuse_lsp.lsp.server import CodeFuseServer
from codefuse_lsp.lsp.workspace_edits import edit_of, hunk_item, range_of

EDIT_COMMAND = "codefuse.edit"
MOVED_ON = "The document was changed meanwhile, so this can be accepted only once that is undone."
SUPERSEDED = "Another edit of this document was begun, so this one was ended."


def register(server: CodeFuseServer) -> None:
    """Offer edits."""
    edits = Edits(server)

    @server.feature(EDIT)
    async def edit(ls: CodeFuseServer, params: EditParams) -> EditResult:
        target = Target(params.text_document.uri, params.range, params.text_document.version)
        stream = DeltaStream(ls, params.partial_result_token)
        try:
            draft, proposal = await edits.propose(target, params.instruction, stream.push)
        finally:
            stream.flush()
        return _result(draft, proposal)

    @server.feature(EDIT_ACCEPT)
    async def accept(ls: CodeFuseServer, params: AcceptParams) -> AcceptResult:
        proposal = edits.proposals.find(params.edit_id)
        return AcceptResult(await edits.accept(proposal, params.hunks, preview=params.preview))

    @server.feature(EDIT_DISCARD)
    async def discard(ls: CodeFuseServer, params: DiscardParams) -> DiscardResult:
        return DiscardResult(edits.proposals.discard(params.edit_id))

    @server.command(EDIT_COMMAND)
    async def edit_command(ls: CodeFuseServer, target: Target, instruction: str) -> bool:
        return await edits.apply(target, instruction)


class Edits:
    """The edits of one editor window: what is being written, one at a time for a document, and what was proposed."""

    def __init__(self, server: CodeFuseServer) -> None:
        self.proposals = Proposals()
        self._server = server
        self._writing: dict[str, asyncio.Task[object]] = {}  # by uri

    async def propose(self, target: Target, instruction: str, push: Callable[[str], None]) -> tuple[Draft, Proposal]:
        """Return what is proposed for the target's lines; a cancel keeps the lines that were finished.

        `push` takes the new text as it is written. Raises CodeFuseError, also when another edit of the document begins.
        """
        if not instruction.strip():
            raise CodeFuseError("Say what is to be done.")
        document = unchanged(self._server, target).frozen()
        task = asyncio.current_task()
        assert task is not None
        if older := self._writing.get(target.uri):
            older.cancel()
        self._writing[target.uri] = task
        try:
            draft = await written(self._server, Job(document, target.range, instruction), push)
            if self._writing.get(target.uri) is not task:
                raise CodeFuseError(SUPERSEDED)
        finally:
            if self._writing.get(target.uri) is task:
                del self._writing[target.uri]
        if draft.hunks and self._server.document(target.uri).version != document.version:
            draft = replace(draft, note=f"{draft.note} {MOVED_ON}".strip())
        proposal = Proposal(target.uri, _title(instruction), draft.hunks)
        proposal.fits(document.source)
        self.proposals.keep(proposal)
        return draft, proposal

    async def accept(self, proposal: Proposal, ids: Sequence[str] | None, *, preview: bool) -> types.WorkspaceEdit:
        """Return the edit that takes some hunks of a proposal. Raises CodeFuseError."""
        document, capabilities = self._server.document(proposal.uri).frozen(), self._server.client_capabilities
        confirm = proposal.title if preview else ""

        def edit() -> types.WorkspaceEdit:
            return edit_of(document, proposal.chosen(document, ids), capabilities, confirm)

        return await asyncio.to_thread(edit)

    async def apply(self, target: Target, instruction: str) -> bool:
        """Have the client apply what is proposed; return whether it did. A cancel applies nothing."""
        async with self._server.work_done.shown(_title(instruction)) as report:
            lines = 0

            def push(text: str) -> None:
                nonlocal lines
                lines += text.count("\n")
                report(f"{lines} lines", None)

            draft, proposal = await self.propose(target, instruction, push)
        if draft.finish_reason == "cancelled":
            return False
        if draft.note:
            self._server.tell(draft.note, types.MessageType.Warning)
        if not draft.hunks:
            return False
        edit = await self.accept(proposal, None, preview=True)
        return await self._server.applies(types.ApplyWorkspaceEditParams(edit, label=proposal.title))


def _result(draft: Draft, proposal: Proposal) -> EditResult:
    document: Document = draft.document
    return EditResult(
        edit_id=proposal.id,
        uri=document.uri,
        version=document.version,
        range=range_of(document, draft.span.start, draft.span.stop),
        old_text=draft.old,
        new_text=draft.new,
        hunks=[hunk_item(document, hunk) for hunk in draft.hunks],
        finish_reason=draft.finish_reason,
        note=draft.note,
    )


def _title(instruction: str) -> str:
    first = instruction.strip().splitlines()[0]
    return f"CodeFuse: {first if len(first) <= 60 else first[:59] + '…'}"
