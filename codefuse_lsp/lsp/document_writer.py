"""An answer written into an open document: whole lines, a few times a second, each edit made for what stands there now.

Text in as it is said; `workspace/applyEdit` out. An edit that the client refuses, since the user typed meanwhile, is
made anew; after a few of them the rest comes as one edit at the end. Nothing of the user's is touched: all that changes
is at the line `WRITING`, and who deletes that line has ended the answer. Knows nothing of models.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from enum import Enum

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from codefuse_lsp.chat_document.edits import LineEdit, ended, growing, taken_back
from codefuse_lsp.chat_document.turns import escaped
from codefuse_lsp.lsp.client import ClientSilent
from codefuse_lsp.lsp.document import Document
from codefuse_lsp.lsp.server import CodeFuseServer
from codefuse_lsp.markdown import closing_line

PAUSE_S = 0.3  # between two edits
SEEN_S = 3.0  # for the client to tell of an edit that it has applied; Neovim gathers changes for 150 ms
LOOK_S = 0.02  # between two looks whether it has
MOST_REFUSALS = 3  # one after the other, until the rest waits for the end
LAST_TRIES = 5  # of the last edit, after a first

Make = Callable[[Sequence[str]], LineEdit | None]


class Outcome(Enum):
    """What became of an edit."""

    APPLIED = "applied"
    REFUSED = "refused"
    GONE = "gone"  # the place of the answer, or the document


class DocumentWriter:
    """One answer on its way into the document `uri`; `gone` is set when its place is not there any more."""

    def __init__(self, server: CodeFuseServer, uri: str) -> None:
        self.gone = asyncio.Event()
        self._server, self._uri = server, uri
        self._said = ""
        self._written = 0  # lines
        self._refusals = 0
        self._news, self._over = asyncio.Event(), asyncio.Event()
        self._writing: asyncio.Task[None] | None = None

    async def edit(self, make: Make) -> Outcome:
        """Apply what `make` finds to change in the document as it is, and wait until it shows."""
        document = self._server.document(self._uri)
        version = document.version
        if version is None:  # closed
            return Outcome.GONE
        change = make([line.rstrip("\r\n") for line in document.lines])
        if change is None:
            return Outcome.GONE
        params = types.ApplyWorkspaceEditParams(_workspace_edit(self._server, document, change), label="CodeFuse: Chat")
        try:
            answer = await self._server.within_reason(self._server.workspace_apply_edit_async(params))
        except (ClientSilent, JsonRpcException):
            return Outcome.REFUSED
        if not answer.applied:
            return Outcome.REFUSED
        await self._seen(version)
        return Outcome.APPLIED

    def say(self, text: str) -> None:
        """Take more of the answer."""
        self._said += text if self._said else text.lstrip("\n")
        self._news.set()
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())

    async def finish(self) -> bool:
        """Write the rest, and a heading below it for the next question; return whether the document holds it all.

        Where nothing was said, the place of the answer is taken away again.
        """
        self._over.set()
        self._news.set()
        if self._writing is not None:
            await asyncio.wait({self._writing})
        make = self._ended if self._said.strip() else taken_back
        outcome = Outcome.GONE if self.gone.is_set() else await self.edit(make)
        for _ in range(LAST_TRIES):
            if outcome is not Outcome.REFUSED:
                break
            await asyncio.sleep(PAUSE_S)
            outcome = await self.edit(make)
        if outcome is Outcome.GONE:
            self.gone.set()
        return outcome is Outcome.APPLIED

    @property
    def said(self) -> str:
        """The answer so far."""
        return self._said

    async def _write(self) -> None:
        while not self.gone.is_set() and not self._over.is_set():
            await self._write_whole_lines()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), PAUSE_S)
            await self._news.wait()
            self._news.clear()

    async def _write_whole_lines(self) -> None:
        lines = escaped(self._said.split("\n"))[:-1][self._written :]
        if not lines or self._refusals >= MOST_REFUSALS:
            return
        outcome = await self.edit(lambda there: growing(there, lines))
        if outcome is Outcome.APPLIED:
            self._written += len(lines)
            self._refusals = 0
        elif outcome is Outcome.REFUSED:
            self._refusals += 1
            self._news.set()
        else:
            self.gone.set()

    def _ended(self, there: Sequence[str]) -> LineEdit | None:
        text = self._said.rstrip()
        closing = closing_line(text)
        lines = escaped(text.split("\n"))[self._written :]
        return ended(there, [*lines, closing] if closing else lines)

    async def _seen(self, version: int) -> None:
        """Wait until the client has told what it applied: what is made of the document before that would not fit."""
        for _ in range(int(SEEN_S / LOOK_S)):
            if self._server.document(self._uri).version != version:
                return
            await asyncio.sleep(LOOK_S)


def _workspace_edit(server: CodeFuseServer, document: Document, change: LineEdit) -> types.WorkspaceEdit:
    edit = _text_edit(document, change)
    workspace = server.client_capabilities.workspace
    if workspace and workspace.workspace_edit and workspace.workspace_edit.document_changes:
        identifier = types.OptionalVersionedTextDocumentIdentifier(uri=document.uri, version=document.version)
        return types.WorkspaceEdit(document_changes=[types.TextDocumentEdit(identifier, [edit])])
    return types.WorkspaceEdit(changes={document.uri: [edit]})


def _text_edit(document: Document, change: LineEdit) -> types.TextEdit:
    """Return an edit of lines as the client counts them; the last line of a document has no end."""
    count = len(document.lines)
    newline = "\r\n" if document.lines[0].endswith("\r\n") else "\n"
    text = newline.join(change.lines)
    if change.start >= count:
        return types.TextEdit(types.Range(document.end(), document.end()), newline + text)
    start = types.Position(change.start, 0)
    if change.stop >= count:
        return types.TextEdit(types.Range(start, document.end()), text)
    return types.TextEdit(types.Range(start, types.Position(change.stop, 0)), text + newline if change.lines else "")
