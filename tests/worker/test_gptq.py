"""GPTQ checkpoints, written here from the description of the format and not by what reads them."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from codefuse_lsp.config import Settings
from codefuse_lsp.errors import ModelError
from codefuse_lsp.worker import cpu, quantization
from codefuse_lsp.worker.gptq import Format, read_format
from codefuse_lsp.worker.loader import load
from codefuse_lsp.worker.packed_linear import Int4Linear
from codefuse_lsp.worker.preflight import preflight
from tests.conftest import write_tiny_tokenizer

IDS = torch.tensor([[1, 5, 9, 300, 17, 42, 8, 99, 250, 3]])

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")


@dataclass(frozen=True)
class Recipe:
    """How a checkpoint is to be rounded and stored."""

    group_size: int = 64
    act_order: bool = False
    symmetric: bool = False
    version: int = 1
    as_bin: bool = False
    own_file: bool = False  # quantize_config.json, as AutoGPTQ wrote it
    intermediate: int = 256

    def facts(self) -> dict[str, Any]:
        facts = {"bits": 4, "group_size": self.group_size, "desc_act": self.act_order, "sym": self.symmetric}
        if self.version == 2:
            facts["checkpoint_format"] = "gptq_v2"
        return facts if self.own_file else facts | {"quant_method": "gptq"}


def pack_rows(values: np.ndarray) -> np.ndarray:
    """Pack eight successive rows of 4-bit numbers into one row of int32, the first in the lowest bits."""
    words = np.zeros((len(values) // 8, values.shape[1]), np.uint32)
    for i, row in enumerate(values.astype(np.uint32)):
        words[i // 8] |= row << (4 * (i % 8))
    return words.view(np.int32)


def rounded(weight: np.ndarray, recipe: Recipe, seed: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return the tensors of one layer, and the weight (outputs, inputs) that they stand for."""
    numbers = np.random.default_rng(seed)
    outputs, inputs = weight.shape
    size = inputs if recipe.group_size == -1 else recipe.group_size
    group_of = np.arange(inputs) // size
    if recipe.act_order:
        numbers.shuffle(group_of)
    scales = np.zeros((-(-inputs // size), outputs), np.float16)
    zeros = np.zeros(scales.shape, np.int64)
    codes = np.zeros((inputs, outputs), np.int64)
    meant = np.zeros((inputs, outputs), np.float32)
    for g in range(len(scales)):
        columns = np.flatnonzero(group_of == g)
        part = weight.T[columns]  # (size, outputs)
        if recipe.symmetric:
            scales[g] = 2 * np.abs(part).max(0) / 15
            zeros[g] = 8
        else:
            least, most = np.minimum(part.min(0), 0), np.maximum(part.max(0), 0)
            scales[g] = (most - least) / 15
            zeros[g] = np.clip(np.round(-least / scales[g]), 0, 15)
        codes[columns] = np.clip(np.round(part / scales[g].astype(np.float32)) + zeros[g], 0, 15)
        meant[columns] = scales[g].astype(np.float32) * (codes[columns] - zeros[g])
    stored_zeros = zeros if recipe.version == 2 else (zeros - 1) % 16
    return {
        "qweight": pack_rows(codes),
        "qzeros": np.ascontiguousarray(pack_rows(stored_zeros.T).T),
        "scales": scales,
        "g_idx": group_of.astype(np.int32),
    }, meant.T


def write_checkpoint(folder: Path, recipe: Recipe) -> Any:
    """Write a small Llama as GPTQ rounds it, and return the model that it stands for, in fp32."""
    from transformers import LlamaConfig, LlamaForCausalLM

    folder.mkdir()
    config = LlamaConfig(
        vocab_size=write_tiny_tokenizer(folder),
        hidden_size=128,
        intermediate_size=recipe.intermediate,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        initializer_range=0.1,
        bos_token_id=1,
        eos_token_id=2,
        dtype="float32",
    )
    with torch.random.fork_rng():
        torch.manual_seed(7)
        model = LlamaForCausalLM(config).eval()
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    for i, (name, module) in enumerate(model.named_modules()):
        if isinstance(module, torch.nn.Linear) and name != "lm_head":
            tensors, meant = rounded(module.weight.detach().numpy(), recipe, i)
            module.weight.data = torch.from_numpy(np.ascontiguousarray(meant))
            del state[f"{name}.weight"]
            state |= {f"{name}.{key}": torch.from_numpy(value) for key, value in tensors.items()}
    if recipe.as_bin:
        torch.save(state, folder / "pytorch_model.bin")
    else:
        save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    told = config.to_dict() | {"architectures": ["LlamaForCausalLM"]}
    if recipe.own_file:
        (folder / "quantize_config.json").write_text(json.dumps(recipe.facts()))
    else:
        told["quantization_config"] = recipe.facts()
    (folder / "config.json").write_text(json.dumps(told))
    return model


def loaded(folder: Path, **changes: Any) -> Any:
    return load(replace(Settings(model=str(folder), device="cpu"), **changes), lambda message, part: None).model


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(),
        Recipe(group_size=32),
        Recipe(group_size=128, symmetric=True),
        Recipe(group_size=-1),
        Recipe(act_order=True),
        Recipe(group_size=32, act_order=True, version=2),
        Recipe(group_size=-1, act_order=True, symmetric=True),
        Recipe(as_bin=True, own_file=True, act_order=True),
        Recipe(group_size=96, version=2),  # 128 and 256 columns are no multiples: the last group is short
        Recipe(group_size=48),  # the kernels know no such group, nor a part of it
        Recipe(group_size=16, intermediate=272),  # nor widths like this
    ],
    ids=str,
)
def test_a_checkpoint_means_what_its_tensors_say(
    tmp_path: Path, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cpu, "put_blocks", lambda *_: False)  # which would join layers that are looked at one by one
    wanted = write_checkpoint(tmp_path / "model", recipe)
    found = loaded(tmp_path / "model")
    for name, module in wanted.named_modules():
        if isinstance(module, torch.nn.Linear) and name != "lm_head":
            layer = found.get_submodule(name)
            x = torch.randn(7, module.in_features, generator=torch.Generator().manual_seed(1))
            with torch.inference_mode():
                ours, theirs = layer(x), module(x)
            assert (ours - theirs).norm() < 0.01 * theirs.norm(), name
    with torch.inference_mode():
        ours, theirs = found(IDS).logits, wanted(IDS).logits
    assert (ours - theirs).norm() < 0.02 * theirs.norm()


def test_linear_layers_are_packed_in_four_bits(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "model", Recipe(group_size=32, act_order=True))
    model = loaded(tmp_path / "model")
    assert all(isinstance(layer.mlp.up_proj, Int4Linear) for layer in model.model.layers)
    assert model.model.layers[0].mlp.up_proj.order is not None
    assert type(model.lm_head) is torch.nn.Linear
    assert not any(parameter.requires_grad for parameter in model.parameters())


def test_its_size_is_counted_as_it_lies_there(tmp_path: Path) -> None:
    for recipe in (Recipe(), Recipe(own_file=True)):
        folder = tmp_path / str(recipe.own_file)
        write_checkpoint(folder, recipe)
        size = (folder / "model.safetensors").stat().st_size
        assert preflight(folder, Settings(device="cpu", kv_slots=1)).weight_bytes == size


def test_a_plain_checkpoint_is_none_of_this(tiny_llama: Path) -> None:
    assert read_format(tiny_llama) is None


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"bits": 8}, "rounded to 8 bits by GPTQ; only 4 are read"),
        ({"checkpoint_format": "marlin"}, "in the format marlin; only gptq and gptq_v2 are read"),
        ({"dynamic": {"-:lm_head": {}}}, "rules that differ by layer"),
        ({"group_size": 0}, "its group_size is 0"),
        ({"group_size": "64"}, "its group_size is 64; it must be a number"),
    ],
)
def test_a_kind_that_is_not_read_is_told(tmp_path: Path, facts: dict[str, Any], said: str) -> None:
    folder = tmp_path / "model"
    write_checkpoint(folder, Recipe())
    config = json.loads((folder / "config.json").read_text())
    config["quantization_config"] |= facts
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match=said):
        loaded(folder)


