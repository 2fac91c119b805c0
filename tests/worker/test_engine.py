from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from codefuse_lsp.config import Settings
from codefuse_lsp.errors import CodeFuseError, RequestRefused
from codefuse_lsp.generation.request import Chunk, GenerationRequest, Priority
from codefuse_lsp.worker.engine import PREFILL_CHUNK, Engine
from codefuse_lsp.worker.loader import LoadedModel, load
from codefuse_lsp.worker.speculation import PromptLookup

PROMPT = "def add(a, b):\n    return a"
LONG = "".join(f"x_{number} = {number}\n" for number in range(120))


class AlwaysWrong:
    """Guesses that no greedy text would follow."""

    def propose(self, token_ids: list[int], limit: int) -> list[int]:
        return [3, 4, 5][:limit]

    def observe(self, num_tokens: int, proposed: int, accepted: int) -> None:
        pass


class Mixed(AlwaysWrong):
    """Guesses that are sometimes right: what came before, again."""

    def propose(self, token_ids: list[int], limit: int) -> list[int]:
        return token_ids[-4:-1][:limit]


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
        self.priorities: list[list[int]] = []
        forward, step = engine._runner.forward, engine._step

        def watched_forward(works: Any) -> list[torch.Tensor]:
            self.sizes.append(sum(len(work.token_ids) for work in works))
            return forward(works)

        def watched_step(planned: Any) -> None:
            self.priorities.append([sequence.priority for sequence in planned.sequences])
            step(planned)

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
    model = AutoModelForCausalLM.from_pretrained(loaded.folder, dtype=torch.float32)
    output = model.generate(
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
    assert set(steps.sizes) == {PREFILL_CHUNK["cpu"]} and PREFILL_CHUNK["cpu"] <= 256
    assert len(steps.sizes) <= seen + 1


async def test_ghost_text_overtakes_a_running_chat(engine: Engine, steps: Steps) -> None:
    async with aclosing(engine.generate(request(max_tokens=400))) as chat:
        await anext(chat)
        before = len(steps.priorities)
        await answer(engine, request("import os\n", priority=Priority.GHOST_TEXT, max_tokens=8))
        after = steps.priorities[before:]
        first = next(index for index, present in enumerate(after) if Priority.GHOST_TEXT in present)
        assert first <= 2  # the step in flight, and one begun as the request arrived
        assert [Priority.GHOST_TEXT, Priority.CHAT] in after  # and the chat goes on beside it


async def test_ghost_text_waits_for_one_step_at_most_whatever_chats_there_are(
    engine: Engine, steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three chats hold all the slots, reading long prompts and decoding, and five more wait."""
    arrivals: list[int] = []  # how many passes had begun by then, the one in flight with them
    submit = engine._submit

    def note(sequences: Any) -> None:
        with engine._wake:
            arrivals.append(len(steps.priorities))
            submit(sequences)

    chats = [asyncio.ensure_future(answer(engine, request(f"# {n}\n{LONG}", max_tokens=600))) for n in range(8)]
    async with asyncio.timeout(20):
        while engine.load[0] < 3 or engine.load[1] < 5:
            await asyncio.sleep(0.001)
    monkeypatch.setattr(engine, "_submit", note)
    for number in range(10):
        await answer(engine, request(f"import os{number}\n", priority=Priority.GHOST_TEXT, max_tokens=3))
    assert not any(chat.done() for chat in chats)
    for arrival in arrivals:
        waited = next(n for n, present in enumerate(steps.priorities[arrival:]) if Priority.GHOST_TEXT in present)
        assert waited <= 1  # the pass that had been planned when it arrived
    assert len(arrivals) == 10
    for chat in chats:
        chat.cancel()
    await asyncio.gather(*chats, return_exceptions=True)


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


LONG_ANSWER = "\n".join(f"    x{number} = a * {number}" for number in range(120))


@pytest.mark.parametrize("text", [" + b\n", LONG_ANSWER], ids=["short", "longer than a chunk"])
async def test_a_forced_answer_is_scored_as_transformers_would(engine: Engine, loaded: LoadedModel, text: str) -> None:
    ids = torch.tensor([loaded.tokenizer.encode(PROMPT + text)])
    model = AutoModelForCausalLM.from_pretrained(loaded.folder, dtype=torch.float32)
    with torch.inference_mode():
        logprobs = model(ids).logits[0].log_softmax(-1)
    expected = logprobs[:-1].gather(1, ids[0, 1:, None])[:, 0].tolist()  # of each token but the first
    for _ in range(2):  # the second time its keys and values are there, and its logits are not
        (told,) = [chunk async for chunk in engine.generate(request(forced=text, max_tokens=1))]
        assert (told.text, told.finish_reason) == (text, "stop")
        assert "".join(item.token for item in told.logprobs).endswith(text)
        assert [item.logprob for item in told.logprobs] == pytest.approx(expected[-len(told.logprobs) :], abs=1e-3)


async def test_forced_answers_leave_the_texts_of_others_alone(engine: Engine) -> None:
    alone, _ = await answer(engine, request())
    others = [answer(engine, request(forced=f" + {word}\n")) for word in ("a", "b", "c")]
    (beside, _), *told = await asyncio.gather(answer(engine, request()), *others)
    assert beside == alone
    assert [text for text, _ in told] == [" + a\n", " + b\n", " + c\n"]


@pytest.mark.parametrize(("prompt", "max_tokens", "names"), [("", 5, "empty"), ("x = 1\n" * 4000, 5, "context_length")])
async def test_a_prompt_that_cannot_be_continued_is_refused(
    engine: Engine, prompt: str, max_tokens: int, names: str
) -> None:
    with pytest.raises(RequestRefused, match=names) as caught:
        await answer(engine, request(prompt, max_tokens=max_tokens))
    assert caught.value.status == 400


async def test_out_of_memory_shrinks_what_is_read_at_once_and_the_answer_is_the_same(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    forward = engine._runner.forward
    text, _ = await answer(engine, request(LONG))

    def fail_when_large(works: Any) -> list[torch.Tensor]:
        if sum(len(work.token_ids) for work in works) > 64:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(works)

    engine._slots.clear()
    monkeypatch.setattr(engine._runner, "forward", fail_when_large)
    again, _ = await answer(engine, request(LONG))
    assert again == text
    assert "64 tokens at a time" in engine.notice


async def test_memory_that_is_never_enough_ends_one_request_with_a_sentence_and_not_the_engine(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    forward = engine._runner.forward

    def fail(works: Any) -> list[torch.Tensor]:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(engine._runner, "forward", fail)
    with pytest.raises(CodeFuseError, match="Memory ran out"):
        await answer(engine, request())
    monkeypatch.setattr(engine._runner, "forward", forward)
    text, _ = await answer(engine, request())
    assert text


async def test_a_lost_device_ends_the_engine_and_says_why(loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    reasons: list[str] = []
    engine = Engine(loaded, num_slots=1, on_fatal=reasons.append)

    def fail(works: Any) -> list[torch.Tensor]:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr(engine._runner, "forward", fail)
    with pytest.raises(CodeFuseError, match="GPU"):
        await answer(engine, request())
    engine.close()
    assert len(reasons) == 1
    with pytest.raises(RequestRefused, match="shutting down"):
        await answer(engine, request())


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
    monkeypatch.setattr(engine._scheduler, "max_waiting", 2)
    results = await asyncio.gather(
        *(answer(engine, request(f"x = {n}", max_tokens=50)) for n in range(20)), return_exceptions=True
    )
    refused = [result for result in results if isinstance(result, RequestRefused)]
    assert refused and all(error.status == 429 and error.retry_after for error in refused)
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


async def test_ghost_text_is_served_in_the_middle_of_a_chats_chunk_which_is_not_lost(
    loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    quiet = Engine(loaded, num_slots=3)
    wanted = [request(LONG), request("import os\n", priority=Priority.GHOST_TEXT, max_tokens=8)]
    alone = [(await answer(quiet, item))[0] for item in wanted]
    quiet.close()
    calls = 0
    arrived = threading.Event()
    real = Engine._between_layers

    def wait_for_ghost(engine: Engine) -> None:
        nonlocal calls
        calls += bool(engine._under_way)
        if calls == 2:  # in the chat's first chunk, before its second layer
            arrived.set()
            assert something_comes(engine)
        real(engine)

    def something_comes(engine: Engine) -> bool:
        with engine._wake:
            return engine._wake.wait_for(lambda: bool(engine._arrived), timeout=20)

    monkeypatch.setattr(Engine, "_between_layers", wait_for_ghost)
    engine = Engine(loaded, num_slots=3)
    steps = Steps(engine, monkeypatch)
    chat = asyncio.ensure_future(answer(engine, wanted[0]))
    await asyncio.to_thread(arrived.wait, 20)
    ghost, _ = await answer(engine, wanted[1])
    assert not chat.done()
    assert [ghost, (await chat)[0]] == [alone[1], alone[0]]
    assert steps.priorities[:2] == [[Priority.CHAT], [Priority.GHOST_TEXT]]
    assert sum(size for size in steps.sizes if size > 16) == len(loaded.tokenizer.encode(LONG))  # nothing read twice
    engine.close()


async def test_a_chunk_whose_slot_was_taken_two_passes_deep_and_given_back_is_read_again(
    loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the chat is read an action arrives, while that is read ghost text, which takes the chat's slot."""
    quiet = Engine(loaded, num_slots=2)
    chat = request(LONG)
    alone, _ = await answer(quiet, chat)
    quiet.close()
    loop = asyncio.get_running_loop()
    waiting = [
        request(f"y = 1\n{LONG}", priority=Priority.ACTION),
        request("import os\n", priority=Priority.GHOST_TEXT, max_tokens=1),
    ]
    tasks: list[Any] = []
    layers = 0
    real = Engine._between_layers

    def bring_the_next(engine: Engine) -> None:
        nonlocal layers
        layers += 1
        if layers > 1 and len(engine._under_way) == len(tasks) + 1 and len(tasks) < len(waiting):
            tasks.append(asyncio.run_coroutine_threadsafe(answer(engine, waiting[len(tasks)]), loop))
            with engine._wake:
                assert engine._wake.wait_for(lambda: bool(engine._arrived), timeout=20)
        real(engine)

    engine = Engine(loaded, num_slots=2)
    monkeypatch.setattr(Engine, "_between_layers", bring_the_next)
    engine._runner._between_layers = engine._between_layers
    text, _ = await answer(engine, chat)
    await asyncio.gather(*map(asyncio.wrap_future, tasks))
    assert len(tasks) == 2
    assert text == alone
    engine.close()


async def test_closing_is_not_missed_when_all_that_is_read_was_cancelled_too(
    loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, ended = threading.Event(), threading.Event()
    real = Engine._between_layers

    def wait_for_the_end(engine: Engine) -> None:
        begun.set()
        assert ended.wait(20)
        real(engine)

    engine = Engine(loaded, num_slots=1)
    engine._runner._between_layers = lambda: wait_for_the_end(engine)
    task = asyncio.ensure_future(answer(engine, request(LONG)))
    await asyncio.to_thread(begun.wait, 20)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    closer = threading.Thread(target=engine.close, daemon=True)
    closer.start()
    with engine._wake:
        closing = engine._wake.wait_for(lambda: engine._closing, timeout=20)
    ended.set()
    await asyncio.to_thread(closer.join, 20)
    assert closing and not closer.is_alive()


async def test_a_cancel_ends_a_chunk_between_two_layers(loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    layers = 0
    begun = threading.Event()
    real = Engine._between_layers

    def wait_for_cancel(engine: Engine) -> None:
        nonlocal layers
        if not engine._under_way:
            return
        layers += 1
        begun.set()
        with engine._wake:
            assert engine._wake.wait_for(lambda: engine._news, timeout=20)
        real(engine)

    monkeypatch.setattr(Engine, "_between_layers", wait_for_cancel)
    engine = Engine(loaded, num_slots=1)
    task = asyncio.ensure_future(answer(engine, request(LONG)))
    await asyncio.to_thread(begun.wait, 20)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await idle(engine)
    assert layers == 1
    assert engine.kv_tokens[0] == 0
    engine.close()


async def test_several_answers_read_their_prompt_once(engine: Engine, steps: Steps) -> None:
    chunks = [c async for c in engine.generate(request(LONG, n=3, temperature=1.0, seed=5, max_tokens=10))]
    texts = ["".join(c.text for c in chunks if c.index == index) for index in range(3)]
    assert len(set(texts)) == 3
    assert sorted(c.index for c in chunks if c.finish_reason) == [0, 1, 2]
    assert sum(size for size in steps.sizes if size > 16) < 1.1 * len(engine.loaded.tokenizer.encode(LONG))
    first, _ = await answer(engine, request(LONG, temperature=1.0, seed=5, max_tokens=10))
    assert texts[0] == first


async def test_a_newer_ghost_text_of_a_document_ends_the_older_one(engine: Engine) -> None:
    wanted = request(priority=Priority.GHOST_TEXT, client="editor", document="1", max_tokens=900)
    async with aclosing(engine.generate(wanted)) as older:
        await anext(older)
        newer = asyncio.ensure_future(answer(engine, replace(wanted, max_tokens=5)))
        reasons = [chunk.finish_reason async for chunk in older]
        assert reasons[-1] == "cancelled"
        assert (await newer)[1].finish_reason == "length"


async def test_a_deadline_ends_an_answer_with_the_text_so_far(engine: Engine) -> None:
    text, last = await answer(engine, request(max_tokens=1500, deadline=0.3))
    assert last.finish_reason == "length"
    assert last.usage is not None and last.usage.completion_tokens < 1500
    assert text


async def test_those_who_wait_are_told_their_place(loaded: LoadedModel) -> None:
    engine = Engine(loaded, num_slots=1)
    async with aclosing(engine.generate(request(max_tokens=900))) as first:
        await anext(first)
        async with aclosing(engine.generate(request("import os\n"))) as second:
            told = await anext(second)
            assert told.place is not None and told.place.position == 1 and told.place.expected_wait > 0
            assert not told.text
    engine.close()


@pytest.mark.parametrize("drafter", [PromptLookup, AlwaysWrong, Mixed], ids=["lookup", "wrong", "mixed"])
async def test_greedy_text_is_the_same_whatever_is_guessed(loaded: LoadedModel, drafter: Any) -> None:
    plain = Engine(loaded, num_slots=2, drafter=lambda: None)
    guessing = Engine(loaded, num_slots=2, drafter=drafter)
    for prompt in (PROMPT, LONG, "a a a a a a a a a a"):
        wanted = request(prompt, max_tokens=80)
        assert (await answer(guessing, wanted))[0] == (await answer(plain, wanted))[0]
    sampled = request(LONG, temperature=0.8, seed=3, max_tokens=40)
    assert (await answer(guessing, sampled))[0] == (await answer(plain, sampled))[0]
    plain.close()
    guessing.close()
