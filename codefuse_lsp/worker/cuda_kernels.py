"""What a decoder does between its matrix products, as kernels of a CUDA device, in the language of Triton.

Eager torch has ten kernels and more for each of these, and a decode step of one token ends before they are launched.
Pointers and sizes in; `cuda_ops` knows how they are called. Letters as in `attention`: B rows, Hq query heads, H
key/value heads, G = Hq / H, D head size, S slots, C places of a slot.
"""

from __future__ import annotations

# mypy: disable-error-code="no-untyped-def, untyped-decorator"
import triton
import triton.language as tl


@triton.jit
def turn_and_write(
    heads,  # (B, Hq + 2H, D): queries, keys, values
    cos,  # (B, D)
    sin,  # (B, D), the first half negated
    query,  # (B, Hq, D): written
    keys,  # (S, H, C, D): written at each row's place
    values,  # (S, H, C, D): the same
    slots,  # (B,)
    positions,  # (B,)
    slot_stride,
    head_stride,
    QUERIES: tl.constexpr,
    KEYS: tl.constexpr,
    SIZE: tl.constexpr,
):
    """Turn a row's queries and keys by its position (RoPE), and write keys and values to its slot."""
    row, head = tl.program_id(0).to(tl.int64), tl.program_id(1)
    half = tl.arange(0, SIZE // 2)
    source = heads + (row * (QUERIES + 2 * KEYS) + head) * SIZE + half
    first, second = tl.load(source), tl.load(source + SIZE // 2)
    if head < QUERIES + KEYS:
        angle = row * SIZE + half
        a, b = first.to(tl.float32), second.to(tl.float32)
        turned = a * tl.load(cos + angle) + b * tl.load(sin + angle)
        other = b * tl.load(cos + angle + SIZE // 2) + a * tl.load(sin + angle + SIZE // 2)
        first, second = turned.to(first.dtype), other.to(second.dtype)
    if head < QUERIES:
        target = query + (row * QUERIES + head) * SIZE + half
    else:
        place = tl.load(slots + row) * slot_stride + ((head - QUERIES) % KEYS) * head_stride
        place += tl.load(positions + row) * SIZE
        if head < QUERIES + KEYS:  # noqa: SIM108 (Triton's language)
            target = keys + place + half
        else:
            target = values + place + half
    tl.store(target, first)
    tl.store(target + SIZE // 2, second)


@triton.jit
def look(
    query,  # (B, Hq, D)
    keys,  # (S, H, C, D)
    values,  # (S, H, C, D)
    slots,  # (B,)
    positions,  # (B,)
    seen,  # (B, H, parts, G, D) in fp32: written
    sums,  # (B, H, parts, G, 2) in fp32: the largest score, and the sum of weights beside it: written
    scaling,
    window,  # keys that a row may see at most; 0 for all
    capacity,  # a row at this position is no text
    slot_stride,
    head_stride,
    GROUP: tl.constexpr,
    GROUP_PADDED: tl.constexpr,
    SIZE: tl.constexpr,
    BLOCK: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """Let a row's queries of one key head see one part of the keys (Dao, 2023: FlashDecoding)."""
    row, head, part = tl.program_id(0).to(tl.int64), tl.program_id(1), tl.program_id(2)
    num_heads, parts = tl.num_programs(1), tl.num_programs(2)
    position = tl.load(positions + row).to(tl.int32)
    position = tl.where(position >= capacity, 0, position)
    start = tl.where(window > 0, tl.maximum(0, position - window + 1), 0)
    step = tl.cdiv(tl.cdiv(position + 1 - start, parts), BLOCK) * BLOCK
    begin = start + part * step
    end = tl.minimum(begin + step, position + 1)
    group, size, block = tl.arange(0, GROUP_PADDED), tl.arange(0, SIZE), tl.arange(0, BLOCK)
    is_query = (group < GROUP)[:, None]
    offset = (row * num_heads + head) * GROUP + group
    q = tl.load(query + offset[:, None] * SIZE + size[None, :], mask=is_query, other=0.0)
    base = tl.load(slots + row) * slot_stride + head * head_stride
    largest = tl.full((GROUP_PADDED,), float("-inf"), tl.float32)
    total = tl.zeros((GROUP_PADDED,), tl.float32)
    mixed = tl.zeros((GROUP_PADDED, SIZE), tl.float32)
    for first in range(begin, end, BLOCK):
        inside = first + block < end
        place = base + (first + block)[:, None] * SIZE + size[None, :]
        k = tl.load(keys + place, mask=inside[:, None], other=0.0)
        v = tl.load(values + place, mask=inside[:, None], other=0.0)
        scores = tl.dot(q, tl.trans(k), input_precision=PRECISION) * scaling
        scores = tl.where(inside[None, :], scores, float("-inf"))
        larger = tl.maximum(largest, tl.max(scores, 1))
        weights = tl.exp(scores - larger[:, None])
        shrunk = tl.exp(largest - larger)
        total = total * shrunk + tl.sum(weights, 1)
        mixed = mixed * shrunk[:, None] + tl.dot(weights.to(v.dtype), v, input_precision=PRECISION)
        largest = larger
    line = ((row * num_heads + head) * parts + part) * GROUP + group
    tl.store(seen + line[:, None] * SIZE + size[None, :], mixed, mask=is_query)
    tl.store(sums + 2 * line, largest, mask=group < GROUP)
    tl.store(sums + 2 * line + 1, total, mask=group < GROUP)


@triton.jit
def join_parts(
    seen,  # (B, H, parts, G, D) in fp32
    sums,  # (B, H, parts, G, 2) in fp32
    result,  # (B, Hq, D): written
    GROUP: tl.constexpr,
    SIZE: tl.constexpr,
    PARTS: tl.constexpr,
):
    """Join what a query has seen of each part of the keys."""
    row, head = tl.program_id(0).to(tl.int64), tl.program_id(1)
    num_queries = tl.num_programs(1)
    size, part = tl.arange(0, SIZE), tl.arange(0, PARTS)
    line = ((row * (num_queries // GROUP) + head // GROUP) * PARTS + part) * GROUP + head % GROUP
    largest, total = tl.load(sums + 2 * line), tl.load(sums + 2 * line + 1)
    weights = tl.exp(largest - tl.max(largest, 0))
    mixed = tl.sum(tl.load(seen + line[:, None] * SIZE + size[None, :]) * weights[:, None], 0)
    mixed /= tl.sum(weights * total, 0)
    tl.store(result + (row * num_queries + head) * SIZE + size, mixed.to(result.dtype.element_ty))


@triton.jit
def gated(gate_up, result, width, BLOCK: tl.constexpr):
    """Multiply SiLU of the first half of a row, (B, 2 * width), by the second half (Shazeer, 2020: SwiGLU)."""
    row = tl.program_id(0).to(tl.int64)
    column = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = column < width
    gate = tl.load(gate_up + row * 2 * width + column, mask=inside, other=0.0).to(tl.float32)
    up = tl.load(gate_up + (row * 2 + 1) * width + column, mask=inside, other=0.0).to(tl.float32)
    tl.store(result + row * width + column, (gate * tl.sigmoid(gate) * up).to(result.dtype.element_ty), mask=inside)
