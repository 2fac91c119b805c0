"""`codefuse-lsp bench --suite soak`: many clients of every manner at one worker, for as long as is wanted."""

from __future__ import annotations

import argparse
import asyncio
from dataclasses import asdict
from typing import Any

from codefuse_lsp.cli import screen
from codefuse_lsp.config import Settings
from codefuse_lsp.evaluation.bench import report as reports
from codefuse_lsp.evaluation.bench.figure import Figure, figure, machine
from codefuse_lsp.evaluation.bench.soak import soak
from codefuse_lsp.generation import launcher

SEED = 1


def measure(options: argparse.Namespace, settings: Settings, report: screen.Report) -> dict[str, Any]:
    """Return the rows of a soak of the worker that the settings name, which is started where it does not run."""
    report(f"Soaking for {options.minutes:g} minutes", None)
    found = asyncio.run(_soak(settings, options.minutes, options.clients, report))
    rows = [row | {"suite": "soak"} for row in reports.rows_of(map(asdict, _figures(found)))]
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(found["requests"].items()))
    rows[0]["note"] = "; ".join([kinds, *found["wrong"]])
    return {"suites": ["soak"], "machine": machine(), "rows": rows}


async def _soak(settings: Settings, minutes: float, clients: int, report: screen.Report) -> dict[str, Any]:
    client = await launcher.connect(settings, report)
    try:
        return await soak(client.address, minutes, clients, SEED)
    finally:
        await client.close()


def _figures(found: dict[str, Any]) -> list[Figure]:
    memory, first = found["memory"], found["first_text_s"]
    asked = float(sum(found["requests"].values()))
    return [
        figure("requests", "", [asked], "any"),
        figure("requests that ended in none or more than one way", "", [float(found["wrong_ends"])], "0"),
        figure("sequences left in the worker", "", [float(found["stuck"])], "0"),
        figure("memory, last quarter over second quarter", "times", [memory["ratio"]], "< 1.05"),
        figure("memory in the last quarter", "MiB", [memory["late_mib"]], "any"),
        figure("first text, p50", "s", [first["p50"]], "any"),
        figure("first text, p95", "s", [first["p95"]], "any"),
    ]
