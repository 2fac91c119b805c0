"""Many clients with every manner ask one worker for a long time, to see whether it stays whole.

An `Address` in, figures out. Speaks to the worker over its socket as clients do, well-behaved and not; knows nothing
of how the worker is made.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import statistics
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import psutil

from codefuse_lsp.errors import CodeFuseError, RequestRefused
from codefuse_lsp.evaluation.bench.raw_http import bad_body, connect, ends_of, exchange, request_bytes
from codefuse_lsp.generation.client import Address, Client
from codefuse_lsp.generation.request import GenerationRequest, Priority

SAMPLE_S = 0.5  # between looks at the worker's memory
SETTLE_S = 60.0  # that what was cancelled last has to end
LINES = 50  # functions in the longest prompt, some 1,500 tokens, where the model reads as many
TOLD = 10  # wrong ends that are told; all are counted
CODE = "def function_{0}(items):\n    return [item + {0} for item in items if item > {0}]\n\n\n"


@dataclass
class Soak:
    """What is asked of the worker, and what came of it."""

    address: Address
    client: Client
    chance: random.Random
    length: int  # the model's, in tokens
    kinds: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)  # what ended in no way, in two, or in one that it must not
    first_s: list[float] = field(default_factory=list)  # seconds to the first text
    rss: list[int] = field(default_factory=list)  # bytes, in the order they were seen


Manner = Callable[[Soak], Awaitable[str]]


async def soak(address: Address, minutes: float, clients: int, seed: int) -> dict[str, Any]:
    """Return the figures of `clients` clients asking for `minutes`; raises CodeFuseError when no worker answers.

    `wrong_ends` and `stuck` must be 0; `memory.ratio` is late over early resident memory, after a quarter to warm up.
    """
    async with _client(address) as client:
        length = (await client.model_card()).max_model_len or 4096
        state = Soak(address, client, random.Random(seed), length)
        until = time.monotonic() + 60 * minutes
        watch = asyncio.create_task(_watch(state, int((await client.health())["pid"])))
        try:
            await asyncio.gather(*(_ask_on(state, until) for _ in range(clients)))
        finally:
            watch.cancel()
        stuck = await _left_over(client)
    return {"minutes": minutes, "clients": clients, "seed": seed, "stuck": stuck} | _figures(state)


async def finish(state: Soak) -> str:
    """Ask for ghost text or chat and read it to its end."""
    request, begun, last = _request(state), time.monotonic(), None
    async with aclosing(state.client.generate(request)) as chunks:
        async for chunk in chunks:
            if last is None:
                state.first_s.append(time.monotonic() - begun)
            elif last.finish_reason:
                return "wrong: text after the end"
            last = chunk
    return "finished" if last is not None and last.finish_reason else "wrong: no end"


async def cancel(state: Soak) -> str:
    """Close the stream after a few chunks, or before the first."""
    async with aclosing(state.client.generate(_request(state))) as chunks:
        with contextlib.suppress(TimeoutError, StopAsyncIteration):
            async with asyncio.timeout(state.chance.choice((0.001, 0.05, 1.0))):
                for _ in range(state.chance.randint(1, 4)):
                    await anext(chunks)
    return "cancelled"


async def read_raw(state: Soak) -> str:
    """Read a whole stream off the wire: it has one finish reason and one [DONE], or one error."""
    status, body = await exchange(state.address, _body(state))
    if status != 200:
        return _refusal(status, body)
    return "finished" if ends_of(body) == 1 else f"wrong: a stream with {ends_of(body)} ends"


async def disconnect(state: Soak) -> str:
    """Go away in the middle of the request, or of the answer."""
    raw = request_bytes(state.address, _body(state))
    reader, writer = await connect(state.address)
    try:
        writer.write(raw[: state.chance.randint(1, 2 * len(raw))])
        await writer.drain()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(state.chance.random()):
                await reader.read(state.chance.randint(1, 2000))
    finally:
        writer.transport.abort()
    return "disconnected"


async def oversize(state: Soak) -> str:
    """Send a prompt that is longer than the model can read."""
    status, body = await exchange(state.address, {"prompt": "x = 1\n" * state.length, "stream": True})
    return _refusal(status, body)


async def bad_field(state: Soak) -> str:
    """Send a body with a field that cannot be."""
    name, body = bad_body(_body(state), state.chance)
    status, told = await exchange(state.address, body)
    return _refusal(status, told, f"{name}={body[name]!r} ")


MANNERS: tuple[tuple[Manner, int], ...] = (
    (finish, 6),
    (cancel, 5),
    (read_raw, 3),
    (disconnect, 3),
    (bad_field, 2),
    (oversize, 1),
)


async def _ask_on(state: Soak, until: float) -> None:
    manners, weights = zip(*MANNERS, strict=True)
    while time.monotonic() < until:
        manner = state.chance.choices(manners, weights)[0]
        try:
            end = await asyncio.wait_for(manner(state), max(0.0, until - time.monotonic()))
        except TimeoutError:  # the soak is over
            end = "cancelled"
        except RequestRefused as error:  # a full queue, honestly told
            end = "refused" if error.status in (429, 503) else f"wrong: {error.status} {error}"
        except (CodeFuseError, OSError) as error:
            end = f"wrong: {error}"
        state.kinds[manner.__name__] += 1
        state.ends[end.partition(":")[0]] += 1
        if end.startswith("wrong"):
            state.wrong.append(f"{manner.__name__}: {end}")


async def _watch(state: Soak, pid: int) -> None:
    process = psutil.Process(pid)
    while True:
        state.rss.append(process.memory_info().rss)
        await asyncio.sleep(SAMPLE_S)


async def _left_over(client: Client) -> int:
    """Return how many sequences are still there after all have had time to end."""
    until = time.monotonic() + SETTLE_S
    while True:
        health = await client.health()
        left = int(health["running"]) + int(health["waiting"])
        if left == 0 or time.monotonic() > until:
            return left
        await asyncio.sleep(0.1)


def _request(state: Soak) -> GenerationRequest:
    chat = state.chance.random() < 0.3
    return GenerationRequest(
        _prompt(state),
        max_tokens=state.chance.randint(1, 96 if chat else 24),
        temperature=state.chance.choice((0.0, 0.7)),
        stop=("\n\n",) if not chat else (),
        priority=Priority.CHAT if chat else Priority.GHOST_TEXT,
    )


def _body(state: Soak) -> dict[str, Any]:
    options = {"include_usage": state.chance.random() < 0.5}
    return {
        "prompt": _prompt(state),
        "max_tokens": state.chance.randint(1, 48),
        "stream": True,
        "stream_options": options,
    }


def _prompt(state: Soak) -> str:
    """Return code of up to half the model's length, of which much was sent before, as editors do."""
    file, lines = state.chance.randrange(8), state.chance.randint(1, min(LINES, max(1, state.length // 120)))
    return "".join(CODE.format(100 * file + line) for line in range(lines)) + "def " + "x" * state.chance.randint(0, 9)


def _refusal(status: int, body: str, asked: str = "") -> str:
    told = 400 <= status < 500 or status == 503
    return "refused" if told and '"message"' in body else f"wrong: {asked}{status} {body[:200]}"


def _figures(state: Soak) -> dict[str, Any]:
    quarter = len(state.rss) // 4
    early, late = state.rss[quarter : 2 * quarter], state.rss[-quarter:] if quarter else []
    memory = {"early_mib": _median(early) / 2**20, "late_mib": _median(late) / 2**20}
    first = sorted(state.first_s)
    return {
        "requests": dict(state.kinds),
        "ends": dict(state.ends),
        "wrong_ends": len(state.wrong),
        "wrong": state.wrong[:TOLD],
        "memory": memory | {"ratio": memory["late_mib"] / memory["early_mib"] if early else 1.0},
        "first_text_s": {"p50": _median(first), "p95": first[int(0.95 * len(first))] if first else 0.0},
    }


def _median(values: list[int] | list[float]) -> float:
    return float(statistics.median(values)) if values else 0.0


@asynccontextmanager
async def _client(address: Address) -> AsyncIterator[Client]:
    client = Client(address)
    try:
        yield client
    finally:
        await client.close()
