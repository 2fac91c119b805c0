"""An answer written into the history while it is said, so that who is killed in the middle of it loses half a second.

Text in, as it grows; writes out, in threads and never two at once. Knows nothing of where the text comes from.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection

from codefuse_lsp.conversations import Conversations
from codefuse_lsp.conversations.turns import FinishReason
from codefuse_lsp.lsp.history import History

PAUSE_S = 0.5  # between two writes


class Keeping:
    """One answer on its way into the history."""

    def __init__(self, history: History, answer: str) -> None:
        self._history, self._answer = history, answer
        self._text = self._written = ""
        self._secrets: Collection[str] = ()
        self._reason: FinishReason = "cancelled"
        self._over = asyncio.Event()
        self._writing: asyncio.Task[None] | None = None
        self._finishing: asyncio.Task[None] | None = None
        history.unfinished[answer] = self.write_at_once

    def secrets(self, known: Collection[str]) -> None:
        """Take what is known for a secret in the round."""
        self._secrets = known

    def note(self, text: str) -> None:
        """Take the text so far; it is written at once, or as soon as the last write is long enough ago."""
        self._text = text
        if self._text != self._written and (self._writing is None or self._writing.done()):
            self._writing = asyncio.create_task(self._write())

    async def finish(self, reason: FinishReason) -> None:
        """Write down all that was said and how it ended; who is cancelled meanwhile does not stop that."""
        self._finishing = asyncio.create_task(self._finish(reason))
        await asyncio.shield(self._finishing)

    def write_at_once(self, conversations: Conversations) -> None:
        """Write down all that was said by the time that this process ends; for a thread."""
        conversations.write(self._answer, self._text, self._reason, self._secrets)

    async def _write(self) -> None:
        while self._text != self._written and not self._over.is_set():
            text = self._text
            await self._history.do(Conversations.write, self._answer, text, "", self._secrets)
            self._written = text
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), PAUSE_S)

    async def _finish(self, reason: FinishReason) -> None:
        self._reason = reason
        self._over.set()
        if self._writing is not None:
            await asyncio.wait({self._writing})
        await self._history.do(Conversations.write, self._answer, self._text, reason, self._secrets)
        self._history.unfinished.pop(self._answer, None)
