from __future__ import annotations

import json
import pickle
import shutil
import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from codefuse_lsp.config import Settings
from codefuse_lsp.errors import ModelError, ModelNotFound, NotEnoughMemory
from codefuse_lsp.worker import checkpoint, linear, loader, preflight
from codefuse_lsp.worker.loader import find, load

CPU = Settings(device="cpu")
CODELLAMA_34B = {
    "model_type": "llama",
    "dtype": "bfloat16",
    "hidden_size": 8192,
    "num_hidden_layers": 48,
    "num_attention_heads": 64,
    "num_key_value_heads": 8,
    "vocab_size": 32000,
    "max_position_embeddings": 16384,
}
GIB = 1 << 30

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")


def silent(message: str, part: float | None) -> None:
    pass


@pytest.fixture
def folder(tiny_llama: Path, tmp_path: Path) -> Path:
    """A copy of the tiny model to damage."""
    return Path(shutil.copytree(tiny_llama, tmp_path / "model"))


def change_config(folder: Path, **values: Any) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | values))


def failure(folder: Path, settings: Settings = CPU) -> str:
    with pytest.raises(ModelError) as told:
        load(replace(settings, model=str(folder)), silent)
    assert "Traceback" not in str(told.value) and "\n" not in str(told.value)
    return str(told.value)


# ── finding ──


