from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from codefuse_lsp.worker import linear
from codefuse_lsp.worker.linear import Pack, PackedLinear, as_half, in_order, pack_linears, packing, plain

KINDS = {"bfloat16": in_order, "float16": as_half}


@pytest.fixture(params=KINDS)
def pack(request: pytest.FixtureRequest) -> Pack:
    if packing(request.param) is None:
        pytest.skip(f"THIS CPU HAS NO PACKED LINEAR LAYERS OF {request.param.upper()}")
    return KINDS[request.param]


def dtype_of(pack: Pack) -> torch.dtype:
    return torch.bfloat16 if pack is in_order else torch.float32


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("tokens", [1, 2, 7, 300])
def test_packed_layers_compute_what_plain_ones_do(pack: Pack, bias: bool, tokens: int) -> None:
    torch.manual_seed(0)
    layer, x = nn.Linear(64, 32, bias, dtype=dtype_of(pack)), torch.randn(1, tokens, 64, dtype=dtype_of(pack))
    with torch.inference_mode():
        torch.testing.assert_close(PackedLinear([layer], pack)(x), layer(x), rtol=0.02, atol=0.02)


def test_layers_that_are_joined_give_their_results_side_by_side() -> None:
    layers = [nn.Linear(8, 5), nn.Linear(8, 3, bias=False), nn.Linear(8, 2)]
    joined, x = PackedLinear(layers, plain), torch.randn(4, 8)
    torch.testing.assert_close(joined(x), torch.cat([layer(x) for layer in layers], -1))
    assert (joined.in_features, joined.out_features) == (8, 10)


def test_every_plain_linear_layer_of_a_model_is_packed_and_nothing_else() -> None:
    model = nn.ModuleDict({"a": nn.Linear(8, 8), "inner": nn.Sequential(nn.Linear(8, 4), nn.LayerNorm(4))})
    pack_linears(model, plain)
    assert [type(module) for module in model.modules() if not list(module.children())] == [
        PackedLinear,
        PackedLinear,
        nn.LayerNorm,
    ]


half = pytest.mark.skipif(packing("float16") is None, reason="THIS CPU HAS NO PACKED LINEAR LAYERS OF FLOAT16")


@half
@given(st.integers(1, 40), st.integers(1, 40), st.integers(-30, 12), st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_fp16_loses_nothing_of_bf16_weights_that_a_model_could_have(
    rows: int, columns: int, size: int, seed: int
) -> None:
    numbers = torch.Generator().manual_seed(seed)
    weight = (torch.randn(rows, columns, generator=numbers) * 2.0**size).bfloat16()
    found = as_half(weight, None)(torch.eye(columns))  # (K, N): the weight itself
    torch.testing.assert_close(found, weight.float().T, rtol=0, atol=6e-8)


@half
@pytest.mark.filterwarnings("error")
def test_weights_too_large_for_fp16_stay_in_fp32() -> None:
    weight = torch.tensor([[1e6, 1.0], [0.0, -3e38]])
    torch.testing.assert_close(as_half(weight, None)(torch.eye(2)), weight.T, rtol=0, atol=0)


@pytest.mark.parametrize("broken", [AttributeError("gone"), RuntimeError("no such instruction"), None])
def test_a_machine_whose_operators_are_missing_or_wrong_keeps_plain_layers(broken: Exception | None) -> None:
    def pack(weight: torch.Tensor, bias: torch.Tensor | None) -> Callable[[torch.Tensor], torch.Tensor]:
        if broken:
            raise broken
        return lambda x: plain(weight, bias)(x) * 1.1

    assert not linear._works(pack)


def test_formats_for_which_plain_layers_serve_are_not_packed() -> None:
    assert packing("float32") is None
