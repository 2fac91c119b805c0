"""Round weights to 8 or 4 bits without data. Tensors in, codes with scales out; knows nothing of models or kernels.

Scales and zeros are rounded to bf16, which the kernels read, before the codes are chosen, so that this costs nothing.
N and K are the rows and columns of a weight (outputs and inputs), G = K / group the groups of a row.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch

GROUP = 32  # columns with a scale of their own: the smallest that the kernels know, hence the best
LARGEST = 15  # code of 4 bits
MIDDLE = 8  # the code that stands for `zero`, as the kernels have it: weight = (code - 8) * scale + zero
ROUNDS = 4  # of fitting scale and zero to the codes and the codes to them; more changes nothing that can be measured
# Weights that are rounded at once: few enough for a CPU's cache, and for what a GPU has free (some 160 MB).
AT_ONCE = {"cpu": 1 << 18, "cuda": 1 << 22}
EXACT = 1e-4  # of the squares of the weights: the squared error of weights that lie on a grid already
SHRUNK = (1.0, 0.9, 0.8)  # parts of a group's range to try: a far outlier may be worth cutting


@dataclass(frozen=True, slots=True)
class Rows:
    """A weight in 8 bits: codes (N, K) int8, scales (N,) bf16."""

    codes: torch.Tensor
    scales: torch.Tensor

    def weight(self) -> torch.Tensor:
        """Return the weight that the codes stand for, (N, K) in fp32."""
        return self.codes.float() * self.scales.float()[:, None]


@dataclass(frozen=True, slots=True)
class Groups:
    """A weight in 4 bits: codes (N, K) uint8, scales and zeros (N, G) bf16."""

    codes: torch.Tensor
    scales: torch.Tensor
    zeros: torch.Tensor

    def weight(self) -> torch.Tensor:
        """Return the weight that the codes stand for, (N, K) in fp32."""
        codes = self.codes.float().view(*self.scales.shape, -1) - MIDDLE  # (N, G, group)
        weight = codes * self.scales.float()[..., None] + self.zeros.float()[..., None]
        return weight.flatten(1)

    def parts(self) -> Iterator[Groups]:
        """Yield the rows in the parts that `row_parts` makes."""
        start = 0
        for codes in row_parts(self.codes):
            rows = slice(start, start + len(codes))
            yield Groups(codes, self.scales[rows], self.zeros[rows])
            start = rows.stop


def to_rows(weight: torch.Tensor) -> Rows:
    """Round a weight (N, K) to 8 bits with one scale a row."""
    parts = [_rounded_rows(part.float()) for part in row_parts(weight)]
    codes, scales = (torch.cat(found) for found in zip(*parts, strict=True))
    return Rows(codes, scales)


def row_parts(weight: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Return a weight's rows in parts of 64 at least, so that what is computed of each takes little memory."""
    return torch.split(weight, max(1, AT_ONCE[weight.device.type] // (64 * weight.shape[1])) * 64)


def _rounded_rows(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    scales = _bf16((weight.abs().amax(1) / 127).clamp_min(1e-30))  # (N,)
    codes = (weight / scales[:, None]).round().clamp(-127, 127).to(torch.int8)
    return codes, scales.bfloat16()


def to_groups(weight: torch.Tensor, group: int = GROUP) -> Groups:
    """Round a weight (N, K) to 4 bits with a scale and a zero for `group` columns; K must be a multiple of it.

    Each group gets the scale and zero of least squared error among a few ranges and what least squares make of them
    (alternating as in k-means). A group that lies on a grid of 16 levels from its least to its greatest stays as it is.
    """
    parts = [
        _rounded(part.float()) for part in torch.split(weight.reshape(-1, group), AT_ONCE[weight.device.type] // group)
    ]
    codes, scales, zeros = (torch.cat(found).view(len(weight), -1) for found in zip(*parts, strict=True))
    return Groups(codes, scales, zeros)


def _rounded(groups: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the codes (P, group) of groups of fp32 weights, and the scale and zero of each, (P,) bf16."""
    best: tuple[torch.Tensor, ...] | None = None
    for part in SHRUNK:
        scale, zero = _range(groups, part)
        for _ in range(ROUNDS + 1):
            codes = ((groups - zero) / scale + MIDDLE).round().clamp(0, LARGEST)
            error = ((codes - MIDDLE) * scale + zero - groups).square().sum(-1, keepdim=True)
            found = (error, scale, zero, codes)
            if best is None:
                best = found
            else:
                better = error < best[0]
                best = tuple(torch.where(better, new, old) for new, old in zip(found, best, strict=True))
            scale, zero = _least_squares(groups, codes)
        assert best is not None
        if best[0].sum() <= EXACT * groups.square().sum():
            break
    assert best is not None
    _, scale, zero, codes = best
    return codes.to(torch.uint8), scale[:, 0].bfloat16(), zero[:, 0].bfloat16()


def _range(groups: torch.Tensor, part: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Return scale and zero, (P, 1), that spread the codes over the middle `part` of each group's range."""
    least, most = groups.amin(-1, keepdim=True), groups.amax(-1, keepdim=True)
    scale = _bf16(((most - least) * part / LARGEST).clamp_min(1e-30))
    return scale, _bf16((least + most) / 2 + scale * (MIDDLE - LARGEST / 2))


def _least_squares(groups: torch.Tensor, codes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the scale and zero, (P, 1), with which the codes come nearest to the weights."""
    code, weight = codes.mean(-1, keepdim=True), groups.mean(-1, keepdim=True)
    spread = (codes - code).square().mean(-1, keepdim=True).clamp_min(1e-12)
    scale = ((codes - code) * (groups - weight)).mean(-1, keepdim=True) / spread
    scale = _bf16(scale.clamp_min(1e-30))  # codes rise with the weights, so this is positive
    return scale, _bf16(weight - (code - MIDDLE) * scale)


def _bf16(values: torch.Tensor) -> torch.Tensor:
    return values.bfloat16().float()
