from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from starlette.testclient import TestClient

from codefuse_lsp.config import Settings
from codefuse_lsp.errors import ModelError, RequestRefused
from codefuse_lsp.generation.request import Chunk, GenerationRequest, Priority, TokenLogprob
from codefuse_lsp.worker import llama_server, llama_slots
from codefuse_lsp.worker.app import Worker, build_app
from codefuse_lsp.worker.guard import Rules
from codefuse_lsp.worker.llama_cpp import PREFILL_BATCH, LlamaCppEngine
from codefuse_lsp.worker.tokenizer import ALL_PROBES, load_tokenizer

pytestmark = pytest.mark.real_model

CODE = Path(llama_slots.__file__).read_text("utf-8")[:3200]  # some 800 tokens
SETTINGS = Settings(device="cpu", kv_slots=4, context_length=1024)


def silent(message: str, part: float | None) -> None:
    pass


@pytest.fixture(scope="module")
def engine(smollm2_gguf: Path) -> Iterator[LlamaCppEngine]:
    made = LlamaCppEngine(smollm2_gguf, SETTINGS, silent)
    yield made
    made.close()


def request(prompt: str = "def add(a, b):\n    return a", **changes: Any) -> GenerationRequest:
    return GenerationRequest(**{"prompt": prompt, "max_tokens": 12, "temperature": 0.0, **changes})


async def collect(chunks: AsyncIterator[Chunk]) -> list[Chunk]:
    return [chunk async for chunk in chunks]


def text_of(chunks: list[Chunk], index: int = 0) -> str:
    return "".join(chunk.text for chunk in chunks if chunk.index == index)


async def answer(engine: LlamaCppEngine, **changes: Any) -> str:
    return text_of(await collect(engine.generate(request(**changes))))


async def until(holds: Callable[[], bool]) -> None:
    """Wait for a sign."""
    async with asyncio.timeout(60):
        while not holds():
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("text", [*ALL_PROBES, CODE, "<|im_start|>user\nx<|im_end|>\n", " 12 3", ""])
def test_texts_have_the_tokens_that_they_have_in_transformers(engine: LlamaCppEngine, smollm2: Path, text: str) -> None:
    assert engine.loaded.tokenizer.encode(text) == load_tokenizer(smollm2).encode(text)


def test_an_edited_text_has_the_tokens_that_it_has_when_read_anew(engine: LlamaCppEngine) -> None:
    text = "".join(f"def function_{n}(é):\n    return '🙂' * {n}\n\n\n" for n in range(60))
    tokenizer = engine.loaded.tokenizer
    tokenizer.encode(text)
    for changed in (text + "x", text[:-9], text[:1500] + "你好\t" + text[1500:], "# first\n" + text):
        assert tokenizer.encode(changed) == tokenizer._ask(changed)


def test_the_file_tells_the_same_special_tokens_and_chat_template(engine: LlamaCppEngine, smollm2: Path) -> None:
    ours, theirs = engine.loaded.tokenizer, load_tokenizer(smollm2)
    assert set(ours.special_tokens) == set(theirs.special_tokens)
    assert (ours.bos_token, ours.eos_token) == (theirs.bos_token, theirs.eos_token)
    assert ours.chat_template == theirs.chat_template


