"""Make a model that transformers has loaded ready for one CUDA device: larger products, few kernels between them.

Input: a model on the device. It computes what it computed, up to rounding. Weights that are joined stay where the
model's own layers find them, so that no memory is taken twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from codefuse_lsp.worker import cuda_ops
from codefuse_lsp.worker.attention import Rows, see
from codefuse_lsp.worker.blocks import LlamaBlock, put_blocks
from codefuse_lsp.worker.kv_cache import SlotCache
from codefuse_lsp.worker.linear import joined_weights
from codefuse_lsp.worker.packed_linear import Int4Linear, Int8Linear, joined


def make_ready(model: Any) -> None:
    """Put blocks in the place of a model's layers, if it is of their families and one device, where kernels serve."""
    devices = {parameter.device for parameter in model.parameters()}
    if len(devices) != 1 or not cuda_ops.serve(devices.pop(), model.dtype):
        return
    if any(isinstance(module, Int4Linear) and module.order is not None for module in model.modules()):
        return  # each of its layers reads its input in another order
    put_blocks(model, CudaBlock, (nn.Linear, Int4Linear, Int8Linear))


class CudaBlock(LlamaBlock):
    """A Llama-like layer whose work between the products is done by kernels of our own."""

    def __init__(self, layer: Any) -> None:
        super().__init__(layer, join)

    def _seen(
        self, heads: torch.Tensor, position_embeddings: tuple[torch.Tensor, torch.Tensor], cache: Any
    ) -> torch.Tensor:
        batch = cache.batch if isinstance(cache, SlotCache) else None
        if not isinstance(batch, Rows) or not cuda_ops.fits(self._head_size, self._head_size):
            return super()._seen(heads, position_embeddings, cache)
        if self.of_heads is not None:
            heads = torch.cat(self._normed(heads), 1)
        past = cache.of_layer(self._index, *2 * [heads[:, : self._num_keys].transpose(0, 1)])
        buffers = past.keys, past.values
        query = cuda_ops.turn_and_write(heads, position_embeddings, buffers, batch.slots, batch.positions)
        return see(query.transpose(0, 1), past, self._look)

    def _gated(self, gate_up: torch.Tensor) -> torch.Tensor:
        return cuda_ops.gated(gate_up)


def join(linears: Sequence[Any]) -> nn.Module:
    """Return one layer for several that read the same input; plain ones keep their weights as parts of its own."""
    if not isinstance(linears[0], nn.Linear):
        return joined(linears)
    if len(linears) == 1:
        return linears[0]
    weight, bias = joined_weights(linears)
    whole = nn.Linear(linears[0].in_features, len(weight), device="meta")
    whole.weight = nn.Parameter(weight, requires_grad=False)
    whole.register_parameter("bias", None if bias is None else nn.Parameter(bias, requires_grad=False))
    for linear, part in zip(linears, torch.split(weight, [one.out_features for one in linears]), strict=True):
        linear.weight.data = part
    return whole
