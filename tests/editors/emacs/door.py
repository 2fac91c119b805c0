"""A door to the scripted engine for tests that run inside an editor: a line of JSON in, a line of JSON out.

Orders: {"do": "answers", "holding", "pieces", "pause"}, {"do": "chooses", "holding", "words"}, {"do": "forget"},
{"do": "end"}, {"do": "begin"}, and {"do": "prompts"}, which answers with what the engine was asked.
"""

from __future__ import annotations

import json
import math
import socketserver
import threading
from typing import Any, Self

from tests.e2e.far_end import Completion
from tests.editors.scripted_engine import ScriptedEngine


class ChoosingEngine(ScriptedEngine):
    """One that can also find several beginnings probable, so that the server asks for what follows each."""

    def __init__(self) -> None:
        super().__init__()
        self.choices: dict[str, dict[str, str]] = {}  # by what prompts hold: first words, and what follows each

    async def _say(self, completion: Completion) -> None:
        words = next((words for holding, words in self.choices.items() if holding in completion.prompt), None)
        if words is None:
            return await super()._say(completion)
        self.prompts.append(completion.prompt)
        completion.head()
        if completion.heal in words:
            completion.say(completion.heal + words[completion.heal])
        else:
            first, *_ = words
            tops = {word: math.log(0.5 / 2**place) for place, word in enumerate(words)}
            told = {
                "tokens": [first, words[first]],
                "token_logprobs": [math.log(0.5), math.log(0.9)],
                "top_logprobs": [tops, {words[first]: math.log(0.9)}],
            }
            text = first + words[first]
            completion.event({"choices": [{"index": 0, "text": text, "finish_reason": None, "logprobs": told}]})
        completion.end()


class Door:
    """Listens on loopback, in a thread; a context manager."""

    def __init__(self, engine: ChoosingEngine) -> None:
        self.engine = engine
        door = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                for line in self.rfile:
                    answer = door.obey(json.loads(line))
                    self.wfile.write(json.dumps(answer).encode() + b"\n")

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="door", daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def obey(self, order: dict[str, Any]) -> list[str]:
        match order["do"]:
            case "answers":
                self.engine.answers(order["holding"], *order["pieces"], pause_s=order["pause"])
            case "chooses":
                self.engine.choices[order["holding"]] = order["words"]
            case "forget":
                self.engine.forget()
                self.engine.choices.clear()
            case "end":
                self.engine.end()
            case "begin":
                self.engine.begin()
            case "prompts":
                return self.engine.prompts
        return []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
