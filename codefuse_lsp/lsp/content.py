"""Documents that the server owns, such as explanations: one content, shown as well as the client can.

A `codefuse:` document that fills as it is written, where the client reads `workspace/textDocumentContent` (LSP 3.18);
else a Markdown file through `window/showDocument`; else a message.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from lsprotocol import types

from codefuse_lsp import config

if TYPE_CHECKING:
    from codefuse_lsp.lsp.server import CodeFuseServer

SCHEME = "codefuse"
KEPT = 20  # views; older ones are forgotten, and their files deleted
REFRESH_S = 0.25  # shortest pause between two refreshes of a view that is being written
LONGEST_MESSAGE = 2000  # characters of a view shown as a message


class Views:
    """The documents shown so far."""

    def __init__(self, server: CodeFuseServer) -> None:
        self._server = server
        self._texts: OrderedDict[str, str] = OrderedDict()  # by name

    def register(self) -> None:
        """Answer for the content of `codefuse:` documents."""

        @self._server.feature(types.WORKSPACE_TEXT_DOCUMENT_CONTENT)
        async def content(
            ls: CodeFuseServer, params: types.TextDocumentContentParams
        ) -> types.TextDocumentContentResult:
            return types.TextDocumentContentResult(self._texts.get(_name(params.uri), "This view has been closed."))

    def open(self, name: str) -> View:
        """Begin a view; `name` is its file name without the ending."""
        view = View(self._server, self._texts, f"{SCHEME}:///{quote(name, safe='')}-{time.time_ns() // 1_000_000}.md")
        self._texts[_name(view.uri)] = ""
        while len(self._texts) > KEPT:
            self._texts.popitem(last=False)
        return view


class View:
    """One document while it is being written."""

    def __init__(self, server: CodeFuseServer, texts: OrderedDict[str, str], uri: str) -> None:
        self._server = server
        self._texts = texts
        self.uri = uri
        self._shown = False
        self._refreshed = 0.0

    async def update(self, text: str) -> None:
        """Take the text so far; clients that can show it growing do."""
        self._texts[_name(self.uri)] = text
        if not _reads_content(self._server.client_capabilities):
            return
        if not self._shown:
            self._shown = True
            await self._server.shows(self.uri)
        elif time.monotonic() - self._refreshed >= REFRESH_S:
            self._refresh()

    async def finish(self, text: str) -> None:
        """Take the whole text and see that it is shown."""
        await self.update(text)
        if self._shown:
            self._refresh()
        elif not await self._shown_as_file(text):
            self._server.tell(text[:LONGEST_MESSAGE])

    async def _shown_as_file(self, text: str) -> bool:
        if not _shows_documents(self._server.client_capabilities):
            return False
        path = await asyncio.to_thread(_write, self.uri.rpartition("/")[2], text)
        return await self._server.shows(path.as_uri())

    def _refresh(self) -> None:
        self._refreshed = time.monotonic()
        params = types.TextDocumentContentRefreshParams(self.uri)
        question = asyncio.ensure_future(self._server.workspace_text_document_content_refresh_async(params))
        question.add_done_callback(lambda answer: answer.cancelled() or answer.exception())


def _name(uri: str) -> str:
    """Return what tells one view from another; clients write the slashes before it as they like (VS Code: one)."""
    return unquote(uri.rpartition("/")[2])


def _write(name: str, text: str) -> Path:
    """Write a view's file for its owner's eyes, and delete the oldest ones."""
    folder = config.cache_dir() / "views"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for old in sorted(folder.glob("*.md"), key=lambda path: path.stat().st_mtime)[: -KEPT + 1]:
        old.unlink(missing_ok=True)
    path = folder / name
    path.touch(mode=0o600)
    path.write_text(text, "utf-8")
    return path


def _reads_content(capabilities: types.ClientCapabilities) -> bool:
    workspace = capabilities.workspace
    return bool(workspace and workspace.text_document_content) and _shows_documents(capabilities)


def _shows_documents(capabilities: types.ClientCapabilities) -> bool:
    window = capabilities.window
    return bool(window and window.show_document and window.show_document.support)
