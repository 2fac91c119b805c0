"""What only a CUDA device can show; run with `pytest -m gpu`."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from codefuse_lsp.config import Settings
from codefuse_lsp.generation.request import Chunk, GenerationRequest
from codefuse_lsp.worker import cuda, cuda_ops
from codefuse_lsp.worker.bench.shapes import random_model
from codefuse_lsp.worker.engine import Engine
from codefuse_lsp.worker.kv_cache import SlotPool
from codefuse_lsp.worker.loader import LoadedModel, load
from codefuse_lsp.worker.runner import Runner, Work

PROMPT = "def add(a, b):\n    return a"
CODELLAMA_34B_BYTES = 68 << 30  # of weights in bf16, and a little room

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="NO CUDA DEVICE: nothing of this file was tested"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning"),
]


def loaded(folder: Path, **changes: Any) -> LoadedModel:
    return load(replace(Settings(model=str(folder)), **changes), lambda message, fraction: None)


def request(prompt: str = PROMPT, **changes: Any) -> GenerationRequest:
    return GenerationRequest(**{"prompt": prompt, "max_tokens": 24, "temperature": 0.0, "ignore_eos": True, **changes})


async def answer(engine: Engine, wanted: GenerationRequest) -> tuple[str, Chunk]:
    text = ""
    async for chunk in engine.generate(wanted):
        text += chunk.text
    return text, chunk


async def text_of(model: LoadedModel) -> str:
    engine = Engine(model, num_slots=2)
    try:
        return (await answer(engine, request()))[0]
    finally:
        engine.close()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_the_kernels_serve_here(dtype: torch.dtype) -> None:
    assert cuda_ops.serve(torch.device("cuda"), dtype)


async def test_greedy_text_on_cuda_is_that_on_the_cpu(tiny_llama: Path) -> None:
    on_cuda = loaded(tiny_llama, device="cuda", dtype="float32")
    on_cpu = loaded(tiny_llama, device="cpu", dtype="float32")
    assert on_cuda.model.device.type == "cuda"
    assert await text_of(on_cuda) == await text_of(on_cpu) != ""


async def test_bf16_is_placed_by_a_device_map(tiny_llama: Path) -> None:
    model = loaded(tiny_llama, device="cuda", dtype="bfloat16")
    assert model.model.hf_device_map
    assert model.model.dtype is torch.bfloat16
    assert await text_of(model)


async def test_a_cached_prefix_is_reused_on_cuda(tiny_llama: Path) -> None:
    engine = Engine(loaded(tiny_llama, device="cuda", dtype="float32"), num_slots=2)
    fresh, _ = await answer(engine, request())
    again, last = await answer(engine, request())
    assert again == fresh
    assert last.usage is not None and last.usage.cached_tokens == last.usage.prompt_tokens - 1
    engine.close()


async def test_closing_the_stream_frees_the_device(tiny_llama: Path) -> None:
    engine = Engine(loaded(tiny_llama, device="cuda"), num_slots=1)
    async with aclosing(engine.generate(request(max_tokens=1500))) as stream:
        await anext(stream)
    async with asyncio.timeout(20):
        while engine.load != (0, 0):
            await asyncio.sleep(0.001)
    engine.close()


async def test_recorded_decoding_gives_the_text_of_plain_passes(
    tiny_llama: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = loaded(tiny_llama, device="cuda", dtype="float32")
    engine = Engine(model, num_slots=8, drafter=lambda: None)
    prompts = [f"def add_{number}(a, b):\n    return a" for number in range(7)]
    recorded = await asyncio.gather(*(answer(engine, request(prompt, max_tokens=64)) for prompt in prompts))
    assert engine._runner._graphs._recorded, "nothing was recorded"
    engine.close()
    plain = Engine(model, num_slots=8, drafter=lambda: None)
    monkeypatch.setattr(plain._runner, "_fixed_shapes", False)
    for prompt, (text, _) in zip(prompts, recorded, strict=True):
        assert (await answer(plain, request(prompt, max_tokens=64)))[0] == text
    plain.close()


async def test_a_cache_that_was_dropped_is_recorded_anew(tiny_llama: Path) -> None:
    engine = Engine(loaded(tiny_llama, device="cuda", dtype="float32"), num_slots=2, drafter=lambda: None)
    fresh, _ = await answer(engine, request())
    engine._drop_caches()
    assert (await answer(engine, request()))[0] == fresh
    engine.close()


@pytest.fixture(scope="module")
def codellama_34b() -> LoadedModel:
    """A model of CodeLlama-34B's shape with random weights in bf16, made on the device."""
    if torch.cuda.mem_get_info()[0] < CODELLAMA_34B_BYTES + (8 << 30):
        pytest.skip("TOO LITTLE GPU MEMORY for 34 billion random weights")
    made = random_model("codellama-34b", "cuda", "bfloat16")
    cuda.make_ready(made.model)
    return made


async def test_a_34b_streams_and_reuses_its_prefix(
    codellama_34b: LoadedModel, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = Engine(codellama_34b, num_slots=2)
    prompt = "x = 1\n" * 600
    begun = time.perf_counter()
    times, tokens = [], 0
    async for chunk in engine.generate(request(prompt, max_tokens=64)):
        times.append(time.perf_counter() - begun)
        tokens = chunk.usage.completion_tokens if chunk.usage else tokens
    assert tokens == 64
    begun = time.perf_counter()
    async with aclosing(engine.generate(request(prompt + "y", max_tokens=4))) as stream:
        first = await anext(stream)
        keystroke = time.perf_counter() - begun
    engine.close()
    assert first.usage is not None and first.usage.prompt_tokens - first.usage.cached_tokens < 8
    with capsys.disabled():
        rate = (tokens - 1) / (times[-1] - times[0])
        print(f"\n34B bf16: first token {times[0]:.2f} s, {rate:.1f} tokens/s, next keystroke {1e3 * keystroke:.0f} ms")


def test_where_a_step_of_a_34b_goes_is_told(codellama_34b: LoadedModel, capsys: pytest.CaptureFixture[str]) -> None:
    """Print what the kernels of one decoded token take, by which one sees what is worth making faster."""
    pool = SlotPool(1, 4608)
    runner, slot = Runner(codellama_34b.model, pool.cache), pool.slots[0]
    runner.try_out(slot)
    for start in range(0, 4096, 512):
        runner.forward([Work(slot, range(start, start + 512))])
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as seen:
        runner.forward([Work(slot, [1])])
        torch.cuda.synchronize()
    runner.close()
    with capsys.disabled():
        print("\n" + seen.key_averages().table("self_cuda_time_total", 15, max_name_column_width=60))
    assert seen.key_averages()
