"""The two suites, measure by measure. Input: a plan. Output: what `--json` prints: machine and rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from codefuse_lsp.errors import ConfigError, ModelError
from codefuse_lsp.worker.bench import exactness, gpu, machine, peers, promises, speed
from codefuse_lsp.worker.bench.event_loop import event_loop
from codefuse_lsp.worker.bench.measure import Row
from codefuse_lsp.worker.bench.speed import Other
from codefuse_lsp.worker.bench.stand import Missing, Plan, Report, Stand, sentence

Measure = Callable[[Stand], list[Row]]


def _beside_generate(measure: Callable[[Stand, str, list[Other]], list[Row]]) -> Measure:
    return lambda stand: measure(stand, "engine", [Other(stand.generate, peers.GENERATE)])


ENGINE: dict[str, Measure] = {
    "next keystroke": _beside_generate(speed.keystroke),
    "cold prefill and decode": _beside_generate(speed.cold),
    "at once": _beside_generate(speed.at_once),
    "cancel": promises.cancel,
    "leaks": promises.leaks,
    "ghost text": promises.ghost_text,
    "greedy text": exactness.greedy,
    "prompt lookup": exactness.lookup,
    "event loop": event_loop,
    "quality": exactness.quality,
}
INT4 = "int4 decode"
GGUF = "GGUF runner"


def run(plan: Plan, suites: tuple[str, ...], report: Report) -> dict[str, Any]:
    """Return the machine and the rows of the suites named, `engine` and `peers`; raises ConfigError or ModelError."""
    _check(plan, suites)
    with _threads(plan.threads):
        stand = Stand(plan, report)
        loaded = stand.loaded
        described = machine.describe(loaded.device, loaded.dtype, plan.threads) | {"model": loaded.name}
        rows: list[Row] = []
        try:
            if "engine" in suites:
                rows += _engine(stand)
            if "peers" in suites:
                rows += _peers(stand)
        finally:
            on_cuda = stand.on_cuda
            del loaded
            stand.close()
        if "engine" in suites and on_cuda and plan.random_weights and plan.settings.quantization == "none":
            rows += _measured(plan, INT4, "engine", lambda: gpu.quantised(plan, report))
    described["load_after"] = machine.load()
    return {"suites": list(suites), "machine": described, "rows": [row.as_json() for row in rows]}


def names(suites: tuple[str, ...]) -> list[str]:
    """Return what `only` can choose among."""
    measures = (ENGINE | gpu.MEASURES | {INT4: event_loop}) if "engine" in suites else {}
    return list(measures) + [n for n in (*peers.MEASURES, GGUF) if "peers" in suites and n not in measures]


def _engine(stand: Stand) -> list[Row]:
    rows: list[Row] = []
    measures = gpu.MEASURES | {"greedy text": exactness.greedy, "event loop": event_loop} if stand.on_cuda else ENGINE
    if stand.on_cuda:
        measures = {name: measure for name, measure in measures.items() if name != "together"} | {
            "together": gpu.together  # last: it puts an engine of another make in the place of ours
        }
    for name, measure in measures.items():
        rows += _measured(stand.plan, name, "engine", lambda measure=measure: measure(stand))  # type: ignore[misc]
    return rows


def _peers(stand: Stand) -> list[Row]:
    if not any(_is_wanted(stand.plan, name) for name in peers.MEASURES):
        return _measured(stand.plan, GGUF, "peers", lambda: peers.beside_the_same_library(stand))
    rows: list[Row] = []
    with peers.started(stand) as (others, missing):
        for name, measure in peers.MEASURES.items():
            rows += _measured(stand.plan, name, "peers", lambda measure=measure: measure(stand, others))  # type: ignore[misc]
    return rows + _measured(stand.plan, GGUF, "peers", lambda: peers.beside_the_same_library(stand)) + missing


def _measured(plan: Plan, name: str, suite: str, measure: Callable[[], list[Row]]) -> list[Row]:
    """Return a measure's rows; one that fails has a row that says so, and the others go on."""
    if not _is_wanted(plan, name):
        return []
    try:
        return measure()
    except Missing as error:
        return [Row(suite, name, "", "", "", status="skipped", note=str(error))]
    except Exception as error:
        return [Row(suite, name, "", "", "", status="failed", note=sentence(error))]


def _is_wanted(plan: Plan, name: str) -> bool:
    return plan.only is None or plan.only.search(name) is not None


def _check(plan: Plan, suites: tuple[str, ...]) -> None:
    """Refuse what cannot be measured before anything is loaded."""
    if not any(_is_wanted(plan, name) for name in names(suites)):
        raise ConfigError(f"--only {plan.only and plan.only.pattern} matches none of: {', '.join(names(suites))}.")
    device = plan.settings.device
    if device == "cuda" and not torch.cuda.is_available():
        raise ModelError(f"device = cuda, but torch {torch.__version__} sees none here; leave out --device.")


@contextmanager
def _threads(number: int) -> Iterator[None]:
    """Let torch compute with so many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)
