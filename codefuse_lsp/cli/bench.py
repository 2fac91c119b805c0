"""`codefuse-lsp bench`: measure the language server from outside, and its documents from inside."""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from typing import Any

from rich.table import Table

from codefuse_lsp.cli import screen
from codefuse_lsp.config import Settings
from codefuse_lsp.evaluation import bench

LARGE_FILE_LINES = 50_000


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Run the suite and print its figures."""
    with screen.progress("Measuring") as report:
        result = asyncio.run(bench.run(options.repeat, change_ms, report))
    if options.json:
        screen.out.print_json(json.dumps(result))
    else:
        screen.show(_table(result))
    return 0


def change_ms(count: int) -> list[float]:
    """Return the CPU milliseconds of each of `count` edits of a large document."""
    from lsprotocol import types

    from codefuse_lsp.lsp.document import Document

    text = "".join(f"value_{number} = compute({number}, scale={number % 7})\n" for number in range(LARGE_FILE_LINES))
    document = Document("file:///large.py", source=text, version=1, language_id="python")
    _ = document.lines  # opening is not what is measured
    times = []
    for number in range(count):
        place = types.Position((number * 7919) % LARGE_FILE_LINES, 5)
        change = types.TextDocumentContentChangePartial(range=types.Range(place, place), text="x")
        begun = time.process_time()
        document.apply_change(change)
        times.append(1e3 * (time.process_time() - begun))
    return times


def _table(result: dict[str, Any]) -> Table:
    title = ", ".join(f"{name} {value}" for name, value in result["machine"].items())
    table = screen.table("measure", "median", "lowest", "highest", "unit", "runs", "target")
    table.title = title
    for item in result["figures"]:
        numbers = (f"{item[name]:g}" for name in ("median", "lowest", "highest"))
        table.add_row(item["name"], *numbers, item["unit"], str(item["runs"]), item["target"])
    return table
