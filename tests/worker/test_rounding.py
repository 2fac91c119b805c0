from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from codefuse_lsp.worker import rounding
from codefuse_lsp.worker.rounding import to_groups, to_rows


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def error(rounded: rounding.Rows | rounding.Groups, weight: torch.Tensor) -> float:
    return float((rounded.weight() - weight).norm() / weight.norm())


@given(arrays.arrays("float32", (3, 64), elements=st.floats(-100, 100, width=32)))
def test_eight_bits_are_off_by_half_a_step_at_most(values: object) -> None:
    weight = torch.tensor(values)
    rows = to_rows(weight)
    assert rows.codes.abs().max() <= 127
    # bf16 may round a scale down by 1/256, which cuts the greatest of a row by half a step more.
    assert ((rows.weight() - weight).abs() <= 1.01 * rows.scales.float()[:, None]).all()


@given(arrays.arrays("float32", (3, 64), elements=st.floats(-100, 100, width=32)))
def test_four_bits_are_never_worse_than_plain_rounding(values: object) -> None:
    weight = torch.tensor(values)
    groups = to_groups(weight)
    assert groups.codes.max() <= 15
    parts = weight.view(3, 2, 32)
    step = ((parts.amax(-1) - parts.amin(-1)) / 15)[..., None]
    plain = ((parts - parts.amin(-1, keepdim=True)) / step.clamp_min(1e-30)).round() * step + parts.amin(-1, True)
    slack = 1e-4 + 0.02 * parts.abs().amax(-1).square() * 32  # bf16 scales and zeros
    assert ((groups.weight().view(3, 2, 32) - parts).square().sum(-1) <= (plain - parts).square().sum(-1) + slack).all()


def test_least_squares_beat_plain_rounding_of_natural_weights() -> None:
    weight = random(64, 256)
    parts = weight.view(64, 8, 32)
    least, most = parts.amin(-1, True), parts.amax(-1, True)
    plain = ((parts - least) / (most - least) * 15).round() / 15 * (most - least) + least
    assert error(to_groups(weight), weight) < 0.95 * float((plain - parts).norm() / weight.norm())


def test_weights_on_a_grid_of_sixteen_levels_stay() -> None:
    codes = torch.randint(0, 16, (32, 4, 32), generator=torch.Generator().manual_seed(0))
    codes[..., 0], codes[..., 1] = 0, 15
    weight = (codes * random(32, 4, 1).abs() + random(32, 4, 1)).flatten(1).bfloat16().float()
    assert error(to_groups(weight), weight) < 0.005


def test_rounding_a_part_at_a_time_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    weight = random(48, 96)
    whole = to_groups(weight)
    monkeypatch.setattr(rounding, "AT_ONCE", {"cpu": 256})
    parts = to_groups(weight)
    assert torch.equal(whole.codes, parts.codes) and torch.equal(whole.zeros, parts.zeros)


def test_rows_of_zeros_stay_zero() -> None:
    weight = torch.zeros(16, 64)
    assert torch.equal(to_rows(weight).weight(), weight)
    assert to_groups(weight).weight().abs().max() < 1e-20
