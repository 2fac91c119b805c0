"""One number of one request must not end the step that all others share."""

from __future__ import annotations

import pytest
import torch

from codefuse_lsp.worker.sampler import choose


@pytest.mark.parametrize("temperature", [1e-5, 1e-300, 1e-308, 5e-324])
@pytest.mark.parametrize("top_p", [1.0, 0.5, 0.01])
def test_next_to_no_temperature_is_greedy(temperature: float, top_p: float) -> None:
    logits = torch.tensor([1.0, -torch.inf, 9.0, 8.0])
    assert choose(logits, temperature, top_p, torch.Generator().manual_seed(0)) == 2


def test_a_temperature_of_one_chooses_by_probability() -> None:
    generator = torch.Generator().manual_seed(0)
    chosen = [choose(torch.tensor([0.0, 0.0, -torch.inf]), 1.0, 1.0, generator) for _ in range(200)]
    assert 60 < chosen.count(0) < 140 and chosen.count(2) == 0
