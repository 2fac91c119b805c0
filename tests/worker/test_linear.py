from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn
from transformers import AutoModelForCausalLM

from codefuse_lsp.worker import linear
from codefuse_lsp.worker.linear import JoinedLinear, PackedLinear, pack_linears

pytestmark = pytest.mark.skipif(not linear._works(), reason="NO PACKED LINEAR LAYERS in this machine's torch")


class Block(nn.Module):
    def __init__(self, bias: bool) -> None:
        super().__init__()
        self.q_proj = nn.Linear(64, 32, bias)
        self.k_proj = nn.Linear(64, 16, bias)
        self.v_proj = nn.Linear(64, 16, bias)
        self.out = nn.Linear(64, 64, bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(torch.cat((self.q_proj(x), self.k_proj(x), self.v_proj(x)), -1))


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("tokens", [1, 2, 7, 300])
def test_packed_layers_compute_what_plain_ones_do(bias: bool, tokens: int) -> None:
    torch.manual_seed(0)
    block, x = Block(bias).bfloat16(), torch.randn(1, tokens, 64, dtype=torch.bfloat16)
    with torch.inference_mode():
        expected = block(x)
        assert pack_linears(block)
        assert isinstance(block.q_proj, JoinedLinear) and isinstance(block.out, PackedLinear)
        torch.testing.assert_close(block(x), expected, rtol=0.02, atol=0.02)
        torch.testing.assert_close(block(2 * x), block(2 * x.clone()))


def test_layers_in_other_formats_are_left_alone() -> None:
    block = Block(True)
    pack_linears(block)
    assert type(block.out) is nn.Linear


def test_a_machine_without_the_operators_keeps_its_plain_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(weight: torch.Tensor) -> torch.Tensor:
        raise AttributeError("_reorder_linear_weight")

    monkeypatch.setattr(linear, "_pack", missing)
    block = Block(True).bfloat16()
    assert not pack_linears(block)
    assert type(block.out) is nn.Linear


@pytest.mark.real_model
def test_the_real_models_logits_are_the_same_bits(smollm2: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(smollm2, dtype=torch.bfloat16)
    ids = torch.arange(100, 164)[None]
    with torch.inference_mode():
        expected = model(ids).logits
        pack_linears(model)
        assert torch.equal(model(ids).logits, expected)
