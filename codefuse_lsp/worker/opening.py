"""From the settings to an engine that answers: the model loaded, and whatever guesses ahead for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from codefuse_lsp.config import Settings
from codefuse_lsp.worker.draft_model import DraftModel
from codefuse_lsp.worker.engine import Engine
from codefuse_lsp.worker.loader import LoadedModel, Report, load
from codefuse_lsp.worker.sequence import Drafter
from codefuse_lsp.worker.speculation import PromptLookup


def open_engine(settings: Settings, report: Report, on_fatal: Callable[[str], None]) -> Engine:
    """Return an engine that holds the model of the settings; raises ModelError.

    `report` hears how far the loading is; `on_fatal` hears, in the engine's thread, why it can go on no more.
    """
    loaded = load(settings, report)
    return Engine(loaded, settings.kv_slots, _drafter(settings, loaded, report), on_fatal)


def _drafter(settings: Settings, loaded: LoadedModel, report: Report) -> Callable[[], Drafter]:
    if not settings.draft_model:
        return PromptLookup
    small = load(replace(settings, model=settings.draft_model, quantization="none"), report)
    return DraftModel(small, loaded, settings.kv_slots).drafter
