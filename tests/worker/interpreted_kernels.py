"""What Triton's interpreter makes of the kernels; `test_cuda_ops` runs this file with the interpreter switched on."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from codefuse_lsp.worker import cuda, cuda_ops
from codefuse_lsp.worker.kv_cache import SlotPool
from codefuse_lsp.worker.runner import Runner, Work

SMALL = {
    "vocab_size": 99,
    "hidden_size": 64,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "pad_token_id": 0,
}
FAMILIES: dict[str, dict[str, Any]] = {
    "llama": {"attention_bias": True, "mlp_bias": True},
    "qwen3": {"use_sliding_window": True, "sliding_window": 7, "max_window_layers": 1},
}
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(autouse=True)
def few_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda_ops, "PROGRAMS", 8)  # each takes milliseconds here


def test_each_kernel_gives_what_torchs_operators_give() -> None:
    assert max(cuda_ops.errors(torch.device("cpu"), torch.float32)) < 1e-5


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda_ops, "serve", lambda device, dtype: True)


def model_of(family: str) -> Any:
    torch.manual_seed(0)
    config = AutoConfig.for_model(family, **SMALL, **FAMILIES[family])
    model = AutoModelForCausalLM.from_config(config).eval()
    for parameter in model.parameters():  # norms of one and biases of zero would hide that they are left out
        parameter.data = parameter.data + 0.2 * torch.randn_like(parameter)
    return model


def runner_of(model: Any) -> tuple[Runner, SlotPool]:
    pool = SlotPool(3, 64)
    return Runner(model, pool.cache), pool


@pytest.mark.parametrize("family", FAMILIES)
def test_rows_of_a_fixed_shape_get_the_logits_of_a_pass_of_their_own(family: str, served: None) -> None:
    model = model_of(family)
    plain, its_slots = runner_of(copy.deepcopy(model))
    plain._most_rows = 1
    cuda.make_ready(model)
    assert all(type(layer) is cuda.CudaBlock for layer in model.model.layers)
    ours, slots = runner_of(model)
    ours._fixed_shapes, ours._graphs._records, ours._most_rows = True, False, 4
    ours.try_out(slots.slots[0])
    ids = torch.randint(0, 99, (30,)).tolist()
    for new in (ids, [5], [6, 7, 8], [9]):
        beside = Work(slots.slots[2], [1, 2])
        wanted = plain.forward([Work(its_slots.slots[1], new, len(new))])[0]
        found = ours.forward([beside, Work(slots.slots[1], new, len(new))])[1]
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)


def test_weights_that_are_joined_are_not_held_twice(served: None) -> None:
    model = model_of("llama")
    layer = copy.copy(model.model.layers[0])
    cuda.make_ready(model)
    query = layer.self_attn.q_proj.weight
    assert query.data_ptr() == model.model.layers[0].qkv.weight.data_ptr()
    assert query.untyped_storage().nbytes() == model.model.layers[0].qkv.weight.nbytes
