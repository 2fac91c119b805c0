"""What our engine promises beside speed: a cancel is heard at once and leaves nothing, ghost text hardly waits."""

from __future__ import annotations

import asyncio
import gc
import random
import threading
from collections.abc import Sequence
from itertools import cycle

import psutil

from codefuse_lsp.generation.request import Priority
from codefuse_lsp.worker.bench import clock
from codefuse_lsp.worker.bench.measure import Cost, Row, Series, Target, counted_row, percentile, timed_row
from codefuse_lsp.worker.bench.ours import Ours, cancelled
from codefuse_lsp.worker.bench.stand import Stand

SUITE = "engine"
SEED = 7
EARLIEST, LATEST = 0.05, 0.6  # parts of a prefill between which a cancel falls
CANCEL_MS = 100.0
ADDED_WAIT_MS = 250.0
MEMORY_GROWTH = 5.0  # percent: what an allocator's own ups and downs stay within
LEAK_PROMPTS = (60, 600)  # tokens of the requests that are cancelled by the thousand
LEAK_DELAY_S = 0.05
LEAK_CALLERS = 8


def cancel(stand: Stand) -> list[Row]:
    """Return the rows of a cancel that falls into a long prefill."""
    chance = random.Random(SEED)
    ours, theirs = [], []
    prefill_s = stand.ours.prefill_s(stand.material.prompt(stand.sizes.long))
    stand.generate.answer([stand.material.prompt(64)], 1)  # to warm up
    rounds = max(5, stand.plan.repeat)
    for number in range(rounds):
        stand.report("Cancelling in a long prefill", number / rounds)
        for _ in range(-(-stand.sizes.trials // rounds)):
            delay = prefill_s * chance.uniform(EARLIEST, LATEST)
            ours.append(stand.ours.run(stand.ours.cancel_after(stand.material.prompt(stand.sizes.long), delay)))
        theirs.append(_cancel_generate(stand, prefill_s * chance.uniform(EARLIEST, LATEST)))
    what = f"cancel inside a {stand.sizes.long}-token prefill"
    target = Target("median", "<=", CANCEL_MS)
    head = (SUITE, what, f"{stand.generate.name} with StoppingCriteria", "ms")
    return _percentiles(stand, head, ours, theirs, target)


def leaks(stand: Stand) -> list[Row]:
    """Return the rows of what a thousand cancelled requests leave behind: nothing."""
    ours, number = stand.ours, stand.sizes.cancels
    low, high = LEAK_PROMPTS
    prompts = [stand.material.prompt(tokens) for tokens in range(low, high, (high - low) // 12)]
    ours.answer(prompts, 1)  # from here on every slot has held a prompt
    ours.run(_cancel_many(ours, prompts, number // 10, stand))
    before = _memory()
    ours.run(_cancel_many(ours, prompts, number, stand))
    after = _memory()
    head = (SUITE, f"after {number} cancelled requests: sequences left", "none", "sequences")
    rows = [counted_row(head, sum(ours.engine.load), 0, Target("median", "<=", 0))]
    head = (SUITE, f"after {number} cancelled requests: memory growth", "before them", "%")
    growth = 100 * (after - before) / before
    rows.append(
        counted_row(head, growth, target=Target("median", "<=", MEMORY_GROWTH), note=f"{after / 2**20:.0f} MiB")
    )
    head = (SUITE, f"after {number} cancelled requests: KV tokens held", "capacity", "tokens")
    held = getattr(ours.engine, "kv_tokens", None)
    if held is None:
        return [*rows, Row(*head, "count", status="skipped", note="this engine does not tell how much KV it holds")]
    return [*rows, counted_row(head, held[0], held[1], Target("median", "<=", held[1]), note="kept for reuse")]


def ghost_text(stand: Stand) -> list[Row]:
    """Return the rows of how much longer ghost text waits while chats are read and written."""
    ours, sizes = stand.ours, stand.sizes
    text = stand.material.prompt(sizes.cold)
    ours.answer([text], 1)
    letters = iter(cycle("abcdefgh"))
    idle, beside = [], []
    prefill_s = ours.prefill_s(stand.material.prompt(sizes.chat))
    rounds = max(5, stand.plan.repeat)
    for number in range(rounds):
        stand.report("Ghost text beside chats", number / rounds)
        keys = [text + next(letters) for _ in range(-(-sizes.trials // rounds))]
        idle += [ours.run(ours.first_of(key, Priority.GHOST_TEXT)) for key in keys]
        beside += ours.run(_beside_chats(stand, keys, prefill_s, random.Random(number)))
    usual = Cost(percentile([c.wall for c in idle], 0.5), percentile([c.cpu for c in idle], 0.5))
    what = f"ghost text's added wait, {sizes.chat}-token chat prefill and {sizes.streams} chats"
    added = [cost - usual for cost in beside]
    note = f"idle it waits {1e3 * usual.on(stand.clock):.0f} ms"
    return _percentiles(stand, (SUITE, what, "idle", "ms"), added, None, Target("median", "<=", ADDED_WAIT_MS), note)


def _percentiles(
    stand: Stand,
    head: tuple[str, str, str, str],
    ours: Sequence[Cost],
    theirs: Sequence[Cost] | None,
    target: Target,
    note: str = "",
) -> list[Row]:
    """Return the rows of the 50th and the 95th percentile; the latter is held to the target."""
    suite, what, against, unit = head
    rows = []
    for part in (50, 95):
        told = f"{len(ours)} times{f', against {len(theirs)}' if theirs else ''}; "
        told += note or f"longest {_ms(ours, stand.clock, 100):.0f} ms"
        line = (suite, f"{what}, p{part}", against, unit)
        other = _at(theirs, part) if theirs else None
        held = target if part == 95 else None
        rows.append(timed_row(line, stand.clock, _at(ours, part), other, held, note=told))
    return rows


def _at(costs: Sequence[Cost], part: int) -> Series:
    return Series([_ms(costs, "cpu", part)], [_ms(costs, "wall", part)])


def _ms(costs: Sequence[Cost], which: str, part: int) -> float:
    return 1e3 * percentile([getattr(cost, which) for cost in costs], part / 100)


def _cancel_generate(stand: Stand, delay_s: float) -> Cost:
    """Return what lies between the telling of `generate` to stop in its prefill and its having stopped."""
    told = threading.Event()
    text = stand.material.prompt(stand.sizes.long)
    running = threading.Thread(target=stand.generate.until_stopped, args=(text, told.is_set))
    running.start()
    told.wait(delay_s)
    begun = clock.own()
    told.set()
    running.join()
    return clock.own() - begun


async def _cancel_many(ours: Ours, prompts: Sequence[str], number: int, stand: Stand) -> None:
    """Ask and cancel so many times, several at once, at points from before the start to within the answer."""
    chance = random.Random(SEED)

    async def caller(share: int) -> None:
        for done in range(share):
            stand.report(f"Cancelling {number} requests", done / share)
            asking = asyncio.ensure_future(ours.drain(chance.choice(prompts) + str(chance.random()), 32))
            await asyncio.sleep(chance.uniform(0, LEAK_DELAY_S))
            await cancelled(asking)

    await asyncio.gather(*(caller(-(-number // LEAK_CALLERS)) for _ in range(LEAK_CALLERS)))
    await ours.until_idle()


async def _beside_chats(stand: Stand, keys: Sequence[str], prefill_s: float, chance: random.Random) -> list[Cost]:
    """Return what ghost text took to its first token while chats stream and another's long prompt is read."""
    ours, sizes = stand.ours, stand.sizes
    begun = [asyncio.Event() for _ in range(sizes.streams)]

    async def stream(event: asyncio.Event) -> None:
        while True:
            await ours.drain(stand.material.prompt(100), 400, event)

    streams = [asyncio.ensure_future(stream(event)) for event in begun]
    costs = []
    try:
        await _all_set(begun, streams)
        for key in keys:
            chat = asyncio.ensure_future(ours.drain(stand.material.prompt(sizes.chat), 8))
            await asyncio.sleep(prefill_s * chance.uniform(EARLIEST, LATEST))
            costs.append(await ours.first_of(key, Priority.GHOST_TEXT))
            await cancelled(chat)
    finally:
        for task in streams:
            task.cancel()
        await asyncio.gather(*streams, return_exceptions=True)
    await ours.until_idle()
    return costs


async def _all_set(events: Sequence[asyncio.Event], tasks: Sequence[asyncio.Future[None]]) -> None:
    """Wait for all events; raises what ended a task before."""

    async def wait() -> None:
        for event in events:
            await event.wait()

    ready = asyncio.ensure_future(wait())
    await asyncio.wait([ready, *tasks], return_when=asyncio.FIRST_COMPLETED)
    await cancelled(ready)
    for task in tasks:
        if task.done():
            task.result()


def _memory() -> int:
    gc.collect()
    return int(psutil.Process().memory_info().rss)
