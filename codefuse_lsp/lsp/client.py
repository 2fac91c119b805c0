"""What a server asks of its client and tells it, and how long it waits for an answer.

A client that is silent or refuses is an answer too: nothing here fails for it but `within_reason`, which says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from codefuse_lsp.errors import CodeFuseError
from codefuse_lsp.lsp.published import Publishing

CLIENT_TIMEOUT_S = 5.0  # for answers of the client that the server can do without


class ClientSilent(CodeFuseError):
    """The client did not answer a question in time."""


class Client(Publishing):
    """A server that knows how to talk to its client."""

    async def within_reason(self, asked: Awaitable[Any]) -> Any:
        """Return the client's answer; raises ClientSilent when it takes too long, JsonRpcException when it refuses.

        The question is never cancelled: pygls cannot bear an answer to a question it has forgotten.
        """
        question = asyncio.ensure_future(asked)
        await asyncio.wait({question}, timeout=CLIENT_TIMEOUT_S)
        if not question.done():
            question.add_done_callback(lambda late: late.cancelled() or late.exception())
            raise ClientSilent
        return question.result()

    async def agrees(self, asked: Awaitable[Any]) -> bool:
        """Return whether the client answered without an error."""
        try:
            await self.within_reason(asked)
        except (ClientSilent, JsonRpcException):
            return False
        return True

    async def shows(self, uri: str, *, take_focus: bool = False) -> bool:
        """Return whether the client has shown a document."""
        window = self.client_capabilities.window
        if not (window and window.show_document and window.show_document.support):
            return False
        asked = self.window_show_document_async(types.ShowDocumentParams(uri, take_focus=take_focus))
        try:
            return bool((await self.within_reason(asked)).success)
        except (ClientSilent, JsonRpcException):
            return False

    async def applies(self, params: types.ApplyWorkspaceEditParams) -> bool:
        """Return whether the client has applied an edit; the user may take their time to confirm it."""
        try:
            answer = await self.workspace_apply_edit_async(params)
        except JsonRpcException:
            return False
        return answer.applied

    def tell(self, sentence: str, kind: types.MessageType = types.MessageType.Info) -> None:
        """Show a sentence to the user."""
        self.window_show_message(types.ShowMessageParams(kind, sentence))
