"""Work-done progress: shows how far something is in clients that can show it, and does nothing in others.

LSP 3.17, section Work Done Progress. The client's cancel button ends the task that is shown.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from lsprotocol import types

if TYPE_CHECKING:
    from codefuse_lsp.lsp.server import CodeFuseServer

Report = Callable[[str, float | None], None]


class Progress:
    """What is being shown, and the task behind each token."""

    def __init__(self, server: CodeFuseServer) -> None:
        self._server = server
        self._tasks: dict[int | str, asyncio.Task[object]] = {}

    def register(self) -> None:
        """Let the client cancel what it is shown."""

        @self._server.feature(types.WINDOW_WORK_DONE_PROGRESS_CANCEL)
        async def cancel(ls: CodeFuseServer, params: types.WorkDoneProgressCancelParams) -> None:
            if task := self._tasks.get(params.token):
                task.cancel()

    @asynccontextmanager
    async def shown(self, title: str, *, cancellable: bool = True) -> AsyncIterator[Report]:
        """Show `title` while the block runs; the report takes a message and a fraction, None for unknown."""
        token = f"codefuse-{uuid.uuid4().hex}"
        if not await self._created(token):
            yield lambda message, fraction: None
            return
        if cancellable and (task := asyncio.current_task()):
            self._tasks[token] = task
        self._send(token, types.WorkDoneProgressBegin(title=title, cancellable=cancellable, percentage=0))
        try:
            yield lambda message, fraction: self._send(token, _report(message, fraction))
        finally:
            self._tasks.pop(token, None)
            self._send(token, types.WorkDoneProgressEnd())

    async def _created(self, token: str) -> bool:
        window = self._server.client_capabilities.window
        if not (window and window.work_done_progress):
            return False
        params = types.WorkDoneProgressCreateParams(token)
        return await self._server.agrees(self._server.window_work_done_progress_create_async(params))

    def _send(self, token: str, value: object) -> None:
        self._server.progress(types.ProgressParams(token, value))


def _report(message: str, fraction: float | None) -> types.WorkDoneProgressReport:
    percentage = None if fraction is None else max(0, min(100, int(100 * fraction)))
    return types.WorkDoneProgressReport(message=message, percentage=percentage)
