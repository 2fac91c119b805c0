"""Far ends that are not ours: `transformers serve` for real, and vLLM by what it sends."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from codefuse_lsp.answers import fitting_chat, request_for, stream_answer
from codefuse_lsp.config import Settings
from codefuse_lsp.errors import RequestRefused, WorkerUnreachable
from codefuse_lsp.generation.client import Address, Client
from codefuse_lsp.generation.connection import Connection
from codefuse_lsp.generation.request import Chunk, GenerationRequest, Place, Priority, Usage
from codefuse_lsp.prompts.chat import Round, Talk
from codefuse_lsp.suggestions.asked import asked_at
from codefuse_lsp.suggestions.outcome import Suggestion
from codefuse_lsp.suggestions.pipeline import Suggester
from codefuse_lsp.suggestions.requests import model_format
from codefuse_lsp.suggestions.trace import Trace

START_S = 180.0  # for a server that imports torch on a busy machine

REQUEST = GenerationRequest(
    "x = ", max_tokens=5, temperature=0.0, priority=Priority.GHOST_TEXT, heal="1", document="d", client="c"
)

Reply = tuple[int, dict[str, str], str]  # status, headers, body


class Stub:
    """A server on loopback that answers each path with what was recorded, one after the other, and keeps the bodies."""

    def __init__(self, **replies: list[Reply]) -> None:
        self.replies = replies  # by the last part of the path
        self.asked: list[tuple[str, Any]] = []

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = next((line[15:] for line in head.split("\r\n") if line.startswith("content-length:")), "0")
        path = head.split(" ")[1]
        self.asked.append((path, json.loads(await reader.readexactly(int(length)) or b"null")))
        left = self.replies.get(path.rpartition("/")[2], [(404, {}, '{"detail":"Not Found"}')])
        status, headers, body = left.pop(0) if len(left) > 1 else left[0]
        lines = [f"HTTP/1.1 {status} Recorded", "Connection: close", *(f"{k}: {v}" for k, v in headers.items())]
        writer.write("\r\n".join([*lines, "", body]).encode())
        await writer.drain()
        writer.close()


@asynccontextmanager
async def client_of(stub: Stub) -> AsyncIterator[Client]:
    async with stub.serving() as endpoint:
        client = Client(Address(endpoint))
        try:
            yield client
        finally:
            await client.close()


async def answer_of(stub: Stub, request: GenerationRequest = REQUEST) -> list[Chunk]:
    async with client_of(stub) as client:
        return [chunk async for chunk in client.generate(request)]


# --- vLLM: the bytes of vllm 0.10's OpenAI server (vllm/entrypoints/openai) ---------------------------------------

SSE = {"content-type": "text/event-stream; charset=utf-8"}
VLLM_MODELS = (
    '{"object":"list","data":[{"id":"Qwen/Qwen2.5-Coder-7B-Instruct","object":"model","created":1732000000,'
    '"owned_by":"vllm","root":"Qwen/Qwen2.5-Coder-7B-Instruct","parent":null,"max_model_len":32768,"permission":'
    '[{"id":"modelperm-1","object":"model_permission","created":1732000000,"allow_create_engine":false,'
    '"allow_sampling":true,"allow_logprobs":true,"allow_search_indices":false,"allow_view":true,'
    '"allow_fine_tuning":false,"organization":"*","group":null,"is_blocking":false}]}]}'
)
VLLM_STREAM = (
    'data: {"id":"cmpl-1","object":"text_completion","created":1732000000,"model":"m","choices":[{"index":0,'
    '"text":"1","logprobs":null,"finish_reason":null,"stop_reason":null}],"usage":{"prompt_tokens":3,'
    '"total_tokens":4,"completion_tokens":1}}\n\n'
    'data: {"id":"cmpl-1","object":"text_completion","created":1732000000,"model":"m","choices":[{"index":0,'
    '"text":"00","logprobs":null,"finish_reason":"length","stop_reason":null}],"usage":{"prompt_tokens":3,'
    '"total_tokens":5,"completion_tokens":2}}\n\n'
    'data: {"id":"cmpl-1","object":"text_completion","created":1732000000,"model":"m","choices":[],"usage":'
    '{"prompt_tokens":3,"total_tokens":5,"completion_tokens":2,"prompt_tokens_details":null}}\n\n'
    "data: [DONE]\n\n"
)
VLLM_CHAT_STREAM = (
    'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1732000000,"model":"m","choices":[{"index":0,'
    '"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}]}\n\n'
    'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1732000000,"model":"m","choices":[{"index":0,'
    '"delta":{"content":"Hello"},"logprobs":null,"finish_reason":null}]}\n\n'
    'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1732000000,"model":"m","choices":[{"index":0,'
    '"delta":{"content":""},"logprobs":null,"finish_reason":"stop","stop_reason":null}]}\n\n'
    'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1732000000,"model":"m","choices":[],"usage":'
    '{"prompt_tokens":9,"total_tokens":11,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":8}}}\n\n'
    "data: [DONE]\n\n"
)


async def test_vllms_stream_is_understood() -> None:
    stub = Stub(completions=[(200, SSE, VLLM_STREAM)])
    assert await answer_of(stub) == [Chunk("1", usage=Usage(3, 1)), Chunk("00", "length", (), Usage(3, 2))]
    (_, body), *_ = stub.asked
    assert (body["priority"], body["add_special_tokens"]) == (0, False)


async def test_vllms_model_and_count_are_understood() -> None:
    counted = '{"count":5,"max_model_len":32768,"tokens":[1,2,3,4,5],"token_strs":null}'
    async with client_of(Stub(models=[(200, {}, VLLM_MODELS)], tokenize=[(200, {}, counted)])) as client:
        card = await client.model_card()
        assert (card.id, card.max_model_len) == ("Qwen/Qwen2.5-Coder-7B-Instruct", 32768)
        assert await client.count_tokens("hello") == 5


TOO_LONG = (
    "This model's maximum context length is 32768 tokens. However, you requested 40000 tokens in the messages, "
    "Please reduce the length of the messages."
)


@pytest.mark.parametrize(
    ("status", "body", "tells"),
    [
        (400, json.dumps({"error": {"message": TOO_LONG, "type": "BadRequestError", "code": 400}}), "32768"),
        (400, json.dumps({"object": "error", "message": TOO_LONG, "type": "BadRequestError"}), "32768"),
        (404, '{"error":{"message":"The model `m` does not exist.","type":"NotFoundError","code":404}}', "does not"),
        (401, '{"error":"Unauthorized"}', "Unauthorized"),
        (422, '{"detail":[{"type":"missing","loc":["body","prompt"],"msg":"Field required"}]}', "Field required"),
        (502, "<html>Bad Gateway</html>", "502"),
    ],
)  # fmt: skip
async def test_a_refusal_is_told_in_the_far_ends_own_words(status: int, body: str, tells: str) -> None:
    with pytest.raises(RequestRefused, match=tells) as caught:
        await answer_of(Stub(completions=[(status, {}, body)]))
    assert caught.value.status == status


@pytest.mark.parametrize(
    ("header", "seconds"), [("7", 7.0), ("0", 0.0), ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0), ("soon", None)]
)
async def test_a_busy_far_end_says_when_to_ask_again(header: str, seconds: float | None) -> None:
    busy = (429, {"Retry-After": header}, '{"error":{"message":"Too many requests."}}')
    with pytest.raises(RequestRefused) as caught:
        await answer_of(Stub(completions=[busy]))
    assert caught.value.retry_after == seconds
    told = "" if seconds is None else f" Ask again in {seconds:.0f} s."
    assert str(caught.value) == f"Too many requests.{told}"


async def test_an_error_in_the_middle_may_be_a_bare_text() -> None:
    broken = VLLM_STREAM.split("\n\n")[0] + '\n\ndata: {"error": "out of memory"}\n\n'
    with pytest.raises(RequestRefused, match="out of memory"):
        await answer_of(Stub(completions=[(200, SSE, broken)]))


@pytest.mark.parametrize(
    "refusal",
    [
        """{"detail":"Unexpected fields in the request: {'priority', 'add_special_tokens'}"}""",
        '{"error":{"message":"Unrecognized request argument supplied: heal","type":"invalid_request_error"}}',
        """{"error":{"message":"Unknown parameter: 'stream_options.include_queue'."}}""",
        "{\"object\":\"error\",\"message\":\"[{'type': 'extra_forbidden', 'loc': ('body', 'document')}]\"}",
        '{"error":{"message":"Got priority 0 but Priority scheduling is not enabled."}}',
    ],
)
async def test_a_strict_far_end_is_asked_again_without_what_it_does_not_know_and_then_no_more(refusal: str) -> None:
    stub = Stub(completions=[(422, {}, refusal), (200, SSE, VLLM_STREAM)])
    async with client_of(stub) as client:
        for _ in range(2):
            assert "".join([chunk.text async for chunk in client.generate(REQUEST)]) == "100"
    first, second, third = (body for _, body in stub.asked)
    assert "priority" in first
    for body in (second, third):
        assert not {"priority", "add_special_tokens", "heal", "document"} & set(body)
        assert body["stream_options"] == {"include_usage": True} and body["user"] == "c"


async def test_a_refusal_of_something_else_is_not_asked_twice() -> None:
    stub = Stub(completions=[(400, {}, '{"error":{"message":"The prompt is too long."}}')])
    with pytest.raises(RequestRefused):
        await answer_of(stub)
    assert len(stub.asked) == 1


async def test_a_place_in_the_queue_comes_as_a_chunk() -> None:
    queued = 'data: {"choices":[],"queue":{"position":2,"expected_wait":0.5}}\n\n'
    chunks = await answer_of(Stub(completions=[(200, SSE, queued + VLLM_STREAM)]))
    assert chunks[0] == Chunk("", place=Place(2, 0.5))


async def test_several_answers_are_told_apart() -> None:
    told = [(1, "b", None), (0, "a", "stop"), (1, "c", "length")]
    events = [{"choices": [{"index": i, "text": text, "finish_reason": why}]} for i, text, why in told]
    stream = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
    chunks = await answer_of(Stub(completions=[(200, SSE, stream)]))
    assert [(chunk.index, chunk.text, chunk.finish_reason) for chunk in chunks] == told


async def test_a_chat_waiting_in_the_queue_is_told_in_the_status() -> None:
    queued = 'data: {"choices":[],"queue":{"position":2,"expected_wait":0.5}}\n\n'
    stub = Stub(models=[(200, {}, VLLM_MODELS)], completions=[(200, SSE, queued + VLLM_STREAM)])
    told = []
    async with stub.serving() as endpoint:
        connection = Connection(Settings(endpoint=endpoint), lambda status: told.append(status.queue_position))
        chunks = [chunk async for chunk in connection.generate(GenerationRequest("x"))]
        await connection.close()
    assert [chunk.place for chunk in chunks[:2]] == [Place(2, 0.5), None]
    assert 2 in told and told[-1] is None
    assert len(stub.asked[1][1]["user"]) == 32


# --- a far end of which nothing is known: it writes the prompts ----------------------------------------------------


async def test_a_far_end_that_tells_nothing_is_asked_in_messages(tmp_path: Path) -> None:
    model = '{"object":"list","data":[{"id":"some-model","object":"model"}]}'
    stub = Stub(models=[(200, {}, model)], completions=[(200, SSE, VLLM_CHAT_STREAM)])
    async with stub.serving() as endpoint:
        settings = Settings(endpoint=endpoint)
        connection = Connection(settings)
        ready = await connection.wait()
        model_is = model_format(ready.card, settings)
        fitting = await fitting_chat(connection, settings, Talk((Round("Hello?"),)), model_is)
        request = request_for(fitting.prompt, settings, Priority.CHAT)
        chunks = [chunk async for chunk in stream_answer(connection, request, model_is, {})]
        await connection.close()
    assert "".join(chunk.text for chunk in chunks) == "Hello"
    assert chunks[-1].usage == Usage(9, 2, 8)
    path, body = stub.asked[-1]
    assert path == "/v1/chat/completions"
    assert body["messages"] == [{"role": "user", "content": "Hello?"}]
    assert "prompt" not in body and "heal" not in body


async def test_ghost_text_is_asked_for_in_messages_and_read_out_of_a_fence(tmp_path: Path) -> None:
    model = '{"object":"list","data":[{"id":"some-model"}]}'
    pieces = ["```py", "thon\n    re", "turn a +", " b\n", "```", "\nThis adds."]
    events = [{"choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]} for piece in pieces]
    end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    stream = "".join(f"data: {json.dumps(event)}\n\n" for event in [*events, end]) + "data: [DONE]\n\n"
    stub = Stub(models=[(200, {}, model)], completions=[(200, SSE, stream)])
    async with stub.serving() as endpoint:
        found = await suggestion(Settings(endpoint=endpoint), tmp_path, "def add(a, b):\n", "    return a")
    assert isinstance(found, Suggestion) and found.text == " + b"
    _, body = stub.asked[-1]
    assert body["messages"][-1]["role"] == "user" and "\n" not in body.get("stop", [])


async def test_a_far_end_is_told_which_document_and_who_asks_by_names_that_tell_nothing(tmp_path: Path) -> None:
    stub = Stub(models=[(200, {}, VLLM_MODELS)], completions=[(200, SSE, VLLM_STREAM)])
    async with stub.serving() as endpoint:
        for _ in range(2):
            await suggestion(Settings(endpoint=endpoint, prompt_format="plain"), tmp_path, "x = ")
    first, second = (body for path, body in stub.asked if path == "/v1/completions")
    assert first["document"] == second["document"] and len(first["document"]) == 16
    assert first["user"] != second["user"]  # each process is a client of its own
    assert "add.py" not in json.dumps(first)


async def suggestion(settings: Settings, folder: Path, *lines: str) -> Any:
    connection = Connection(settings)
    await connection.wait()
    suggester = Suggester(connection, settings, Trace(folder / "trace.json"))
    asked = asked_at(
        list(lines), len(lines) - 1, len(lines[-1]),
        uri="file:///add.py", path="/add.py", language="python", version=1, budget_chars=2000, invoked=True,
    )  # fmt: skip
    try:
        return await suggester.suggest(asked)
    finally:
        await suggester.close()
        await connection.close()


# --- transformers serve ---------------------------------------------------------------------------------------------


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@asynccontextmanager
async def transformers_serving(folder: Path) -> AsyncIterator[str]:
    """`transformers serve` with one model, as a user would start it."""
    from transformers.utils.import_utils import is_serve_available

    if not is_serve_available():
        pytest.skip("NO TRANSFORMERS SERVE: it needs fastapi, pydantic, uvicorn and openai (pip install '.[test]')")
    port = free_port()
    words = ["serve", str(folder), "--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "from transformers.cli.transformers import main; main()", *words,
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE, env={**os.environ, "HF_HUB_OFFLINE": "1"},
    )  # fmt: skip
    try:
        async with asyncio.timeout(START_S):
            while process.returncode is None:
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    break
                await asyncio.sleep(0.2)
        assert process.returncode is None, (await process.communicate())[1].decode()[-2000:]
        draining = asyncio.create_task(process.stderr.read())  # type: ignore[union-attr]
        yield f"http://127.0.0.1:{port}/v1"
        draining.cancel()
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGKILL)
        await process.wait()
        process._transport.close()  # type: ignore[attr-defined]


@pytest.mark.real_model
async def test_transformers_serve_completes_chats_and_is_cancelled(smollm2: Path, tmp_path: Path) -> None:
    async with transformers_serving(smollm2) as endpoint:
        client = Client(Address(endpoint))
        card = await client.model_card()
        assert card.id == str(smollm2) and card.prompt_format is None
        assert await client.count_tokens("x") is None
        request = GenerationRequest(
            "def add(a, b):\n    return", max_tokens=6, temperature=0.0, priority=Priority.ACTION, client="me"
        )
        text = "".join([chunk.text async for chunk in client.generate(request)])
        assert text.startswith(" a + b")
        async with aclosing(client.generate(request)) as stream:
            assert (await anext(stream)).text
        chat = GenerationRequest(
            "", max_tokens=12, temperature=0.0, messages=(("user", "What is the capital of France?"),)
        )
        chunks = [chunk async for chunk in client.generate(chat)]
        assert "Paris" in "".join(chunk.text for chunk in chunks)
        assert chunks[-1].usage is not None and chunks[-1].usage.completion_tokens > 0
        await client.close()
        found = await suggestion(Settings(endpoint=endpoint, completion_timeout=60.0), tmp_path, *CODE)
        # It was asked and it answered; what a small model writes without a beginning need not parse.
        assert isinstance(found, Suggestion) or found.reason == "syntax", found


CODE = ("def add(a, b):\n", "    return a + b\n", "\n", "def multiply(a, b):\n", "    return a")


async def test_a_far_end_that_hangs_up_is_told() -> None:
    with pytest.raises(WorkerUnreachable, match="middle"):
        await answer_of(Stub(completions=[(200, SSE, VLLM_STREAM.split("\n\n")[0] + "\n\n")]))
