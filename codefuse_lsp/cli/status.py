"""`codefuse-lsp status`: the workers that run and what they do."""

from __future__ import annotations

import argparse
import asyncio
import json
from typing import Any

from rich.table import Table

from codefuse_lsp.cli import screen
from codefuse_lsp.config import Settings
from codefuse_lsp.errors import WorkerError
from codefuse_lsp.generation import launcher
from codefuse_lsp.generation.client import Client


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Print a row for each worker, and what those have to say that are not ready."""
    rows = asyncio.run(_rows())
    if options.json:
        screen.out.print_json(json.dumps(rows))
    elif not rows:
        screen.out.print("No worker runs. An editor starts one when it needs it.")
    else:
        screen.show(_table(rows))
        for row in rows:
            if row["status"] != "ready":
                part = f" ({row['progress']:.0%})" if row["progress"] is not None else ""
                screen.out.print(f"process {row['pid']}: {row['message']}{part}", markup=False, soft_wrap=True)
    return 0


async def _rows() -> list[dict[str, Any]]:
    return [row for row in await asyncio.gather(*map(_row, launcher.workers())) if row is not None]


async def _row(announced: dict[str, Any]) -> dict[str, Any] | None:
    client = Client(announced["address"])
    try:
        return {**await client.health(), "address": str(announced["address"])}
    except WorkerError:
        return None  # it left while we looked
    finally:
        await client.close()


def _table(rows: list[dict[str, Any]]) -> Table:
    table = screen.table("process", "model", "device", "state", "running", "waiting", "idle")
    for row in rows:
        counts = (str(row["running"]), str(row["waiting"]), f"{row['idle_seconds'] / 60:.0f} min")
        table.add_row(str(row["pid"]), row["model"], row["device"], row["status"], *counts)
    return table
