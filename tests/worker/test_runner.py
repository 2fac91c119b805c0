"""The packed pass over slots against each model's own attention and cache, family by family."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoConfig, AutoModelForCausalLM

from codefuse_lsp.errors import ModelError
from codefuse_lsp.worker.cpu import make_ready
from codefuse_lsp.worker.kv_cache import SlotPool
from codefuse_lsp.worker.runner import Abandoned, Runner, Work, _fits_kernels

SMALL = {
    "vocab_size": 99,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
WINDOW = {"sliding_window": 8, "use_sliding_window": True, "max_window_layers": 0}
FAMILIES: dict[str, dict[str, Any]] = {
    "llama": {},
    "mistral": {"sliding_window": 8},
    "qwen2": {},
    "qwen2 with a window": {"model_type": "qwen2", **WINDOW},
    "qwen3": {"head_dim": 16},
    "qwen3_moe": {"head_dim": 16, "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16},
    "starcoder2": {"sliding_window": 8},
    "gemma": {"head_dim": 16},
    "gemma2": {"head_dim": 16, "sliding_window": 8, "query_pre_attn_scalar": 16},
    "gemma3_text": {"head_dim": 16, "sliding_window": 8, "query_pre_attn_scalar": 16},
    "phi3": {},
    "granite": {},
    "olmo2": {},
    "cohere": {},
    "stablelm": {},
    "gpt_neox": {"num_key_value_heads": None},
    "gpt2": {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 256},
}


LATENT = {
    "model_type": "deepseek_v2",
    "first_k_dense_replace": 2,
    "q_lora_rank": None,
    "kv_lora_rank": 16,
    "qk_nope_head_dim": 8,
    "qk_rope_head_dim": 8,
    "v_head_dim": 12,
    "num_key_value_heads": 4,
}


def models(family: str, changes: dict[str, Any] | None = None, on: str = "") -> tuple[Any, Any]:
    """Return the same random model twice: as transformers runs it, and for the runner, perhaps made ready for a CPU."""
    changes = dict(FAMILIES[family] if changes is None else changes)
    kind = changes.pop("model_type", family)
    made = []
    for _ in range(2):
        torch.manual_seed(1)
        config = AutoConfig.for_model(kind, **{k: v for k, v in {**SMALL, **changes}.items() if v is not None})
        model = AutoModelForCausalLM.from_config(config, attn_implementation="eager", dtype=torch.float32)
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter.data, std=0.2)
        made.append(model.eval())
    made[1].load_state_dict(made[0].state_dict())
    if on == "cpu":
        make_ready(made[1], "float32")
    return made[0], made[1]


@pytest.mark.parametrize("on", ["cpu", "any device"])
@pytest.mark.parametrize("family", list(FAMILIES))
def test_texts_packed_together_get_the_logits_that_each_gets_alone(family: str, on: str) -> None:
    plain, driven = models(family, on=on)
    pool = SlotPool(3, 128)
    runner = Runner(driven, pool.cache)
    texts = [[(7 * n + 3 * i) % 90 + 5 for i in range(length)] for n, length in enumerate((40, 9, 25))]
    slots = [pool.acquire(text) for text in texts]
    runner.forward([Work(slot, text[:4]) for slot, text in zip(slots, texts, strict=True)])
    runner.forward([Work(slots[0], texts[0][4:30]), Work(slots[1], texts[1][4:5])])
    results = runner.forward([Work(s, t[len(s.token_ids) :], 2) for s, t in zip(slots, texts, strict=True)])
    for text, slot, logits in zip(texts, slots, results, strict=True):
        with torch.inference_mode():
            expected = plain(torch.tensor([text])).logits[0, -2:]
        torch.testing.assert_close(logits, expected, rtol=1e-3, atol=1e-3)
        assert slot.token_ids == text


@pytest.mark.parametrize("family", list(FAMILIES))
def test_a_batch_of_a_fixed_shape_gets_the_logits_that_each_text_gets_alone(family: str) -> None:
    plain, driven = models(family)
    pool = SlotPool(4, 128)
    runner = Runner(driven, pool.cache)
    texts = [[(7 * n + 3 * i) % 90 + 5 for i in range(length)] for n, length in enumerate((40, 9, 25))]
    slots = [pool.acquire(text) for text in texts]
    runner.forward([Work(slot, text[:-2]) for slot, text in zip(slots, texts, strict=True)])
    runner.decode([Work(slot, text[-2:-1]) for slot, text in zip(slots, texts, strict=True)])
    results = runner.decode([Work(slot, text[-1:]) for slot, text in zip(slots[::-1], texts[::-1], strict=True)])
    for text, slot, logits in zip(texts, slots, results[::-1], strict=True):
        with torch.inference_mode():
            expected = plain(torch.tensor([text])).logits[0, -1:]
        torch.testing.assert_close(logits, expected, rtol=1e-3, atol=1e-3)
        assert slot.token_ids == text


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=6))
def test_a_text_cut_in_pieces_anyhow_gets_the_same_logits(pieces: list[int]) -> None:
    plain, driven = LLAMA
    pool = SlotPool(1, 256)
    runner = Runner(driven, pool.cache)
    text = [(3 * i) % 90 + 5 for i in range(sum(pieces))]
    slot = pool.acquire(text)
    for piece in pieces:
        done = len(slot.token_ids)
        (logits,) = runner.forward([Work(slot, text[done : done + piece])])
    with torch.inference_mode():
        expected = plain(torch.tensor([text])).logits[0, -1:]
    torch.testing.assert_close(logits, expected, rtol=1e-3, atol=1e-3)
    runner.close()


LLAMA = models("llama")


def test_a_pass_that_is_given_up_between_layers_leaves_the_slot_as_it_was() -> None:
    _, driven = models("llama")
    pool = SlotPool(1, 128)
    give_up = False

    def between_layers() -> None:
        if give_up:
            raise Abandoned

    runner = Runner(driven, pool.cache, between_layers)
    slot = pool.acquire([5, 6, 7])
    runner.forward([Work(slot, [5, 6])])
    give_up = True
    with pytest.raises(Abandoned):
        runner.forward([Work(slot, [7, 8])])
    give_up = False
    (logits,) = runner.forward([Work(slot, [9])])
    other = pool.slots[0]
    assert other.token_ids == [5, 6, 9]
    other.token_ids = []
    torch.testing.assert_close(runner.forward([Work(other, [5, 6, 9])])[0], logits, rtol=1e-4, atol=1e-4)


def test_a_pass_in_the_middle_of_another_changes_neither() -> None:
    _, driven = models("llama")
    pool = SlotPool(2, 128)
    inner: list[torch.Tensor] = []

    def between_layers() -> None:
        if not inner:
            inner.append(torch.empty(0))
            inner.append(runner.forward([Work(second, [20, 21, 22])])[0])

    runner = Runner(driven, pool.cache, between_layers)
    first, second = pool.acquire([1]), pool.acquire([2])
    (outer,) = runner.forward([Work(first, [10, 11, 12, 13])])
    for slot in (first, second):
        slot.token_ids = []
    torch.testing.assert_close(runner.forward([Work(first, [10, 11, 12, 13])])[0], outer)
    torch.testing.assert_close(runner.forward([Work(second, [20, 21, 22])])[0], inner[1])


def test_a_pass_in_whose_middle_the_cache_was_dropped_is_given_up_even_if_it_was_a_texts_first() -> None:
    _, driven = models("llama")
    pool = SlotPool(1, 128)
    layers = 0

    def between_layers() -> None:
        nonlocal layers
        layers += 1
        if layers == 2:
            pool.clear()

    runner = Runner(driven, pool.cache, between_layers)
    slot = pool.acquire([10, 11, 12])
    with pytest.raises(Abandoned):
        runner.forward([Work(slot, [10, 11, 12])])
    assert slot.token_ids == []


def test_with_fixed_shapes_a_chunk_that_is_given_up_takes_no_token_from_those_who_decode(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, driven = models("llama")
    pool = SlotPool(2, 128)
    give_up = False

    def between_layers() -> None:
        if give_up:
            raise Abandoned

    runner = Runner(driven, pool.cache, between_layers)
    decoding, reading = pool.acquire([10]), pool.acquire([20])
    runner.forward([Work(decoding, [10, 11])])
    monkeypatch.setattr(runner, "_fixed_shapes", True)
    give_up = True
    with pytest.raises(Abandoned):
        runner.forward([Work(decoding, [12]), Work(reading, [20, 21, 22])])
    assert (decoding.token_ids, reading.token_ids) == ([10, 11], [])
    runner.forward([Work(decoding, [12])])  # nothing is called between the layers of a batch of a fixed shape
    assert decoding.token_ids == [10, 11, 12]


def test_a_model_that_is_no_stack_of_layers_is_refused_in_words() -> None:
    model = torch.nn.Module()
    model.config = AutoConfig.for_model("llama", **SMALL)  # type: ignore[assignment]
    model.get_input_embeddings = lambda: torch.nn.Embedding(2, 2)  # type: ignore[assignment]
    model.set_attn_implementation = lambda name: None  # type: ignore[assignment]
    with pytest.raises(ModelError, match="stack of decoder layers"):
        Runner(model, SlotPool(1, 8).cache)


def test_a_model_that_keeps_something_else_than_keys_and_values_is_refused_in_words() -> None:
    _, driven = models("deepseek_v2", LATENT)
    pool = SlotPool(1, 8)
    runner = Runner(driven, pool.cache)
    with pytest.raises(ModelError, match=r"deepseek_v2.*vLLM"):
        runner.try_out(pool.slots[0])
    assert pool.slots[0].token_ids == []


@pytest.mark.parametrize(
    ("family", "changes", "known"),
    [
        ("llama", {"head_dim": 16}, True),
        ("llama", {"head_dim": 8}, False),
        ("gemma2", {"head_dim": 16, "attn_logit_softcapping": 50.0}, False),
        ("gemma3_text", {"head_dim": 16}, True),
        ("deepseek_v3", {"qk_rope_head_dim": 16, "qk_nope_head_dim": 16, "v_head_dim": 32}, False),
    ],
)
def test_kernels_are_asked_of_models_whose_attention_they_compute(
    family: str, changes: dict[str, Any], known: bool
) -> None:
    model = SimpleNamespace(config=AutoConfig.for_model(family, **changes), dtype=torch.bfloat16)
    assert _fits_kernels(model) is known
