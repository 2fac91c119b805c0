"""Whether a GGUF model fits, computed before llama.cpp loads a byte of it.

Input: what the file tells, the settings, and the GPUs that llama.cpp sees. Output: nothing, or NotEnoughMemory with the
numbers and the setting that would make it fit.
"""

from __future__ import annotations

import logging
from typing import Any

import psutil

from codefuse_lsp.config import Settings
from codefuse_lsp.errors import NotEnoughMemory
from codefuse_lsp.worker.gguf_file import GgufFile
from codefuse_lsp.worker.preflight import GIB, RESERVE, SMALLEST_CONTEXT, TRAINED_CONTEXT, free_in_container

log = logging.getLogger(__name__)


def context_length(file: GgufFile, settings: Settings) -> int:
    """Return how many tokens prompt and answer may have together."""
    limit = file.context_length
    if settings.context_length > limit:
        log.warning("context_length = %d is more than the model's %d", settings.context_length, limit)
    trained = next((length for part, length in TRAINED_CONTEXT.items() if part in file.name.lower()), limit)
    return min(settings.context_length or trained, limit)


def preflight(file: GgufFile, settings: Settings, num_slots: int, gpus: list[dict[str, Any]]) -> None:
    """Raise NotEnoughMemory when weights, keys and values do not fit in the memory of this machine and its GPUs."""
    length = context_length(file, settings)
    free = min(psutil.virtual_memory().available, free_in_container()) + sum(gpu["free"] for gpu in gpus)
    needed = _needed(file, length, num_slots)
    if needed <= free:
        return
    remedies = _remedies(length, num_slots)
    remedy = next((text for text, tokens, slots in remedies if _needed(file, tokens, slots) <= free), None)
    raise NotEnoughMemory(
        f"{file.name} does not fit: it needs {_gib(file.num_bytes)} for its weights and "
        f"{_gib(needed - file.num_bytes - RESERVE['cpu'])} for {num_slots} texts of {length} tokens, {_gib(needed)} "
        f"with working memory, and {_gib(free)} are free. "
        + (f"Set {remedy}." if remedy else "No setting makes it fit; choose a smaller model or free memory.")
    )


def _needed(file: GgufFile, length: int, num_slots: int) -> int:
    return file.num_bytes + file.kv_bytes_per_token * length * num_slots + RESERVE["cpu"]


def _remedies(length: int, num_slots: int) -> list[tuple[str, int, int]]:
    """Return changes of the settings that need less, the least painful first."""
    fewer = [(f"kv_slots = {slots}", length, slots) for slots in (4, 2) if slots < num_slots]
    lengths = []
    while (length := length // 2) >= SMALLEST_CONTEXT:
        lengths.append((f"context_length = {length} and kv_slots = 2", length, 2))
    return fewer + lengths


def _gib(num_bytes: int) -> str:
    return f"{num_bytes / GIB:.1f} GiB"
