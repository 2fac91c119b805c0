"""An editor window for tests: it remembers what the server has said, and a wait that never ends is a failure."""

from __future__ import annotations

import asyncio
import copy
import os
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

from codefuse_lsp.evaluation.editor import CAPABILITIES, Editor

HANG_S = 60.0  # a silence this long is a hang
CURSOR = "‸"
INVOKED, AUTOMATIC = 1, 2  # InlineCompletionTriggerKind

Json = dict[str, Any]


def hang_guard() -> asyncio.Timeout:
    return asyncio.timeout(HANG_S)


def capabilities(**changes: Any) -> Json:
    """Return the editor's capabilities with changes at dotted paths, `__` for the dots; None takes one away."""
    changed = copy.deepcopy(CAPABILITIES)
    for path, value in changes.items():
        *outer, last = path.split("__")
        place = changed
        for name in outer:
            place = place.setdefault(name, {})
        place.pop(last, None) if value is None else place.update({last: value})
    return changed


def units(text: str) -> int:
    """Return the length of a text in UTF-16 code units."""
    return len(text.encode("utf-16-le")) // 2


def place_of(drawn: str) -> tuple[str, Json]:
    """Return a text without the cursor drawn in it, and the cursor's position."""
    before, _, after = drawn.partition(CURSOR)
    line = before.split("\n")[-1]
    return before + after, {"line": before.count("\n"), "character": units(line)}


class Window(Editor):
    """One editor window, the folder it has open, and all that it was told."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        super().__init__(process)
        self.heard: defaultdict[str, list[Any]] = defaultdict(list)  # params of each method
        self.answers: list[Json] = []
        self.root = Path()
        self._news = asyncio.Event()
        self._documents = 0

    @classmethod
    async def opened(
        cls,
        root: Path,
        options: Json,
        client: Json = CAPABILITIES,
        env: Mapping[str, str] | None = None,
        listeners: Mapping[str, Callable[[Any], Any]] | None = None,
    ) -> Self:
        """Start a server for the folder `root` and shake hands as a client with the capabilities `client`."""
        window = await cls.spawn(env)
        assert isinstance(window, cls)
        window.root = root
        window.listeners |= {"window/showDocument": lambda params: {"success": True}, **(listeners or {})}
        params = {"processId": os.getpid(), "rootUri": root.as_uri(), "capabilities": client}
        window.server = await window.request("initialize", {**params, "initializationOptions": options})
        window.notify("initialized", {})
        return window

    async def request(self, method: str, params: Any) -> Any:
        async with hang_guard():
            return await super().request(method, params)

    async def result(self, answer: asyncio.Future[Any]) -> Any:
        async with hang_guard():
            return await answer

    async def synchronise(self) -> None:
        """Wait until the server has handled all that was sent."""
        await self.request("codefuse/status", None)

    async def told(self, method: str, is_wanted: Callable[[Any], bool] = lambda params: True) -> Any:
        """Return the params of the first such notification or request of the server's, waiting for it."""
        async with hang_guard():
            while True:
                for params in self.heard[method]:
                    if is_wanted(params):
                        return params
                self._news.clear()
                await self._news.wait()

    def messages(self) -> list[str]:
        """Return the sentences that the user was shown."""
        return [params["message"] for params in self.heard["window/showMessage"]]

    def show(self, drawn: str, name: str = "area.py", language: str = "python") -> tuple[str, Json]:
        """Open a new document with a cursor drawn in it; return its uri and the cursor's position."""
        text, position = place_of(drawn)
        self._documents += 1
        uri = (self.root / str(self._documents) / name).as_uri()
        self.open(uri, language, text)
        return uri, position

    async def ghost(self, drawn: str, name: str = "area.py", language: str = "python", **context: Any) -> Json | None:
        """Return the item that is offered at the cursor of a new document, None where there is none."""
        uri, position = self.show(drawn, name, language)
        return await self.ghost_at(uri, position, **context)

    async def ghost_at(self, uri: str, position: Json, kind: int = INVOKED, **context: Any) -> Json | None:
        found = await self.result(self.ask_ghost(uri, position, kind, **context)[1])
        assert found is None or 1 <= len(found["items"]) <= (3 if kind == INVOKED else 1)
        return None if found is None else found["items"][0]

    def ask_ghost(self, uri: str, position: Json, kind: int = INVOKED, **context: Any) -> tuple[int, Any]:
        params = {"textDocument": {"uri": uri}, "position": position, "context": {"triggerKind": kind, **context}}
        return self.ask("textDocument/inlineCompletion", params)

    async def why(self) -> Json:
        """Return the record of the last request for ghost text."""
        (record,) = await self.request("codefuse/whyNoSuggestion", {"count": 1})
        return record

    async def status(self) -> Json:
        return await self.request("codefuse/status", None)

    async def actions(self, uri: str, start: Json, end: Json | None = None, **context: Any) -> list[Json]:
        where = {"textDocument": {"uri": uri}, "range": {"start": start, "end": end or start}}
        return await self.request("textDocument/codeAction", {**where, "context": {"diagnostics": [], **context}})

    def ask_command(self, command: Json) -> tuple[int, Any]:
        return self.ask("workspace/executeCommand", {k: command[k] for k in ("command", "arguments")})

    async def run_command(self, command: Json) -> Any:
        return await self.result(self.ask_command(command)[1])

    def _receive(self, message: Json) -> None:
        if "method" in message:
            self.heard[message["method"]].append(message.get("params"))
        else:
            self.answers.append(message)
        self._news.set()
        super()._receive(message)
