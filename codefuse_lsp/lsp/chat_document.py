"""Chat with no plugin: a Markdown document that any editor opens, edits and sends from.

A file `*.codefuse-chat.md` has a heading for each turn. "Send", "Stop" and "Regenerate" are code lenses, code actions
and commands; the answer is written into the document while it streams. The document is the conversation: what stands
in it is what is told, and it is the user's to change or to keep.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path, PurePath
from urllib.parse import unquote

from lsprotocol import types
from pygls.exceptions import JsonRpcInvalidParams

from codefuse_lsp import config
from codefuse_lsp.chat_document import HEADINGS, SUFFIX, parse
from codefuse_lsp.chat_document.edits import LineEdit, Sending, sending, sending_again
from codefuse_lsp.chat_document.turns import writing_line
from codefuse_lsp.conversations import StoredTurn
from codefuse_lsp.errors import CodeFuseError
from codefuse_lsp.lsp.document import Document
from codefuse_lsp.lsp.document_writer import DocumentWriter, Outcome
from codefuse_lsp.lsp.protocol.actions import Target
from codefuse_lsp.lsp.selection import selection_of, unchanged
from codefuse_lsp.lsp.server import CodeFuseServer
from codefuse_lsp.lsp.status import wants_codefuse
from codefuse_lsp.lsp.told import answered, told
from codefuse_lsp.prompts.fences import fenced

NEW_CHAT = "codefuse.newChat"
SEND, STOP, REGENERATE = "codefuse.chat.send", "codefuse.chat.stop", "codefuse.chat.regenerate"
TITLES = {SEND: "Send", STOP: "Stop", REGENERATE: "Regenerate"}
KIND = "source.codefuse.chat"
MOST_QUOTED_LINES = 400

Find = Callable[[Sequence[str]], Sending]


def register(server: CodeFuseServer) -> None:
    """Offer chat documents."""
    chats = _ChatDocuments(server)

    @server.feature(types.TEXT_DOCUMENT_CODE_LENS)
    async def lenses(ls: CodeFuseServer, params: types.CodeLensParams) -> list[types.CodeLens]:
        uri = params.text_document.uri
        return _lenses(ls.document(uri)) if is_chat(uri) else []

    @server.command(NEW_CHAT)
    async def new_chat(ls: CodeFuseServer, *about: object) -> str:
        quote = ""
        if about and about[0] is not None:
            target = ls.protocol.from_wire(about[0], Target)
            quote = await asyncio.to_thread(_quote, ls, unchanged(ls, target).frozen(), target)
        path = await asyncio.to_thread(_new_file, quote)
        if not await ls.shows(path.as_uri(), take_focus=True):
            ls.tell(f"A new chat is in {path}; open it there.")
        return path.as_uri()

    # editors in which a command is typed give it no argument: then the only chat that is open is meant
    @server.command(SEND)
    async def send(ls: CodeFuseServer, *uri: object) -> bool:
        return await chats.send(_given(uri), sending)

    @server.command(REGENERATE)
    async def regenerate(ls: CodeFuseServer, *uri: object) -> bool:
        return await chats.send(_given(uri), sending_again)

    @server.command(STOP)
    async def stop(ls: CodeFuseServer, *uri: object) -> bool:
        return await chats.stop(_given(uri))


def is_chat(uri: str) -> bool:
    """Return whether a document is a chat."""
    return unquote(uri).lower().endswith(SUFFIX)


def actions(server: CodeFuseServer, document: Document, only: Sequence[str] | None) -> list[types.CodeAction]:
    """Return what can be done in a chat, for clients without code lenses."""
    if only is not None and not any(f"{KIND}.".startswith(f"{root}.") or not root for root in only):
        return []
    return [
        types.CodeAction(f"CodeFuse: {TITLES[name]}", kind=KIND, command=_command(name, document.uri))
        for name, _ in _offers(document)
    ]


def opening_actions(server: CodeFuseServer, target: Target, only: Sequence[str] | None) -> list[types.CodeAction]:
    """Return the action that opens a chat about some code, in editors that have no chat of ours."""
    if wants_codefuse(server.client_capabilities) or not _shows_documents(server.client_capabilities):
        return []
    if only is not None and not any(f"{KIND}.".startswith(f"{root}.") or not root for root in only):
        return []
    title = "CodeFuse: Chat about this"
    wire = server.protocol.to_wire(target)
    return [types.CodeAction(title, kind=KIND, command=types.Command(title, NEW_CHAT, arguments=[wire]))]


@dataclass(frozen=True, slots=True)
class _Answering:
    """What is under way in a document: the answer, and all that is done about it."""

    stream: asyncio.Task[None]
    whole: asyncio.Task[None]


class _ChatDocuments:
    """The chats of one editor window, and the answers that are being written in them."""

    def __init__(self, server: CodeFuseServer) -> None:
        self._server = server
        self._running: dict[str, _Answering] = {}
        self._sending: set[str] = set()

    async def send(self, uri: str | None, find: Find) -> bool:
        """Begin to answer what `find` finds in a document, and return when there is a place for the answer.

        What goes wrong later is told in a message: some editors wait for a command and for nothing else meanwhile.
        Raises CodeFuseError.
        """
        uri = self._the_one(uri)
        if (running := self._running.get(uri)) and running.stream.done():
            await asyncio.wait({running.whole})
        if uri in self._running or uri in self._sending:
            raise CodeFuseError("An answer is being written in this chat: wait for it, or stop it.")
        self._sending.add(uri)
        try:
            await self._end_what_is_left(uri)
            await self._begin(uri, find)
        finally:
            self._sending.discard(uri)
        return True

    async def stop(self, uri: str | None) -> bool:
        """End an answer and keep what was said; return whether one was under way, or had been in another life."""
        uri = self._the_one(uri)
        if (running := self._running.get(uri)) is not None:
            return running.stream.cancel()
        return await self._end_what_is_left(uri)

    async def _end_what_is_left(self, uri: str) -> bool:
        """End an answer whose server has ended without a word; return whether there was one."""
        if writing_line(_lines(self._server.document(uri))) is None:
            return False
        return await DocumentWriter(self._server, uri).finish()

    async def _begin(self, uri: str, find: Find) -> None:
        writer, found = DocumentWriter(self._server, uri), list[Sending]()

        def place(lines: Sequence[str]) -> LineEdit:
            found.append(find(lines))
            return found[-1].edit

        if await writer.edit(place) is not Outcome.APPLIED:
            raise CodeFuseError("The editor has not taken the edit; please send it again.")
        stream = asyncio.create_task(self._stream(uri, writer, found[-1]))
        whole = asyncio.create_task(self._finish(writer, stream))
        self._running[uri] = _Answering(stream, whole)
        whole.add_done_callback(lambda _: self._running.pop(uri, None))

    async def _finish(self, writer: DocumentWriter, stream: asyncio.Task[None]) -> None:
        """Wait for the answer's end, or for that of its place, and write down what was said."""
        gone = asyncio.create_task(writer.gone.wait())
        await asyncio.wait({stream, gone}, return_when=asyncio.FIRST_COMPLETED)
        gone.cancel()
        stream.cancel()
        try:
            await stream
        except asyncio.CancelledError:
            pass  # an ordinary end
        except CodeFuseError as error:
            self._server.tell(str(error), types.MessageType.Error)
        if not await writer.finish() and not writer.gone.is_set() and writer.said.strip():
            await self._server.views.open("answer").finish(writer.said)  # or it would be lost

    async def _stream(self, uri: str, writer: DocumentWriter, found: Sending) -> None:
        before = [StoredTurn(str(number), role, text) for number, (role, text) in enumerate(found.before)]
        async with self._server.work_done.shown("Answering"):
            what = await told(self._server, uri, before, found.question)
            for sentence in what.left_out:
                self._server.tell(sentence)
            async with aclosing(answered(self._server, what)) as chunks:
                async for chunk in chunks:
                    writer.say(chunk.text)
                    if chunk.finish_reason == "length":
                        self._server.tell("The answer was cut off (setting chat_max_tokens).")

    def _the_one(self, uri: str | None) -> str:
        """Return the document that is meant: where none is named, the only chat that is open."""
        if uri is not None:
            document = self._server.document(uri)
            if not is_chat(uri) or document.version is None:
                raise CodeFuseError(
                    f"{PurePath(document.path).name} is no open chat: a chat's name ends with {SUFFIX}."
                )
            return document.uri
        chats = [uri for uri in self._server.workspace.text_documents if is_chat(uri)]
        if len(chats) != 1:
            raise CodeFuseError("No chat is open." if not chats else "Several chats are open: name the one to send.")
        return self._server.document(chats[0]).uri


