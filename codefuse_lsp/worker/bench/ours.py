"""Our engine as a contestant, and what of it only our engine can be asked."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from codefuse_lsp.generation.request import Chunk, GenerationRequest, Priority
from codefuse_lsp.worker.bench import clock
from codefuse_lsp.worker.bench.contest import Answer
from codefuse_lsp.worker.bench.measure import Cost
from codefuse_lsp.worker.engine import Engine
from codefuse_lsp.worker.loader import LoadedModel
from codefuse_lsp.worker.speculation import PromptLookup

T = TypeVar("T")
POLL_S = 0.001  # how often the engine is asked whether it has let go of a cancelled request
PATIENCE_S = 120.0


def request(text: str, new_tokens: int, **more: Any) -> GenerationRequest:
    """Return a greedy request that ends after exactly `new_tokens`."""
    return GenerationRequest(text, new_tokens, temperature=0.0, ignore_eos=True, **more)


def ours(loaded: LoadedModel, num_slots: int, *, lookup: bool = False) -> Ours:
    """Return our engine on a model of transformers, with prompt lookup or without."""
    name = "codefuse-lsp" + (" with prompt lookup" if lookup else "")
    return Ours(Engine(loaded, num_slots, PromptLookup if lookup else lambda: None), name)


class Ours:
    """One engine of ours and an event loop to ask it in."""

    remembers = True

    def __init__(self, engine: Any, name: str, now: clock.Read = clock.own) -> None:
        self.name = name
        self.engine = engine
        self._now = now
        self._runner = asyncio.Runner()

    def answer(self, texts: Sequence[str], new_tokens: int) -> Answer:
        """Answer all texts, asked at once, with `new_tokens` each."""
        return self.run(self._answer(texts, new_tokens))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in this contestant's event loop."""
        return self._runner.run(work)

    def close(self) -> None:
        """End the engine and its loop."""
        self._runner.close()
        self.engine.close()

    async def _answer(self, texts: Sequence[str], new_tokens: int) -> Answer:
        begun = self._now()
        tokens = [0] * len(texts)
        marks: list[tuple[Cost, int]] = []  # when the first prompt, and when every prompt, had a token

        async def one(place: int, text: str) -> str:
            pieces = []
            async for chunk in self.engine.generate(request(text, new_tokens, priority=Priority.GHOST_TEXT)):
                pieces.append(chunk.text)
                tokens[place] = max(tokens[place], tokens_of(chunk))
                if (not marks and any(tokens)) or (len(marks) == 1 and all(tokens)):
                    marks.append((self._now() - begun, sum(tokens)))
            return "".join(pieces)

        answered = await asyncio.gather(*(one(*item) for item in enumerate(texts)))
        first, at_first = marks[0]
        return Answer(first, self._now() - begun, at_first, sum(tokens), tuple(answered), marks[-1])

    async def first_of(self, text: str, priority: Priority) -> Cost:
        """Return what it took to the first token of a request."""
        begun = self._now()
        async with contextlib.aclosing(self.engine.generate(request(text, 1, priority=priority))) as stream:
            async for chunk in stream:
                if tokens_of(chunk):
                    break
        return self._now() - begun

    async def until_idle(self) -> None:
        """Wait until the engine holds no sequence; raises TimeoutError when it never comes to that."""
        async with asyncio.timeout(PATIENCE_S):
            while any(self.engine.load):
                await asyncio.sleep(POLL_S)

    async def cancel_after(self, text: str, delay_s: float) -> Cost:
        """Return what lies between the cancelling of a running request and the engine's having let go of it."""
        asking = asyncio.ensure_future(self.drain(text, 64))
        async with asyncio.timeout(PATIENCE_S):
            while not self.engine.load[0] and not asking.done():
                await asyncio.sleep(POLL_S)
        await asyncio.sleep(delay_s)
        begun = self._now()
        await cancelled(asking)
        await self.until_idle()
        return self._now() - begun

    async def drain(self, text: str, new_tokens: int, begun: asyncio.Event | None = None) -> None:
        """Take in a chat's answer and drop it, until cancelled; `begun` is set at its first token."""
        stream = self.engine.generate(request(text, new_tokens, priority=Priority.CHAT))
        async with contextlib.aclosing(stream):
            async for chunk in stream:
                if begun and tokens_of(chunk):
                    begun.set()

    def prefill_s(self, text: str) -> float:
        """Return the wall time of a prefill, to know when its middle is."""
        begun = time.perf_counter()
        self.answer([text], 1)
        return time.perf_counter() - begun


async def cancelled(task: asyncio.Future[None]) -> None:
    """Cancel a task and wait for its end; raises what it failed with, if that came first."""
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def tokens_of(chunk: Chunk) -> int:
    """Return how many tokens of its answer had come with this chunk."""
    return chunk.usage.completion_tokens if chunk.usage else 0
