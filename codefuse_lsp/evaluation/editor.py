"""A headless editor: starts the real language server and speaks LSP to it as an editor would.

Plain JSON in and out, so that it shows what is on the wire. Used by the demo and the benchmark.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from codefuse_lsp.errors import CodeFuseError

CAPABILITIES: dict[str, Any] = {
    "textDocument": {
        "inlineCompletion": {},
        "codeAction": {
            "codeActionLiteralSupport": {"codeActionKind": {"valueSet": ["", "quickfix", "refactor", "source"]}},
            "resolveSupport": {"properties": ["edit", "command"]},
            "dataSupport": True,
        },
    },
    "window": {"workDoneProgress": True, "showDocument": {"support": True}},
    "workspace": {
        "applyEdit": True,
        "workspaceEdit": {"documentChanges": True, "resourceOperations": ["create"]},
    },
    "experimental": {"codefuse": True},
}

Json = dict[str, Any]
Listener = Callable[[Any], Any]


class EditorError(CodeFuseError):
    """The server answered with an error; `code` is its JSON-RPC code."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class Editor:
    """One editor window; `listeners` maps a method to what is done with its params, and for requests answered."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.listeners: dict[str, Listener] = {
            "window/workDoneProgress/create": lambda params: None,
            "client/registerCapability": lambda params: None,
            "workspace/configuration": lambda params: [None for _ in params["items"]],
        }
        self.server: Json = {}
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._last_id = 0
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, root: Path, options: Json | None = None, env: Mapping[str, str] | None = None) -> Editor:
        """Start the server, initialize it for the workspace `root`, and return the editor."""
        editor = await cls.spawn(env)
        await editor.initialize(root, options or {})
        return editor

    @classmethod
    async def spawn(cls, env: Mapping[str, str] | None = None) -> Editor:
        """Start the server process without a word."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "codefuse_lsp", "--stdio"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={**os.environ, **(env or {})},
            limit=1 << 26,
        )
        return cls(process)

    async def initialize(self, root: Path, options: Json) -> None:
        """Shake hands."""
        params = {
            "processId": os.getpid(),
            "rootUri": root.as_uri(),
            "capabilities": CAPABILITIES,
            "initializationOptions": options,
            "workspaceFolders": [{"uri": root.as_uri(), "name": root.name}],
        }
        self.server = await self.request("initialize", params)
        self.notify("initialized", {})

    def ask(self, method: str, params: Any) -> tuple[int, asyncio.Future[Any]]:
        """Send a request; return its id and its answer to come."""
        self._last_id += 1
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if self._reading.done():  # nobody is there to answer
            answer.set_exception(EditorError("The language server has ended.", 0))
            return self._last_id, answer
        self._answers[self._last_id] = answer
        self._send({"id": self._last_id, "method": method, "params": params})
        return self._last_id, answer

    async def request(self, method: str, params: Any) -> Any:
        """Send a request and return its result; raises EditorError."""
        return await self.ask(method, params)[1]

    def notify(self, method: str, params: Any) -> None:
        """Send a notification."""
        self._send({"method": method, "params": params})

    def cancel(self, request_id: int) -> None:
        """Cancel a request."""
        self.notify("$/cancelRequest", {"id": request_id})

    def open(self, uri: str, language: str, text: str) -> None:
        """Open a document as version 1."""
        document = {"uri": uri, "languageId": language, "version": 1, "text": text}
        self.notify("textDocument/didOpen", {"textDocument": document})

    def insert(self, uri: str, version: int, line: int, character: int, text: str) -> None:
        """Type `text` at a position; the document becomes `version`."""
        self.replace(uri, version, line, character, character, text)

    def replace(self, uri: str, version: int, line: int, start: int, stop: int, text: str) -> None:
        """Put `text` in the place of a line's characters from `start` to `stop`; the document becomes `version`."""
        range = {"start": {"line": line, "character": start}, "end": {"line": line, "character": stop}}
        change = {"range": range, "text": text}
        self.notify(
            "textDocument/didChange",
            {"textDocument": {"uri": uri, "version": version}, "contentChanges": [change]},
        )

    async def close(self) -> int:
        """Leave as an editor does; return the server's exit code."""
        with contextlib.suppress(EditorError, ConnectionError):
            await self.request("shutdown", None)
            self.notify("exit", None)
        code = await self.process.wait()
        await self._reading
        return code

    def _send(self, message: Json) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self.process.stdin is not None
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)

    async def _read(self) -> None:
        """Hand every message to whoever waits for it, until the server closes the stream."""
        stream = self.process.stdout
        assert stream is not None
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                head = (await stream.readuntil(b"\r\n\r\n")).decode("ascii")
                lengths = [line for line in head.splitlines() if line.lower().startswith("content-length")]
                self._receive(json.loads(await stream.readexactly(int(lengths[0].partition(":")[2]))))
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(EditorError("The language server has ended.", 0))

    def _receive(self, message: Json) -> None:
        if "method" not in message:
            return self._settle(message)
        listener = self.listeners.get(message["method"])
        if "id" not in message:
            if listener is not None:
                listener(message.get("params"))
        elif listener is None:
            error = {"code": -32601, "message": "not supported"}
            self._send({"id": message["id"], "error": error})
        else:
            self._send({"id": message["id"], "result": listener(message.get("params"))})

    def _settle(self, message: Json) -> None:
        answer = self._answers.pop(message["id"], None)
        if answer is None or answer.done():
            return
        if error := message.get("error"):
            answer.set_exception(EditorError(error["message"], error["code"]))
        else:
            answer.set_result(message.get("result"))


async def until_ready(editor: Editor) -> None:
    """Wait for the server to say that its model is ready."""
    ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def heard(status: dict[str, Any]) -> None:
        if not ready.done() and status["state"] in ("ready", "failed"):
            ready.set_result(None) if status["state"] == "ready" else ready.set_exception(
                EditorError(status["message"], 0)
            )

    editor.listeners["codefuse/status"] = heard
    heard(await editor.request("codefuse/status", None))
    await ready


def inline_params(uri: str, line: int, character: int) -> dict[str, Any]:
    """Return the params of a request for ghost text that typing has caused."""
    return {
        "textDocument": {"uri": uri},
        "position": {"line": line, "character": character},
        "context": {"triggerKind": 2},
    }
