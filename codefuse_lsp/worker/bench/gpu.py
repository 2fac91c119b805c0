"""The rows of a GPU: a model of 34 billion parameters, ours beside `generate` on the same device.

The bounds are those of a bf16 model of CodeLlama-34B's shape on one H200; a smaller model only gets the figures.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace

import torch

from codefuse_lsp.worker.bench import peers, promises, speed
from codefuse_lsp.worker.bench.measure import Row, Target
from codefuse_lsp.worker.bench.ours import ours
from codefuse_lsp.worker.bench.speed import Other, Targets
from codefuse_lsp.worker.bench.stand import Plan, Report, Stand

SUITE = "engine"
LONG = 4096  # tokens of the long prompt
TOGETHER = 32
LARGE = 30_000_000_000  # parameters from which the bounds hold
ROOM = 640  # tokens of a sequence among many: its prompt and its answer
BF16 = Targets(
    keystroke=Target("median", "<=", 25.0),
    cold=Target("median", "<=", 600.0),
    decode=Target("median", ">=", 50.0),
    joint=Target("median", ">=", 1000.0),
)
INT4_DECODE = Target("median", ">=", 115.0)


def long_prompt(stand: Stand) -> list[Row]:
    """Return the rows of a long prompt: read cold, and after a keystroke at its end."""
    stand = stand.with_sizes(typing=LONG, cold=LONG, new=8)
    others = [Other(stand.generate, replace(_targets(stand), decode=None))]
    return [*speed.keystroke(stand, SUITE, others), *speed.cold(stand, SUITE, others)]


def decode(stand: Stand) -> list[Row]:
    """Return the rows of one sequence's decode."""
    stand = stand.with_sizes(new=128)
    return speed.cold(stand, SUITE, [Other(stand.generate, replace(_targets(stand), cold=None))])


def together(stand: Stand) -> list[Row]:
    """Return the rows of many sequences together, in an engine with many short slots."""
    stand.ours.close()
    del stand.ours
    _let_go()
    room = min(stand.loaded.max_model_len, ROOM + stand.sizes.new)
    with (
        closing(ours(replace(stand.loaded, max_model_len=room), TOGETHER)) as many,
        peers.started(stand, peers.IN_PROCESS) as (found, missing),
    ):
        wide = stand.with_engine(many).with_sizes(new=128)
        others = [replace(other, targets=_targets(stand)) for other in found]
        rows = [*speed.at_once(wide, SUITE, others, TOGETHER, in_turn=1), *missing]
    _let_go()
    return rows


def quantised(plan: Plan, report: Report, kind: str = "int4") -> list[Row]:
    """Return the rows of one sequence's decode with int4 weights, each side on the same weights."""
    stand = Stand(replace(plan, settings=replace(plan.settings, quantization=kind)), report)
    try:
        stand = stand.with_sizes(new=128)
        target = INT4_DECODE if _is_large(stand) else None
        rows = speed.cold(stand, SUITE, [Other(stand.generate, Targets(decode=target))])
        return [replace(row, measure=f"{kind}: {row.measure}") for row in rows]
    finally:
        stand.close()


MEASURES: dict[str, Callable[[Stand], list[Row]]] = {
    "decode": decode,
    "long prompt": long_prompt,
    "cancel": promises.cancel,
    "leaks": promises.leaks,
    "ghost text": promises.ghost_text,
    "together": together,
}


def _targets(stand: Stand) -> Targets:
    return BF16 if _is_large(stand) and stand.plan.settings.quantization == "none" else Targets()


def _is_large(stand: Stand) -> bool:
    return stand.plan.random_weights == "codellama-34b" or stand.num_parameters >= LARGE


def _let_go() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
