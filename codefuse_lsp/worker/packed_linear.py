"""Linear layers whose weights lie in memory as 8 or 4 bits and are read as such, by kernels in torch's core.

Input: activations (..., K). Output: (..., N) in the same number format; the product is computed in bf16. A few rows go
through the packed kernels, which read little; many rows through a product with the weight made bf16 again for the
moment, which computes faster. Knows nothing of models, files or how weights were rounded.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Sequence

import torch
from torch.nn.functional import linear

from codefuse_lsp.worker.linear import packing
from codefuse_lsp.worker.rounding import LARGEST, MIDDLE, Groups, Rows, row_parts

KERNEL_GROUPS = (256, 128, 64, 32)  # columns with one scale that the int4 kernels know
# Rows from which the product with a bf16 weight is faster. CPU: measured with T=1 on AVX-512 (576x1536 and 4096x4096).
# CUDA: the kernels are made for 16 rows at a time (ATen/native/cuda/int4mm.cu) and read the weights again for the next.
MANY_INT8 = {"cpu": 16, "cuda": 16}
MANY_INT4 = {"cpu": 96, "cuda": 64}
# Weights that are unpacked at once: few enough for a CPU's cache, and about 250 MB of a GPU's memory.
PART = {"cpu": 1 << 20, "cuda": 1 << 25}
# The blocks (rows, columns) in which packed int4 weights lie: tried in turn, none if the kernels of a torch differ.
BLOCKS = {"cpu": ((64, 1), (32, 1), (16, 1)), "cuda": ((8, 128), (8, 64), (8, 32))}

Block = tuple[int, int, torch.Tensor]  # rows, columns, and where in a packed block each of its codes lies


class Int8Linear(torch.nn.Module):
    """A linear layer of one byte a weight and one scale a row."""

    def __init__(self, rows: Rows, bias: torch.Tensor | None = None) -> None:
        super().__init__()
        self.out_features, self.in_features = rows.codes.shape
        self.register_buffer("codes", rows.codes.contiguous(), persistent=False)  # (N, K) int8
        self.register_buffer("scales", rows.scales, persistent=False)  # (N,) bf16
        self.register_buffer("bias", bias, persistent=False)  # (N,)
        self.codes: torch.Tensor
        self.scales: torch.Tensor
        self.bias: torch.Tensor | None

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return inputs @ weight.T + bias: (..., K) -> (..., N)."""
        rows = inputs.reshape(-1, self.in_features).to(torch.bfloat16)  # (M, K)
        if len(rows) < MANY_INT8[rows.device.type]:
            product = torch.ops.aten._weight_int8pack_mm(rows.contiguous(), self.codes, self.scales)
        else:
            step = max(1, PART[rows.device.type] // self.in_features)
            rows = rows.to(many_rows_dtype(rows.device))
            parts = [linear(rows, part.to(rows.dtype)) for part in torch.split(self.codes, step)]
            product = torch.cat(parts, 1) * self.scales  # (M, N)
        return _finished(product, inputs, self.bias)

    def dequantized(self) -> torch.Tensor:
        """Return the weight as the layer means it, (N, K) in fp32."""
        return Rows(self.codes, self.scales).weight()


class Int4Linear(torch.nn.Module):
    """A linear layer of half a byte a weight, and a scale and a zero for a group of columns.

    `order` (K,) says which input each column belongs to, for weights whose columns were rounded in another order.
    """

    def __init__(self, groups: Groups, bias: torch.Tensor | None = None, order: torch.Tensor | None = None) -> None:
        super().__init__()
        self.out_features, self.in_features = groups.codes.shape
        self.group = kernel_group(self.in_features, groups.scales.shape[1])
        pairs = torch.stack((groups.scales, groups.zeros), -1)  # (N, G, 2)
        pairs = pairs.repeat_interleave(self.in_features // self.group // pairs.shape[1], 1)
        self.register_buffer("packed", pack(groups.codes), persistent=False)
        self.register_buffer("pairs", pairs.transpose(0, 1).contiguous(), persistent=False)  # (K / group, N, 2) bf16
        self.register_buffer("bias", bias, persistent=False)  # (N,)
        self.register_buffer("order", order, persistent=False)
        self.packed: torch.Tensor
        self.pairs: torch.Tensor
        self.bias: torch.Tensor | None
        self.order: torch.Tensor | None

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return inputs @ weight.T + bias: (..., K) -> (..., N)."""
        rows = inputs.reshape(-1, self.in_features).to(torch.bfloat16)  # (M, K)
        if self.order is not None:
            rows = rows[:, self.order]
        many = len(rows) >= MANY_INT4[rows.device.type]
        block = block_of(rows.device, self.out_features, self.in_features) if many else None
        if block is None:
            product = _int4_product(rows.contiguous(), self.packed, self.group, self.pairs)  # (M, N)
        else:
            product = self._unpacked_product(rows.to(many_rows_dtype(rows.device)), block)
        return _finished(product, inputs, self.bias)

    def _unpacked_product(self, rows: torch.Tensor, block: Block) -> torch.Tensor:
        """Return rows @ weight.T, (M, N), the weight unpacked a part at a time so that it takes little memory."""
        product = rows.new_empty(len(rows), self.out_features)
        step = max(1, PART[rows.device.type] // (self.in_features * block[0])) * block[0]
        blocks = self.packed.reshape(self.out_features // block[0], -1)
        for start in range(0, self.out_features, step):
            part = blocks[start // block[0] : (start + step) // block[0]]
            codes = unpack(part, block).view(-1, self.group, len(part) * block[0])  # (G, group, part of N)
            scales, zeros = self.pairs[:, None, start : start + step].movedim(-1, 0).contiguous()  # (G, 1, part of N)
            weight = torch.addcmul(zeros, codes.sub_(MIDDLE), scales).flatten(0, 1)  # (K, part of N)
            product[:, start : start + step] = rows @ weight.to(rows.dtype)
        return product

    def dequantized(self) -> torch.Tensor:
        """Return the weight as the layer means it, (N, K) in fp32; slow, by the packed kernel itself."""
        eye = torch.eye(self.in_features, dtype=torch.bfloat16, device=self.packed.device)
        bias, self.bias = self.bias, None
        parts = [self.forward(rows).float() for rows in torch.split(eye, MANY_INT4[eye.device.type] - 1)]
        self.bias = bias
        return torch.cat(parts).T  # (N, K)


PackedLinear = Int8Linear | Int4Linear


def joined(layers: Sequence[Int8Linear] | Sequence[Int4Linear]) -> PackedLinear:
    """Return one layer, (..., K) -> (..., N of all), for several of a kind that read the same input."""
    whole = copy.copy(layers[0])
    whole._buffers = dict(whole._buffers)
    along = {"codes": 0, "scales": 0, "packed": 0, "pairs": 1}  # the axis that counts outputs
    for name, axis in along.items():
        if name in whole._buffers:
            whole._buffers[name] = torch.cat([layer._buffers[name] for layer in layers], axis)  # type: ignore[misc]
    whole.out_features = sum(layer.out_features for layer in layers)
    if any(layer.bias is not None for layer in layers):
        none = next(layer.bias for layer in layers if layer.bias is not None).new_zeros
        biases = [none(layer.out_features) if layer.bias is None else layer.bias for layer in layers]
        whole.bias = torch.cat(biases)
    return whole


@functools.cache
def many_rows_dtype(device: torch.device) -> torch.dtype:
    """Return the format in which many rows are multiplied fastest: bf16, but on a CPU without instructions for it."""
    return torch.float32 if device.type == "cpu" and packing("bfloat16") is None else torch.bfloat16


def kernel_group(in_features: int, num_groups: int) -> int:
    """Return the largest group that the kernels know and that divides these; raises ValueError when none does."""
    wanted = in_features // num_groups
    for group in KERNEL_GROUPS:
        if wanted % group == 0:
            return group
    raise ValueError(f"groups of {wanted} columns cannot be packed")


def fits_int4(out_features: int, in_features: int) -> bool:
    """Return whether the int4 kernels take a weight of this shape (ATen/native/LinearAlgebra.cpp, cuda/int4mm.cu)."""
    return out_features % 16 == 0 and in_features % 32 == 0


def pack(codes: torch.Tensor) -> torch.Tensor:
    """Return codes (N, K), uint8 of 0 to 15, as the kernels of their device want them."""
    if codes.device.type == "cuda":
        pairs = (codes[:, ::2] << 4 | codes[:, 1::2]).contiguous()  # (N, K / 2)
        packed: torch.Tensor = torch.ops.aten._convert_weight_to_int4pack(pairs, _inner_tiles(codes.shape[1]))
    else:
        convert = torch.ops.aten._convert_weight_to_int4pack_for_cpu
        packed = torch.cat([convert(part.to(torch.int32), 1) for part in row_parts(codes)])
    return packed


def unpack(blocks: torch.Tensor, block: Block) -> torch.Tensor:
    """Return the codes of packed blocks, (N / rows, ...), in bf16 and transposed: (K, N)."""
    rows, columns, order = block
    pairs = blocks.view(torch.uint8).reshape(len(blocks), -1, rows * columns // 2)  # (N/rows, K/columns, .)
    if columns == 1:  # as on a CPU: the halves of a byte are of the block's halves, in order
        codes = torch.empty(pairs.shape[1], len(pairs), 2, rows // 2, dtype=torch.bfloat16)
        codes[..., 0, :] = (pairs & LARGEST).transpose(0, 1)
        codes[..., 1, :] = (pairs >> 4).transpose(0, 1)
        return codes.view(len(codes), -1)
    codes = torch.cat((pairs & LARGEST, pairs >> 4), -1)[..., order]  # (N/rows, K/columns, rows * columns)
    codes = codes.view(*codes.shape[:2], rows, columns).permute(1, 3, 0, 2)  # (K/columns, columns, N/rows, rows)
    return codes.to(torch.bfloat16).reshape(-1, len(blocks) * rows)


@functools.cache
def block_of(device: torch.device, out_features: int, in_features: int) -> Block | None:
    """Return how packed weights of this shape lie in memory, found by packing known codes; None if in no known way."""
    for rows, columns in BLOCKS[device.type]:
        if out_features % rows or in_features % columns:
            continue
        if device.type == "cuda" and columns != 16 * _inner_tiles(in_features):
            continue
        block = rows, columns, _order_in(rows, columns, device)
        if _is_undone(block, device):
            return block
    return None


def _order_in(rows: int, columns: int, device: torch.device) -> torch.Tensor:
    """Return where each code of a block lies once packed: its place is packed instead of a weight, digit by digit."""
    size = rows * columns
    place, found = torch.arange(size, device=device), torch.zeros(size, dtype=torch.long, device=device)
    for digit in range(3):  # 16 ** 3 places are more than a block has
        codes = (place >> 4 * digit & LARGEST).to(torch.uint8).reshape(rows, columns)
        packed = pack(codes.repeat(1, max(1, 32 // columns))).view(torch.uint8).flatten()[: size // 2]
        found += torch.cat((packed & LARGEST, packed >> 4)).long() << 4 * digit
    return found.argsort()


def _is_undone(block: Block, device: torch.device) -> bool:
    """Return whether unpacking gives back what was packed, over several blocks each way."""
    rows, columns, order = block
    if columns == 1 and not torch.equal(order, torch.arange(rows, device=device)):
        return False
    shape = 3 * rows, max(32, 3 * columns)
    codes = torch.arange(shape[0] * shape[1], device=device).mul(2_654_435_761).bitwise_right_shift(7).remainder(16)
    codes = codes.to(torch.uint8).reshape(shape)
    return torch.equal(unpack(pack(codes).reshape(3, -1), block).T, codes.to(torch.bfloat16))


def _inner_tiles(in_features: int) -> int:
    return next(tiles for tiles in (8, 4, 2) if in_features % (16 * tiles) == 0)


def _int4_product(rows: torch.Tensor, packed: torch.Tensor, group: int, pairs: torch.Tensor) -> torch.Tensor:
    cuda = rows.device.type == "cuda"
    multiply = torch.ops.aten._weight_int4pack_mm if cuda else torch.ops.aten._weight_int4pack_mm_for_cpu
    product: torch.Tensor = multiply(rows, packed, group, pairs)
    return product


def _finished(product: torch.Tensor, inputs: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    if bias is not None:
        product = product + bias
    return product.to(inputs.dtype).reshape(*inputs.shape[:-1], -1)
