"""What a decoder does between its matrix products, on tensors of a CUDA device: a kernel or two each.

Tensors in and out; the kernels are compiled by Triton when they are first called. Where it is missing, or cannot
compile, or is wrong, `serve` says no, and torch's own operators do the work. Letters as in `attention`.
"""

from __future__ import annotations

import functools
import logging
from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention, silu

BYTES_AT_ONCE = 128  # of one number of each key, so that what is on its way fits in the 100 KB of a small GPU
PROGRAMS = 512  # that keep a GPU of 132 multiprocessors busy; the keys are divided until there are so many
MOST_PARTS = 64
COLUMNS_AT_ONCE = 1024
TOLERANCES = {torch.bfloat16: 0.01, torch.float16: 0.005, torch.float32: 1e-4}  # parts of what torch's operators give

log = logging.getLogger(__name__)


def fits(head_size: int, value_size: int) -> bool:
    """Return whether the kernels know queries and values of these sizes."""
    return head_size in (16, 32, 64, 128, 256) and value_size == head_size


def turn_and_write(
    heads: torch.Tensor,
    angles: tuple[torch.Tensor, torch.Tensor],
    cache: tuple[torch.Tensor, torch.Tensor],
    slots: torch.Tensor,
    positions: torch.Tensor,
) -> torch.Tensor:
    """Return the turned queries, (B, Hq, D), of heads, (B, Hq + 2H, D), and write keys and values to the cache.

    `angles` are cosines and sines, (B, 1, D) each, the first half of the sines negated; `cache` is keys and values,
    (S, H, C, D) each.
    """
    keys, values = cache
    num_rows, num_heads, size = heads.shape
    num_keys = keys.shape[1]
    query = heads.new_empty(num_rows, num_heads - 2 * num_keys, size)
    _kernels().turn_and_write[num_rows, num_heads](
        heads, *angles, query, keys, values, slots, positions, keys.stride(0), keys.stride(1),
        QUERIES=query.shape[1], KEYS=num_keys, SIZE=size, num_warps=1,
    )  # fmt: skip
    return query


def look(
    query: torch.Tensor,
    cache: tuple[torch.Tensor, torch.Tensor],
    slots: torch.Tensor,
    positions: torch.Tensor,
    scaling: float,
    window: int | None = None,
) -> torch.Tensor:
    """Return what each row sees, (B, Hq, D), from its queries, (B, Hq, D), of its slot up to its position."""
    keys, values = cache
    num_rows, num_queries, size = query.shape
    num_keys = keys.shape[1]
    group = num_queries // num_keys
    parts = _parts(num_rows * num_keys)
    seen = query.new_empty(num_rows, num_keys, parts, group, size, dtype=torch.float32)
    sums = query.new_empty(num_rows, num_keys, parts, group, 2, dtype=torch.float32)
    _kernels().look[num_rows, num_keys, parts](
        query, keys, values, slots, positions, seen, sums, scaling, window or 0, keys.shape[2] - 1,
        keys.stride(0), keys.stride(1),
        GROUP=group, GROUP_PADDED=max(16, 1 << (group - 1).bit_length()), SIZE=size,
        BLOCK=BYTES_AT_ONCE // query.element_size(),
        PRECISION="ieee" if query.dtype is torch.float32 else "tf32", num_stages=2,
    )  # fmt: skip
    result = torch.empty_like(query)
    _kernels().join_parts[num_rows, num_queries](seen, sums, result, GROUP=group, SIZE=size, PARTS=parts)
    return result


def gated(gate_up: torch.Tensor) -> torch.Tensor:
    """Return SiLU of the first half of each row, (N, 2I), times the second half, (N, I)."""
    width = gate_up.shape[1] // 2
    result = gate_up.new_empty(len(gate_up), width)
    grid = len(gate_up), -(-width // COLUMNS_AT_ONCE)
    _kernels().gated[grid](gate_up, result, width, BLOCK=COLUMNS_AT_ONCE)
    return result


@functools.cache
def serve(device: torch.device, dtype: torch.dtype) -> bool:
    """Return whether the kernels can be compiled for numbers on a device and give what torch's own operators give."""
    if device.type != "cuda" or dtype not in TOLERANCES:
        return False
    try:
        worst = max(errors(device, dtype))
    except Exception as error:  # Triton, the compilers that it calls and the driver raise all kinds
        log.warning("decoding goes by torch's own operators (%s)", type(error).__name__)
        return False
    if not worst < TOLERANCES[dtype]:
        log.warning("decoding goes by torch's own operators: the kernels are %.1f %% off", 100 * worst)
    return worst < TOLERANCES[dtype]


@torch.inference_mode()
def errors(device: torch.device, dtype: torch.dtype) -> list[float]:
    """Return how far each kernel is from torch's operators on an example, as parts of what these give."""
    numbers = torch.Generator().manual_seed(0)

    def random(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=numbers).to(device, dtype)

    heads, angles = random(2, 20, 128), (random(2, 1, 128), random(2, 1, 128))  # 16 queries, 2 keys, 2 values
    cache = keys, values = random(3, 2, 901, 128), random(3, 2, 901, 128)
    slots, positions = torch.tensor([2, 0], device=device), torch.tensor([700, 5], device=device)
    query = turn_and_write(heads, angles, cache, slots, positions)
    turned = heads[:, :18] * angles[0] + heads[:, :18].roll(64, -1) * angles[1]
    gate_up = random(3, 4400)
    gate, up = gate_up.chunk(2, -1)
    pairs = [
        (torch.cat((query, keys[slots, :, positions]), 1), turned),
        (values[slots, :, positions], heads[:, 18:]),
        (look(query, cache, slots, positions, 0.1), _looked(query, cache, 0, ((2, 701), (0, 6)))),
        (look(query, cache, slots, positions, 0.1, 99), _looked(query, cache, 99, ((2, 701), (0, 6)))),
        (gated(gate_up), silu(gate) * up),
    ]
    return [float((found.float() - wanted.float()).norm() / wanted.float().norm()) for found, wanted in pairs]


def _looked(
    query: torch.Tensor, cache: tuple[torch.Tensor, torch.Tensor], window: int, ends: tuple[tuple[int, int], ...]
) -> torch.Tensor:
    """Return what `look` shall give, with a slot and a number of keys for each row."""
    rows = []
    for row, (slot, end) in enumerate(ends):
        key, value = (part[slot, :, max(0, end - window) if window else 0 : end].float() for part in cache)
        rows.append(scaled_dot_product_attention(query[row, :, None].float(), key, value, scale=0.1, enable_gqa=True))
    return torch.stack(rows)[:, :, 0]  # (B, Hq, D)


@functools.cache
def _kernels() -> Any:
    from codefuse_lsp.worker import cuda_kernels

    return cuda_kernels


def _parts(programs: int) -> int:
    """Return in how many parts the keys are looked at, a power of two, where so many programs would see them whole."""
    return 1 << max(0, min(MOST_PARTS, PROGRAMS // programs).bit_length() - 1)