def _given(arguments: Sequence[object]) -> str | None:
    if not arguments or arguments[0] is None:
        return None
    if len(arguments) > 1 or not isinstance(arguments[0], str):
        raise JsonRpcInvalidParams("The command takes the uri of a chat, or nothing.")
    return arguments[0]


def _offers(document: Document) -> list[tuple[str, int]]:
    """Return the commands that make sense in a chat as it is, each with the line that it belongs to."""
    lines = _lines(document)
    turns = parse("\n".join(lines))
    if (place := writing_line(lines)) is not None:
        headings = [turn.heading for turn in turns if turn.heading < place]
        return [(STOP, headings[-1] if headings else place)]
    written = [turn for turn in turns if turn.text.strip()]
    if not written:
        return []
    return [(SEND if written[-1].role == "human" else REGENERATE, written[-1].heading)]


def _lenses(document: Document) -> list[types.CodeLens]:
    return [
        types.CodeLens(types.Range(start := types.Position(line, 0), start), command=_command(name, document.uri))
        for name, line in _offers(document)
    ]


def _command(name: str, uri: str) -> types.Command:
    return types.Command(TITLES[name], name, arguments=[uri])


def _lines(document: Document) -> list[str]:
    return [line.rstrip("\r\n") for line in document.lines]


def _quote(server: CodeFuseServer, document: Document, target: Target) -> str:
    """Return the code that a chat is to be about, as a part of its first question; for a thread."""
    selection = selection_of(server, document, target)
    name = PurePath(server.path_of(document)).name
    lines = selection.code.splitlines(keepends=True)[:MOST_QUOTED_LINES]
    first = selection.span.start + 1
    where = f"`{name}`, lines {first}–{first + len(lines) - 1}"
    return f"About {where}:\n\n{fenced(''.join(lines), selection.language)}\n"


def _new_file(quote: str) -> Path:
    """Write a new chat, for its owner alone, among those that are kept."""
    folder = config.data_dir() / "chats"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    stamp, number = time.strftime("%Y-%m-%d-%H%M"), 1
    while True:
        path = folder / f"{stamp}{f'-{number}' if number > 1 else ''}{SUFFIX}"
        try:
            path.touch(mode=0o600, exist_ok=False)
            break
        except FileExistsError:
            number += 1
    path.write_text(f"# Chat\n\n{HEADINGS['human']}\n\n{quote}", "utf-8")
    return path


def _shows_documents(capabilities: types.ClientCapabilities) -> bool:
    window = capabilities.window
    return bool(window and window.show_document and window.show_document.support)
