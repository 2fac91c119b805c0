"""`codefuse-lsp bench`: measure the language server from outside, and its engine beside others."""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from codefuse_lsp.cli import screen, soak
from codefuse_lsp.config import Settings
from codefuse_lsp.errors import ConfigError
from codefuse_lsp.evaluation.bench import report as reports

LARGE_FILE_LINES = 50_000


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Run the suites and tell their rows; a target that is missed is a finding, a measure that fails a failure."""
    _check_outputs(options)
    suites = _suites(options)
    result: dict[str, Any] = {"suites": [], "machine": {}, "rows": []}
    with screen.progress("Measuring") as report:
        if "lsp" in suites:
            _join(result, _lsp(options, report))
        if "typing" in suites:
            _join(result, _typing(options, settings, report))
        if "chat" in suites:
            _join(result, _chat(options, report))
        if "soak" in suites:
            _join(result, soak.measure(options, settings, report))
        if inside := tuple(suite for suite in suites if suite in ("engine", "peers")):
            _join(result, _inside(options, settings, inside, report))
    _tell(options, result)
    return int(any(row["status"] == "failed" for row in result["rows"]))


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


def _suites(options: argparse.Namespace) -> tuple[str, ...]:
    """Return the suites to run; without a word, the engine's where a model or a device is named."""
    if options.suite == "all":
        return ("lsp", "typing", "chat", "engine", "peers")
    if options.suite:
        return (options.suite,)
    names_a_model = options.random_weights or options.device or options.model or options.only
    return ("engine",) if names_a_model else ("lsp",)


def _lsp(options: argparse.Namespace, report: screen.Report) -> dict[str, Any]:
    from codefuse_lsp.evaluation.bench import lsp_suite

    found = asyncio.run(lsp_suite.run(options.repeat, change_ms, report))
    return {"suites": ["lsp"], "machine": found["machine"], "rows": reports.rows_of(found["figures"])}


def _typing(options: argparse.Namespace, settings: Settings, report: screen.Report) -> dict[str, Any]:
    from codefuse_lsp.evaluation.bench import typing_suite

    plan = typing_suite.Plan(settings, repeat=options.repeat, only=options.only)
    return asyncio.run(typing_suite.run(plan, report))


def _chat(options: argparse.Namespace, report: screen.Report) -> dict[str, Any]:
    from codefuse_lsp.evaluation.bench import chat_suite

    found = asyncio.run(chat_suite.run(options.repeat, report))
    return {"suites": ["chat"], "machine": found["machine"], "rows": reports.rows_of(found["figures"], "chat")}


def _inside(
    options: argparse.Namespace, settings: Settings, suites: tuple[str, ...], report: screen.Report
) -> dict[str, Any]:
    """Run the suites that hold a model in this process."""
    from codefuse_lsp.worker.bench.stand import Plan
    from codefuse_lsp.worker.bench.suite import run as run_suites

    chosen = {name: value for name in ("device", "quantization") if (value := getattr(options, name))}
    plan = Plan(
        replace(settings, **chosen),
        repeat=options.repeat,
        threads=options.threads,
        random_weights=options.random_weights or "",
        only=options.only,
        llama_server=options.llama_server or "",
    )
    return run_suites(plan, suites, report)


def _join(result: dict[str, Any], more: dict[str, Any]) -> None:
    result["suites"] += more["suites"]
    result["machine"] |= more["machine"]
    result["rows"] += more["rows"]


def _check_outputs(options: argparse.Namespace) -> None:
    """Find out before the measuring what would keep its result from being written."""
    if options.plot:
        reports.check_can_plot()
    files = (options.markdown, options.plot, options.json if options.json != "-" else None)
    for path in (Path(file) for file in files if file):
        if path.is_dir() or not path.absolute().parent.is_dir():
            raise ConfigError(f"{path} cannot be written: name a file in a folder that is there.")


def _tell(options: argparse.Namespace, result: dict[str, Any]) -> None:
    text = json.dumps(result, indent=2, ensure_ascii=False)
    if options.json == "-":
        screen.out.print_json(text)
    else:
        _show(result)
    if options.json and options.json != "-":
        Path(options.json).write_text(text + "\n", "utf-8")
    if options.markdown:
        options.markdown.write_text(reports.markdown(result), "utf-8")
    if options.plot:
        reports.plot(result, options.plot)


def _show(result: dict[str, Any]) -> None:
    """Print the machine, the table of what was measured, and why the rest was not."""
    for name, value in result["machine"].items():
        screen.out.print(f"{name.replace('_', ' ')}: {reports.told(value)}", markup=False, soft_wrap=True)
    screen.out.print()
    table = screen.table("measure", "against", "ours", "theirs", "ratio", "target", "")
    for row in result["rows"]:
        if row["status"] == "measured":
            ours, theirs = (reports.median(row[name], row["unit"]) for name in ("ours", "theirs"))
            ratio = "" if row["ratio"] is None else f"{row['ratio']:.3g}"
            met = "" if row["met"] is None else screen.mark(row["met"])
            table.add_row(row["measure"], row["against"], ours, theirs, ratio, row["target"], met)
    screen.show(table)
    for row in result["rows"]:
        if row["status"] != "measured":
            what = row["measure"] + (f" against {row['against']}" if row["against"] else "")
            screen.out.print(f"{row['status']}: {what}: {row['note']}", markup=False, soft_wrap=True)
