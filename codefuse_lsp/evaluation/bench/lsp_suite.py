"""The `lsp` suite: what a user feels of the language server, measured from outside as an editor would.

Each measure starts the real server process, runs several times and tells the median with its spread. Times are wall
times in milliseconds unless a name says otherwise; a shared machine's load is told beside them.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil

from codefuse_lsp.evaluation.bench.figure import Figure, Report, figure, machine
from codefuse_lsp.evaluation.editor import Editor, EditorError, inline_params, until_ready
from codefuse_lsp.evaluation.far_end import ScriptedFarEnd
from codefuse_lsp.generation import launcher
from codefuse_lsp.generation.client import Client

TYPED = "    total = sum(v * scale for v in data)"
FILE_LINES = 300
OVERHEAD_REQUESTS = 200
KEY_INTERVAL_S = 0.08  # a fast typist


async def run(repeat: int, change_ms: Callable[[int], list[float]], report: Report) -> dict[str, Any]:
    """Return all figures of the suite; `change_ms` applies that many edits to a large document, in CPU ms each."""
    figures: list[Figure] = []
    with TemporaryDirectory() as folder:
        root = Path(os.path.realpath(folder))
        measures: list[tuple[str, Callable[[Path, int], Awaitable[list[Figure]]]]] = [
            ("start and memory", _start),
            ("overhead with a far end that answers at once", _overhead),
            ("a second server", _second_server),
            ("three servers at once", _one_worker),
            ("typing a line", _typing),
        ]
        for number, (what, measure) in enumerate(measures):
            report(f"Measuring {what}", number / len(measures))
            figures += await measure(root, repeat)
    figures.append(figure("didChange in a 50,000-line file, CPU", "ms", change_ms(200), "< 0.5"))
    return {"suite": "lsp", "machine": machine(), "figures": [asdict(item) for item in figures]}


async def _start(root: Path, repeat: int) -> list[Figure]:
    times, sizes, torch_loaded = [], [], 0
    async with ScriptedFarEnd("x") as far_end:
        for _ in range(repeat):
            begun = time.perf_counter()
            editor = await Editor.start(root, {"endpoint": far_end.endpoint})
            times.append(1e3 * (time.perf_counter() - begun))
            await until_ready(editor)
            await _ask(editor, root, "import os\n\n", 2)
            process = psutil.Process(editor.process.pid)
            sizes.append(process.memory_info().rss / 2**20)
            torch_loaded += any("torch" in mapped.path for mapped in process.memory_maps())
            await editor.close()
    return [
        figure("spawn to initialize reply", "ms", times, "< 1000"),
        figure("memory of the server (RSS) after ghost text", "MB", sizes, "< 80"),
        figure("servers with torch in them", "", [float(torch_loaded)], "0"),
    ]


async def _overhead(root: Path, repeat: int) -> list[Figure]:
    async with ScriptedFarEnd("value") as far_end:
        editor = await Editor.start(root, {"endpoint": far_end.endpoint})
        await until_ready(editor)
        uri = (root / "overhead.py").as_uri()
        editor.open(uri, "python", _source() + "x = ")
        params = inline_params(uri, FILE_LINES, 4)
        times = []
        for _ in range(OVERHEAD_REQUESTS):
            begun = time.perf_counter()
            answer = await editor.request("textDocument/inlineCompletion", params)
            times.append(1e3 * (time.perf_counter() - begun))
            assert answer["items"][0]["insertText"] == "value"
        await editor.close()
    return [figure("ghost text, everything but the model", "ms", times[10:], "< 2")]


async def _second_server(root: Path, repeat: int) -> list[Figure]:
    first = await Editor.start(root)
    await until_ready(first)
    times = []
    for _ in range(repeat):
        editor = await Editor.spawn()
        await editor.initialize(root, {})
        begun = time.perf_counter()
        await until_ready(editor)
        times.append(1e3 * (time.perf_counter() - begun))
        await editor.close()
    await first.close()
    return [figure("second server, initialized to ready", "ms", times, "< 500")]


async def _one_worker(root: Path, repeat: int) -> list[Figure]:
    for worker in await asyncio.to_thread(launcher.workers):
        await asyncio.to_thread(launcher.stop, worker)
    editors = await asyncio.gather(*(Editor.start(root) for _ in range(3)))
    await asyncio.gather(*(until_ready(editor) for editor in editors))
    count = len(await asyncio.to_thread(launcher.workers))
    processes = _worker_processes()
    await asyncio.gather(*(editor.close() for editor in editors))
    return [
        figure("workers after three servers started at once", "", [float(count)], "1"),
        figure("worker processes then", "", [float(processes)], "1"),
    ]


async def _typing(root: Path, repeat: int) -> list[Figure]:
    editor = await Editor.start(root)
    await until_ready(editor)
    uri = (root / "typing.py").as_uri()
    editor.open(uri, "python", _source())
    await editor.request("textDocument/inlineCompletion", inline_params(uri, FILE_LINES // 2, 0))
    answers = await _type(editor, uri, 2, hurried=True)
    left = await _jobs_left()
    await _type(editor, uri, 2 + len(TYPED) + 1, hurried=False)
    why = await editor.request("codefuse/whyNoSuggestion", {"count": len(TYPED)})
    computed = [float(record["promptTokens"] - record["cachedTokens"]) for record in why[1:] if record["promptTokens"]]
    await editor.close()
    good = [a for a in answers if a is None or isinstance(a, dict) or (isinstance(a, EditorError) and a.code == -32800)]
    return [
        figure("hurried keystrokes answered exactly once", "", [float(len(good))], str(len(TYPED))),
        figure("of these cancelled", "", [float(sum(isinstance(a, EditorError) for a in answers))], "any"),
        figure("jobs left in the worker", "", [float(left)], "0"),
        figure("prompt tokens computed for a keystroke after the first", "tokens", computed, "< 64 each"),
    ]


async def _type(editor: Editor, uri: str, version: int, *, hurried: bool) -> list[Any]:
    """Type a line above the middle of the file, asking after each key; return the answers.

    In a hurry, each key comes before the last answer and cancels its request.
    """
    line = FILE_LINES // 2
    editor.insert(uri, version, line, 0, "\n")
    pending: list[tuple[int, asyncio.Future[Any]]] = []
    for column, character in enumerate(TYPED):
        editor.insert(uri, version + 1 + column, line, column, character)
        if pending and hurried:
            editor.cancel(pending[-1][0])
        pending.append(editor.ask("textDocument/inlineCompletion", inline_params(uri, line, column + 1)))
        await (asyncio.sleep(KEY_INTERVAL_S) if hurried else pending[-1][1])
    return await asyncio.gather(*(answer for _, answer in pending), return_exceptions=True)


async def _jobs_left() -> int:
    """Return what the worker still runs or holds, once it has had one step's time to hear of the last cancel."""
    (worker,) = await asyncio.to_thread(launcher.workers)
    client = Client(worker["address"])
    try:
        for _ in range(50):
            health = await client.health()
            left = int(health["running"]) + int(health["waiting"])
            if not left:
                break
            await asyncio.sleep(0.1)
        return left
    finally:
        await client.close()


async def _ask(editor: Editor, root: Path, text: str, line: int) -> Any:
    uri = (root / "memory.py").as_uri()
    editor.open(uri, "python", text)
    return await editor.request("textDocument/inlineCompletion", inline_params(uri, line, 0))


def _source() -> str:
    """Return a file of FILE_LINES lines of plain code."""
    lines = []
    for number in range(FILE_LINES // 5):
        lines += [f"def measure_{number}(values):", f"    scale = {number + 1}"]
        lines += ["    scaled = [value * scale for value in values]", f"    return sum(scaled) / {number + 1}", ""]
    return "\n".join(lines) + "\n"


def _worker_processes() -> int:
    """Return how many processes serve from this user's runtime folder."""
    folder = str(launcher.runtime_dir())
    lines = (process.info["cmdline"] or () for process in psutil.process_iter(["cmdline"]))
    return sum("serve" in line and any(folder in word for word in line) for line in lines)
