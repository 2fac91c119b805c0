"""A server that misbehaves in every way a handler can, on the project's own transport."""

from __future__ import annotations

import asyncio
import ctypes
import logging
import subprocess
import sys
import threading
from typing import Any

import attrs
from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer

from codefuse_lsp.errors import WorkerUnreachable
from codefuse_lsp.lsp.framing import claim_stdio
from codefuse_lsp.lsp.transport import Protocol, converter, leave, run_stdio

SECRET = "hunter2-in-the-users-code"


@attrs.define
class EchoParams:
    text: str
    count: int = attrs.field(default=1, validator=attrs.validators.le(9))
    tags: list[str] = attrs.field(factory=list)
    token: int | str | None = None


@attrs.define
class EchoResult:
    text: str
    note: str | None


@attrs.define
class EchoRequest:
    id: int | str
    params: EchoParams
    method: str = "torture/echo"
    jsonrpc: str = "2.0"


@attrs.define
class EchoResponse:
    id: int | str | None
    result: EchoResult | None = None
    jsonrpc: str = "2.0"


@attrs.define
class OptionalRequest:
    id: int | str
    params: EchoParams | None = None
    method: str = "torture/optional"
    jsonrpc: str = "2.0"


class TortureProtocol(Protocol):
    custom = {  # noqa: RUF012
        "torture/echo": (EchoRequest, EchoResponse),
        "torture/optional": (OptionalRequest, None),
    }
    content_schemes = ("torture",)


def build() -> LanguageServer:
    server = LanguageServer("torture", "1", protocol_cls=TortureProtocol, converter_factory=converter)
    started: list[Any] = []

    @server.feature("torture/echo")
    async def echo(ls: LanguageServer, params: EchoParams) -> EchoResult:
        return EchoResult(params.text * params.count, None)

    @server.feature("torture/optional")
    async def optional(ls: LanguageServer, params: EchoParams | None) -> bool:
        return params is None

    @server.feature("torture/plain")
    async def plain(ls: LanguageServer, params: Any) -> Any:
        return params

    @server.feature("torture/slow")
    async def slow(ls: LanguageServer, params: Any) -> str:
        started.append(params)
        await asyncio.sleep(3600)
        return "done"

    @server.feature("torture/partial")
    async def partial(ls: LanguageServer, params: Any) -> str:
        started.append(params)
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            return "what was said so far"
        return "all of it"

    @server.feature("torture/started")
    async def how_many_started(ls: LanguageServer, params: Any) -> list[Any]:
        return started

    @server.command("torture.slow")
    async def slow_command(ls: LanguageServer) -> None:
        started.append("command")
        try:
            await asyncio.sleep(3600)
        finally:
            started.append("command ended")

    _register_failures(server)
    _register_noises(server)

    @server.feature("torture/state")
    async def state(ls: LanguageServer, params: Any) -> dict[str, int]:
        protocol = ls.protocol
        return {"futures": len(protocol._request_futures) - 1, "questions": len(protocol._result_types)}

    @server.feature("torture/text")
    async def text(ls: LanguageServer, params: Any) -> str:
        return ls.workspace.get_text_document(params["uri"]).source

    @server.feature("torture/ask")
    async def ask(ls: LanguageServer, params: Any) -> Any:
        message = types.ShowMessageRequestParams(types.MessageType.Info, "Really?")
        question = ls.window_show_message_request_async(message)
        if params != "impatient":
            return await question
        await asyncio.wait({asyncio.create_task(give_up(question))})
        return None

    async def give_up(question: Any) -> None:
        async with asyncio.timeout(0):
            await question

    @server.feature("torture/busyThread")
    async def busy_thread(ls: LanguageServer, params: Any) -> str:
        is_busy = threading.Event()
        asyncio.get_running_loop().run_in_executor(None, lambda: (is_busy.set(), threading.Event().wait()))
        await asyncio.to_thread(is_busy.wait)
        return "busy"

    @server.feature("torture/blockLoop")
    def block_loop(ls: LanguageServer, params: Any) -> None:
        print("the loop is blocked", file=sys.stderr, flush=True)
        threading.Event().wait()

    @server.feature("torture/flood")
    async def flood(ls: LanguageServer, params: Any) -> str:
        for _ in range(params["messages"]):
            ls.protocol.notify("torture/noise", "x" * params["bytes"])
        return "flooded"

    return server


def _register_failures(server: LanguageServer) -> None:
    @server.feature("torture/raise")
    async def fail(ls: LanguageServer, params: Any) -> None:
        raise ValueError(f"{SECRET}: {params}")

    @server.feature("torture/raiseSync")
    def fail_sync(ls: LanguageServer, params: Any) -> None:
        raise KeyError(SECRET)

    @server.feature("torture/raiseOurs")
    async def fail_ours(ls: LanguageServer, params: Any) -> None:
        raise WorkerUnreachable("The model does not answer; run `codefuse-lsp doctor`.")

    @server.feature("torture/raiseRpc")
    async def fail_rpc(ls: LanguageServer, params: Any) -> None:
        raise JsonRpcException("try again", code=types.LSPErrorCodes.ServerCancelled, data={"retry": True})

    @server.feature("torture/unserialisable")
    async def unserialisable(ls: LanguageServer, params: Any) -> Any:
        if params == "nan":
            return float("nan")
        if params == "circle":
            circle: list[Any] = [SECRET]
            circle.append(circle)
            return circle
        return {"set": {SECRET}}

    @server.feature("torture/strayTask")
    async def stray_task(ls: LanguageServer, params: Any) -> str:
        async def stray() -> None:
            raise ValueError(SECRET)

        await asyncio.wait({asyncio.create_task(stray())})
        return "lost"


def _register_noises(server: LanguageServer) -> None:
    @server.feature("torture/print")
    def noise(ls: LanguageServer, params: Any) -> str:
        print("printed by a handler", end="")
        sys.stdout.flush()
        ctypes.CDLL(None).write(1, b"written by C\n", 13)
        subprocess.run([sys.executable, "-S", "-c", "print('printed by a child')"], check=True)
        eaten = subprocess.run([sys.executable, "-S", "-c", "import sys; print(len(sys.stdin.read()))"], check=True)
        return f"child read stdin, exit {eaten.returncode}"


if __name__ == "__main__":
    logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
    stdio = claim_stdio() if "--early" in sys.argv else None
    leave(run_stdio(build(), stdio=stdio))
