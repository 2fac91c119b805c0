"""HTTP carried to an application that lives in another process, and its answer carried back.

A `Call` goes out, ASGI messages come back. Keys are asked for here, at the door. Knows HTTP and ASGI; how a call
travels (`Ask`) and where it ends are others' to know.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from codefuse_lsp.errors import CodeFuseError, RequestRefused
from codefuse_lsp.worker.affinity import heads
from codefuse_lsp.worker.api import error_event, error_json
from codefuse_lsp.worker.guard import Guard, Rules


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request, whole.

    `heads` tells how its prompt begins (affinity.py); `replica` is whom the header x-replica asks for, empty for any.
    """

    method: str
    path: str
    query: bytes
    headers: tuple[tuple[bytes, bytes], ...] = field(repr=False)  # not for logs: they hold keys
    body: bytes = field(repr=False)  # not for logs: it is the user's code
    heads: tuple[bytes, ...] = field(repr=False)
    replica: str = ""
    user: str | None = None  # the name of the key that it came with


Ask = Callable[[Call], AsyncGenerator[Message]]


def build_door(ask: Ask, rules: Rules) -> Starlette:
    """Return the application that lets in who may come and has every call answered by `ask`."""
    return Starlette(
        routes=[Mount("", app=Door(ask))],
        middleware=[Middleware(Guard, rules=rules)],
        exception_handlers={RequestRefused: _refused},  # type: ignore[dict-item]
    )


class Door:
    """ASGI application that passes each request on, and its answer back as it comes."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; the client's going away closes the answer's stream."""
        call = _call(scope, await _body(receive))
        relay, gone = asyncio.create_task(self._relay(call, scope, receive, send)), asyncio.create_task(_gone(receive))
        try:
            await asyncio.wait({relay, gone}, return_when=asyncio.FIRST_COMPLETED)
            if relay.done():
                relay.result()
        finally:
            for task in (relay, gone):
                task.cancel()
            await asyncio.gather(relay, gone, return_exceptions=True)

    async def _relay(self, call: Call, scope: Scope, receive: Receive, send: Send) -> None:
        start: Message | None = None
        try:
            async with aclosing(self._ask(call)) as messages:
                async for message in messages:
                    start = start or message
                    await send(message)
        except CodeFuseError as error:
            if start is None:
                await _failure(error)(scope, receive, send)
            else:
                await send({"type": "http.response.body", "body": error_event(error) if _streams(start) else b""})


async def answer(app: ASGIApp, call: Call) -> AsyncGenerator[Message]:
    """Yield what `app` sends in answer to `call`; closing the stream tells it that the client is gone."""
    outbox: asyncio.Queue[Message | None] = asyncio.Queue()  # no bound: an answer is as long as its max_tokens
    body: list[Message] = [{"type": "http.request", "body": call.body}]

    async def receive() -> Message:
        return body.pop() if body else await asyncio.get_running_loop().create_future()

    async def respond() -> None:
        try:
            await app(_scope(call), receive, outbox.put)
        finally:
            outbox.put_nowait(None)

    task = asyncio.create_task(respond())
    try:
        while (message := await outbox.get()) is not None:
            yield message
        await task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _call(scope: Scope, body: bytes) -> Call:
    prompt = _prompt(body) if scope["path"].endswith("/completions") else ""
    headers = tuple((bytes(name), bytes(value)) for name, value in scope["headers"] if name != b"authorization")
    replica = dict(headers).get(b"x-replica", b"").decode("latin-1")
    return Call(
        scope["method"], scope["path"], scope["query_string"], headers, body, heads(prompt), replica, scope.get("user")
    )


def _scope(call: Call) -> Scope:
    return ({} if call.user is None else {"user": call.user}) | {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": call.method,
        "scheme": "http",
        "path": call.path,
        "raw_path": call.path.encode(),
        "query_string": call.query,
        "root_path": "",
        "headers": list(call.headers),
    }


def _prompt(body: bytes) -> str:
    """Return the text that a request has the model read; what is wrong with a request is for the worker to say."""
    try:
        asked: Any = json.loads(body)
        prompt = asked.get("prompt")
        return prompt if isinstance(prompt, str) else "\n".join(str(turn["content"]) for turn in asked["messages"])
    except (ValueError, RecursionError, AttributeError, KeyError, TypeError):
        return ""


async def _body(receive: Receive) -> bytes:
    pieces, more = [], True
    while more:
        message = await receive()
        pieces.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(pieces)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _streams(start: Message) -> bool:
    return any(name == b"content-type" and b"event-stream" in value for name, value in start["headers"])


def _failure(error: CodeFuseError) -> Response:
    status = error.status if isinstance(error, RequestRefused) else 503
    headers = {"Retry-After": "1"} if status in (429, 503) else None
    return JSONResponse(error_json(error), status, headers)


async def _refused(_request: Request, error: RequestRefused) -> Response:
    return _failure(error)
