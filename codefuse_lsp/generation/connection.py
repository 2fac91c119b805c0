"""A far end that may still be loading, may go away and come back.

Settings in; text out, or an error that says why not. Reconnects by itself with back-off and tells its state to whoever
watches. Knows nothing of editors.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from codefuse_lsp.config import Settings
from codefuse_lsp.errors import CodeFuseError, WorkerAbsent, WorkerError, WorkerUnreachable
from codefuse_lsp.generation import launcher
from codefuse_lsp.generation.client import Client
from codefuse_lsp.generation.request import Chunk, GenerationRequest, ModelCard, Priority
from codefuse_lsp.generation.transport import until_gone

BACK_OFF_S = (0.2, 1.0, 5.0, 15.0, 60.0)  # pause before the next try; the last one repeats
ENDED = "The model's worker has ended. It is started again with the next request."

State = Literal["stopped", "starting", "loading", "ready", "failed"]


@dataclass(frozen=True, slots=True)
class Status:
    """How the far end is, in words."""

    state: State = "stopped"
    message: str = "The model has not been asked for yet."
    progress: float | None = None  # 0..1 while loading
    model: str = ""
    device: str = ""
    busy: int = 0  # requests under way from here
    queue_position: int | None = None  # of a chat that waits at the far end: how many go before it


@dataclass(frozen=True, slots=True)
class Ready:
    """A connected far end and what it told of its model."""

    client: Client
    card: ModelCard


class Connection:
    """The one door to the model for a whole process."""

    def __init__(self, settings: Settings, watch: Callable[[Status], None] = lambda status: None) -> None:
        self._settings = settings
        self._watch = watch
        self._ready: Ready | None = None
        self._connecting: asyncio.Task[Ready] | None = None
        self._letting_go: asyncio.Task[None] | None = None  # of a far end that went away
        self._going: asyncio.Task[None] | None = None  # ends when a worker of ours does
        self._failures = 0
        self._not_before = 0.0
        self._later: asyncio.TimerHandle | None = None  # where somebody asked while it paused after a failure
        self.status = Status()
        self._name = uuid.uuid4().hex  # by which a far end shares itself fairly between its clients

    @property
    def ready(self) -> Ready | None:
        """The connected far end, or None while there is none; never waits."""
        return self._ready

    def start(self) -> None:
        """Begin to connect, unless that is under way or done; after a failure, once the pause is over."""
        if self._ready is not None or self._connecting is not None:
            return
        if self._later is not None:
            self._later.cancel()
            self._later = None
        if (pause_s := self._not_before - time.monotonic()) > 0:
            self._later = asyncio.get_running_loop().call_later(pause_s, self.start)
            return
        self._connecting = asyncio.create_task(self._connect())
        self._connecting.add_done_callback(_mark_retrieved)

    async def ready_within(self, seconds: float) -> bool:
        """Begin to connect, as `start` does, and return whether the far end is ready by then."""
        self.start()
        if self._ready is None and self._connecting is not None:
            await asyncio.wait({self._connecting}, timeout=seconds)
        return self._ready is not None

    async def wait(self) -> Ready:
        """Return the far end once its model is ready; raises the CodeFuseError that prevents it."""
        if self._ready is not None:
            return self._ready
        if self._connecting is None:
            self._not_before = 0.0  # somebody waits for it, so the pause is over
        self.start()
        assert self._connecting is not None
        return await asyncio.shield(self._connecting)

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[Chunk]:
        """Yield the answer, and of a chat its place while it waits; closing the stream cancels it at the far end.

        Raises CodeFuseError.
        """
        for is_last_try in self._tries():
            try:
                async with aclosing(self._ask(request)) as chunks:
                    async for chunk in chunks:
                        yield chunk
                return
            except WorkerAbsent:
                if is_last_try:
                    raise

    async def count_tokens(self, prompt: str) -> int | None:
        """Return the number of tokens of a prompt, or None where the far end cannot count."""
        for is_last_try in self._tries():
            ready = await self.wait()
            try:
                return await ready.client.count_tokens(prompt)
            except WorkerUnreachable as error:
                self._lost(ready, error)
                if is_last_try or not isinstance(error, WorkerAbsent):
                    raise
        return None

    async def close(self) -> None:
        """Let go of the far end; a shared worker lives on."""
        if self._later is not None:
            self._later.cancel()
        if self._connecting is not None:
            self._connecting.cancel()
            with contextlib.suppress(asyncio.CancelledError, CodeFuseError):
                await self._connecting
        if self._going is not None:
            self._going.cancel()
        if self._ready is not None:
            await self._ready.client.close()
            self._ready = None

    def _tries(self) -> tuple[bool, ...]:
        """Return whether each try is the last: a worker of ours may have left when it was idle, and is started anew."""
        return (True,) if self._settings.endpoint else (False, True)

    async def _ask(self, request: GenerationRequest) -> AsyncGenerator[Chunk]:
        ready = await self.wait()
        request = replace(request, client=request.client or self._name)
        self._tell(busy=self.status.busy + 1)
        try:
            async with aclosing(ready.client.generate(request)) as chunks:
                async for chunk in chunks:
                    if request.priority is Priority.CHAT:
                        self._tell(queue_position=chunk.place.position if chunk.place else None)
                    if chunk.place is None or request.priority is Priority.CHAT:
                        yield chunk
        except WorkerUnreachable as error:
            self._lost(ready, error)
            raise
        finally:
            waits = {} if request.priority is not Priority.CHAT else {"queue_position": None}
            self._tell(busy=self.status.busy - 1, **waits)
            if self._going is not None and self._going.done():
                self._gone(ready, self._going)

    async def _connect(self) -> Ready:
        self._tell(state="starting", message="Starting the model's worker", progress=None)
        client = None
        try:
            client = await launcher.connect(self._settings, self._loading)
            card = await client.model_card()
        except BaseException as error:
            if client is not None:
                await client.close()
            if isinstance(error, CodeFuseError):
                self._failed(error)
            elif isinstance(error, Exception):  # ours to mend, and no reason to leave everybody waiting
                self._failed(WorkerError(f"The model's worker could not be reached ({type(error).__name__})."))
            raise
        finally:
            self._connecting = None
        self._ready, self._failures = Ready(client, card), 0
        self._tell(state="ready", message="Ready", progress=None, model=card.id, device=card.device)
        if not self._settings.endpoint:
            self._going = asyncio.create_task(until_gone(client.address))
            self._going.add_done_callback(partial(self._gone, self._ready))
        return self._ready

    def _loading(self, message: str, fraction: float | None) -> None:
        self._tell(state="loading", message=message, progress=fraction)

    def _gone(self, ready: Ready, going: asyncio.Task[None]) -> None:
        """Take note that a worker of ours has ended; where it was asked something, those who asked will tell more."""
        if not going.cancelled() and self._ready is ready and not self.status.busy:
            self._lost(ready, WorkerAbsent(ENDED))
            self._tell(state="stopped", message=ENDED, progress=None)

    def _lost(self, ready: Ready, error: CodeFuseError) -> None:
        if self._ready is not ready:
            return
        self._ready = None
        if self._going is not None:
            self._going.cancel()
        self._letting_go = asyncio.create_task(ready.client.close())
        if self._settings.endpoint or not isinstance(error, WorkerAbsent):
            self._failed(error)

    def _failed(self, error: CodeFuseError) -> None:
        self._not_before = time.monotonic() + BACK_OFF_S[min(self._failures, len(BACK_OFF_S) - 1)]
        self._failures += 1
        self._tell(state="failed", message=str(error), progress=None)

    def _tell(self, **changes: object) -> None:
        before, self.status = self.status, replace(self.status, **changes)  # type: ignore[arg-type]
        if self.status != before:
            self._watch(self.status)


def _mark_retrieved(task: asyncio.Task[Ready]) -> None:
    """Take note of the outcome, which `status` tells already; nobody may be waiting for it."""
    if not task.cancelled():
        task.exception()
