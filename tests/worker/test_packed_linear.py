from __future__ import annotations

import pytest
import torch

from codefuse_lsp.worker import packed_linear
from codefuse_lsp.worker.packed_linear import Int4Linear, Int8Linear, block_of, joined, pack, unpack
from codefuse_lsp.worker.rounding import Groups, to_groups, to_rows

CPU = torch.device("cpu")


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def stray(layer: torch.nn.Module, inputs: torch.Tensor, weight: torch.Tensor) -> float:
    """Return how far a layer's output is from the product with a weight, as a part of it."""
    wanted = inputs.float() @ weight.T
    return float((layer(inputs).float() - wanted).norm() / wanted.norm())


@pytest.mark.parametrize("rows", [1, 7, 15, 16, 95, 96, 300])
@pytest.mark.parametrize(("outputs", "inputs"), [(64, 64), (192, 576), (48, 96), (400, 32)])
def test_both_layers_multiply_by_the_weights_that_they_stand_for(rows: int, outputs: int, inputs: int) -> None:
    weight = random(outputs, inputs)
    x = random(rows, inputs, seed=1).bfloat16()
    assert stray(Int8Linear(to_rows(weight)), x, to_rows(weight).weight()) < 0.005
    assert stray(Int4Linear(to_groups(weight)), x, to_groups(weight).weight()) < 0.005


@pytest.mark.parametrize("rows", [2, 200])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_a_layer_stands_in_for_a_linear_one(rows: int, dtype: torch.dtype) -> None:
    weight, bias = random(128, 64), random(128, seed=2).to(dtype)
    x = random(3, rows, 64, seed=1).to(dtype)
    for layer, meant in (
        (Int8Linear(to_rows(weight), bias), to_rows(weight).weight()),
        (Int4Linear(to_groups(weight), bias), to_groups(weight).weight()),
    ):
        assert (layer.in_features, layer.out_features) == (64, 128)
        got = layer(x)
        assert got.dtype == dtype and got.shape == (3, rows, 128)
        wanted = torch.nn.functional.linear(x.float(), meant, bias.float())
        assert (got.float() - wanted).norm() < 0.01 * wanted.norm()


def test_inputs_need_not_lie_in_order() -> None:
    weight = random(64, 64)
    x = random(64, 9, seed=1).bfloat16().T
    assert stray(Int8Linear(to_rows(weight)), x, to_rows(weight).weight()) < 0.005
    assert stray(Int4Linear(to_groups(weight)), x, to_groups(weight).weight()) < 0.005


def test_columns_rounded_in_another_order_meet_their_inputs() -> None:
    weight, x = random(64, 96), random(5, 96, seed=1).bfloat16()
    order = torch.randperm(96, generator=torch.Generator().manual_seed(3))
    groups = to_groups(weight[:, order])
    meant = torch.empty_like(weight)
    meant[:, order] = groups.weight()
    assert stray(Int4Linear(groups, order=order), x, meant) < 0.005


@pytest.mark.parametrize(("group", "kernels"), [(32, 32), (64, 64), (96, 32), (192, 64), (384, 128), (512, 256)])
def test_groups_that_the_kernels_do_not_know_are_cut_smaller(group: int, kernels: int) -> None:
    weight, x = random(32, 2 * group), random(4, 2 * group, seed=1).bfloat16()
    groups = to_groups(weight, group)
    layer = Int4Linear(groups)
    assert layer.group == kernels
    assert stray(layer, x, groups.weight()) < 0.005


def test_groups_that_cannot_be_cut_are_refused() -> None:
    weight = random(16, 48)
    with pytest.raises(ValueError, match="groups of 24 columns"):
        Int4Linear(to_groups(weight, 24))


def test_what_was_packed_is_unpacked() -> None:
    codes = torch.randint(0, 16, (192, 160), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    block = block_of(CPU, 192, 160)
    assert block is not None, "this torch packs in an order that is not known, and prefill is slow"
    blocks = pack(codes).reshape(192 // block[0], -1)
    assert torch.equal(unpack(blocks, block).T.to(torch.uint8), codes)


def test_without_a_known_order_the_packed_kernel_does_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed_linear, "block_of", lambda *_: None)
    groups = to_groups(random(64, 64))
    assert stray(Int4Linear(groups), random(300, 64, seed=1).bfloat16(), groups.weight()) < 0.005


def test_a_weight_is_unpacked_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    groups, rows = to_groups(random(320, 64)), to_rows(random(320, 64))
    x = random(300, 64, seed=1).bfloat16()
    whole = Int4Linear(groups)(x), Int8Linear(rows)(x)
    monkeypatch.setattr(packed_linear, "PART", {"cpu": 64 * 64 * 2})
    parts = Int4Linear(groups)(x), Int8Linear(rows)(x)
    for one, other in zip(whole, parts, strict=True):
        assert (one - other).norm() < 0.01 * one.norm()


def test_a_layer_tells_the_weight_that_it_means() -> None:
    rows, groups = to_rows(random(64, 96)), to_groups(random(64, 96))
    assert torch.equal(Int8Linear(rows).dequantized(), rows.weight())
    assert torch.allclose(Int4Linear(groups).dequantized(), groups.weight(), atol=0.02)


def test_memory_is_what_the_names_say() -> None:
    weight = random(512, 512)

    def size(layer: torch.nn.Module) -> float:
        return sum(buffer.nbytes for buffer in layer.buffers()) / weight.numel()

    assert size(Int8Linear(to_rows(weight))) < 1.01
    assert size(Int4Linear(to_groups(weight))) == 0.5 + 4 / 32
    assert isinstance(to_groups(weight), Groups)


@pytest.mark.parametrize("bits", [8, 4])
def test_layers_that_read_the_same_are_joined_into_one_that_gives_what_all_give(bits: int) -> None:
    weights, x = [random(64, 96, seed=1), random(128, 96, seed=2)], random(3, 96, seed=3)
    biases = [None, random(128, seed=4).bfloat16()]
    pairs = list(zip(weights, biases, strict=True))
    layers = [Int8Linear(to_rows(w), b) if bits == 8 else Int4Linear(to_groups(w), b) for w, b in pairs]
    torch.testing.assert_close(joined(layers)(x), torch.cat([layer(x) for layer in layers], 1))
    assert layers[0](x).shape == (3, 64), "the layers themselves are left as they were"
