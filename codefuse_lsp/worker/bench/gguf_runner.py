"""Our GGUF runner beside the same library run by its own server: what our face costs on top of llama.cpp.

The runner's llama.cpp is a process of its own, so both are counted whole: that process, and for ours this one too.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil

from codefuse_lsp.worker.bench import clock, llama
from codefuse_lsp.worker.bench.measure import Cost
from codefuse_lsp.worker.bench.ours import Ours
from codefuse_lsp.worker.bench.stand import Missing, Stand

NAME = "codefuse-lsp, GGUF runner"


def start(stand: Stand, path: Path) -> Ours:
    """Return our GGUF runner on a file; raises Missing where there is none, ModelError when it cannot load."""
    try:
        module: Any = importlib.import_module("codefuse_lsp.worker.llama_cpp")
    except ImportError:
        raise Missing("This worker has no GGUF runner.") from None
    settings = replace(stand.plan.settings, device="cpu", kv_slots=llama.SLOTS, context_length=llama.SLOT_TOKENS - 1)
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    with _openmp_threads(stand.plan.threads):
        engine = module.LlamaCppEngine(path, settings, stand.report)
    started = [child.pid for child in psutil.Process().children(recursive=True) if child.pid not in before]
    clocks = [clock.own, *map(clock.of_process, started)]

    def now() -> Cost:
        costs = [read() for read in clocks]
        return Cost(costs[0].wall, sum(cost.cpu for cost in costs))

    return Ours(engine, NAME, now)


@contextmanager
def _openmp_threads(number: int) -> Iterator[None]:
    """Hold the processes that are started meanwhile to so many threads: the runner leaves the choice to llama.cpp."""
    before = os.environ.get("OMP_THREAD_LIMIT")
    os.environ["OMP_THREAD_LIMIT"] = str(number)
    try:
        yield
    finally:
        os.environ.pop("OMP_THREAD_LIMIT")
        if before is not None:
            os.environ["OMP_THREAD_LIMIT"] = before
