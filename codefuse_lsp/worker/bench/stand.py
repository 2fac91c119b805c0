"""Everything that the measures share: the model, the contestants on it, the prompts, and how long to go on.

Each is made when it is first asked for, so that a run of a few rows loads only what these rows need.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeVar

import torch

from codefuse_lsp.config import Settings
from codefuse_lsp.errors import CodeFuseError
from codefuse_lsp.worker import cuda
from codefuse_lsp.worker.bench.contest import Contestant
from codefuse_lsp.worker.bench.material import Material, Sizes
from codefuse_lsp.worker.bench.measure import Clock, interleaved
from codefuse_lsp.worker.bench.ours import Ours, ours
from codefuse_lsp.worker.bench.quick_start import QuickStart, read, twin
from codefuse_lsp.worker.bench.shapes import random_model
from codefuse_lsp.worker.loader import LoadedModel, load


class Missing(CodeFuseError):
    """Something that a measure needs is not here; its row says what, and that is no failure."""


Report = Callable[[str, float | None], None]
T = TypeVar("T")
SLOTS = 12  # sequences of our engine: eight at once, and room for what they began with
# A GPU that a model of 34 billion parameters nearly fills has room for few: four chats, a long prompt, ghost text.
CUDA_SLOTS, CUDA_ROOM = 6, 4608  # sequences, and tokens of each


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run is asked for."""

    settings: Settings
    repeat: int = 5
    threads: int = 1
    random_weights: str = ""  # a shape's name; empty measures the model that the settings name
    only: re.Pattern[str] | None = None
    llama_server: str = ""
    sizes: Sizes = field(default_factory=Sizes)


class Stand:
    """The model and who runs on it."""

    def __init__(self, plan: Plan, report: Report) -> None:
        self.plan = plan
        self.sizes = plan.sizes
        self.report = report
        self.failures: dict[str, str] = {}

    @property
    def clock(self) -> Clock:
        """The clock of the gate: CPU time where one thread of a CPU does all the work."""
        return "cpu" if self.loaded.device == "cpu" and self.plan.threads == 1 else "wall"

    @property
    def on_cuda(self) -> bool:
        """Whether the model is on a CUDA device."""
        return self.loaded.device == "cuda"

    @property
    def num_parameters(self) -> int:
        """How many numbers the model has."""
        return sum(int(parameter.numel()) for parameter in self.plain_model.parameters())

    @cached_property
    def loaded(self) -> LoadedModel:
        """The model, for our engine."""
        settings = self.plan.settings
        if not self.plan.random_weights:
            return load(settings, self.report)
        device = "cpu" if settings.device == "auto" else settings.device
        dtype = "bfloat16" if settings.dtype == "auto" else settings.dtype
        self.report(f"Making {self.plan.random_weights}", None)
        return random_model(self.plan.random_weights, device, dtype, settings.quantization)

    @cached_property
    def material(self) -> Material:
        """The prompts."""
        return Material(self.loaded.tokenizer)

    @cached_property
    def plain_model(self) -> Any:
        """The model as transformers reads it; of random weights, around the same tensors as ours."""
        return self.fresh_model()

    def fresh_model(self, dtype: str = "", attention: str = "sdpa") -> Any:
        """Return a model of transformers on the same weights, in another number format where one is named."""
        loaded = self.loaded
        if not self.plan.random_weights:
            return read(loaded.folder, loaded.device, dtype or self.plain_dtype, attention)
        if dtype in ("", loaded.dtype):
            made = twin(self.__dict__.get("plain_model", loaded.model))
        else:  # the same numbers again, which no quantisation has touched
            made = random_model(self.plan.random_weights, loaded.device, loaded.dtype).model.to(getattr(torch, dtype))
        made.set_attn_implementation(attention)
        return made

    @property
    def plain_dtype(self) -> str:
        """The number format in which transformers is fastest here, for who runs beside us on the same weights."""
        packed_as_half = self.loaded.device == "cpu" and self.loaded.dtype == "float16"
        return "float32" if packed_as_half else self.loaded.dtype

    def loaded_anew(self) -> LoadedModel:
        """Return the model once more, for a second engine of ours."""
        if self.plan.random_weights:
            return replace(self.loaded, model=self.fresh_model())
        return load(self.plan.settings, self.report)

    @cached_property
    def ours(self) -> Ours:
        """Our engine, without prompt lookup: what it gains depends on the text, so it has rows of its own."""
        _ = self.plain_model  # before our engine changes the modules around the tensors
        if not self.on_cuda:
            return ours(self.loaded, SLOTS)
        if self.plan.random_weights:
            cuda.make_ready(self.loaded.model)
        room = min(self.loaded.max_model_len, CUDA_ROOM)
        return ours(replace(self.loaded, max_model_len=room), CUDA_SLOTS)

    @cached_property
    def generate(self) -> QuickStart:
        """The quick start's `generate`."""
        packed = self.plan.settings.quantization if self.plan.random_weights else "none"
        kind = self.plain_dtype if packed == "none" else packed
        return QuickStart(self.plain_model, self.loaded.tokenizer, f"generate, {kind}")

    def exact(self) -> tuple[LoadedModel, QuickStart]:
        """Return the model in fp32 for our engine, and eager `generate` on the same weights."""
        reference = self.fresh_model("float32", "eager")
        loaded = replace(self.loaded, model=self.fresh_model("float32"), dtype="float32")
        return loaded, QuickStart(reference, loaded.tokenizer, "generate, eager, float32")

    def race(self, runners: Sequence[Contestant], ask: Callable[[Contestant], T], text: str) -> dict[str, list[T]]:
        """Return what `ask` gives for each runner, round after round in turns, after one round to warm up.

        A runner that fails is out of the race, with its reason in `failures`; the first one may not fail.
        """
        results: dict[str, list[T]] = {runner.name: [] for runner in runners}
        rounds = self.plan.repeat + 1
        for number, runner in interleaved(runners, rounds):
            if runner.name not in results:
                continue
            self.report(text, number / rounds)
            try:
                result = ask(runner)
            except Exception as error:
                if runner is runners[0]:
                    raise
                del results[runner.name]
                self.failures[runner.name] = sentence(error)
                continue
            if number > 0:
                results[runner.name].append(result)
        return results

    def with_sizes(self, **sizes: int) -> Stand:
        """Return the same stand with other sizes."""
        _ = self.ours, self.generate, self.material
        return self._changed(sizes=replace(self.sizes, **sizes))

    def with_engine(self, engine: Ours) -> Stand:
        """Return the same stand with another engine in the place of ours; its maker closes it."""
        _ = self.loaded, self.material
        return self._changed(ours=engine)

    def _changed(self, **parts: Any) -> Stand:
        other = Stand(self.plan, self.report)
        other.__dict__ |= self.__dict__ | parts
        return other

    def close(self) -> None:
        """End what was started."""
        for name in ("ours", "generate"):
            if name in self.__dict__:
                self.__dict__.pop(name).close()
        self.__dict__.pop("plain_model", None)
        self.__dict__.pop("loaded", None)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def sentence(error: Exception) -> str:
    """Return what went wrong: a sentence made for it, or the kind of error and its first words."""
    text = " ".join(str(error).split())
    if isinstance(error, CodeFuseError):
        return text
    return f"{type(error).__name__}: {text[:200]}"
