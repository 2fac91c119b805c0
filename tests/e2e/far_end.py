"""A completions API whose every word is the test's: what it is asked, what it says and when, and who hangs up."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from typing import Any, Self

from tests.e2e.window import hang_guard

Json = dict[str, Any]

CHARS_PER_TOKEN = 2  # what a language server that has not measured it yet goes by


class Completion:
    """One request for text, and the test's end of the connection that it came by."""

    def __init__(self, body: Json, writer: asyncio.StreamWriter) -> None:
        self.body = body
        self.over = asyncio.Event()  # the far end has said all
        self._hung_up = asyncio.Event()
        self._writer = writer

    @property
    def prompt(self) -> str:
        return str(self.body["prompt"])

    @property
    def heal(self) -> str:
        """What the answer has to begin with."""
        return str(self.body.get("heal", ""))

    @property
    def is_open(self) -> bool:
        return not self._hung_up.is_set() and not self.over.is_set()

    def head(self, status: str = "200 OK") -> None:
        self.raw(f"HTTP/1.1 {status}\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n".encode())

    def raw(self, data: bytes) -> None:
        self._writer.write(data)

    def say(self, text: str, reason: str | None = None) -> None:
        """Write a piece of the answer."""
        self.event({"choices": [{"index": 0, "text": text, "finish_reason": reason}]})

    def end(self, reason: str = "stop", *, cached: int = 0) -> None:
        """Say that nothing more comes."""
        self.say("", reason)
        tokens = len(self.prompt) // CHARS_PER_TOKEN
        usage = {"prompt_tokens": tokens, "completion_tokens": 9, "prompt_tokens_details": {"cached_tokens": cached}}
        self.event({"choices": [], "usage": usage})
        self.raw(b"data: [DONE]\n\n")
        self.over.set()

    async def hung_up(self) -> None:
        """Wait until the language server has closed the connection."""
        async with hang_guard():
            await self._hung_up.wait()

    def note_hang_up(self) -> None:
        self._hung_up.set()

    def event(self, event: Json) -> None:
        """Write one event as it is."""
        self.raw(f"data: {json.dumps(event)}\n\n".encode())


Script = Callable[[Completion], Awaitable[None]]


class FarEnd:
    """The API on loopback; an asynchronous context manager. `reset` makes it forget what a test has set."""

    def __init__(self, port: int = 0) -> None:
        self.endpoint = ""
        self.port = port
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self.reset()

    def reset(self) -> None:
        self.card: Json = {"id": "scripted", "max_model_len": 4096, "prompt_format": "codefuse", "device": "paper"}
        self.asked: list[Completion] = []
        self.may_tell_models = asyncio.Event()
        self.may_tell_models.set()
        self.count_tokens: Callable[[str], int] | None = lambda prompt: len(prompt) // CHARS_PER_TOKEN
        self._arrived: asyncio.Queue[Completion] = asyncio.Queue()
        self.says("")

    def says(self, *pieces: str, reason: str = "stop") -> None:
        """Answer each request with these pieces, behind what it has to begin with."""

        async def script(completion: Completion) -> None:
            completion.head()
            for index, piece in enumerate(pieces):
                completion.say(piece if index else completion.heal + piece)
            completion.end(reason)

        self.script: Script = script

    def answers(self, *texts: str) -> None:
        """Answer one request after the other with these texts, and with the last one ever after."""
        left = list(texts)

        async def script(completion: Completion) -> None:
            completion.head()
            completion.say(completion.heal + (left.pop(0) if len(left) > 1 else left[0]))
            completion.end()

        self.script = script

    def holds(self) -> None:
        """Say nothing: the test takes each request with `next` and answers it as it likes."""

        async def script(completion: Completion) -> None:
            completion.head()

        self.script = script

    def refuses(self, status: str, message: str | None = None) -> None:
        """Refuse each request, with the API's own sentence if there is one."""

        async def script(completion: Completion) -> None:
            completion.head(status)
            completion.raw(json.dumps({"error": {"message": message}}).encode() if message else b"<h1>no</h1>")
            completion.over.set()

        self.script = script

    def holds_to(self, context_tokens: int, script: Script) -> None:
        """Refuse, as vLLM does, each request whose prompt and answer are longer than that; else go by `script`."""

        async def strict(completion: Completion) -> None:
            assert self.count_tokens is not None
            if self.count_tokens(completion.prompt) + completion.body["max_tokens"] <= context_tokens:
                return await script(completion)
            completion.head("400 Bad Request")
            completion.raw(b'{"error": {"message": "This is longer than the model\'s context."}}')
            completion.over.set()

        self.script = strict

    def writes(self, data: bytes) -> None:
        """Answer each request with these bytes, and hang up."""

        async def script(completion: Completion) -> None:
            completion.head()
            completion.raw(data)
            completion.over.set()

        self.script = script

    async def next(self) -> Completion:
        """Return the next request for text, waiting for it."""
        async with hang_guard():
            return await self._arrived.get()

    @property
    def open(self) -> list[Completion]:
        return [completion for completion in self.asked if completion.is_open]

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        self.endpoint = f"http://127.0.0.1:{self.port}/v1"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                while await self._answer(reader, writer):
                    await writer.drain()
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request and return whether the connection is kept."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        path = head.split(" ", 2)[1]
        length = next((line[15:] for line in head.split("\r\n") if line.startswith("content-length:")), "0")
        body = json.loads(await reader.readexactly(int(length)) or b"null")
        if path.endswith("/completions"):
            await self._complete(Completion(body, writer), reader)
            return False
        if path.endswith("/models"):
            await self.may_tell_models.wait()
            _write_json(writer, {"object": "list", "data": [self.card]})
        elif path.endswith("/tokenize") and self.count_tokens:
            _write_json(writer, {"count": self.count_tokens(body["prompt"])})
        else:
            _write_json(writer, {"error": {"message": "Not Found"}}, "404 Not Found")
        return True

    async def _complete(self, completion: Completion, reader: asyncio.StreamReader) -> None:
        self.asked.append(completion)
        watching = asyncio.create_task(reader.read())  # ends when the other side hangs up
        watching.add_done_callback(lambda _: completion.note_hang_up())
        ending = asyncio.create_task(completion.over.wait())
        try:
            await self.script(completion)
            self._arrived.put_nowait(completion)
            await asyncio.wait({watching, ending}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (watching, ending):
                task.cancel()


def _write_json(writer: asyncio.StreamWriter, body: Json, status: str = "200 OK") -> None:
    data = json.dumps(body).encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
    writer.write(head.encode() + data)
