"""What only a CUDA device can show of packed weights; run with `pytest -m gpu`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from codefuse_lsp.config import Settings
from codefuse_lsp.worker import quantization
from codefuse_lsp.worker.loader import load
from codefuse_lsp.worker.packed_linear import MANY_INT4, MANY_INT8, Int4Linear, Int8Linear, block_of
from codefuse_lsp.worker.quality import code_text, compare, read
from codefuse_lsp.worker.rounding import to_groups, to_rows
from tests.worker.test_gptq import IDS, Recipe, write_checkpoint

CUDA = torch.device("cuda")

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="NO CUDA DEVICE: nothing of this file was tested"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning"),
]


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def loaded(folder: Path, **changes: Any) -> Any:
    return load(replace(Settings(model=str(folder)), **changes), lambda message, part: None)


@pytest.mark.parametrize("kind", ["int8", "int4"])
def test_the_kernels_serve_here(kind: str) -> None:
    assert quantization.why_not(kind, "cuda") is None


@pytest.mark.parametrize("rows", [1, 8, 15, 16, 63, 64, 300])
@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.parametrize(("outputs", "inputs"), [(128, 128), (576, 1536), (192, 576), (64, 96)])
def test_layers_multiply_by_the_weights_that_they_stand_for(rows: int, outputs: int, inputs: int, bits: int) -> None:
    weight, x = random(outputs, inputs).cuda(), random(rows, inputs, seed=1).cuda().bfloat16()
    rounded = to_rows(weight) if bits == 8 else to_groups(weight)
    layer = Int8Linear(to_rows(weight)) if bits == 8 else Int4Linear(to_groups(weight))
    wanted = x.float() @ rounded.weight().T
    assert (layer(x).float() - wanted).norm() < 0.01 * wanted.norm()


@pytest.mark.parametrize("inputs", [8192, 192, 96])
def test_packed_weights_are_unpacked_for_prefill(inputs: int) -> None:
    assert block_of(CUDA, 1024, inputs) is not None


def test_rounding_is_the_same_as_on_a_cpu() -> None:
    weight = random(256, 512)
    assert torch.equal(to_rows(weight).codes, to_rows(weight.cuda()).codes.cpu())
    here, there = to_groups(weight).weight(), to_groups(weight.cuda()).weight().cpu()
    assert (here - there).norm() < 0.005 * here.norm()


@pytest.mark.parametrize("recipe", [Recipe(), Recipe(group_size=32, act_order=True), Recipe(group_size=-1)], ids=str)
def test_a_gptq_checkpoint_means_what_its_tensors_say(tmp_path: Path, recipe: Recipe) -> None:
    wanted = write_checkpoint(tmp_path / "model", recipe).cuda()
    found = loaded(tmp_path / "model", device="cuda").model
    with torch.inference_mode():
        ours, theirs = found(IDS.cuda()).logits.float(), wanted(IDS.cuda()).logits
    assert (ours - theirs).norm() < 0.03 * theirs.norm()


@pytest.mark.real_model
@pytest.mark.parametrize("kind", ["int8", "int4"])
def test_the_real_model_keeps_its_quality(smollm2: Path, kind: str) -> None:
    reference = loaded(smollm2, dtype="float32")
    ids = reference.tokenizer.encode(code_text(90_000), False)[:20_480]
    found = compare(read(loaded(smollm2, quantization=kind).model, ids), read(reference.model, ids))
    assert found.is_good_enough, found


@pytest.mark.real_model
def test_packing_on_the_device_needs_little_more_than_what_it_leaves(smollm2: Path) -> None:
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    model = loaded(smollm2, quantization="int4", dtype="bfloat16")
    left = torch.cuda.memory_allocated() - before
    embedding = model.model.get_input_embeddings().weight.nbytes
    assert torch.cuda.max_memory_allocated() - before < left + embedding + (64 << 20)


def test_what_each_way_costs_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """Print milliseconds of a layer of CodeLlama-34B, by which the limits MANY_INT8 and MANY_INT4 are set."""
    weight = (random(22016, 8192) / 90).cuda()
    plain, int8, int4 = weight.bfloat16(), Int8Linear(to_rows(weight)), Int4Linear(to_groups(weight))
    del weight
    lines = [f"limits now: int8 {MANY_INT8['cuda']}, int4 {MANY_INT4['cuda']} rows"]
    for rows in (1, 8, 16, 32, 64, 128, 256, 512, 2048):
        x = random(rows, 8192).cuda().bfloat16()
        ways = {"bf16": lambda x=x: torch.nn.functional.linear(x, plain), "int8": lambda x=x: int8(x)}
        ways["int4"] = lambda x=x: int4(x)
        lines.append(f"{rows:5} rows: " + ", ".join(f"{name} {_milliseconds(way):.3f}" for name, way in ways.items()))
    with capsys.disabled():
        print("\n" + "\n".join(lines))
    x = random(1, 8192).cuda().bfloat16()
    assert _milliseconds(lambda: int4(x)) < _milliseconds(lambda: torch.nn.functional.linear(x, plain))


def _milliseconds(way: Any, times: int = 20) -> float:
    for _ in range(3):
        way()
    begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    begin.record()
    for _ in range(times):
        way()
    end.record()
    torch.cuda.synchronize()
    return float(begin.elapsed_time(end)) / times
