from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
import torch

from codefuse_lsp.config import Settings
from codefuse_lsp.errors import RequestRefused
from codefuse_lsp.generation.request import Chunk, GenerationRequest, Priority
from codefuse_lsp.worker.engine import PREFILL_CHUNK, Engine
from codefuse_lsp.worker.loader import LoadedModel, load

PROMPT = "def add(a, b):\n    return a"


@pytest.fixture(scope="module")
def loaded(tiny_llama: Path) -> LoadedModel:
    settings = Settings(model=str(tiny_llama), device="cpu", dtype="float32")
    return load(settings, lambda message, fraction: None)


@pytest.fixture
def engine(loaded: LoadedModel) -> Iterator[Engine]:
    made = Engine(loaded, num_slots=3)
    yield made
    made.close()


class Steps:
    """Watches the engine's passes: the prompt's first token ids and how many were computed in each."""

    def __init__(self, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sizes: list[int] = []
        self.priorities: list[int] = []
        forward, step = engine._runner.forward, engine._step

        def watched_forward(slot: Any, ids: Any) -> torch.Tensor:
            self.sizes.append(len(ids))
            return forward(slot, ids)

        def watched_step(sequence: Any) -> None:
            self.priorities.append(sequence.priority)
            step(sequence)

        monkeypatch.setattr(engine._runner, "forward", watched_forward)
        monkeypatch.setattr(engine, "_step", watched_step)


@pytest.fixture
def steps(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Steps:
    return Steps(engine, monkeypatch)


def request(prompt: str = PROMPT, **changes: Any) -> GenerationRequest:
    return GenerationRequest(**{"prompt": prompt, "max_tokens": 12, "temperature": 0.0, "ignore_eos": True, **changes})


async def answer(engine: Engine, wanted: GenerationRequest) -> tuple[str, Chunk]:
    """Return the whole text and the last chunk."""
    text = ""
    async for chunk in engine.generate(wanted):
        text += chunk.text
    return text, chunk


async def idle(engine: Engine) -> None:
    """Wait until the engine has nothing to do."""
    async with asyncio.timeout(20):
        while engine.load != (0, 0):
            await asyncio.sleep(0.001)


def generated(loaded: LoadedModel, prompt: str, count: int) -> list[int]:
    """Return what transformers' own `generate` makes of a prompt, greedily."""
    ids = torch.tensor([loaded.tokenizer.encode(prompt)])
    eos = list(loaded.tokenizer.eos_ids)
    output = loaded.model.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=count,
        do_sample=False,
        suppress_tokens=eos,
        pad_token_id=0,
    )
    return [int(token) for token in output[0, ids.shape[1] :]]


async def test_greedy_text_is_that_of_transformers_generate(engine: Engine, loaded: LoadedModel) -> None:
    text, last = await answer(engine, request(max_tokens=20))
    prompt_ids = loaded.tokenizer.encode(PROMPT)
    expected = generated(loaded, PROMPT, 20)
    assert text == loaded.tokenizer.decode(prompt_ids + expected)[len(loaded.tokenizer.decode(prompt_ids)) :]
    assert last.finish_reason == "length"
    assert last.usage is not None and last.usage.completion_tokens == 20


async def test_a_cached_prefix_changes_the_work_and_not_the_text(engine: Engine, steps: Steps) -> None:
    longer = PROMPT + " + b\n\n\ndef sub(a, b):\n    return a"
    fresh, first = await answer(engine, request(longer))
    again, second = await answer(engine, request(longer))
    _, third = await answer(engine, request(longer + " -"))
    assert again == fresh
    assert first.usage and second.usage and third.usage
    assert first.usage.cached_tokens == 0
    assert second.usage.cached_tokens == second.usage.prompt_tokens - 1
    assert third.usage.prompt_tokens - third.usage.cached_tokens < 8


async def test_closing_the_stream_while_decoding_stops_within_one_token(engine: Engine, steps: Steps) -> None:
    async with aclosing(engine.generate(request(max_tokens=500))) as stream:
        await anext(stream)
    at_close = len(steps.sizes)
    await idle(engine)
    assert len(steps.sizes) <= at_close + 2  # the token in flight, and one begun as the cancel arrived


async def test_closing_the_stream_while_prefilling_stops_within_one_chunk(engine: Engine, steps: Steps) -> None:
    task = asyncio.ensure_future(anext(engine.generate(request("x = 1\n" * 350, max_tokens=1))))
    async with asyncio.timeout(20):
        while not steps.sizes:
            await asyncio.sleep(0.001)
    task.cancel()
    seen = len(steps.sizes)
    await asyncio.gather(task, return_exceptions=True)
    await idle(engine)
    assert set(steps.sizes) == {PREFILL_CHUNK} and PREFILL_CHUNK <= 256
    assert len(steps.sizes) <= seen + 2


async def test_ghost_text_overtakes_a_running_chat(engine: Engine, steps: Steps) -> None:
    async with aclosing(engine.generate(request(max_tokens=400))) as chat:
        await anext(chat)
        await answer(engine, request("import os\n", priority=Priority.GHOST_TEXT, max_tokens=8))
        ghost = [index for index, priority in enumerate(steps.priorities) if priority == Priority.GHOST_TEXT]
        assert ghost == list(range(ghost[0], ghost[0] + 8))


async def test_a_chat_that_lost_its_slot_goes_on_where_it_was(loaded: LoadedModel) -> None:
    alone = Engine(loaded, num_slots=1)
    undisturbed, _ = await answer(alone, request(max_tokens=60))
    alone.close()
    engine = Engine(loaded, num_slots=1)
    text, chat = "", engine.generate(request(max_tokens=60))
    async for chunk in chat:
        if not text:
            await answer(engine, request("import os\n", priority=Priority.GHOST_TEXT))
        text += chunk.text
    assert text == undisturbed
    engine.close()


async def test_a_stop_string_ends_the_answer_and_is_not_part_of_it(engine: Engine) -> None:
    whole, _ = await answer(engine, request(max_tokens=30))
    stop = whole[5:8]
    text, last = await answer(engine, request(max_tokens=30, stop=(stop,)))
    assert text == whole[: whole.index(stop)]
    assert last.finish_reason == "stop"


async def test_a_seed_makes_samples_reproducible_alone_and_beside_others(engine: Engine) -> None:
    wanted = request(temperature=1.0, top_p=0.9, seed=7, max_tokens=20)
    alone, _ = await answer(engine, wanted)
    others = [request(temperature=1.0, seed=seed) for seed in range(2)]
    (beside, _), *_ = await asyncio.gather(*(answer(engine, item) for item in (wanted, *others)))
    other, _ = await answer(engine, request(temperature=1.0, top_p=0.9, seed=8, max_tokens=20))
    assert beside == alone
    assert other != alone


async def test_an_answer_begins_with_the_healed_text(engine: Engine) -> None:
    text, _ = await answer(engine, request("def add(a, b):", heal="\n    retu", stop=("\n",)))
    assert text.startswith("\n    retu")


async def test_log_probabilities_are_told_for_every_token(engine: Engine) -> None:
    chunks = [chunk async for chunk in engine.generate(request(logprobs=3, max_tokens=10))]
    told = [item for chunk in chunks for item in chunk.logprobs]
    assert len(told) == 10
    assert all(item.logprob <= 0 and len(item.top) == 3 and item.logprob == item.top[0][1] for item in told)
    assert "".join(item.token for item in told).strip() == "".join(chunk.text for chunk in chunks).strip()


@pytest.mark.parametrize(("prompt", "max_tokens", "names"), [("", 5, "empty"), ("x = 1\n" * 4000, 5, "context_length")])
async def test_a_prompt_that_cannot_be_continued_is_refused(
    engine: Engine, prompt: str, max_tokens: int, names: str
) -> None:
    with pytest.raises(RequestRefused, match=names) as caught:
        await answer(engine, request(prompt, max_tokens=max_tokens))
    assert caught.value.status == 400


async def test_out_of_memory_ends_one_request_with_a_sentence_and_not_the_engine(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    forward = engine._runner.forward

    def fail(slot: Any, ids: Any) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(engine._runner, "forward", fail)
    with pytest.raises(RequestRefused, match="out of memory"):
        await answer(engine, request())
    monkeypatch.setattr(engine._runner, "forward", forward)
    text, _ = await answer(engine, request())
    assert text


async def test_a_hundred_cancelled_requests_leave_nothing_behind(engine: Engine) -> None:
    async def abandoned(number: int) -> None:
        async with aclosing(engine.generate(request(f"x = {number}", max_tokens=300))) as stream:
            await anext(stream)

    tasks = [asyncio.ensure_future(abandoned(number)) for number in range(100)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await idle(engine)
    assert not any(slot.busy for slot in engine._slots.slots)


async def test_a_full_queue_refuses_with_429(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine._scheduler, "_max_waiting", 2)
    results = await asyncio.gather(
        *(answer(engine, request(f"x = {n}", max_tokens=50)) for n in range(20)), return_exceptions=True
    )
    refused = [result for result in results if isinstance(result, RequestRefused)]
    assert refused and all(error.status == 429 for error in refused)
    assert len(refused) + sum(isinstance(result, tuple) for result in results) == 20


async def test_closing_the_engine_ends_requests_with_a_sentence(loaded: LoadedModel) -> None:
    engine = Engine(loaded, num_slots=1)

    async def chunks() -> AsyncIterator[Chunk]:
        async for chunk in engine.generate(request(max_tokens=900)):
            yield chunk

    stream = chunks()
    await anext(stream)
    await asyncio.to_thread(engine.close)
    with pytest.raises(RequestRefused, match="shutting down"):
        async for _ in stream:
            pass
