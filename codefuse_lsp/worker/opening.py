"""From the settings to an engine that answers: llama.cpp for a GGUF file, else ours on a model of transformers.

Each is imported when it is wanted: a worker that runs llama.cpp never holds torch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from codefuse_lsp.config import Settings
from codefuse_lsp.worker.checkpoint import choose

if TYPE_CHECKING:
    from codefuse_lsp.worker.loader import LoadedModel, Report
    from codefuse_lsp.worker.sequence import Drafter


def open_engine(settings: Settings, report: Report, on_fatal: Callable[[str], None]) -> Any:
    """Return an engine that holds the model of the settings; raises ModelError.

    `report` hears how far the loading is; `on_fatal` hears, in the engine's thread, why it can go on no more.
    """
    model = choose(settings)
    if model.is_file():
        from codefuse_lsp.worker.llama_cpp import LlamaCppEngine

        return LlamaCppEngine(model, settings, report)
    from codefuse_lsp.worker.engine import Engine
    from codefuse_lsp.worker.loader import load

    loaded = load(settings, report)
    return Engine(loaded, settings.kv_slots, _drafter(settings, loaded, report), on_fatal)


def _drafter(settings: Settings, loaded: LoadedModel, report: Report) -> Callable[[], Drafter]:
    if not settings.draft_model:
        from codefuse_lsp.worker.speculation import PromptLookup

        return PromptLookup
    from codefuse_lsp.worker.draft_model import DraftModel
    from codefuse_lsp.worker.loader import load

    small = load(replace(settings, model=settings.draft_model, quantization="none"), report)
    return DraftModel(small, loaded, settings.kv_slots).drafter
