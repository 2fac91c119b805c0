"""How the model is, for whoever wants to know: `codefuse/status`, progress while loading, one message if it fails."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

from lsprotocol import types

from codefuse_lsp.generation.connection import Status
from codefuse_lsp.lsp.protocol.status import STATUS, StatusResult

if TYPE_CHECKING:
    from codefuse_lsp.lsp.server import CodeFuseServer


class StatusReporter:
    """Watches the connection to the model."""

    def __init__(self, server: CodeFuseServer) -> None:
        self._server = server
        self._changes: asyncio.Queue[Status] | None = None  # there while progress is shown
        self._showing: asyncio.Task[None] | None = None
        self._told: set[str] = set()

    def register(self) -> None:
        """Offer `codefuse/status` as a request."""

        @self._server.feature(STATUS)
        async def status(ls: CodeFuseServer, params: object) -> StatusResult:
            return result_of(ls.connection.status)

    def changed(self, status: Status) -> None:
        """Tell the client what has changed."""
        server = self._server
        if wants_codefuse(server.client_capabilities):
            server.protocol.tell(STATUS, result_of(status))
        if status.state in ("starting", "loading") and self._changes is None:
            self._changes = asyncio.Queue()
            self._showing = asyncio.create_task(self._show_progress(self._changes))
        if self._changes is not None:
            self._changes.put_nowait(status)
        if status.state == "failed" and status.message not in self._told and len(self._told) < 20:
            self._told.add(status.message)
            server.tell(status.message, types.MessageType.Warning)

    async def _show_progress(self, changes: asyncio.Queue[Status]) -> None:
        async with self._server.work_done.shown("CodeFuse model", cancellable=False) as report:
            while (status := await changes.get()).state in ("starting", "loading"):
                report(status.message, status.progress)
        self._changes = None


def result_of(status: Status) -> StatusResult:
    """Return a status as it goes over the wire."""
    command = None
    if status.state == "failed" and "`" in status.message:
        command = status.message.split("`")[1]  # the sentence names the command that mends it
    return StatusResult(
        state=status.state,
        message=status.message,
        model=status.model,
        device=status.device,
        busy=status.busy > 0,
        progress=status.progress,
        command=command,
        queue_position=status.queue_position,
    )


def wants_codefuse(capabilities: types.ClientCapabilities) -> bool:
    """Whether the client asked for notifications of ours."""
    experimental = capabilities.experimental
    return isinstance(experimental, Mapping) and bool(experimental.get("codefuse"))
