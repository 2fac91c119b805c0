from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path

import httpx2
import pytest
from starlette.types import Message

from codefuse_lsp.config import Settings
from codefuse_lsp.errors import RequestRefused, WorkerUnreachable
from codefuse_lsp.worker.affinity import BLOCK, heads
from codefuse_lsp.worker.app import Worker, build_app
from codefuse_lsp.worker.door import Ask, Call, answer, build_door
from codefuse_lsp.worker.guard import MAX_BODY_BYTES, Rules, tcp_rules
from codefuse_lsp.worker.users import Key, KeyRing

BODY = {"prompt": "def add(a, b):", "max_tokens": 8, "temperature": 0, "ignore_eos": True}
START = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]}


@pytest.fixture
async def worker(tiny_llama: Path) -> AsyncIterator[Worker]:
    made = Worker(Settings(model=str(tiny_llama), device="cpu", dtype="float32"), lambda name, template: "plain")
    await made.load()
    yield made
    await made.close()


def client(ask: Ask, rules: Rules = Rules(), **headers: str) -> httpx2.AsyncClient:  # noqa: B008
    transport = httpx2.ASGITransport(build_door(ask, rules))
    return httpx2.AsyncClient(transport=transport, base_url="http://team-box", headers=headers)


@pytest.mark.parametrize("stream", [True, False])
async def test_an_answer_through_the_door_is_the_workers_own(worker: Worker, stream: bool) -> None:
    app = build_app(worker, Rules())
    direct = httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://localhost")
    async with client(lambda call: answer(app, call)) as door, direct:
        answers = [await each.post("/v1/completions", json=BODY | {"stream": stream}) for each in (direct, door)]
        texts = [_text(each.text, stream) for each in answers]
        assert texts[0] == texts[1] != ""
        assert answers[0].headers["content-type"] == answers[1].headers["content-type"]
        cards = [(await each.get("/v1/models?x=1")).json()["data"] for each in (direct, door)]
        assert cards[0] == cards[1]


def _text(body: str, stream: bool) -> str:
    lines = [line[6:] for line in body.splitlines() if line.startswith("data: {")] if stream else [body]
    return "".join(json.loads(line)["choices"][0]["text"] for line in lines)


async def test_who_has_no_key_is_refused_at_the_door() -> None:
    calls: list[Call] = []

    async def ask(call: Call) -> AsyncGenerator[Message]:
        calls.append(call)
        yield START
        yield {"type": "http.response.body", "body": b""}

    rules = tcp_rules("0.0.0.0", KeyRing((Key("good-key", "ada"),)))
    async with client(ask, rules, Authorization="Bearer bad-key") as stranger:
        assert (await stranger.post("/v1/completions", json=BODY)).status_code == 401
    async with client(ask, rules, Authorization="Bearer good-key", Origin="http://evil.example") as page:
        assert (await page.get("/health")).status_code == 403
    assert not calls
    async with client(ask, rules, Authorization="Bearer good-key") as user:
        assert (await user.post("/v1/completions", json=BODY)).status_code == 200
        large = await user.post("/v1/completions", json={"prompt": "x" * MAX_BODY_BYTES})
        assert large.status_code == 413 and large.json()["error"]["message"].endswith(".")
    (call,) = calls
    assert not any(b"good-key" in value for _, value in call.headers)
    assert "def add" not in repr(call)


@pytest.mark.parametrize(
    ("path", "body", "prompt"),
    [
        ("/v1/completions", {"prompt": "x = 1\n" * BLOCK}, "x = 1\n" * BLOCK),
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": "y" * BLOCK}]}, "y" * BLOCK),
        ("/v1/completions", {"prompt": ["no", "text"]}, ""),
        ("/v1/chat/completions", {"messages": 5}, ""),
        ("/v1/completions", [1], ""),
        ("/tokenize", {"prompt": "x" * BLOCK}, ""),
    ],
)
async def test_a_call_tells_how_its_prompt_begins(path: str, body: object, prompt: str) -> None:
    calls: list[Call] = []

    async def ask(call: Call) -> AsyncGenerator[Message]:
        calls.append(call)
        raise RequestRefused("No.", 400)
        yield

    async with client(ask) as user:
        await user.post(path, json=body)
    assert calls[0].heads == heads(prompt)


@pytest.mark.parametrize(
    ("error", "status"), [(RequestRefused("Too many wait.", 429), 429), (WorkerUnreachable("It went away."), 503)]
)
async def test_a_call_that_fails_is_answered_with_a_sentence(error: Exception, status: int) -> None:
    async def ask(call: Call) -> AsyncGenerator[Message]:
        raise error
        yield

    async with client(ask) as user:
        told = await user.post("/v1/completions", json=BODY)
    assert told.status_code == status and told.headers["retry-after"]
    assert told.json()["error"]["message"] == str(error)


async def test_a_stream_that_breaks_ends_with_a_sentence() -> None:
    async def ask(call: Call) -> AsyncGenerator[Message]:
        yield START
        yield {"type": "http.response.body", "body": b"data: {}\n\n", "more_body": True}
        raise WorkerUnreachable("It went away.")

    async with client(ask) as user:
        told = (await user.post("/v1/completions", json=BODY)).text
    assert json.loads(told.splitlines()[-2][6:])["error"]["message"] == "It went away."


async def test_a_client_that_goes_away_closes_the_answer() -> None:
    begun, closed = asyncio.Event(), asyncio.Event()

    async def ask(call: Call) -> AsyncGenerator[Message]:
        try:
            yield START
            begun.set()
            await asyncio.Event().wait()
        finally:
            closed.set()

    request: list[Message] = [{"type": "http.request", "body": b"{}"}]

    async def receive() -> Message:
        if request:
            return request.pop()
        await begun.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        assert message is START

    scope = {"type": "http", "method": "GET", "path": "/health", "query_string": b"", "headers": [], "root_path": ""}
    await asyncio.wait_for(build_door(ask, Rules())(scope, receive, send), 10)
    assert closed.is_set()


async def test_closing_an_answer_frees_its_sequence(worker: Worker) -> None:
    body = json.dumps(BODY | {"stream": True, "max_tokens": 1500}).encode()
    call = Call("POST", "/v1/completions", b"", ((b"content-type", b"application/json"),), body, ())
    messages = answer(build_app(worker, Rules()), call)
    assert (await anext(messages))["status"] == 200
    assert (await anext(messages))["more_body"]
    assert worker.engine.load == (1, 0)
    await messages.aclose()
    async with asyncio.timeout(10):
        while worker.engine.load != (0, 0):
            await asyncio.sleep(0)
