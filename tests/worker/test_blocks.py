"""Blocks against the layers of transformers that they stand in for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from codefuse_lsp.worker.blocks import LlamaBlock, put_blocks
from codefuse_lsp.worker.linear import PackedLinear, plain

SMALL = {
    "vocab_size": 99,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
}
SCALED = {"rope_type": "llama3", "rope_theta": 10_000.0, "factor": 8.0, "low_freq_factor": 1.0}
SCALED |= {"high_freq_factor": 4.0, "original_max_position_embeddings": 64}
KNOWN: dict[str, dict[str, Any]] = {
    "llama": {"attention_bias": True, "mlp_bias": True},
    "llama with stretched positions": {"model_type": "llama", "rope_parameters": SCALED},
    "mistral": {"head_dim": 16, "sliding_window": None},
    "qwen2": {},
    "qwen3": {"head_dim": 16},
}
OTHERS: dict[str, dict[str, Any]] = {"gemma": {"head_dim": 16}, "olmo2": {}, "gpt_neox": {}, "granite": {}, "phi3": {}}


def block(layer: Any) -> LlamaBlock:
    return LlamaBlock(layer, lambda linears: PackedLinear(linears, plain))


def make(family: str, options: dict[str, Any], dtype: torch.dtype = torch.float32) -> Any:
    torch.manual_seed(0)
    name = options.get("model_type", family)
    rest = {key: value for key, value in options.items() if key != "model_type"}
    config = AutoConfig.for_model(name, **{**SMALL, "pad_token_id": 0, **rest})
    model = AutoModelForCausalLM.from_config(config, dtype=dtype, attn_implementation="sdpa").eval()
    for parameter in model.parameters():  # norms of one and biases of zero would hide that they are left out
        parameter.data = parameter.data + 0.2 * torch.randn_like(parameter)
    return model


@pytest.mark.parametrize("family", KNOWN)
@pytest.mark.parametrize("tokens", [1, 40])
@torch.inference_mode()
def test_a_model_of_blocks_says_what_its_own_layers_say(family: str, tokens: int) -> None:
    model = make(family, KNOWN[family])
    ids = torch.randint(0, 99, (1, tokens))
    expected = model(ids, use_cache=False).logits
    assert put_blocks(model, block)
    assert all(type(layer) is LlamaBlock for layer in model.model.layers)
    torch.testing.assert_close(model(ids, use_cache=False).logits, expected, rtol=1e-4, atol=1e-4)


@torch.inference_mode()
def test_blocks_go_on_from_a_cache_of_transformers_own() -> None:
    model = make("llama", {})
    ids, options = torch.randint(1, 99, (1, 12)), {"max_new_tokens": 20, "do_sample": False}
    expected = model.generate(ids, **options)
    put_blocks(model, block)
    assert torch.equal(model.generate(ids, **options), expected)


@pytest.mark.parametrize("family", OTHERS)
def test_layers_that_compute_something_else_are_left_alone(family: str) -> None:
    model = make(family, OTHERS[family])
    before = [type(module) for module in model.modules()]
    assert not put_blocks(model, block)
    assert [type(module) for module in model.modules()] == before


def test_layers_with_a_part_that_was_not_there_before_are_left_alone() -> None:
    model = make("llama", {})
    model.model.layers[1].mlp.gate_norm = torch.nn.LayerNorm(48)
    assert not put_blocks(model, block)
    model = make("llama", {"hidden_act": "gelu"})
    assert not put_blocks(model, block)


@pytest.mark.real_model
@torch.inference_mode()
def test_in_bf16_the_real_models_logits_are_the_same_bits(smollm2: Path) -> None:
    model: Any = AutoModelForCausalLM.from_pretrained(smollm2, dtype=torch.bfloat16)
    ids = torch.arange(100, 140)[None]
    expected = model(ids, use_cache=False).logits
    assert put_blocks(model, block)
    assert torch.equal(model(ids, use_cache=False).logits, expected)
