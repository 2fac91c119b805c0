from __future__ import annotations

import json
import shutil
import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from codefuse_lsp.config import Settings
from codefuse_lsp.errors import ModelError, NotEnoughMemory
from codefuse_lsp.generation.request import GenerationRequest
from codefuse_lsp.worker import preflight, quantization
from codefuse_lsp.worker.engine import Engine
from codefuse_lsp.worker.loader import LoadedModel, load
from codefuse_lsp.worker.packed_linear import Int4Linear, Int8Linear

IDS = torch.tensor([[1, 5, 9, 300, 17, 42, 8, 99, 250, 3]])

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")


def loaded(folder: Path, kind: str, **changes: Any) -> LoadedModel:
    settings = replace(Settings(model=str(folder), device="cpu", quantization=kind), **changes)
    return load(settings, lambda message, part: None)


def logits(model: LoadedModel) -> torch.Tensor:
    with torch.inference_mode():
        found: torch.Tensor = model.model(IDS).logits[0].float()
    return found


@pytest.fixture
def bears_int4(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the tiny model count as one of those that are large enough."""
    monkeypatch.setattr(quantization, "SMALLEST_INT4", 0)


@pytest.fixture(scope="session")
def with_biases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random model whose linear layers have biases, and whose head is its embedding."""
    from transformers import Qwen2Config, Qwen2ForCausalLM

    from tests.conftest import write_tiny_tokenizer

    folder = tmp_path_factory.mktemp("models") / "tiny-qwen2"
    folder.mkdir()
    config = Qwen2Config(
        vocab_size=write_tiny_tokenizer(folder),
        hidden_size=64,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        tie_word_embeddings=True,
        dtype="bfloat16",
    )
    with torch.random.fork_rng():
        torch.manual_seed(1)
        model = Qwen2ForCausalLM(config)
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                torch.nn.init.normal_(parameter)
        model.save_pretrained(folder, max_shard_size="50KB")
    return folder


@pytest.mark.usefixtures("bears_int4")
@pytest.mark.parametrize(("kind", "layer", "near"), [("int8", Int8Linear, 0.05), ("int4", Int4Linear, 0.5)])
@pytest.mark.parametrize("name", ["tiny_llama", "with_biases"])
def test_linear_layers_are_packed_and_the_model_stays_near_itself(
    name: str, kind: str, layer: type, near: float, request: pytest.FixtureRequest
) -> None:
    folder = request.getfixturevalue(name)
    model = loaded(folder, kind)
    inner = model.model.model
    assert all(
        isinstance(module, layer)
        for block in inner.layers
        for module in (block.self_attn.q_proj, block.self_attn.o_proj, block.mlp.up_proj, block.mlp.down_proj)
    )
    assert type(model.model.lm_head) is torch.nn.Linear and type(inner.embed_tokens) is torch.nn.Embedding
    plain = logits(loaded(folder, "none"))
    assert (logits(model) - plain).norm() < near * plain.norm()


def test_a_packed_model_is_the_same_at_every_load(with_biases: Path) -> None:
    assert torch.equal(logits(loaded(with_biases, "int8")), logits(loaded(with_biases, "int8")))


def test_bin_files_are_packed_too(with_biases: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    folder = Path(shutil.copytree(with_biases, tmp_path / "model"))
    state = {name: tensor for file in sorted(folder.glob("*.safetensors")) for name, tensor in load_file(file).items()}
    for file in folder.glob("*.safetensors*"):
        file.unlink()
    torch.save(state, folder / "pytorch_model.bin")
    assert torch.equal(logits(loaded(folder, "int8")), logits(loaded(with_biases, "int8")))


@pytest.mark.usefixtures("bears_int4")
def test_a_layer_of_a_width_that_int4_does_not_know_takes_int8(with_biases: Path) -> None:
    assert quantization.fits_int4(64, 96) and not quantization.fits_int4(64, 80) and not quantization.fits_int4(24, 64)
    quantizer = quantization.WeightOnlyQuantizer(quantization.WeightOnly("int4"))
    assert isinstance(quantizer._packed(torch.randn(24, 64)), Int8Linear)


def test_int4_of_a_small_model_is_refused_with_its_reason(tiny_llama: Path) -> None:
    with pytest.raises(
        ModelError, match=r"int4 would spoil this model: .* by 7\.\d%.* set quantization = int8"
    ) as told:
        loaded(tiny_llama, "int4")
    assert "\n" not in str(told.value)


def test_a_weight_of_another_shape_is_told(with_biases: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(with_biases, tmp_path / "model"))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"intermediate_size": 128}))
    with pytest.raises(ModelError, match=r"has the shape \[.*\], not \[.*\]") as told:
        loaded(folder, "int8")
    assert "Traceback" not in str(told.value)


def test_memory_that_runs_out_while_packing_is_told(tiny_llama: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(weight: torch.Tensor) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(quantization, "to_rows", no_room)
    monkeypatch.setattr(quantization, "why_not", lambda kind, device: None)
    with pytest.raises(NotEnoughMemory, match="Memory ran out on cpu"):
        loaded(tiny_llama, "int8")


def test_only_one_weight_is_whole_at_a_time(with_biases: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole: list[Any] = []
    most = 0
    real = quantization.to_rows

    def watched(weight: torch.Tensor) -> Any:
        nonlocal most
        whole.append(weakref.ref(weight.untyped_storage()))
        most = max(most, sum(ref() is not None for ref in whole))
        return real(weight)

    monkeypatch.setattr(quantization, "to_rows", watched)
    monkeypatch.setattr(quantization, "why_not", lambda kind, device: None)
    loaded(with_biases, "int8")
    assert len(whole) == 14 and most <= 2


@pytest.mark.parametrize("kind", ["int8", "int4"])
def test_the_kernels_serve_here(kind: str) -> None:
    assert quantization.why_not(kind, "cpu") is None


@pytest.mark.parametrize("kind", ["int8", "int4"])
def test_a_kernel_that_multiplies_wrongly_is_found_out(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    layer = Int8Linear if kind == "int8" else Int4Linear
    right = layer.forward
    monkeypatch.setattr(layer, "forward", lambda self, inputs: right(self, inputs) * 1.02)
    assert f"by {kind} weights with an error of 2" in str(quantization.why_not(kind, "cpu"))


def test_an_operator_that_is_not_there_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: Any) -> Any:
        raise AttributeError("'_OpNamespace' 'aten' object has no attribute '_weight_int8pack_mm'")

    monkeypatch.setattr(Int8Linear, "forward", gone)
    assert "no attribute '_weight_int8pack_mm'" in str(quantization.why_not("int8", "cpu"))


def test_quantised_weights_are_counted_by_their_bytes(with_biases: Path) -> None:
    packed = preflight.preflight(with_biases, Settings(device="cpu", quantization="int8", kv_slots=1)).weight_bytes
    model = loaded(with_biases, "int8").model
    tensors = {tensor.data_ptr(): tensor.nbytes for tensor in (*model.parameters(), *model.buffers())}
    assert packed == pytest.approx(sum(tensors.values()), rel=0.05)


async def test_the_engine_runs_a_packed_model(tiny_llama: Path) -> None:
    engine = Engine(loaded(tiny_llama, "int8"), num_slots=1)
    request = GenerationRequest(prompt="def f(", max_tokens=8, temperature=0.0, ignore_eos=True)
    try:
        assert "".join([chunk.text async for chunk in engine.generate(request)])
    finally:
        engine.close()
