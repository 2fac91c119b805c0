"""An engine whose every word is the test's, in a thread: real editors are driven from outside any event loop.

Rules say what is answered to a prompt that holds a text, what its answer has to begin with included; the newest rule
that fits wins. It can be ended and begun again on the same port, as an engine that dies and comes back.
"""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from typing import Self

from tests.e2e.far_end import Completion, FarEnd


@dataclass(frozen=True)
class Rule:
    """What is said to prompts that hold a text, piece by piece, with a pause before each."""

    holding: str
    pieces: tuple[str, ...]
    pause_s: float = 0.0
    reason: str = "stop"


class ScriptedEngine:
    """A completions API on loopback; a context manager."""

    def __init__(self) -> None:
        self.rules: list[Rule] = []
        self.prompts: list[str] = []  # that it was asked, in their order
        self._far_end = FarEnd()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="scripted engine", daemon=True)

    @property
    def endpoint(self) -> str:
        """The address for the setting of the same name."""
        return self._far_end.endpoint

    def answers(self, holding: str, *pieces: str, pause_s: float = 0.0, reason: str = "stop") -> None:
        """Say these pieces to every prompt that holds a text ('' is in all of them), from now on."""
        self.rules.insert(0, Rule(holding, pieces, pause_s, reason))

    def forget(self) -> None:
        """Drop all rules and what was asked."""
        self.rules.clear()
        self.prompts.clear()

    def begin(self) -> None:
        """Listen, on the port of the last time if there was one."""
        self._run(self._far_end.__aenter__())
        self._far_end.script = self._say

    def end(self) -> None:
        """Hang up on everybody and listen no more."""
        self._run(self._far_end.__aexit__())

    def __enter__(self) -> Self:
        self._thread.start()
        self.begin()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: object) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=30)  # type: ignore[arg-type]

    async def _say(self, completion: Completion) -> None:
        self.prompts.append(completion.prompt)
        rule = next((rule for rule in self.rules if rule.holding in completion.prompt + completion.heal), Rule("", ()))
        completion.head()
        for number, piece in enumerate(rule.pieces):
            if rule.pause_s:
                await asyncio.sleep(rule.pause_s)
            completion.say(piece if number else completion.heal + piece)
        completion.end(rule.reason)
