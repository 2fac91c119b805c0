from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest

from codefuse_lsp.errors import RequestRefused, WorkerUnreachable
from codefuse_lsp.generation.client import Address, Client
from codefuse_lsp.generation.request import Chunk, GenerationRequest, Usage

REQUEST = GenerationRequest("x = ", max_tokens=5, temperature=0.0)


def event(text: str = "", reason: str | None = None, **more: Any) -> bytes:
    choice = {"index": 0, "text": text, "finish_reason": reason}
    return f"data: {json.dumps({'choices': [choice], **more})}\n\n".encode()


USAGE = {"prompt_tokens": 7, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 3}}
USAGE_EVENT = f"data: {json.dumps({'choices': [], 'usage': USAGE})}\n\n".encode()
DONE = b"data: [DONE]\n\n"


class FarEnd:
    """A server that sends prepared bytes and takes note of what it was sent."""

    def __init__(self, reply: bytes, status: str = "200 OK", *, hang: bool = False) -> None:
        self.reply, self.status, self.hang = reply, status, hang
        self.body: dict[str, Any] = {}
        self.headers = ""
        self.gone = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.headers = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = [line for line in self.headers.lower().splitlines() if line.startswith("content-length")]
        if length:
            self.body = json.loads(await reader.readexactly(int(length[0].split(":")[1])))
        writer.write(f"HTTP/1.1 {self.status}\r\nConnection: close\r\n\r\n".encode() + self.reply)
        await writer.drain()
        if self.hang:
            await reader.read()  # returns when the client closes the connection
            self.gone.set()
        writer.close()

    @asynccontextmanager
    async def client(self, key: str = "") -> AsyncIterator[Client]:
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        client = Client(Address(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", key=key))
        try:
            yield client
        finally:
            await client.close()
            server.close()


async def chunks_of(far_end: FarEnd) -> list[Chunk]:
    async with far_end.client() as client:
        return [chunk async for chunk in client.generate(REQUEST)]


async def test_chunks_come_as_they_were_sent_with_the_usage_on_the_last() -> None:
    far_end = FarEnd(event("a ") + event("=") + event("", "length") + USAGE_EVENT + DONE)
    assert await chunks_of(far_end) == [Chunk("a "), Chunk("="), Chunk("", "length", (), Usage(7, 2, 3))]
    assert far_end.body["prompt"] == "x = " and far_end.body["stream"] is True


async def test_usage_may_come_with_every_chunk() -> None:
    far_end = FarEnd(event("a", usage=USAGE) + event("b", "stop", usage=USAGE) + DONE)
    assert [chunk.usage for chunk in await chunks_of(far_end)] == [Usage(7, 2, 3)] * 2


async def test_a_far_end_that_counts_nothing_is_good_enough() -> None:
    assert await chunks_of(FarEnd(event("a") + event("", "stop") + DONE)) == [Chunk("a"), Chunk("", "stop")]


async def test_closing_the_stream_closes_the_connection() -> None:
    far_end = FarEnd(event("a"), hang=True)
    async with far_end.client() as client, aclosing(client.generate(REQUEST)) as stream:
        assert (await anext(stream)).text == "a"
        await stream.aclose()
        await asyncio.wait_for(far_end.gone.wait(), 10)


async def test_a_refusal_tells_the_far_ends_own_sentence() -> None:
    error = json.dumps({"error": {"message": "The prompt is too long."}}).encode()
    with pytest.raises(RequestRefused, match=r"The prompt is too long\.") as caught:
        await chunks_of(FarEnd(error, "400 Bad Request"))
    assert caught.value.status == 400


async def test_an_error_in_the_middle_of_a_stream_is_raised() -> None:
    broken = event("a") + b'data: {"error": {"message": "out of memory", "code": 503}}\n\n'
    with pytest.raises(RequestRefused, match="out of memory"):
        await chunks_of(FarEnd(broken))


@pytest.mark.parametrize(
    "reply", [event("a"), b"data: {broken\n\n", b"data: []\n\n", b"data: {}\n\n", b"<html>hello</html>"]
)
async def test_an_answer_that_is_cut_off_or_no_answer_is_told_in_a_sentence(reply: bytes) -> None:
    with pytest.raises(WorkerUnreachable, match=r"\.$"):
        await chunks_of(FarEnd(reply))


async def test_nobody_at_the_address_is_told_in_a_sentence() -> None:
    client = Client(Address("http://127.0.0.1:9"))
    with pytest.raises(WorkerUnreachable, match="Nothing answers"):
        await client.health()
    await client.close()


async def test_the_key_goes_along() -> None:
    far_end = FarEnd(b'{"count": 5}')
    async with far_end.client(key="secret") as client:
        assert await client.count_tokens("x") == 5
    assert "authorization: bearer secret" in far_end.headers.lower()


async def test_a_far_end_that_cannot_count_is_told_from_one_that_fails() -> None:
    async with FarEnd(b"{}", "404 Not Found").client() as client:
        assert await client.count_tokens("x") is None
    async with FarEnd(b"{}", "500 Internal Server Error").client() as client:
        with pytest.raises(RequestRefused):
            await client.count_tokens("x")


async def test_a_model_card_of_a_stranger_has_only_its_name() -> None:
    async with FarEnd(b'{"object": "list", "data": [{"id": "qwen", "object": "model"}]}').client() as client:
        card = await client.model_card()
    assert (card.id, card.max_model_len, card.prompt_format, card.special_tokens) == ("qwen", None, None, ())
    assert not card.scores
