"""The `chat` suite: what a long history costs who opens and searches it, and what a killed server loses of an answer.

Each measure asks the real server process, as an editor would; the far end is scripted, so that no model's time is in
the figures. Times are wall times from the editor's writing of a request to its reading of the answer.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from codefuse_lsp import config
from codefuse_lsp.conversations import Conversations
from codefuse_lsp.evaluation.bench import library
from codefuse_lsp.evaluation.bench.figure import Figure, Report, figure, machine
from codefuse_lsp.evaluation.editor import Editor, until_ready
from codefuse_lsp.evaluation.far_end import ScriptedFarEnd, TricklingFarEnd

TURNS = 10_000
ROUNDS_EACH = 10  # of a conversation: five hundred of them
TURN_CHARS = (80, 2000)
ASKED_EACH = 20  # requests of each kind in a run
SEED = 20_261_127
WORD_S = 0.005  # between two words of an answer
KILLED_AFTER_S = (1.2, 2.7)

_MODULES = ("argparse", "configparser", "shutil", "statistics", "textwrap")


async def run(repeat: int, report: Report) -> dict[str, Any]:
    """Return all figures of the suite."""
    figures: list[Figure] = []
    with TemporaryDirectory() as folder:
        root = Path(os.path.realpath(folder))
        for number, (what, each) in enumerate((("many conversations", ROUNDS_EACH), ("a single one", TURNS // 2))):
            report(f"Writing {TURNS:,} turns, {what}", number / 3)
            data = root / str(number)
            names = await asyncio.to_thread(write_history, data / config.APP, each)
            report(f"Reading {what}", (number + 0.5) / 3)
            measure = _many if each == ROUNDS_EACH else _long
            figures += await measure(root, data, names, repeat)
        report("Killing servers", 2 / 3)
        figures.append(await _killed(root, root / "killed", repeat))
    return {"suite": "chat", "machine": machine(), "figures": [asdict(item) for item in figures]}


def write_history(folder: Path, rounds_each: int, turns: int = TURNS) -> list[str]:
    """Write a history of code and prose into `folder`; return the names of its conversations."""
    chance, text = random.Random(SEED), "\n".join(library.source(name) for name in _MODULES)
    conversations = Conversations(folder / "conversations.sqlite3")
    names = [str(number) for number in range(turns // 2 // rounds_each)]
    for name in names:
        for _ in range(rounds_each):
            conversations.add_round(name, _passage(chance, text), _passage(chance, text))
    conversations.close()
    return names


async def _many(root: Path, data: Path, names: list[str], repeat: int) -> list[Figure]:
    chance = random.Random(SEED)
    words = sorted({word for name in _MODULES for word in library.source(name).split() if word.isalpha()})
    listed: list[float] = []
    opened: list[float] = []
    searched: list[float] = []
    async with ScriptedFarEnd("x") as far_end:
        editor = await _editor(root, data, far_end)
        await _times(editor, "codefuse/conversations", [{}])  # the first request of a server is slower
        for _ in range(repeat):
            listed += await _times(editor, "codefuse/conversations", [{"limit": 50, "offset": 50}] * ASKED_EACH)
            asked = [{"conversationId": name} for name in chance.sample(names, ASKED_EACH)]
            opened += await _times(editor, "codefuse/conversations/open", asked)
            queries = [{"query": " ".join(chance.sample(words, 1 + n % 2))} for n in range(ASKED_EACH)]
            searched += await _times(editor, "codefuse/conversations", queries)
        await editor.close()
    return [
        figure("fifty of 500 conversations listed, 10,000 turns kept", "ms", listed, "< 50"),
        figure("conversation of 20 turns opened, 10,000 kept", "ms", opened, "< 50"),
        figure("words looked for in 10,000 turns", "ms", searched, "< 100"),
    ]


async def _long(root: Path, data: Path, names: list[str], repeat: int) -> list[Figure]:
    times: list[float] = []
    async with ScriptedFarEnd("x") as far_end:
        editor = await _editor(root, data, far_end)
        await _times(editor, "codefuse/conversations", [{}])
        for _ in range(repeat):
            times += await _times(editor, "codefuse/conversations/open", [{"conversationId": names[0]}])
        await editor.close()
    return [figure("conversation of 10,000 turns opened at its end", "ms", times, "< 50")]


async def _killed(root: Path, data: Path, repeat: int) -> Figure:
    """Kill servers in the middle of an answer; what is not there afterwards was said shortly before."""
    chance, lost_ms = random.Random(SEED), list[float]()
    async with TricklingFarEnd(WORD_S) as far_end:
        for _ in range(repeat):
            editor = await _editor(root, data, far_end)
            _, answer = editor.ask("codefuse/chat", {"message": "count", "partialResultToken": "count"})
            await asyncio.sleep(chance.uniform(*KILLED_AFTER_S))
            killed = time.perf_counter()
            editor.process.kill()
            await asyncio.wait({answer})
            assert answer.exception() is not None
            said_at = [moment for moment in far_end.said_at if moment < killed]
            kept = len((await _last_answer(root, data, far_end)).split())
            lost_ms.append(1e3 * (killed - said_at[kept]) if kept < len(said_at) else 0.0)
    return figure("of an answer lost by kill -9", "ms", lost_ms, "< 1000 each")


async def _last_answer(root: Path, data: Path, far_end: ScriptedFarEnd) -> str:
    editor = await _editor(root, data, far_end)
    (item,) = (await editor.request("codefuse/conversations", {"limit": 1}))["items"]
    found = await editor.request("codefuse/conversations/open", {"conversationId": item["conversationId"]})
    await editor.close()
    assert found["turns"][-1]["finishReason"] == "interrupted"
    return str(found["turns"][-1]["text"])


async def _editor(root: Path, data: Path, far_end: ScriptedFarEnd) -> Editor:
    editor = await Editor.start(root, {"endpoint": far_end.endpoint}, {"XDG_DATA_HOME": str(data)})
    await until_ready(editor)
    return editor


async def _times(editor: Editor, method: str, asked: list[dict[str, Any]]) -> list[float]:
    times = []
    for params in asked:
        begun = time.perf_counter()
        await editor.request(method, params)
        times.append(1e3 * (time.perf_counter() - begun))
    return times


def _passage(chance: random.Random, text: str) -> str:
    start = chance.randrange(len(text) - TURN_CHARS[1])
    return text[start : start + chance.randint(*TURN_CHARS)]
