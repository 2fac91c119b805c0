"""Make a model that transformers has loaded ready for a CPU: packed weights, few operators, memory that is used again.

Input: a model on the CPU and the number format of its weights. Nothing changes in what it computes but the rounding
that the format stands for.
"""

from __future__ import annotations

from typing import Any

from torch import nn

from codefuse_lsp.worker import memory
from codefuse_lsp.worker.blocks import LlamaBlock, put_blocks
from codefuse_lsp.worker.linear import PackedLinear, as_half, pack_linears, packing, plain
from codefuse_lsp.worker.packed_linear import Int4Linear, Int8Linear


def make_ready(model: Any, dtype: str) -> None:
    """Pack a model's weights as this machine reads them best; with fp16 weights it computes in fp32 from here on."""
    memory.keep()
    pack = packing(dtype) or plain
    put_blocks(model, lambda layer: LlamaBlock(layer, lambda linears: PackedLinear(linears, pack)))
    if pack is not plain:
        pack_linears(model, pack)
    if pack is as_half:
        _widen(model)


def _widen(model: nn.Module) -> None:
    """Make everything but packed weights fp32; of embeddings, the rows that are looked up."""
    for module in model.modules():
        if isinstance(module, nn.Embedding):
            module.register_forward_hook(lambda _module, _inputs, output: output.float())
        elif not isinstance(module, Int4Linear | Int8Linear):
            for tensor in (*module.parameters(recurse=False), *module.buffers(recurse=False)):
                if tensor.is_floating_point():
                    tensor.data = tensor.data.float()
