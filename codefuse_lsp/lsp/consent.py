"""Asking the user whether something may be run: the exact words, and what was agreed to for this session.

`window/showMessageRequest`. No answer, a refusal, or a client that cannot ask is a no.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from lsprotocol import types
from pygls.exceptions import JsonRpcException

if TYPE_CHECKING:
    from codefuse_lsp.lsp.server import CodeFuseServer

RUN, RUN_ALWAYS, NOT_NOW = "Run it", "Run for this session", "Not now"
PATIENCE_S = 300.0  # a question that nobody has answered by then is not going to be


class Consents:
    """What the user has agreed to."""

    def __init__(self, server: CodeFuseServer) -> None:
        self._server = server
        self._for_session: set[tuple[str, str]] = set()
        self._told: set[str] = set()

    def tell_once(self, sentence: str) -> None:
        """Tell the user something that need not be told again in this session."""
        if sentence not in self._told:
            self._told.add(sentence)
            self._server.tell(sentence)

    async def may_run(self, command: str, folder: str, question: str) -> bool:
        """Return whether the user lets `command` be run in a copy of `folder`; asks unless it was said for good."""
        if (command, folder) in self._for_session:
            return True
        actions = [types.MessageActionItem(title) for title in (RUN, RUN_ALWAYS, NOT_NOW)]
        params = types.ShowMessageRequestParams(types.MessageType.Info, question, actions)
        answer = await self._answer(params)
        if answer == RUN_ALWAYS:
            self._for_session.add((command, folder))
        return answer in (RUN, RUN_ALWAYS)

    async def _answer(self, params: types.ShowMessageRequestParams) -> str:
        """Return the title of the button; the question stays open when nobody waits for it any more."""
        question = asyncio.ensure_future(self._server.window_show_message_request_async(params))
        question.add_done_callback(lambda late: late.cancelled() or late.exception())
        await asyncio.wait({question}, timeout=PATIENCE_S)
        if not question.done():
            return ""
        try:
            chosen = question.result()
        except JsonRpcException:
            return ""
        return chosen.title if chosen is not None else ""