async def test_greedy_text_is_that_of_transformers(engine: LlamaCppEngine, smollm2: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    prompt = CODE[:600]
    tokenizer = load_tokenizer(smollm2)
    ids = tokenizer.encode(prompt)
    model = AutoModelForCausalLM.from_pretrained(smollm2, dtype=torch.float32)
    with torch.inference_mode():
        made = model.generate(torch.tensor([ids]), max_new_tokens=16, do_sample=False)[0, len(ids) :].tolist()
    ours = await collect(engine.generate(request(prompt, max_tokens=16, logprobs=1)))
    text, expected = text_of(ours), tokenizer.decode(made)
    if text != expected:  # llama.cpp multiplies in bf16: only where two tokens are as good as equal may it differ
        at = next(n for n, (one, other) in enumerate(zip(text, expected, strict=False)) if one != other)
        probable = [item for chunk in ours for item in chunk.logprobs]
        spent = 0
        fork = next(item for item in probable if (spent := spent + len(item.token)) > at)
        assert fork.logprob > -1.2, (text, expected)


async def test_usage_tells_what_was_cached(engine: LlamaCppEngine) -> None:
    prompt = "# cached\n" + CODE[:1500]
    first = (await collect(engine.generate(request(prompt))))[-1]
    second = (await collect(engine.generate(request(prompt + "\nx"))))[-1]
    assert first.finish_reason == "length"
    assert first.usage is not None
    assert second.usage is not None
    assert first.usage.completion_tokens == 12
    assert second.usage.cached_tokens >= first.usage.prompt_tokens - 1
    held, capacity, *_ = engine.kv_tokens
    assert 0 < held <= capacity == 4 * 1024


async def test_streamed_text_is_exact_over_stop_strings_and_characters_of_several_tokens(
    engine: LlamaCppEngine,
) -> None:
    whole = await answer(engine, prompt="Say 🙂 and 你好 again: 🙂 你好 🙂 你好 🙂", max_tokens=24)
    assert "�" not in whole
    assert any(ord(character) > 127 for character in whole)
    await answer(engine, prompt=CODE[:900], max_tokens=1)  # a prompt that is read anew may be rounded otherwise
    plain = await answer(engine, prompt=CODE[:900], max_tokens=40)
    stop = plain[len(plain) // 2 : len(plain) // 2 + 5]
    chunks = await collect(engine.generate(request(CODE[:900], max_tokens=40, stop=(stop, "never"))))
    assert text_of(chunks) == plain[: plain.index(stop)]
    assert [chunk.finish_reason for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)
    assert chunks[-1].finish_reason == "stop"


@pytest.mark.parametrize("heal", ["\n        ret", "def fo", "    ", '\t"é🙂\\d', "zzqqyx", "'''\n\"\"\"", "ï"])
async def test_a_healed_answer_begins_with_the_text_and_is_free_afterwards(engine: LlamaCppEngine, heal: str) -> None:
    text = await answer(engine, prompt=CODE[:300], heal=heal, max_tokens=30)
    assert text.startswith(heal)
    assert len(text) > len(heal)
    stopped = await answer(engine, prompt=CODE[:300], heal=heal, max_tokens=30, stop=("\n",))
    assert stopped == heal + text.removeprefix(heal).partition("\n")[0]  # a stop string within `heal` is none


async def test_a_seed_gives_the_same_text_again_and_another_seed_another(engine: LlamaCppEngine) -> None:
    sampled = {"prompt": CODE[:300], "temperature": 1.5, "max_tokens": 16}
    first, again, other = [await answer(engine, seed=seed, **sampled) for seed in (7, 7, 8)]
    assert first == again != other
    assert await answer(engine, seed=7, top_p=0.01, **sampled) == await answer(engine, prompt=CODE[:300], max_tokens=16)


async def test_several_answers_are_told_apart_and_each_ends(engine: LlamaCppEngine) -> None:
    chunks = await collect(engine.generate(request(n=3, temperature=1.5, seed=1)))
    assert [chunk.index for chunk in chunks if chunk.finish_reason] == [0, 1, 2]
    assert len({text_of(chunks, index) for index in range(3)}) == 3


async def test_logprobs_are_told_with_as_many_alternatives_as_asked(engine: LlamaCppEngine) -> None:
    for count in (0, 3):
        chunks = await collect(engine.generate(request(logprobs=count, max_tokens=4)))
        told: list[TokenLogprob] = [item for chunk in chunks for item in chunk.logprobs]
        assert "".join(item.token for item in told) == text_of(chunks)
        assert all(len(item.top) == count and item.logprob <= 0 for item in told)
        if count:
            assert all(item.top[0] == (item.token, item.logprob) for item in told)


async def test_the_end_of_an_answer_is_heeded_or_ignored(engine: LlamaCppEngine) -> None:
    turns = (("user", "Say yes."), ("assistant", "Yes."), ("user", "Again."))
    prompt = "".join(f"<|im_start|>{role}\n{text}<|im_end|>\n" for role, text in turns) + "<|im_start|>assistant\n"
    ended = await collect(engine.generate(request(prompt, max_tokens=60)))
    assert ended[-1].finish_reason == "stop"
    assert "<|im_end|>" not in text_of(ended)
    forced = await collect(engine.generate(request(prompt, max_tokens=60, ignore_eos=True)))
    assert forced[-1].finish_reason == "length"


async def test_what_cannot_be_answered_is_refused_in_a_sentence(engine: LlamaCppEngine) -> None:
    for refused, said in {
        request(""): "The prompt is empty",
        request("x", max_tokens=4096): r"1 tokens and 4096 are asked for.*context of 1024.*raise the setting",
    }.items():
        with pytest.raises(RequestRefused, match=said) as caught:
            await collect(engine.generate(refused))
        assert caught.value.status == 400


async def test_the_whole_context_can_be_used(engine: LlamaCppEngine) -> None:
    tokenizer = engine.loaded.tokenizer
    prompt = "x " * 1000
    room = 1024 - len(tokenizer.encode(prompt))
    last = (await collect(engine.generate(request(prompt, max_tokens=room, ignore_eos=True))))[-1]
    assert last.usage is not None
    assert last.usage.prompt_tokens + last.usage.completion_tokens == 1024


async def test_closing_the_stream_frees_the_slot_and_stops_within_the_prompt(engine: LlamaCppEngine) -> None:
    prompt = "# cancelled\n" + CODE
    num_tokens = len(engine.loaded.tokenizer.encode(prompt))
    assert num_tokens > 4 * PREFILL_BATCH
    waiting = asyncio.ensure_future(collect(engine.generate(request(prompt, priority=Priority.CHAT))))
    await until(lambda: engine.load == (1, 0))
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert engine.load == (0, 0)
    last = (await collect(engine.generate(request(prompt, priority=Priority.CHAT))))[-1]
    assert last.usage is not None
    assert last.usage.cached_tokens < num_tokens - PREFILL_BATCH


async def test_ghost_text_is_answered_while_chats_fill_their_slots(engine: LlamaCppEngine) -> None:
    chat = request(CODE[:200], max_tokens=400, ignore_eos=True, priority=Priority.CHAT)
    chats = [asyncio.ensure_future(collect(engine.generate(chat))) for _ in range(4)]
    await until(lambda: engine.load == (2, 2))
    ghost = await collect(engine.generate(request(priority=Priority.GHOST_TEXT, max_tokens=4)))
    assert ghost[-1].finish_reason == "length"
    assert not any(one.done() for one in chats)
    for one in chats:
        one.cancel()
    await asyncio.gather(*chats, return_exceptions=True)
    assert engine.load == (0, 0)


async def test_a_chat_whose_prompt_was_held_back_is_answered_all_the_same(engine: LlamaCppEngine) -> None:
    prompt = "# held back\n" + CODE
    alone = await answer(engine, prompt=prompt, priority=Priority.CHAT)
    for slot in range(2):  # forget it
        await answer(engine, prompt=f"{slot}" + CODE[200:1200], priority=Priority.CHAT)
    chat = asyncio.ensure_future(collect(engine.generate(request(prompt, priority=Priority.CHAT))))
    await until(lambda: engine.load == (1, 0))
    ghost = asyncio.ensure_future(collect(engine.generate(request(max_tokens=8, priority=Priority.GHOST_TEXT))))
    await until(lambda: engine.load == (1, 1))  # the chat waits
    assert (await ghost)[-1].finish_reason == "length"
    chunks = await chat
    assert any(chunk.place is not None for chunk in chunks)
    assert text_of(chunks) == alone


async def test_newer_ghost_text_of_a_document_ends_the_older(engine: LlamaCppEngine) -> None:
    ghost = request(CODE, priority=Priority.GHOST_TEXT, document="d", max_tokens=60, ignore_eos=True)
    elder = asyncio.ensure_future(collect(engine.generate(ghost)))
    await until(lambda: engine.load == (1, 0))
    newer = await collect(engine.generate(replace(ghost, max_tokens=4)))
    assert newer[-1].finish_reason == "length"
    assert (await elder)[-1].finish_reason == "cancelled"


async def test_a_deadline_ends_an_answer_with_the_text_so_far(engine: LlamaCppEngine) -> None:
    chunks = await collect(engine.generate(request(max_tokens=900, ignore_eos=True, deadline=0.5)))
    assert chunks[-1].finish_reason == "length"
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens < 900
    assert engine.load == (0, 0)


async def test_an_answer_given_beforehand_is_refused(engine: LlamaCppEngine) -> None:
    with pytest.raises(RequestRefused, match="does not score what it reads"):
        await collect(engine.generate(request(forced=" = 1")))
    assert not engine.scores


async def test_a_full_queue_is_refused(engine: LlamaCppEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(llama_slots, "MAX_WAITING", 0)
    with pytest.raises(RequestRefused, match="Too many requests wait") as caught:
        await collect(engine.generate(request()))
    assert caught.value.status == 429


async def test_llama_cpp_is_started_anew_when_it_has_died(smollm2_gguf: Path) -> None:
    engine = LlamaCppEngine(smollm2_gguf, SETTINGS, silent)
    try:
        async with aclosing(engine.generate(request(max_tokens=900, ignore_eos=True))) as chunks:
            await anext(chunks)
            os.kill(engine._server.pid, signal.SIGKILL)
            with pytest.raises(RequestRefused, match=r"llama\.cpp has ended in the middle") as caught:
                await collect(chunks)
        assert caught.value.status == 503
        assert await answer(engine)
    finally:
        engine.close()


async def test_closing_the_engine_ends_its_requests_and_its_process(smollm2_gguf: Path) -> None:
    engine = LlamaCppEngine(smollm2_gguf, SETTINGS, silent)
    process = psutil.Process(engine._server.pid)
    busy = [asyncio.ensure_future(collect(engine.generate(request(max_tokens=900)))) for _ in range(4)]
    await until(lambda: engine.load == (2, 2))
    await asyncio.to_thread(engine.close)
    for error in await asyncio.gather(*busy, return_exceptions=True):
        assert isinstance(error, RequestRefused)
        assert str(error) == "The worker is shutting down."
    assert not process.is_running()


def test_llama_cpp_dies_with_the_worker_that_started_it(smollm2_gguf: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from codefuse_lsp.config import Settings; "
        "from codefuse_lsp.worker.llama_cpp import LlamaCppEngine; "
        "e = LlamaCppEngine(Path(sys.argv[1]), Settings(device='cpu', kv_slots=2, context_length=512), print); "
        "print('pid', e._server.pid, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(smollm2_gguf)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as worker:
        assert worker.stdout is not None
        pid = next(int(line.split()[1]) for line in worker.stdout if line.startswith("pid"))
        child = psutil.Process(pid)
        worker.kill()
        child.wait(timeout=30)
        assert worker.stderr is not None
        assert worker.stderr.read() == ""  # llama.cpp's logging stays out of ours


def test_what_llama_cpp_says_while_it_serves_is_kept_nowhere(
    engine: LlamaCppEngine, capfd: pytest.CaptureFixture[str]
) -> None:
    asyncio.run(collect(engine.generate(request("a secret that nobody may read in a log"))))
    assert not any("secret" in line for line in engine._server._said)
    assert capfd.readouterr().err == ""


def test_the_worker_serves_a_gguf_model(smollm2_gguf: Path) -> None:
    settings = replace(SETTINGS, model=str(smollm2_gguf), kv_slots=2)
    worker = Worker(settings, lambda name, template: "chat_template" if template else "plain")
    asyncio.run(worker.load())
    assert worker.status == "ready", worker.message
    with TestClient(build_app(worker, Rules())) as http:
        card = http.get("/v1/models").json()["data"][0]
        assert (card["id"], card["max_model_len"], card["device"]) == ("SmolLM2-135M-Instruct.BF16", 1024, "cpu")
        assert (card["prompt_format"], card["eos_token"]) == ("chat_template", "<|im_end|>")
        assert http.post("/tokenize", json={"prompt": "a b"}).json()["count"] == 2
        body = {"prompt": "def f(", "max_tokens": 3, "temperature": 0}
        assert http.post("/v1/completions", json=body).json()["usage"]["completion_tokens"] == 3
    asyncio.run(worker.close())


def test_a_file_that_llama_cpp_cannot_load_is_told_with_its_reason(smollm2_gguf: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    with smollm2_gguf.open("rb") as whole:
        broken.write_bytes(whole.read(8 << 20))  # the head is whole, the weights are not
    with pytest.raises(ModelError, match=r"broken\.gguf cannot be loaded by llama\.cpp: tensor .* is not within"):
        LlamaCppEngine(broken, SETTINGS, silent)


def test_without_xllamacpp_the_command_that_installs_it_is_told(
    smollm2_gguf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "xllamacpp.py").write_text("raise ImportError('no module named xllamacpp')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(ModelError, match=r"-m pip install 'codefuse-lsp\[gguf\]'"):
        LlamaCppEngine(smollm2_gguf, SETTINGS, silent)


def test_a_device_that_is_not_there_is_told(smollm2_gguf: Path) -> None:
    with pytest.raises(ModelError, match=r"device = mps, but llama\.cpp as installed runs on (cpu|cuda) here"):
        LlamaCppEngine(smollm2_gguf, replace(SETTINGS, device="mps"), silent)


def test_the_socket_is_for_its_owner_only(engine: LlamaCppEngine) -> None:
    folder = engine._server._folder
    assert folder.stat().st_mode & 0o077 == 0
    assert all(path.stat().st_mode & 0o077 == 0 for path in folder.iterdir())
    assert llama_server.ENDED
