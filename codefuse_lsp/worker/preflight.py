"""Where a model goes and whether it fits, computed before a byte of it is loaded.

Input: a checkpoint folder and the settings. Output: a Placement, or NotEnoughMemory with the numbers and the setting
that would make it fit. Knows nothing of how a model is loaded.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from codefuse_lsp.config import Settings
from codefuse_lsp.errors import ModelError, NotEnoughMemory
from codefuse_lsp.worker.checkpoint import model_name, quantized, read_config, stored

# Models that were fine-tuned on shorter texts than their configuration says, by a part of their name in small letters.
TRAINED_CONTEXT = {
    "codefuse-codellama-34b": 4096,  # model card: fine-tuned on 4,096 tokens; the base model's config says 16,384
}
NUMBER_BYTES = {"float32": 4.0, "bfloat16": 2.0, "float16": 2.0}
# Bytes of one quantised weight with its scales: int8 has one for a row, int4 a scale and a zero (bf16) for 32.
QUANTIZED_BYTES = {"int8": 1.01, "int4": 0.5 + 4 / 32}
# Weights from which a model is taken to bear rounding to 4 bits without data. Llama 2 70B loses 2.4 % of perplexity by
# the plainest rounding in groups of 32 (llama.cpp's table, Q4_1), ours loses a quarter less on SmolLM2; a model of 135
# million loses 19 %. No smaller one is known to stay within 2 %.
SMALLEST_INT4 = 30_000_000_000
RESERVE = {"cuda": 1 << 30, "mps": 512 << 20, "cpu": 256 << 20}  # bytes for activations and the device's own needs
SMALLEST_CONTEXT = 1024  # tokens; a smaller one is not worth proposing
GIB = 1 << 30

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Placement:
    """Where and how a model will lie in memory; sizes in bytes."""

    device: str  # cuda, mps or cpu
    dtype: str
    max_model_len: int  # tokens of prompt and answer together
    weight_bytes: int
    kv_bytes: int
    free_bytes: int

    @property
    def needed_bytes(self) -> int:
        """Weights, keys and values of all slots, and a reserve."""
        return self.weight_bytes + self.kv_bytes + RESERVE[self.device]


def preflight(folder: Path, settings: Settings) -> Placement:
    """Return where the model goes; raises NotEnoughMemory when it does not fit, ModelError when it cannot be told."""
    config, device = read_config(folder), choose_device(settings.device)
    if settings.quantization != "none":
        _check_quantization(folder, config, device, settings.quantization)
    placement = _place(folder, config, device, _free_bytes(device), settings)
    if placement.needed_bytes > placement.free_bytes:
        raise NotEnoughMemory(_does_not_fit(folder, config, placement, settings))
    return placement


def choose_device(wanted: str) -> str:
    """Return the device to use: the one that was set, else CUDA, else MPS, else the CPU."""
    import torch

    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if wanted == "auto":
        return next(device for device, is_there in there.items() if is_there)
    if not there[wanted]:
        raise ModelError(f"device = {wanted}, but torch {torch.__version__} sees none here; set device = auto.")
    return wanted


def choose_dtype(wanted: str, device: str, config: dict[str, Any]) -> str:
    """Return the number format of the weights: bf16 where it is good, else as stored."""
    import torch

    if wanted != "auto":
        return wanted
    if device == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float16"
    if device == "mps":
        return "float16"  # every Apple GPU has it; bf16 only from M2 and macOS 14 on
    if stored_dtype(config) == "float32":
        return "float32"
    # Without instructions for bf16, a CPU reads prompts in bf16 seven times slower than in fp32 over fp16 weights.
    return "bfloat16" if _knows_bf16() or not works_in_half() else "float16"


def stored_dtype(config: dict[str, Any]) -> str:
    """Return the number format that a checkpoint says it is stored in; empty when it does not."""
    return str(config.get("dtype") or config.get("torch_dtype") or "")


def works_in_half() -> bool:
    """Return whether this CPU has torch's kernels for fp16 weights, which compute in fp32."""
    from codefuse_lsp.worker.linear import packing

    return packing("float16") is not None


