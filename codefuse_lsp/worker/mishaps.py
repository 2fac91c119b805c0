"""What an error raised by a device means for whoever goes on after it. Pure."""

from __future__ import annotations

from enum import Enum

import torch

# CUDA errors that leave the process's context unusable: every later call fails (CUDA runtime API, cudaError).
_LOST = (
    "illegal memory access",
    "device-side assert",
    "unspecified launch failure",
    "misaligned address",
    "uncorrectable",
)
_NO_MEMORY = ("out of memory", "can't allocate memory", "not enough memory", "CUBLAS_STATUS_ALLOC_FAILED")


class Mishap(Enum):
    """Kinds of failure of a pass; the value is what the user is told."""

    OUT_OF_MEMORY = (
        "Memory ran out, even after cached text was dropped; try again, or lower context_length or kv_slots."
    )
    DEVICE_LOST = "The GPU reported an error after which it cannot be used; the worker is started anew."
    OTHER = "The model failed while generating; see `codefuse-lsp doctor`."


def read_mishap(error: Exception) -> Mishap:
    """Return what kind of failure an exception tells of."""
    text = str(error)
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)) or any(part in text for part in _NO_MEMORY):
        return Mishap.OUT_OF_MEMORY
    if isinstance(error, RuntimeError) and any(part in text for part in _LOST):
        return Mishap.DEVICE_LOST
    return Mishap.OTHER
