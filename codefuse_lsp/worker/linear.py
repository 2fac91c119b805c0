"""Linear layers whose weights lie in memory as a CPU's instructions read them best.

Two kinds, both from torch's own libraries. oneDNN keeps bf16 weights in the order of its matrix instructions: the same
bits come out. FBGEMM keeps fp16 weights and multiplies in fp32, for CPUs that have no instructions for bf16, where
plain bf16 reads prompts at an eighth of the speed; of bf16 weights nothing is lost but what is below 6e-8.
Knows nothing of what a layer is for.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Sequence

import torch
from torch import nn

Product = Callable[[torch.Tensor], torch.Tensor]  # x (..., K) -> x W^T + b (..., N)
Pack = Callable[[torch.Tensor, torch.Tensor | None], Product]  # from the weight, (N, K), and the bias, (N,)

LARGEST_HALF = 65504.0  # the largest number of fp16
TOLERANCE = 0.02

log = logging.getLogger(__name__)


class PackedLinear(nn.Module):
    """One linear layer, or several that read the same input joined into one, (..., K) -> (..., N of all)."""

    def __init__(self, linears: Sequence[nn.Linear], pack: Pack) -> None:
        super().__init__()
        self.in_features = linears[0].in_features
        self.out_features = sum(linear.out_features for linear in linears)
        self._product = pack(*joined_weights(linears))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return x W^T + b, (..., N), from x, (..., K)."""
        return self._product(x)


def pack_linears(model: nn.Module, pack: Pack) -> None:
    """Replace the model's plain linear layers by packed ones.

    The packed weights replace the plain ones layer by layer, so the peak is one layer above the model's own size.
    """
    for module in list(model.modules()):
        for name, child in module.named_children():
            if type(child) is nn.Linear:
                setattr(module, name, PackedLinear([child], pack))


def packing(dtype: str) -> Pack | None:
    """Return how weights of a number format are packed on this machine's CPU; None where plain layers serve best."""
    if dtype == "bfloat16" and _works(in_order):
        return in_order
    if dtype == "float16" and _works(as_half):
        return as_half
    return None


def joined_weights(linears: Sequence[nn.Linear]) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Return one weight, (N of all, K), and one bias for several layers."""
    if len(linears) == 1:
        return linears[0].weight, linears[0].bias
    weight = torch.cat([linear.weight for linear in linears])
    if all(linear.bias is None for linear in linears):
        return weight, None
    zeros = weight.new_zeros
    return weight, torch.cat([zeros(n.out_features) if n.bias is None else n.bias for n in linears])


def plain(weight: torch.Tensor, bias: torch.Tensor | None) -> Product:
    """Keep weights as they are."""
    return functools.partial(nn.functional.linear, weight=weight.detach(), bias=None if bias is None else bias.detach())


@torch.no_grad()
def in_order(weight: torch.Tensor, bias: torch.Tensor | None) -> Product:
    """Keep bf16 weights in oneDNN's order; activations are bf16."""
    packed = torch.ops.mkldnn._reorder_linear_weight(weight.detach(), 1)
    return lambda x: torch.ops.mkldnn._linear_pointwise(x, packed, bias, "none", [], "")


@torch.no_grad()
def as_half(weight: torch.Tensor, bias: torch.Tensor | None) -> Product:
    """Keep weights in fp16, or in fp32 where they are too large for it; activations are fp32."""
    weight, bias = weight.detach().float(), None if bias is None else bias.detach().float()
    if not weight.abs().max() <= LARGEST_HALF:
        return functools.partial(nn.functional.linear, weight=weight, bias=bias)
    packed = torch.ops.quantized.linear_prepack_fp16(weight, bias)
    return lambda x: torch.ops.quantized.linear_dynamic_fp16(x, packed)


@functools.cache
def _works(pack: Pack) -> bool:
    """Return whether the operators, which are torch's own but not promised, are there and tell the truth."""
    dtype = torch.bfloat16 if pack is in_order else torch.float32
    linear = nn.Linear(64, 32, bias=True, dtype=dtype)
    x = torch.ones(3, 64, dtype=dtype)
    try:
        with torch.inference_mode():
            found = torch.allclose(pack(linear.weight, linear.bias)(x), linear(x), rtol=TOLERANCE, atol=TOLERANCE)
    except (AttributeError, RuntimeError, TypeError) as error:
        log.info("no packed linear layers of the kind %s here: %s", pack.__name__, type(error).__name__)
        return False
    return found
