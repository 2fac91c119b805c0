from __future__ import annotations

import asyncio
import json
import weakref
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest

from codefuse_lsp.config import Settings
from codefuse_lsp.generation.client import Address, Client
from codefuse_lsp.generation.request import GenerationRequest
from codefuse_lsp.worker.app import Worker, build_app
from codefuse_lsp.worker.guard import Rules

BODY = {"model": "default", "prompt": "def add(a, b):", "max_tokens": 8, "temperature": 0, "ignore_eos": True}


@pytest.fixture(scope="module")
def settings(tiny_llama: Path) -> Settings:
    return Settings(model=str(tiny_llama), device="cpu", dtype="float32", kv_slots=2)


@pytest.fixture
async def worker(settings: Settings) -> AsyncIterator[Worker]:
    made = Worker(settings, choose_format=lambda name, template: "chat_template")
    await made.load()
    assert made.status == "ready", made.message
    yield made
    await made.close()


@pytest.fixture
async def http(worker: Worker) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(build_app(worker, Rules()))
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


def events(text: str) -> list[Any]:
    return [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")]


async def test_the_streamed_text_is_the_whole_text(http: httpx2.AsyncClient) -> None:
    whole = (await http.post("/v1/completions", json=BODY)).json()
    options = {"stream": True, "stream_options": {"include_usage": True}}
    streamed = (await http.post("/v1/completions", json=BODY | options)).text
    assert streamed.endswith("data: [DONE]\n\n")
    *choices, usage = events(streamed)
    assert "".join(item["choices"][0]["text"] for item in choices) == whole["choices"][0]["text"]
    assert choices[-1]["choices"][0]["finish_reason"] == whole["choices"][0]["finish_reason"] == "length"
    assert usage["choices"] == [] and usage["usage"]["completion_tokens"] == 8
    assert usage["usage"]["prompt_tokens_details"]["cached_tokens"] > 0


async def test_every_event_carries_usage_when_asked(http: httpx2.AsyncClient) -> None:
    options = {"stream": True, "stream_options": {"continuous_usage_stats": True}}
    streamed = events((await http.post("/v1/completions", json=BODY | options)).text)
    assert all(item["usage"]["prompt_tokens"] > 0 for item in streamed)


@pytest.mark.parametrize(
    ("changes", "status", "param"),
    [
        ({"prompt": None}, 400, "prompt"),
        ({"max_tokens": -1}, 400, "max_tokens"),
        ({"prompt": "x = 1\n" * 5000}, 400, None),
        ({"model": "another"}, 404, None),
        ({"stream_options": 5}, 400, "stream_options"),
    ],
)
@pytest.mark.parametrize("stream", [True, False])
async def test_a_bad_request_has_its_own_status_also_when_streaming(
    http: httpx2.AsyncClient, changes: dict[str, Any], status: int, param: str | None, stream: bool
) -> None:
    answer = await http.post("/v1/completions", json=BODY | changes | {"stream": stream})
    error = answer.json()["error"]
    assert (answer.status_code, error["param"], error["code"]) == (status, param, status)
    assert error["message"].endswith(".")


async def test_the_model_tells_what_prompts_need(http: httpx2.AsyncClient, worker: Worker) -> None:
    (card,) = (await http.get("/v1/models")).json()["data"]
    assert card["prompt_format"] == "chat_template"
    assert card["max_model_len"] == worker.engine.loaded.max_model_len
    assert card["eos_token"] in card["special_tokens"]
    assert card["chat_template"]
    assert card["scores"] is True


async def test_an_answer_given_beforehand_comes_back_with_its_log_probabilities(http: httpx2.AsyncClient) -> None:
    answer = (await http.post("/v1/completions", json={**BODY, "stream": False, "forced": " + b\n"})).json()
    (choice,) = answer["choices"]
    assert (choice["text"], choice["finish_reason"]) == (" + b\n", "stop")
    assert "".join(choice["logprobs"]["tokens"]).endswith(" + b\n")
    assert all(logprob < 0 for logprob in choice["logprobs"]["token_logprobs"])


async def test_tokens_are_counted_as_they_will_be(http: httpx2.AsyncClient, worker: Worker) -> None:
    counted = (await http.post("/tokenize", json={"prompt": BODY["prompt"], "return_tokens": True})).json()
    assert counted["tokens"] == worker.engine.loaded.tokenizer.encode(BODY["prompt"])
    assert counted["count"] == len(counted["tokens"])


async def test_a_model_that_cannot_be_loaded_is_told_to_all_who_ask(tmp_path: Path) -> None:
    worker = Worker(Settings(model=str(tmp_path / "none")), choose_format=lambda name, template: "plain")
    transport = httpx2.ASGITransport(build_app(worker, Rules()))
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as http:
        waiting = asyncio.ensure_future(http.post("/v1/completions", json=BODY))
        assert (await http.get("/health")).json()["status"] == "loading"
        await worker.load()
        answer = await waiting
        health = (await http.get("/health")).json()
    assert answer.status_code == 503
    assert str(tmp_path / "none") in answer.json()["error"]["message"] == health["message"]
    assert health["status"] == "failed"


async def test_our_client_understands_our_worker(worker: Worker, tmp_path: Path) -> None:
    import socket

    import uvicorn

    path = tmp_path / "w.sock"
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    server = uvicorn.Server(uvicorn.Config(build_app(worker, Rules()), lifespan="off", log_level="error"))
    serving = asyncio.ensure_future(server.serve(sockets=[listener]))
    client = Client(Address(socket=path))
    request = GenerationRequest(BODY["prompt"], max_tokens=400, temperature=0.0, ignore_eos=True, logprobs=1)
    stream = client.generate(request)
    async for chunk in stream:
        assert chunk.logprobs and chunk.usage is not None
        if chunk.text:
            break
    await stream.aclose()  # the connection closes, and with it the generation ends
    async with asyncio.timeout(20):
        while any(worker.engine.load):
            await asyncio.sleep(0.001)
    assert (await client.model_card()).id == worker.engine.loaded.name
    assert (await client.health())["status"] == "ready"
    await client.close()
    server.should_exit = True
    await serving
    listener.close()


async def test_a_model_that_nobody_asks_gives_its_memory_back_and_comes_again_when_it_is_asked(
    worker: Worker, http: httpx2.AsyncClient
) -> None:
    worker.settings = replace(worker.settings, unload_minutes=1e-4)
    engine = weakref.ref(worker.engine)
    async with asyncio.timeout(60):
        sleeping = asyncio.create_task(worker.sleep_when_idle())
        while engine() is not None:
            await asyncio.sleep(0.01)
        sleeping.cancel()
        assert worker.health()["status"] == "asleep"
        answer = await http.post("/v1/completions", json={"prompt": "def", "max_tokens": 2})
    assert answer.json()["usage"]["completion_tokens"] == 2
    assert worker.health()["status"] == "ready"


async def test_a_lost_device_is_told_and_ends_the_worker(
    worker: Worker, http: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(works: Any) -> Any:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr(worker.engine._runner, "forward", fail)
    async with asyncio.timeout(20):
        answer = await http.post("/v1/completions", json={"prompt": "def", "max_tokens": 2})
        assert "GPU" in answer.json()["error"]["message"]
        await worker.lost.wait()
        again = await http.post("/v1/completions", json={"prompt": "def", "max_tokens": 2})
    assert again.status_code == 503 and "started anew" in again.json()["error"]["message"]
    assert worker.health()["status"] == "failed"