def _knows_bf16() -> bool:
    from codefuse_lsp.worker.linear import packing

    return packing("bfloat16") is not None


def context_length(folder: Path, config: dict[str, Any], settings: Settings) -> int:
    """Return how many tokens prompt and answer may have together."""
    names = f"{model_name(folder)} {config.get('_name_or_path', '')}".lower()
    limit = _number(config, "max_position_embeddings", "n_positions", "max_sequence_length", "seq_length") or 2048
    if settings.context_length > limit:
        log.warning("context_length = %d is more than the model's %d", settings.context_length, limit)
    trained = next((length for part, length in TRAINED_CONTEXT.items() if part in names), limit)
    return min(settings.context_length or trained, limit)


def _check_quantization(folder: Path, config: dict[str, Any], device: str, kind: str) -> None:
    """Refuse what cannot be quantised here."""
    if device == "mps":
        raise ModelError(f"quantization = {kind} needs a CUDA device or the CPU; set it to none on {device}.")
    if facts := quantized(folder):
        how = facts.get("quant_method") or "another way"
        raise ModelError(f"{model_name(folder)} is quantised already ({how}); set quantization = none.")
    if _number(config, "num_local_experts", "num_experts", "n_routed_experts") > 1:
        raise ModelError(
            f"{model_name(folder)} is a mixture of experts, which is not shrunk while loading; set quantization = none."
        )


def _place(folder: Path, config: dict[str, Any], device: str, free_bytes: int, settings: Settings) -> Placement:
    dtype = choose_dtype(settings.dtype, device, config)
    kv_dtype = "float32" if (device, dtype) == ("cpu", "float16") and works_in_half() else dtype
    length = context_length(folder, config, settings)
    return Placement(
        device=device,
        dtype=dtype,
        max_model_len=length,
        weight_bytes=_weight_bytes(folder, config, dtype, settings.quantization)
        + (_packed_head_bytes(folder, config, dtype) if device == "cpu" else 0),
        kv_bytes=int(_kv_bytes_per_token(config, kv_dtype) * length * settings.kv_slots),
        free_bytes=free_bytes,
    )


def _weight_bytes(folder: Path, config: dict[str, Any], dtype: str, quantization: str) -> int:
    size = stored(folder)
    if quantized(folder):
        return size.num_bytes  # quantised already: loaded as it is
    numbers = num_weights(folder, config)
    if quantization == "none":
        return int(numbers * NUMBER_BYTES[dtype])
    tables = 1 if config.get("tie_word_embeddings") else 2  # embedding and head stay as they are
    kept = min(numbers, tables * _table_numbers(config))
    return int(kept * NUMBER_BYTES[dtype] + (numbers - kept) * QUANTIZED_BYTES[quantization])


def _packed_head_bytes(folder: Path, config: dict[str, Any], dtype: str) -> int:
    """Return what a head that shares the embedding's table takes beside it: packing a layer copies its weights.

    Packed are the plain layers of a CPU with kernels for it, the head of a quantised model among them.
    """
    packed = {"bfloat16": _knows_bf16, "float16": works_in_half}.get(dtype)
    if quantized(folder) or not config.get("tie_word_embeddings") or packed is None or not packed():
        return 0
    return int(_table_numbers(config) * NUMBER_BYTES[dtype])


def _table_numbers(config: dict[str, Any]) -> int:
    """Return how many numbers the embedding has; the head has as many."""
    return _number(config, "vocab_size") * _number(config, "hidden_size", "n_embd")


def num_weights(folder: Path, config: dict[str, Any]) -> float:
    """Return how many numbers a checkpoint holds, from its size where its files do not tell."""
    size = stored(folder)
    stored_bytes = NUMBER_BYTES.get(stored_dtype(config), 2.0)
    return size.numbers if size.numbers is not None else size.num_bytes / stored_bytes


