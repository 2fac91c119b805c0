"""The `lsp` suite: what a user feels of the language server, measured from outside as an editor would.

Each measure starts the real server process, runs several times and tells the median with its spread. Times are wall
times in milliseconds unless a name says otherwise; a shared machine's load is told beside them.
"""

from __future__ import annotations

import asyncio
import os
import platform
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil

from codefuse_lsp.evaluation.editor import Editor, EditorError
from codefuse_lsp.evaluation.far_end import ScriptedFarEnd
from codefuse_lsp.generation import launcher
from codefuse_lsp.generation.client import Client

TYPED = "    total = sum(v * scale for v in data)"
FILE_LINES = 300
OVERHEAD_REQUESTS = 200
KEY_INTERVAL_S = 0.08  # a fast typist

Report = Callable[[str, float | None], None]


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured quantity: the median of its runs, their range, and the bound it is held to."""

    name: str
    unit: str
    median: float
    lowest: float
    highest: float
    runs: int
    target: str


def figure(name: str, unit: str, values: list[float], target: str) -> Figure:
    """Return the figure of several runs."""
    ordered = [round(value, 3) for value in sorted(values)]
    return Figure(name, unit, round(statistics.median(values), 3), ordered[0], ordered[-1], len(values), target)


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


def machine() -> dict[str, Any]:
    """Return what the figures were measured on."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "load": [round(value, 2) for value in psutil.getloadavg()],
    }


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


async def _ask(editor: Editor, root: Path, text: str, line: int) -> Any:
    uri = (root / "memory.py").as_uri()
    editor.open(uri, "python", text)
    return await editor.request("textDocument/inlineCompletion", inline_params(uri, line, 0))


def inline_params(uri: str, line: int, character: int) -> dict[str, Any]:
    """Return the params of a request for ghost text that typing has caused."""
    return {
        "textDocument": {"uri": uri},
        "position": {"line": line, "character": character},
        "context": {"triggerKind": 2},
    }


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
