"""Asks a completions API for text: our worker on its socket, or anything that speaks OpenAI's `/v1/completions`.

A `GenerationRequest` in, a stream of `Chunk` out; closing the stream closes the connection, which cancels there.
Knows which paths there are; how they are reached is transport.py's, how an answer is read answer.py's.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import Any

import httpx2

from codefuse_lsp.errors import RequestRefused, WorkerUnreachable
from codefuse_lsp.generation.answer import read_chunks, refusal, unknown_fields
from codefuse_lsp.generation.request import (
    Chunk,
    GenerationRequest,
    ModelCard,
    speakable,
    to_chat_wire,
    to_wire,
    without_extras,
)
from codefuse_lsp.generation.transport import CONNECT_TIMEOUT_S, Address, failure, open_http

__all__ = ["Address", "Client"]


class Client:
    """One far end. Every method raises WorkerUnreachable or RequestRefused with a sentence."""

    def __init__(self, address: Address, model: str = "default") -> None:
        self.address = address
        self._model = model
        self._http = open_http(address)
        self._rejected: frozenset[str] | None = None  # fields that the far end knows nothing of; None: it takes all

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[Chunk]:
        """Yield the answer as it is made; the last chunk has a finish reason, and usage where the far end tells it.

        While the request waits in a queue, chunks tell its place, where the far end does.
        """
        if request.messages:
            path, body = "/v1/chat/completions", to_chat_wire(request, self._model)
        else:
            path, body = "/v1/completions", to_wire(request, self._model)
        async with (
            self._translated(),
            self._opened(path, body) as response,
            aclosing(read_chunks(response)) as chunks,
        ):
            async for chunk in chunks:
                yield chunk

    @asynccontextmanager
    async def _opened(self, path: str, body: dict[str, Any]) -> AsyncIterator[httpx2.Response]:
        """Ask, and once more without the fields that a strict far end says it does not know."""
        if self._rejected is None:
            async with self._streamed(path, body) as response:
                if response.status_code == httpx2.codes.OK:
                    yield response
                    return
                await response.aread()
                self._rejected = unknown_fields(response, body)
                if self._rejected is None:
                    raise refusal(response)
        async with self._streamed(path, without_extras(body, self._rejected)) as response:
            if response.status_code != httpx2.codes.OK:
                await response.aread()
                raise refusal(response)
            yield response

    @asynccontextmanager
    async def _streamed(self, path: str, body: dict[str, Any]) -> AsyncIterator[httpx2.Response]:
        """Ask, and once more when the far end had closed the connection that was kept for it (RFC 9112, 9.3.1)."""
        async with AsyncExitStack() as stack:
            try:
                response = await stack.enter_async_context(self._http.stream("POST", path, json=body))
            except httpx2.RemoteProtocolError:  # before anything was answered
                response = await stack.enter_async_context(self._http.stream("POST", path, json=body))
            yield response

    async def count_tokens(self, prompt: str) -> int | None:
        """Return the number of tokens of a prompt, or None where the far end cannot count."""
        try:
            answer = await self._json("POST", "/tokenize", {"prompt": speakable(prompt), "add_special_tokens": False})
        except RequestRefused as error:
            if error.status in (404, 405, 501):
                return None
            raise
        count = answer.get("count")
        return count if isinstance(count, int) else None

    async def model_card(self) -> ModelCard:
        """Return what the far end tells of its model; waits while our worker is loading."""
        answer = await self._json("GET", "/v1/models")
        entries = [entry for entry in answer.get("data", ()) if isinstance(entry, dict) and "id" in entry]
        wanted = [entry for entry in entries if entry["id"] == self._model] or entries
        if not wanted:
            raise WorkerUnreachable(f"{self.address} offers no model.")
        entry = wanted[0]
        self._model = str(entry["id"])
        return _model_card(entry)

    async def health(self) -> dict[str, Any]:
        """Return our worker's state."""
        return await self._json("GET", "/health", timeout=CONNECT_TIMEOUT_S)

    async def close(self) -> None:
        """Close every connection."""
        await self._http.aclose()

    async def _json(self, method: str, path: str, body: Any = None, timeout: float | None = None) -> dict[str, Any]:
        async with self._translated():
            response = await self._http.request(
                method, path, json=body, timeout=httpx2.Timeout(timeout, connect=CONNECT_TIMEOUT_S)
            )
            if response.status_code != httpx2.codes.OK:
                raise refusal(response)
            answer = response.json()
            if not isinstance(answer, dict):
                raise ValueError
            return answer

    @asynccontextmanager
    async def _translated(self) -> AsyncIterator[None]:
        """Turn the HTTP library's errors into sentences."""
        try:
            yield
        except httpx2.HTTPError as error:  # in a thread: it may have a look at a certificate
            raise await asyncio.to_thread(failure, error, self.address) from None
        except (ValueError, KeyError, TypeError, IndexError, AttributeError):
            raise WorkerUnreachable(f"{self.address} does not answer like a completions API.") from None


def _model_card(entry: dict[str, Any]) -> ModelCard:
    length = entry.get("max_model_len")
    return ModelCard(
        id=str(entry["id"]),
        max_model_len=length if isinstance(length, int) else None,
        prompt_format=entry.get("prompt_format"),
        chat_template=entry.get("chat_template"),
        special_tokens=tuple(entry.get("special_tokens") or ()),
        bos_token=entry.get("bos_token") or "",
        eos_token=entry.get("eos_token") or "",
        device=entry.get("device") or "",
        scores=entry.get("scores") is True,
    )