def test_how_it_was_stored_is_read(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "a", Recipe(group_size=128, own_file=True))
    write_checkpoint(tmp_path / "b", Recipe(version=2))
    assert read_format(tmp_path / "a") == Format(128, zero_offset=1, head=False)
    assert read_format(tmp_path / "b") == Format(64, zero_offset=0, head=False)


def test_a_group_that_is_not_there_is_told(tmp_path: Path) -> None:
    from safetensors.torch import load_file

    folder = tmp_path / "model"
    write_checkpoint(folder, Recipe())
    state = load_file(folder / "model.safetensors")
    state["model.layers.1.mlp.up_proj.g_idx"][3] = 9
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"layers\.1\.mlp\.up_proj\.g_idx names a group that is not there"):
        loaded(folder)


def test_another_group_size_than_the_tensors_have_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    write_checkpoint(folder, Recipe())
    config = json.loads((folder / "config.json").read_text())
    config["quantization_config"]["group_size"] = 32
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match=r"do not fit its config\.json"):
        loaded(folder)


def test_it_is_not_quantised_a_second_time(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "model", Recipe(own_file=True))
    with pytest.raises(ModelError, match=r"is quantised already \(gptq\); set quantization = none"):
        loaded(tmp_path / "model", quantization="int8")


def test_without_kernels_that_serve_it_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_checkpoint(tmp_path / "model", Recipe())
    monkeypatch.setattr(quantization, "why_not", lambda kind, device: "no such operator")
    with pytest.raises(ModelError, match=r"holds 4-bit weights, which do not work on this cpu \(no such operator\)"):
        loaded(tmp_path / "model")
