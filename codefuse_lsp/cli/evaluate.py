"""`codefuse-lsp eval`: how good a model's answers are, measured by running them."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from codefuse_lsp.cli import screen
from codefuse_lsp.config import Settings
from codefuse_lsp.errors import ConfigError
from codefuse_lsp.evaluation import forms
from codefuse_lsp.evaluation.humaneval import Sampling, humaneval
from codefuse_lsp.evaluation.infilling import infilling
from codefuse_lsp.evaluation.plan import Plan
from codefuse_lsp.evaluation.replay import replay
from codefuse_lsp.evaluation.tasks import packaged_file, read_tasks, sampled
from codefuse_lsp.generation.connection import Connection, Status

SAMPLING_TEMPERATURE = 0.2  # the best for pass@1 in Chen et al. 2021, figure 5

Measure = Callable[[Connection, screen.Report], Awaitable[dict[str, Any]]]


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Measure and tell; whatever the figures are, the exit code is 0."""
    kinds = {"humaneval": _humaneval, "replay": _replay, "infilling": _infilling}
    try:
        with screen.progress("Evaluating") as report:
            found = kinds[options.kind](options, settings, report)
    except KeyboardInterrupt:
        if options.kind != "replay":
            screen.err.print("Stopped. What there is, is kept; the same command goes on.")
        raise
    if options.json:
        screen.out.print_json(json.dumps(found))
    else:
        _SHOWN[options.kind](found)
    return 0


def _humaneval(options: argparse.Namespace, settings: Settings, report: screen.Report) -> dict[str, Any]:
    plan = _plan(options, options.data or packaged_file())
    temperature = options.temperature
    if temperature is None:
        temperature = SAMPLING_TEMPERATURE if options.samples > 1 else 0.0
    sampling = Sampling(options.samples, temperature)
    tasks = sampled(read_tasks(plan.data), plan.limit, plan.seed)
    return _connected(settings, report, lambda link, tell: humaneval(tasks, settings, plan, sampling, link, tell))


def _replay(options: argparse.Namespace, settings: Settings, report: screen.Report) -> dict[str, Any]:
    return asyncio.run(replay(options.file, _plan(options, options.file), report, options.data))


def _infilling(options: argparse.Namespace, settings: Settings, report: screen.Report) -> dict[str, Any]:
    plan = _plan(options, options.data)
    names = tuple(dict.fromkeys(name.strip() for name in options.forms.split(",")))
    if unknown := [name for name in names if name not in forms.NAMES]:
        raise ConfigError(f"There is no form {unknown[0]!r}; --forms takes any of {', '.join(forms.NAMES)}.")
    tasks = sampled(read_tasks(plan.data), plan.limit, plan.seed)
    return _connected(settings, report, lambda link, tell: infilling(tasks, names, settings, plan, link, tell))


def _plan(options: argparse.Namespace, data: Path) -> Plan:
    return Plan(
        data=data,
        limit=options.limit,
        seed=options.seed,
        jobs=options.jobs,
        timeout_s=options.timeout,
        unsafe=options.unsafe,
        results=getattr(options, "results", None),
        fresh=getattr(options, "fresh", False),
    )


def _connected(settings: Settings, report: screen.Report, measure: Measure) -> dict[str, Any]:
    """Measure with a connection that is closed afterwards."""

    def watch(status: Status) -> None:
        if status.state in ("starting", "loading"):
            report(status.message, status.progress)

    async def whole() -> dict[str, Any]:
        connection = Connection(settings, watch)
        try:
            return await measure(connection, report)
        finally:
            await connection.close()

    return asyncio.run(whole())


def _show_humaneval(found: dict[str, Any]) -> None:
    for k, estimate in found["pass_at"].items():
        screen.out.print(f"pass@{k}: {100 * estimate:.1f} %")
    _show_counts(found, {"passed": "passed", "parse_ok": "parse", "silent": "empty"})
    _show_end(found)


def _show_replay(found: dict[str, Any]) -> None:
    screen.out.print(f"passed: {_share(found['passed'], found['total'])}")
    made = screen.table("task", "status", "why")
    for row in found["failed"]:
        made.add_row(row["task_id"], row["status"].replace("_", " "), row["why"])
    screen.show(made)
    mended = found["with_imports"]
    for task, line in mended["tasks"].items():
        screen.out.print(f"{task} passes with `{line}`, which may have been stripped.", markup=False, soft_wrap=True)
    if mended["tasks"]:
        screen.out.print(f"with these imports: {_share(mended['passed'], found['total'])}")
    if found["timed_out"]:
        named = ", ".join(found["timed_out"])
        screen.out.print(f"ran longer than {found['settings']['timeout_s']:g} s: {named}", markup=False, soft_wrap=True)


def _show_infilling(found: dict[str, Any]) -> None:
    made = screen.table("form", "exact", "passed", "parses", "silent", "p50")
    for form, counts in found["forms"].items():
        told = [_share(counts[name], counts["total"]) for name in ("exact_match", "passed", "parse_ok", "silent")]
        made.add_row(form, *told, f"{counts['p50_ms']:.0f} ms")
    screen.show(made)
    for form, intervals in found["against"].items():
        for name, interval in intervals.items():
            if interval["ratio"] is not None:
                bounds = f"95 % interval {interval['low']:.2f} to {interval['high']:.2f}"
                what = name.replace("_", " ")
                screen.out.print(f"{what}, {found['form']} over {form}: {interval['ratio']:.2f} times ({bounds})")
    _show_counts(found, {"duplicate_suffix": "repeat what follows", "new_syntax_errors": "bring a syntax error"})
    for reason, count in found["silences"].items():
        screen.out.print(f"silent, {reason}: {count}", markup=False)
    _show_end(found)


def _show_counts(found: dict[str, Any], names: dict[str, str]) -> None:
    for name, words in names.items():
        screen.out.print(f"{words}: {_share(found[name], found['total'])}")


def _show_end(found: dict[str, Any]) -> None:
    told = ", ".join(f"{name} {value:.0f} ms" for name, value in found["latency_ms"].items() if value is not None)
    screen.out.print(f"latency: {told}" if told else "latency: not measured")
    screen.out.print(f"kept in {found['results']}", markup=False, soft_wrap=True)


def _share(count: int, total: int) -> str:
    return f"{count} of {total} ({100 * count / total:.1f} %)"


_SHOWN = {"humaneval": _show_humaneval, "replay": _show_replay, "infilling": _show_infilling}
