"""Linear layers whose weights lie in memory as the CPU's matrix instructions read them (oneDNN).

The same numbers in another order, so the results stay what they were; decoding takes half the time. Projections that
read the same input are joined into one product. Knows nothing of what a layer is for but the names of projections.
"""

from __future__ import annotations

import logging
from typing import Any

import torch
from torch import nn

JOINED = (("q_proj", "k_proj", "v_proj"), ("gate_proj", "up_proj"))  # called one after the other, on the same input

log = logging.getLogger(__name__)


class PackedLinear(nn.Module):
    """A linear layer in oneDNN's order of weights."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self.bias = linear.bias
        self._packed = _pack(linear.weight)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return x W^T + b, (..., out_features), from x, (..., in_features)."""
        return _apply(x, self._packed, self.bias)


class _Joined:
    """Several layers that read the same input, computed when the first is called and handed out one by one."""

    def __init__(self, linears: list[nn.Linear]) -> None:
        self._packed = _pack(torch.cat(tuple(linear.weight for linear in linears)))
        biases: list[torch.Tensor] = [linear.bias for linear in linears if linear.bias is not None]
        self._bias = torch.cat(biases) if biases else None
        self._sizes = [linear.out_features for linear in linears]
        self._input: torch.Tensor | None = None
        self._outputs: tuple[torch.Tensor, ...] = ()

    def part(self, x: torch.Tensor, index: int) -> torch.Tensor:
        if self._input is not x:
            self._input = x
            self._outputs = torch.split(_apply(x, self._packed, self._bias), self._sizes, -1)
        output = self._outputs[index]
        if index == len(self._sizes) - 1:
            self._input, self._outputs = None, ()
        return output


class JoinedLinear(nn.Module):
    """One of several layers that are computed together."""

    def __init__(self, joined: _Joined, index: int, linear: nn.Linear) -> None:
        super().__init__()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self._joined, self._index = joined, index

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return x W^T + b, (..., out_features), from x, (..., in_features)."""
        return self._joined.part(x, self._index)


def pack_linears(model: nn.Module) -> bool:
    """Replace the model's linear layers by packed ones; return False where this machine's torch cannot.

    The packed weights replace the plain ones layer by layer, so the peak is one layer above the model's own size.
    """
    if not _works():
        log.info("packed linear layers are not to be had here; plain ones are used")
        return False
    for module in list(model.modules()):
        for names in JOINED:
            _join(module, names)
        for name, child in module.named_children():
            if type(child) is nn.Linear and _packable(child):
                setattr(module, name, PackedLinear(child))
    return True


def _join(module: nn.Module, names: tuple[str, ...]) -> None:
    linears = [getattr(module, name, None) for name in names]
    if not all(type(linear) is nn.Linear and _packable(linear) for linear in linears):
        return
    if len({(linear.in_features, linear.bias is None) for linear in linears}) > 1:  # type: ignore[union-attr]
        return
    joined = _Joined(linears)  # type: ignore[arg-type]
    for index, (name, linear) in enumerate(zip(names, linears, strict=True)):
        setattr(module, name, JoinedLinear(joined, index, linear))  # type: ignore[arg-type]


def _packable(linear: Any) -> bool:
    return linear.weight.device.type == "cpu" and linear.weight.dtype is torch.bfloat16


def _works() -> bool:
    """Return whether the operators, which are torch's own but not promised, are there and tell the truth."""
    linear = nn.Linear(64, 32, bias=True, dtype=torch.bfloat16)
    x = torch.ones(3, 64, dtype=torch.bfloat16)
    try:
        with torch.inference_mode():
            packed = PackedLinear(linear)(x)
            return torch.allclose(packed.float(), linear(x).float(), rtol=0.02, atol=0.02)
    except (AttributeError, RuntimeError, TypeError):
        return False


@torch.no_grad()
def _pack(weight: torch.Tensor) -> torch.Tensor:
    return torch.ops.mkldnn._reorder_linear_weight(weight.detach(), 1)  # type: ignore[no-any-return]


def _apply(x: torch.Tensor, packed: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    return torch.ops.mkldnn._linear_pointwise(x, packed, bias, "none", [], "")  # type: ignore[no-any-return]