def test_finding_a_model_needs_no_torch(tiny_llama: Path) -> None:
    program = (
        "import sys; from codefuse_lsp.config import Settings; from codefuse_lsp.worker.loader import find; "
        f"find(Settings(model={str(tiny_llama)!r})); assert not {{'torch', 'transformers'}} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_without_the_embedded_model_the_command_that_fetches_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(ModelNotFound, match="run `codefuse-lsp download smollm2`"):
        find(Settings())


def test_what_is_not_a_model_folder_is_told_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter" / "adapter_config.json").touch()
    for model, said in {
        str(tmp_path / "nowhere"): "There is no folder",
        str(tmp_path / "notes.txt"): f"is a file; set model to the folder that it lies in, {tmp_path}",
        str(tmp_path): r"config\.json is missing",
        str(tmp_path / "adapter"): "holds an adapter",
        "codefuse-ai/CodeFuse-CodeLlama-34B": "hf download codefuse-ai/CodeFuse-CodeLlama-34B --local-dir CodeFuse",
        " ": "The setting model is empty",
    }.items():
        with pytest.raises(ModelNotFound, match=said):
            find(Settings(model=model))


def test_the_file_that_a_checkpoint_lacks_is_named(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "gptq_model-4bit-64g.safetensors")
    with pytest.raises(ModelNotFound, match=r"has no weights.*Rename gptq_model-4bit-64g\.safetensors"):
        find(Settings(model=str(folder)))
    parts = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": parts}))
    (folder / "gptq_model-4bit-64g.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    with pytest.raises(ModelNotFound, match=r"lacks model-00002-of-00002\.safetensors \(1 of 2"):
        find(Settings(model=str(folder)))


def test_a_model_is_named_by_its_folder(tmp_path: Path) -> None:
    assert checkpoint.model_name(tmp_path / "CodeFuse-CodeLlama-34B") == "CodeFuse-CodeLlama-34B"
    snapshot = tmp_path / "models--codefuse-ai--CodeFuse-CodeLlama-34B" / "snapshots" / "0a1b2c"
    assert checkpoint.model_name(snapshot) == "CodeFuse-CodeLlama-34B"


# ── loading ──


def test_a_model_is_loaded_ready_to_run(tiny_llama: Path) -> None:
    told: list[tuple[str, float | None]] = []
    loaded = load(replace(CPU, model=str(tiny_llama)), lambda message, part: told.append((message, part)))
    assert (loaded.name, loaded.device, loaded.dtype, loaded.max_model_len) == ("tiny-llama", "cpu", "float32", 2048)
    assert loaded.eos_ids == (2,) and loaded.chat_template
    assert not loaded.model.training
    assert loaded.model.config._attn_implementation == "sdpa"
    assert not any(parameter.requires_grad for parameter in loaded.model.parameters())
    assert told[0] == ("Loading tiny-llama", None) and told[-1] == ("Loading tiny-llama", 1.0)


def test_nothing_is_printed_while_loading(tiny_llama: Path, capfd: pytest.CaptureFixture[str]) -> None:
    load(replace(CPU, model=str(tiny_llama)), silent)
    assert capfd.readouterr() == ("", "")


def test_dtype_and_context_are_settings(tiny_llama: Path) -> None:
    loaded = load(replace(CPU, model=str(tiny_llama), dtype="bfloat16", context_length=512), silent)
    assert loaded.model.dtype == torch.bfloat16
    assert loaded.max_model_len == 512
    assert load(replace(CPU, model=str(tiny_llama), context_length=9999), silent).max_model_len == 2048


def as_bin(folder: Path) -> Path:
    """Save the weights as torch does, in two parts with an index."""
    from safetensors.torch import load_file

    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    parts: dict[str, dict[str, torch.Tensor]] = {}
    for n, (name, tensor) in enumerate(tensors.items()):
        parts.setdefault(f"pytorch_model-0000{n % 2 + 1}-of-00002.bin", {})[name] = tensor
    for name, part in parts.items():
        torch.save(part, folder / name)
    weight_map = {tensor: name for name, part in parts.items() for tensor in part}
    index = {"metadata": {"total_size": 0}, "weight_map": weight_map}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    return folder / "pytorch_model-00001-of-00002.bin"


def test_bin_parts_hold_the_same_weights(folder: Path, tiny_llama: Path) -> None:
    as_bin(folder)
    ours = load(replace(CPU, model=str(folder)), silent).model.state_dict()
    theirs = load(replace(CPU, model=str(tiny_llama)), silent).model.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


class Payload:
    def __reduce__(self) -> Any:
        return print, ("code of the checkpoint ran",)


def test_a_bin_file_cannot_run_code(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    part = as_bin(folder)
    torch.save({"model.norm.weight": Payload()}, part)
    assert "cannot be loaded" in failure(folder)
    assert "ran" not in capfd.readouterr().out
    part.write_bytes(pickle.dumps(Payload()))
    assert "cannot be loaded" in failure(folder)
    assert "ran" not in capfd.readouterr().out


def test_a_bin_file_that_is_cut_short_is_named(folder: Path) -> None:
    part = as_bin(folder)
    part.write_bytes(part.read_bytes()[:-1000])
    assert f"{part} is cut short" in failure(folder)


# ── broken checkpoints ──


def test_a_safetensors_file_that_is_cut_short_is_named_with_its_sizes(folder: Path) -> None:
    weights = folder / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-100])
    assert f"{weights} is cut short: it has {len(whole) - 100:,} of {len(whole):,} bytes" in failure(folder)
    weights.write_bytes(whole[:100])
    assert f"{weights} is cut short or damaged" in failure(folder)
    weights.write_bytes(b"\x10")
    assert f"{weights} is cut short or damaged" in failure(folder)


@pytest.mark.parametrize("header", [b"{nonsense", b"[]", b'{"a": {"data_offsets": [0]}}', b"\xff" * 16])
def test_a_safetensors_file_with_a_damaged_header_is_named(folder: Path, header: bytes) -> None:
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)
    assert f"{folder / 'model.safetensors'} is damaged" in failure(folder)


def test_a_pointer_that_git_left_is_told(folder: Path) -> None:
    (folder / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n")
    assert "git lfs pull" in failure(folder)


def test_weights_of_another_shape_are_told(folder: Path) -> None:
    change_config(folder, intermediate_size=96)
    assert "model.layers.0.mlp.down_proj.weight has the shape [64, 128], not [64, 96]" in failure(folder)


def test_missing_tensors_are_not_made_up(folder: Path) -> None:
    change_config(folder, num_hidden_layers=3)
    assert "lack 9 of the model's tensors, such as model.layers.2.input_layernorm.weight" in failure(folder)


def test_an_architecture_that_nobody_knows_is_told(folder: Path) -> None:
    change_config(folder, model_type="warp-drive")
    assert "is of a kind (warp-drive) that the installed transformers does not know" in failure(folder)
    change_config(folder, model_type="t5")
    assert "is of a kind (t5) that does not continue text" in failure(folder)
    change_config(folder, model_type="llama", num_attention_heads=5)
    assert f"The model in {folder} cannot be loaded" in failure(folder)


def test_a_config_that_is_no_json_is_named(folder: Path) -> None:
    (folder / "config.json").write_text("{")
    assert f"{folder / 'config.json'} cannot be read" in failure(folder)


def test_a_tokenizer_of_another_model_is_told(folder: Path) -> None:
    from tokenizers import Tokenizer

    backend = Tokenizer.from_file(str(folder / "tokenizer.json"))
    backend.add_tokens(["<another>"])
    backend.save(str(folder / "tokenizer.json"))
    assert "its tokenizer has 401 tokens, the model knows 400" in failure(folder)


def test_code_of_a_checkpoint_runs_only_when_the_user_says_so(
    folder: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    change_config(folder, model_type="own", auto_map={"AutoConfig": "own.Config", "AutoModelForCausalLM": "own.Model"})
    (folder / "own.py").write_text("print('code of the checkpoint ran')\n")
    assert "set trust_remote_code = true" in failure(folder)
    assert "ran" not in capfd.readouterr().out


# ── what a machine lacks ──


def test_a_device_that_is_not_there_is_told(tiny_llama: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert "device = cuda, but torch" in failure(tiny_llama, Settings(device="cuda"))


def test_quantisation_needs_cuda_or_the_cpu(tiny_llama: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "choose_device", lambda wanted: "mps")
    monkeypatch.setattr(preflight, "_free_bytes", lambda device: GIB)
    said = failure(tiny_llama, Settings(quantization="int4"))
    assert "quantization = int4 needs a CUDA device or the CPU; set it to none on mps" in said


def test_what_is_quantised_already_is_not_quantised_again(folder: Path) -> None:
    change_config(folder, quantization_config={"quant_method": "awq", "bits": 4})
    said = failure(folder, replace(CPU, quantization="int8"))
    assert "is quantised already (awq); set quantization = none" in said


def test_a_mixture_of_experts_is_not_shrunk(folder: Path) -> None:
    change_config(folder, num_local_experts=8)
    assert "is a mixture of experts" in failure(folder, replace(CPU, quantization="int8"))


def test_kernels_that_do_not_serve_are_told_and_bitsandbytes_takes_over_on_a_gpu(
    tiny_llama: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from codefuse_lsp.worker import quantization

    monkeypatch.setattr(quantization, "why_not", lambda kind, device: "no such operator")
    said = failure(tiny_llama, replace(CPU, quantization="int8"))
    assert "quantization = int8 does not work on this cpu (no such operator); set it to none" in said
    placement = preflight.Placement("cuda", "bfloat16", 4096, 1, 1, 10)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ModelError, match="pip install bitsandbytes"):
        loader._quantization(tiny_llama, placement, Settings(quantization="int8"))
    assert "no such operator" in caplog.text


def test_a_quantised_checkpoint_names_the_packages_that_it_needs(folder: Path) -> None:
    change_config(folder, quantization_config={"quant_method": "awq", "bits": 4, "group_size": 64})
    assert "pip install gptqmodel" in failure(folder)


def test_memory_that_runs_out_while_loading_is_told(tiny_llama: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for error in (MemoryError(), torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("can't allocate memory")):

        def read(*_: Any, error: BaseException = error) -> Any:
            raise error

        monkeypatch.setattr(loader, "_read", read)
        with pytest.raises(NotEnoughMemory, match="Memory ran out on cpu while tiny-llama was loaded"):
            load(replace(CPU, model=str(tiny_llama)), silent)


# ── does it fit ──


@pytest.fixture
def codellama(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """CodeFuse-CodeLlama-34B without its numbers: a configuration and sizes."""
    folder = tmp_path / "CodeFuse-CodeLlama-34B"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(CODELLAMA_34B))
    size = checkpoint.Stored(67_487_940_608, 33_743_970_304)
    monkeypatch.setattr(preflight, "stored", lambda folder: size)
    monkeypatch.setattr(preflight, "choose_device", lambda wanted: "cuda")
    monkeypatch.setattr(preflight, "choose_dtype", lambda *_: "bfloat16")
    return folder


def free(monkeypatch: pytest.MonkeyPatch, gib: float) -> None:
    monkeypatch.setattr(preflight, "_free_bytes", lambda device: int(gib * GIB))


def test_the_34b_model_fits_on_80_gb_and_has_the_context_it_was_tuned_on(
    codellama: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free(monkeypatch, 79)
    placement = preflight.preflight(codellama, Settings())
    assert placement.max_model_len == 4096
    assert placement.weight_bytes == 2 * 33_743_970_304
    assert placement.kv_bytes == 2 * 48 * 8 * 128 * 2 * 4096 * 6
    assert preflight.preflight(codellama, Settings(context_length=16384, kv_slots=2)).max_model_len == 16384


@pytest.mark.parametrize(
    ("gib", "remedy"),
    [
        (67.5, "Set kv_slots = 4."),
        (66, "Set kv_slots = 2."),
        (65, "Set context_length = 2048 and kv_slots = 2."),
        (48, "Set quantization = int8."),
        (26, "Set quantization = int4."),
        (23, "Set quantization = int4 and kv_slots = 2."),
        (16, "No setting makes it fit"),
    ],
)
def test_what_does_not_fit_names_the_setting_that_makes_it_fit(
    codellama: Path, monkeypatch: pytest.MonkeyPatch, gib: float, remedy: str
) -> None:
    free(monkeypatch, gib)
    with pytest.raises(NotEnoughMemory) as told:
        preflight.preflight(codellama, Settings())
    assert remedy in str(told.value)
    assert "62.9 GiB for its weights" in str(told.value)
    assert "4.5 GiB for 6 texts of 4096 tokens" in str(told.value)
    assert f"{gib:.1f} GiB are free" in str(told.value)


def test_int4_fits_on_24_gb(codellama: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free(monkeypatch, 23.6)
    preflight.preflight(codellama, Settings(quantization="int4", kv_slots=2))


def test_a_checkpoint_that_is_quantised_already_counts_as_it_lies_there(
    codellama: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (codellama / "config.json").write_text(
        json.dumps(CODELLAMA_34B | {"quantization_config": {"quant_method": "gptq"}})
    )
    monkeypatch.setattr(preflight, "stored", lambda folder: checkpoint.Stored(18_300_000_000, 5_000_000_000))
    free(monkeypatch, 24)
    assert preflight.preflight(codellama, Settings(kv_slots=2)).weight_bytes == 18_300_000_000


def test_bin_files_are_scaled_to_the_number_format(codellama: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "stored", lambda folder: checkpoint.Stored(8_000_000, None))
    monkeypatch.setattr(preflight, "choose_dtype", lambda *_: "float32")
    free(monkeypatch, 100)
    assert preflight.preflight(codellama, Settings()).weight_bytes == 16_000_000


def test_a_float32_model_may_be_told_to_use_bfloat16(tiny_llama: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = replace(CPU, kv_slots=1, context_length=1024)
    placement = preflight.preflight(tiny_llama, settings)
    monkeypatch.setattr(preflight, "_free_bytes", lambda device: placement.needed_bytes - 1)
    half = preflight.choose_dtype("auto", "cpu", {})
    with pytest.raises(NotEnoughMemory, match=f"Set dtype = {half}"):
        preflight.preflight(tiny_llama, settings)


@pytest.mark.parametrize(
    ("instructions", "half"),
    [({"bfloat16", "float16"}, "bfloat16"), ({"float16"}, "float16"), (set(), "bfloat16")],
    ids=["a CPU that knows bf16", "one that does not", "one for which torch has no kernels"],
)
def test_half_formats_are_kept_on_a_cpu_as_its_instructions_read_them_best(
    instructions: set[str], half: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linear, "packing", lambda dtype: linear.plain if dtype in instructions else None)
    for given, chosen in {"float32": "float32", "bfloat16": half, "float16": half}.items():
        assert preflight.choose_dtype("auto", "cpu", {"dtype": given}) == chosen
        assert preflight.choose_dtype("auto", "cpu", {"torch_dtype": given}) == chosen
    assert preflight.choose_dtype("float16", "cpu", {"dtype": "float32"}) == "float16"
    assert preflight.choose_dtype("float32", "cpu", {"dtype": "bfloat16"}) == "float32"


@pytest.mark.skipif(linear.packing("float16") is None, reason="THIS CPU HAS NO PACKED LINEAR LAYERS OF FLOAT16")
def test_a_model_with_fp16_weights_computes_in_fp32_and_its_keys_and_values_are_counted_so(tiny_llama: Path) -> None:
    settings = replace(CPU, model=str(tiny_llama), context_length=512)
    half, whole = (load(replace(settings, dtype=dtype), silent) for dtype in ("float16", "float32"))
    ids = torch.arange(20)[None]
    with torch.inference_mode():
        logits, expected = (loaded.model(ids, use_cache=False).logits for loaded in (half, whole))
    assert logits.dtype is torch.float32
    torch.testing.assert_close(logits, expected, rtol=0.05, atol=0.05)
    placements = [preflight.preflight(tiny_llama, replace(settings, dtype=d)) for d in ("float16", "float32")]
    assert placements[0].kv_bytes == placements[1].kv_bytes
    assert placements[0].weight_bytes < placements[1].weight_bytes


def test_a_containers_limit_counts(tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text("1000\n")
    (tmp_path / "memory.current").write_text("400\n")
    assert preflight.free_in_container(tmp_path) == 600
    (tmp_path / "memory.max").write_text("max\n")
    assert preflight.free_in_container(tmp_path) > 1 << 60


QWEN_1_5B = {
    "model_type": "qwen2",
    "dtype": "bfloat16",
    "hidden_size": 1536,
    "num_hidden_layers": 28,
    "num_attention_heads": 12,
    "num_key_value_heads": 2,
    "vocab_size": 151_936,
    "max_position_embeddings": 32768,
    "tie_word_embeddings": True,
}
QWEN_NUMBERS, QWEN_TABLE = 1_543_714_304, 151_936 * 1536


@pytest.mark.parametrize(
    ("device", "dtype", "quantization", "tied", "has_kernels", "wanted"),
    [
        pytest.param("cpu", "bfloat16", "none", True, True, 2 * (QWEN_NUMBERS + QWEN_TABLE), id="packed"),
        pytest.param("cpu", "float16", "none", True, True, 2 * (QWEN_NUMBERS + QWEN_TABLE), id="packed in fp16"),
        pytest.param("cpu", "float32", "none", True, True, 4 * QWEN_NUMBERS, id="fp32 is not packed"),
        pytest.param("cpu", "bfloat16", "none", True, False, 2 * QWEN_NUMBERS, id="no kernels"),
        pytest.param("cpu", "bfloat16", "none", False, True, 2 * QWEN_NUMBERS, id="a head of its own"),
        pytest.param("cuda", "bfloat16", "none", True, True, 2 * QWEN_NUMBERS, id="a GPU"),
        pytest.param(
            *("cpu", "bfloat16", "int8", True, True),
            int(2 * QWEN_TABLE + 1.01 * (QWEN_NUMBERS - QWEN_TABLE)) + 2 * QWEN_TABLE,
            id="the head of a quantised model",
        ),
    ],
)
def test_a_head_that_shares_the_embeddings_table_is_counted_beside_it_where_it_is_packed(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    device: str,
    dtype: str,
    quantization: str,
    tied: bool,
    has_kernels: bool,
    wanted: int,
) -> None:
    (tmp_path / "config.json").write_text(json.dumps(QWEN_1_5B | {"tie_word_embeddings": tied}))
    monkeypatch.setattr(preflight, "stored", lambda folder: checkpoint.Stored(2 * QWEN_NUMBERS, QWEN_NUMBERS))
    monkeypatch.setattr(preflight, "choose_device", lambda wanted: device)
    monkeypatch.setattr(preflight, "_knows_bf16", lambda: has_kernels)
    monkeypatch.setattr(preflight, "works_in_half", lambda: has_kernels)
    free(monkeypatch, 64)
    placement = preflight.preflight(tmp_path, Settings(dtype=dtype, quantization=quantization))
    assert placement.weight_bytes == wanted