def _kv_bytes_per_token(config: dict[str, Any], dtype: str) -> float:
    """Return the bytes of one token's keys and values in all layers: 2 * layers * heads * head size * number."""
    layers = _number(config, "num_hidden_layers", "n_layer", "num_layers")
    heads = _number(config, "num_attention_heads", "n_head")
    kv_heads = 1 if config.get("multi_query") is True else _number(config, "num_key_value_heads") or heads
    head_size = _number(config, "head_dim") or _number(config, "hidden_size", "n_embd", "d_model") // max(heads, 1)
    return 2 * layers * kv_heads * head_size * NUMBER_BYTES[dtype]


def _does_not_fit(folder: Path, config: dict[str, Any], placement: Placement, settings: Settings) -> str:
    def fits(changed: Settings) -> bool:
        other = _place(folder, config, placement.device, placement.free_bytes, changed)
        return other.needed_bytes <= other.free_bytes

    kinds = _kinds(folder, config, placement.device) if settings.quantization == "none" else ()
    remedy = next((text for text, changed in _remedies(placement, settings, kinds) if fits(changed)), None)
    return (
        f"{model_name(folder)} does not fit on {placement.device}: it needs {_gib(placement.weight_bytes)} for its "
        f"weights ({placement.dtype}) and {_gib(placement.kv_bytes)} for {settings.kv_slots} texts of "
        f"{placement.max_model_len} tokens, {_gib(placement.needed_bytes)} with working memory, and "
        f"{_gib(placement.free_bytes)} are free. "
        + (f"Set {remedy}." if remedy else "No setting makes it fit; choose a smaller model or free memory.")
    )


def _remedies(placement: Placement, settings: Settings, kinds: Sequence[str]) -> Iterator[tuple[str, Settings]]:
    """Yield changes of the settings that need less, the least painful first; `kinds` of quantisation may be tried."""
    for slots in (4, 2):
        if slots < settings.kv_slots:
            yield f"kv_slots = {slots}", replace(settings, kv_slots=slots)
    if placement.dtype == "float32":
        half = choose_dtype("auto", placement.device, {})
        yield f"dtype = {half}", replace(settings, dtype=half)
    least, length = replace(settings, kv_slots=min(2, settings.kv_slots)), placement.max_model_len // 2
    while length >= SMALLEST_CONTEXT:
        smaller = replace(least, context_length=length)
        yield f"context_length = {length} and kv_slots = {smaller.kv_slots}", smaller
        length //= 2
    for kind in kinds:
        yield f"quantization = {kind}", replace(settings, quantization=kind)
    for kind in kinds[-1:]:
        yield f"quantization = {kind} and kv_slots = 2", replace(least, quantization=kind)


def _kinds(folder: Path, config: dict[str, Any], device: str) -> tuple[str, ...]:
    """Return the kinds of quantisation that a model may be loaded with, the better first."""
    try:
        _check_quantization(folder, config, device, "int8")
    except ModelError:
        return ()
    return ("int8", "int4") if num_weights(folder, config) >= SMALLEST_INT4 else ("int8",)


def _free_bytes(device: str) -> int:
    import psutil
    import torch

    if device == "cuda":
        return sum(torch.cuda.mem_get_info(i)[0] for i in range(torch.cuda.device_count()))
    free = psutil.virtual_memory().available
    if device == "mps":
        return min(free, torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory())
    return min(free, free_in_container())


def free_in_container(group: Path = Path("/sys/fs/cgroup")) -> int:
    """Return what the memory limit of a container leaves (cgroup v2), which psutil does not see."""
    try:
        limit, used = ((group / name).read_text().strip() for name in ("memory.max", "memory.current"))
        return int(limit) - int(used)
    except (OSError, ValueError):  # no container, or 'max'
        return 1 << 62


def _number(config: dict[str, Any], *names: str) -> int:
    """Return the first of several names that holds a number, else 0; model families name the same thing otherwise."""
    return next((config[name] for name in names if isinstance(config.get(name), int)), 0)


def _gib(num_bytes: int) -> str:
    return f"{num_bytes / GIB:.1f} GiB"
