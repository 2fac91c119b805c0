"""How an answer goes out, whatever its wire: whole or as server-sent events, counted, and ended when nobody listens.

A request and its wire in, an HTTP response out. Knows nothing of prompts or fields.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncGenerator, Awaitable, Iterable
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from codefuse_lsp.errors import CodeFuseError
from codefuse_lsp.generation.request import Chunk, GenerationRequest, Place, Usage
from codefuse_lsp.worker import api
from codefuse_lsp.worker.fields import StreamOptions
from codefuse_lsp.worker.metrics import Metrics
from codefuse_lsp.worker.state import Worker
from codefuse_lsp.worker.users import Allowances

T = TypeVar("T")


class Wire(Protocol):
    """Writes the chunks of one answer."""

    def event(self, chunk: Chunk, options: StreamOptions) -> bytes:
        """Return a chunk as server-sent events."""
        ...

    def usage_event(self, usage: Usage) -> bytes:
        """Return the token counts as a server-sent event."""
        ...

    def queue_event(self, place: Place) -> bytes:
        """Return a place in the queue as a server-sent event."""
        ...

    def whole(self, chunks: Iterable[Chunk]) -> dict[str, Any]:
        """Return all chunks as one object."""
        ...


@dataclass(frozen=True, slots=True)
class Service:
    """What answers a worker's requests: its model, what its users may ask for, and the book that is kept of it."""

    worker: Worker
    allowances: Allowances
    metrics: Metrics

    async def generate(self, wanted: GenerationRequest, user: str | None) -> AsyncGenerator[Chunk]:
        """Yield the answer to a user with a key, or to whoever may come without one; raises RequestRefused."""
        wanted = replace(wanted, client=user or wanted.client)
        usage = None
        with self.allowances.request(user) as spend:
            try:
                stream = self.metrics.observed(wanted, self.worker.engine.generate(wanted), user or "")
                async with aclosing(stream) as chunks:
                    async for chunk in chunks:
                        usage = chunk.usage or usage
                        yield chunk
            finally:
                if usage is not None:
                    spend(usage.prompt_tokens - usage.cached_tokens + usage.completion_tokens)


def service_of(request: Request) -> Service:
    """Return what answers a request, and take note that somebody asked."""
    service: Service = request.app.state.service
    service.worker.last_asked = time.monotonic()
    return service


async def answer(request: Request, wanted: GenerationRequest, wire: Wire, options: StreamOptions) -> Response:
    """Return the response to a request for text; the client's going away stops the generation."""
    service = service_of(request)
    stream = service.generate(wanted, request.scope.get("user"))
    if not options.stream:
        return JSONResponse(wire.whole(await unless_gone(request, _collected(stream))))
    first = await unless_gone(request, anext(stream))  # a refusal still has its own HTTP status here
    return StreamingResponse(_events(wire, first, stream, options), media_type="text/event-stream")


def head(prefix: str, model: str) -> dict[str, Any]:
    """Return what every event of an answer begins with."""
    return {"id": f"{prefix}-{uuid.uuid4().hex}", "created": int(time.time()), "model": model}


async def unless_gone(request: Request, work: Awaitable[T]) -> T:
    """Await `work`, or give it up when the client closes the connection (raises ClientDisconnect)."""
    task, gone = asyncio.ensure_future(work), asyncio.ensure_future(_disconnect(request))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientDisconnect
        return task.result()
    finally:
        for future in (task, gone):
            future.cancel()
        await asyncio.gather(task, gone, return_exceptions=True)


async def _disconnect(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _collected(stream: AsyncGenerator[Chunk]) -> list[Chunk]:
    async with aclosing(stream) as chunks:
        return [chunk async for chunk in chunks]


async def _events(
    wire: Wire, chunk: Chunk | None, stream: AsyncGenerator[Chunk], options: StreamOptions
) -> AsyncGenerator[bytes]:
    """Yield the server-sent events of one answer."""
    usage = None
    try:
        while chunk is not None:
            if chunk.place is None:
                yield wire.event(chunk, options)
            elif options.include_queue:
                yield wire.queue_event(chunk.place)
            usage = chunk.usage or usage
            chunk = await anext(stream, None)
        if options.include_usage and usage is not None:
            yield wire.usage_event(usage)
        yield api.DONE
    except CodeFuseError as error:
        yield api.error_event(error)
    finally:
        await stream.aclose()
