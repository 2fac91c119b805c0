"""`codefuse-lsp eval`: how good a model's answers and suggestions are."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from codefuse_lsp.cli import scores, screen
from codefuse_lsp.config import Settings
from codefuse_lsp.context.ignore import Ignore
from codefuse_lsp.errors import ConfigError
from codefuse_lsp.evaluation import forms
from codefuse_lsp.evaluation.humaneval import Sampling, humaneval
from codefuse_lsp.evaluation.infilling import infilling
from codefuse_lsp.evaluation.masking import drawn
from codefuse_lsp.evaluation.plan import Plan
from codefuse_lsp.evaluation.recorded import RecordedConnection
from codefuse_lsp.evaluation.replay import replay
from codefuse_lsp.evaluation.repository import repository
from codefuse_lsp.evaluation.source_files import sources_of
from codefuse_lsp.evaluation.tasks import packaged_file, read_tasks, sampled
from codefuse_lsp.generation.connection import Connection, Status

SAMPLING_TEMPERATURE = 0.2  # the best for pass@1 in Chen et al. 2021, figure 5

Link = TypeVar("Link", bound=Connection)


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Measure and tell; whatever the figures are, the exit code is 0."""
    kinds = {"humaneval": _humaneval, "replay": _replay, "infilling": _infilling, "repo": _repo}
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
        scores.show(options.kind, found)
    return 0


def _humaneval(options: argparse.Namespace, settings: Settings, report: screen.Report) -> dict[str, Any]:
    plan = _plan(options, options.data or packaged_file())
    temperature = options.temperature
    if temperature is None:
        temperature = SAMPLING_TEMPERATURE if options.samples > 1 else 0.0
    sampling = Sampling(options.samples, temperature)
    tasks = sampled(read_tasks(plan.data), plan.limit, plan.seed)
    return _connected(
        Connection, settings, report, lambda link, tell: humaneval(tasks, settings, plan, sampling, link, tell)
    )


def _replay(options: argparse.Namespace, settings: Settings, report: screen.Report) -> dict[str, Any]:
    return asyncio.run(replay(options.file, _plan(options, options.file), report, options.data))


def _infilling(options: argparse.Namespace, settings: Settings, report: screen.Report) -> dict[str, Any]:
    plan, names = _plan(options, options.data), _forms(options.forms)
    tasks = sampled(read_tasks(plan.data), plan.limit, plan.seed)
    return _connected(
        Connection, settings, report, lambda link, tell: infilling(tasks, names, settings, plan, link, tell)
    )


def _repo(options: argparse.Namespace, settings: Settings, report: screen.Report) -> dict[str, Any]:
    plan, names = _plan(options, options.path.expanduser().resolve()), _forms(options.forms)
    report("Looking for code", None)
    sources = sources_of(plan.data, Ignore([plan.data], settings.ignore, settings.languages_off))
    gaps = drawn(sources.files, plan.seed, plan.limit)
    if not gaps:
        files = "1 file" if len(sources.files) == 1 else f"{len(sources.files)} files"
        raise ConfigError(f"{plan.data} has no line in its {files} that is worth filling in.")
    return _connected(
        RecordedConnection,
        settings,
        report,
        lambda link, tell: repository(sources, gaps, names, settings, plan, link, tell),
    )


def _forms(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    if unknown := [name for name in names if name not in forms.NAMES]:
        raise ConfigError(f"There is no form {unknown[0]!r}; --forms takes any of {', '.join(forms.NAMES)}.")
    return names


def _plan(options: argparse.Namespace, data: Path) -> Plan:
    return Plan(
        data=data,
        limit=options.limit,
        seed=options.seed,
        jobs=options.jobs,
        timeout_s=getattr(options, "timeout", 10.0),
        unsafe=getattr(options, "unsafe", False),
        results=getattr(options, "results", None),
        fresh=getattr(options, "fresh", False),
    )


def _connected(
    kind: Callable[[Settings, Callable[[Status], None]], Link],
    settings: Settings,
    report: screen.Report,
    measure: Callable[[Link, screen.Report], Awaitable[dict[str, Any]]],
) -> dict[str, Any]:
    """Measure with a connection that is closed afterwards."""

    def watch(status: Status) -> None:
        if status.state in ("starting", "loading"):
            report(status.message, status.progress)

    async def whole() -> dict[str, Any]:
        connection = kind(settings, watch)
        try:
            return await measure(connection, report)
        finally:
            await connection.close()

    return asyncio.run(whole())
