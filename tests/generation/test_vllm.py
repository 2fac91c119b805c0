"""Our client and connection, unchanged, over a real socket against a stub that answers in vLLM's shapes.

The answers are written after vLLM's sources, not recorded from a running server: names and order of fields, events and
statuses from vllm/entrypoints/openai/completion/serving.py (the event stream and its error event; commit 030ea52),
completion/protocol.py (002032e), engine/protocol.py (cards, usage, errors; 040a2cc), models/serving.py (the refusal of
a model; 00153c8), serve/tokenize/protocol.py (030ea52) and serve/utils/error_response.py (1c6ebf2). The wording of
the sentences TOO_LONG and DIED, and the older shape of an error without "error", were not checked against a release.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from codefuse_lsp.config import Settings
from codefuse_lsp.errors import RequestRefused
from codefuse_lsp.generation.client import Address, Client
from codefuse_lsp.generation.connection import Connection
from codefuse_lsp.generation.request import Chunk, GenerationRequest, Priority, Usage

MODEL, KEY, LENGTH = "CodeFuse-CodeLlama-34B", "the-teams-key", 4096

CARD = (
    '{"object":"list","data":[{"id":"CodeFuse-CodeLlama-34B","object":"model","created":1795544152,"owned_by":"vllm",'
    '"root":"/models/CodeFuse-CodeLlama-34B","parent":null,"max_model_len":4096,"permission":[{"id":"modelperm-8c5f",'
    '"object":"model_permission","created":1795544152,"allow_create_engine":false,"allow_sampling":true,'
    '"allow_logprobs":true,"allow_search_indices":false,"allow_view":true,"allow_fine_tuning":false,'
    '"organization":"*","group":null,"is_blocking":false}]}]}'
)
HEAD = '"id":"cmpl-b1f9","object":"text_completion","created":1795544153,"model":"CodeFuse-CodeLlama-34B"'
EVENTS = (
    "data: {" + HEAD + ',"choices":[{"index":0,"text":" return","logprobs":null,"finish_reason":null,"stop_reason":'
    'null,"prompt_token_ids":null,"token_ids":null}],"usage":{"prompt_tokens":48,"total_tokens":49,'
    '"completion_tokens":1}}\n\n',
    "data: {" + HEAD + ',"choices":[{"index":0,"text":" a + b","logprobs":null,"finish_reason":"stop","stop_reason":'
    '"\\n\\n","prompt_token_ids":null,"token_ids":null}],"usage":{"prompt_tokens":48,"total_tokens":52,'
    '"completion_tokens":4}}\n\n',
    "data: {" + HEAD + ',"choices":[],"usage":{"prompt_tokens":48,"total_tokens":52,"completion_tokens":4,'
    '"prompt_tokens_details":{"cached_tokens":32}}}\n\n',
    "data: [DONE]\n\n",
)
TOO_LONG = (
    "This model's maximum context length is 4096 tokens. However, you requested 96 output tokens and your prompt "
    "contains at least 4001 input tokens, for a total of at least 4097 tokens."
)
DIED = "EngineCore encountered an issue. See stack trace (above) for the root cause."
REQUEST = GenerationRequest(
    "def add(a, b):\n   ", max_tokens=96, temperature=0.0, stop=("\n\n",), priority=Priority.GHOST_TEXT, document="a.py"
)


def error(message: str, kind: str, status: int, param: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": param, "code": status}}


def older_error(message: str, kind: str, status: int) -> dict[str, Any]:
    return {"object": "error", "message": message, "type": kind, "param": None, "code": status}


class Vllm:
    """A server that refuses as vLLM does, and answers with its bytes."""

    def __init__(self, events: tuple[str, ...] = EVENTS, refusal: tuple[int, dict[str, Any]] | None = None) -> None:
        self.events, self.refusal = events, refusal
        self.asked: list[dict[str, Any]] = []
        self.url, self.gone = "", asyncio.Event()
        self._writers: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
                lengths = [line for line in head.split("\r\n") if line.startswith("content-length:")]
                raw = await reader.readexactly(int(lengths[0].partition(":")[2])) if lengths else b"{}"
                await self._answer(head.split(" ", 2)[1], head, json.loads(raw), reader, writer)

    async def _answer(
        self, path: str, head: str, body: dict[str, Any], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if path.startswith("/v1") and f"authorization: bearer {KEY}" not in head:
            return _send(writer, 401, json.dumps({"error": "Unauthorized"}))
        if path == "/v1/models":
            return _send(writer, 200, CARD)
        if path == "/tokenize":
            count = len(body["prompt"].split())
            answer = {"count": count, "max_model_len": LENGTH, "tokens": list(range(count)), "token_strs": None}
            return _send(writer, 200, json.dumps(answer))
        self.asked.append(body)
        if self.refusal is not None:
            return _send(writer, self.refusal[0], json.dumps(self.refusal[1]))
        if body["model"] != MODEL:
            told = error(f"The model `{body['model']}` does not exist.", "NotFoundError", 404, "model")
            return _send(writer, 404, json.dumps(told))
        await self._stream(reader, writer)

    async def _stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nserver: uvicorn\r\ncontent-type: text/event-stream; charset=utf-8\r\n")
        writer.write(b"transfer-encoding: chunked\r\n\r\n")
        for event in self.events:
            writer.write(f"{len(event.encode()):x}\r\n{event}\r\n".encode())
            await writer.drain()
        if self.events[-1] == EVENTS[-1]:
            return writer.write(b"0\r\n\r\n")
        await reader.read()  # returns when the client closes the connection
        self.gone.set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Vllm]:
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        try:
            yield self
        finally:
            server.close()
            for writer in self._writers:
                writer.close()
                with contextlib.suppress(ConnectionError):
                    await writer.wait_closed()

    @asynccontextmanager
    async def client(self, key: str = KEY, model: str = MODEL) -> AsyncIterator[Client]:
        async with self.running():
            client = Client(Address(self.url, key=key), model)
            try:
                yield client
            finally:
                await client.close()


def _send(writer: asyncio.StreamWriter, status: int, body: str) -> None:
    head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nserver: uvicorn\r\ncontent-type: application/json\r\n"
    writer.write(f"{head}content-length: {len(body.encode())}\r\n\r\n{body}".encode())


async def refused(vllm: Vllm, **kind: str) -> RequestRefused:
    async with vllm.client(**kind) as client:
        with pytest.raises(RequestRefused) as told:
            _ = [chunk async for chunk in client.generate(REQUEST)]
    return told.value


async def test_the_card_tells_name_and_length() -> None:
    async with Vllm().client(model="default") as client:
        card = await client.model_card()
    assert (card.id, card.max_model_len) == (MODEL, LENGTH)
    assert card.prompt_format is None and card.special_tokens == ()


async def test_ghost_text_comes_with_its_usage_and_is_asked_for_before_chat() -> None:
    vllm = Vllm()
    async with vllm.client() as client:
        chunks = [chunk async for chunk in client.generate(REQUEST)]
    assert chunks == [Chunk(" return", usage=Usage(48, 1)), Chunk(" a + b", "stop", usage=Usage(48, 4, 32))]
    (asked,) = vllm.asked
    assert asked["priority"] < Priority.CHAT and asked["add_special_tokens"] is False
    assert asked["model"] == MODEL and asked["stop"] == ["\n\n"]
    assert asked["stream_options"] == {"include_usage": True, "continuous_usage_stats": True, "include_queue": True}


async def test_without_prompt_token_details_nothing_counts_as_cached() -> None:
    plain = EVENTS[2].replace(',"prompt_tokens_details":{"cached_tokens":32}', "")
    async with Vllm((*EVENTS[:2], plain, EVENTS[3])).client() as client:
        chunks = [chunk async for chunk in client.generate(REQUEST)]
    assert chunks[-1].usage == Usage(48, 4)


async def test_closing_the_stream_closes_the_connection_by_which_vllm_cancels() -> None:
    vllm = Vllm(EVENTS[:1])
    async with vllm.client() as client:
        async with aclosing(client.generate(REQUEST)) as chunks:
            assert (await anext(chunks)).text == " return"
        await asyncio.wait_for(vllm.gone.wait(), 10)


async def test_tokens_are_counted() -> None:
    async with Vllm().client() as client:
        assert await client.count_tokens("def add ( a , b ) :") == 8


@pytest.mark.parametrize("shape", [error, older_error])
async def test_a_refusal_is_told_in_vllms_words(shape: Any) -> None:
    told = await refused(Vllm(refusal=(400, shape(TOO_LONG, "BadRequestError", 400))))
    assert (str(told), told.status) == (TOO_LONG, 400)


async def test_a_wrong_name_of_the_model_is_told() -> None:
    told = await refused(Vllm(), model="another")
    assert (str(told), told.status) == ("The model `another` does not exist.", 404)


async def test_a_wrong_key_is_told() -> None:
    told = await refused(Vllm(), key="wrong")
    assert told.status == 401 and "Unauthorized" in str(told)


async def test_an_engine_that_dies_in_mid_answer_is_told() -> None:
    died = f"data: {json.dumps(error(DIED, 'InternalServerError', 500))}\n\n"
    told = await refused(Vllm((EVENTS[0], died, EVENTS[3])))
    assert (str(told), told.status) == (DIED, 500)


async def test_the_connection_needs_no_more_than_the_endpoint_and_its_key(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(KEY + "\n")
    async with Vllm().running() as vllm:
        connection = Connection(Settings(endpoint=vllm.url, api_key_file=str(tmp_path / "key")))
        ready = await connection.wait()
        text = "".join([chunk.text async for chunk in connection.generate(REQUEST)])
        counted = await connection.count_tokens("x = 1")
        await connection.close()
    assert ready.card.id == MODEL and text == " return a + b" and counted == 3
    assert [asked["model"] for asked in vllm.asked] == [MODEL]
