"""A completions API that answers at once with a fixed text: what is left to measure is our own time.

Speaks just enough HTTP/1.1 on loopback for our client, on kept-alive connections.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from types import TracebackType
from typing import Self


class ScriptedFarEnd:
    """An asynchronous context manager whose `endpoint` answers every completion with `text`.

    `took_s` has the seconds between each request's arrival and its answer's way out.
    """

    def __init__(self, text: str) -> None:
        self.endpoint = ""
        self.took_s: list[float] = []
        self._text = text
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self, port: int = 0) -> None:
        """Listen on a port of loopback, 0 for a free one."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        self.endpoint = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"

    async def stop(self) -> None:
        """Close every connection and stop listening."""
        if self._server is not None:
            self._server.close()
        for writer in self._writers:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                path = head.split(" ", 2)[1]
                lengths = [line for line in head.lower().split("\r\n") if line.startswith("content-length:")]
                asked = await reader.readexactly(int(lengths[0].partition(":")[2])) if lengths else b""
                await self._reply(writer, path, asked)
        writer.close()
        self._writers.discard(writer)

    async def _reply(self, writer: asyncio.StreamWriter, path: str, asked: bytes) -> None:
        begun = time.perf_counter()
        kind, body = self._answer(path, asked)
        reply = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(reply.encode() + body)
        if path.endswith("/completions"):
            self.took_s.append(time.perf_counter() - begun)

    def _answer(self, path: str, asked: bytes) -> tuple[str, bytes]:
        if path.endswith("/completions"):
            usage = {"prompt_tokens": 1, "completion_tokens": 1}
            begins = json.loads(asked).get("heal", "")
            choice = {"index": 0, "text": begins + self._text, "finish_reason": "stop"}
            event = json.dumps({"choices": [choice], "usage": usage})
            return "text/event-stream", f"data: {event}\n\ndata: [DONE]\n\n".encode()
        card = {"id": "scripted", "max_model_len": 4096, "prompt_format": "plain"}
        return "application/json", json.dumps({"data": [card]}).encode()


class TricklingFarEnd(ScriptedFarEnd):
    """Answers a completion with a word, the next number, every few milliseconds, for as long as somebody reads.

    `said_at` has the time of each word of the last answer, by `time.perf_counter`.
    """

    def __init__(self, pause_s: float) -> None:
        super().__init__("")
        self.said_at: list[float] = []
        self._pause_s = pause_s

    async def _reply(self, writer: asyncio.StreamWriter, path: str, asked: bytes) -> None:
        if not path.endswith("/completions"):
            return await super()._reply(writer, path, asked)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
        said_at: list[float] = []
        self.said_at = said_at
        while not writer.is_closing():
            choice = {"index": 0, "text": f"{len(said_at)} ", "finish_reason": None}
            writer.write(f"data: {json.dumps({'choices': [choice]})}\n\n".encode())
            said_at.append(time.perf_counter())
            await writer.drain()
            await asyncio.sleep(self._pause_s)
