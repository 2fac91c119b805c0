"""Asks a completions API for text: our worker on its socket, or anything that speaks OpenAI's `/v1/completions`.

A `GenerationRequest` in, a stream of `Chunk` out; closing the stream closes the connection, which cancels there.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx2

from codefuse_lsp.errors import RequestRefused, WorkerAbsent, WorkerUnreachable
from codefuse_lsp.generation.request import Chunk, GenerationRequest, ModelCard, TokenLogprob, Usage, to_wire

CONNECT_TIMEOUT_S = 5.0
DRAIN_TIMEOUT_S = 0.05


@dataclass(frozen=True, slots=True)
class Address:
    """Where a completions API is: a base URL, or a Unix socket, and the key it asks for."""

    url: str = "http://localhost"
    socket: Path | None = None
    key: str = ""

    def __str__(self) -> str:
        return str(self.socket) if self.socket else self.url


class Client:
    """One far end. Every method raises WorkerUnreachable or RequestRefused with a sentence."""

    def __init__(self, address: Address, model: str = "default") -> None:
        self.address = address
        self._model = model
        transport = httpx2.AsyncHTTPTransport(uds=str(address.socket)) if address.socket else None
        root = address.url.rstrip("/").removesuffix("/v1")
        self._http = httpx2.AsyncClient(
            base_url=root,
            transport=transport,
            headers={"Authorization": f"Bearer {address.key}"} if address.key else {},
            timeout=httpx2.Timeout(None, connect=CONNECT_TIMEOUT_S),
        )

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[Chunk]:
        """Yield the answer as it is made; the last chunk has a finish reason, and usage where the far end tells it."""
        body = to_wire(request, self._model)
        async with self._translated(), self._http.stream("POST", "/v1/completions", json=body) as response:
            if response.status_code != httpx2.codes.OK:
                await response.aread()
                raise _refusal(response)
            async with aclosing(_chunks(response)) as chunks:
                async for chunk in chunks:
                    yield chunk

    async def count_tokens(self, prompt: str) -> int | None:
        """Return the number of tokens of a prompt, or None where the far end cannot count."""
        try:
            answer = await self._json("POST", "/tokenize", {"prompt": prompt, "add_special_tokens": False})
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
                raise _refusal(response)
            answer = response.json()
            if not isinstance(answer, dict):
                raise ValueError
            return answer

    @asynccontextmanager
    async def _translated(self) -> AsyncIterator[None]:
        """Turn the HTTP library's errors into sentences."""
        try:
            yield
        except httpx2.ConnectError:
            raise WorkerAbsent(f"Nothing answers at {self.address}.") from None
        except httpx2.HTTPError as error:
            detail = str(error) or type(error).__name__
            raise WorkerUnreachable(f"The connection to {self.address} broke ({detail}).") from None
        except (ValueError, KeyError, TypeError, IndexError, AttributeError):
            raise WorkerUnreachable(f"{self.address} does not answer like a completions API.") from None


async def _chunks(response: httpx2.Response) -> AsyncGenerator[Chunk]:
    """Yield the chunks of a server-sent event stream; usage may come in an event of its own after the last choice."""
    last: Chunk | None = None
    lines = response.aiter_lines()
    async for line in lines:
        if not line.startswith("data:"):
            continue
        data = line[5:].strip()
        if data == "[DONE]":
            await _drain(lines)
            break
        event = json.loads(data)
        if error := event.get("error"):
            raise RequestRefused(str(error.get("message", error)), int(error.get("code") or 500))
        usage = _usage(event["usage"]) if event.get("usage") else None
        if usage is not None and last is not None:
            last = replace(last, usage=usage)
        for choice in event.get("choices", ()):
            chunk = _chunk(choice, usage)
            if chunk.finish_reason:
                last = chunk  # kept back: the usage may follow
            elif chunk.text or chunk.logprobs:
                yield chunk
    yield last if last is not None else _cut_off(response)


async def _drain(lines: AsyncIterator[str]) -> None:
    """Read to the end of an answer that is over, so that its connection can be used again."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_TIMEOUT_S):
            async for _ in lines:
                pass


def _cut_off(response: httpx2.Response) -> Chunk:
    raise WorkerUnreachable(f"The answer of {response.url.host or 'the worker'} ended in the middle.")


def _chunk(choice: dict[str, Any], usage: Usage | None) -> Chunk:
    reason = choice.get("finish_reason")
    finish = None if reason is None else "length" if reason == "length" else "stop"
    return Chunk(choice.get("text") or "", finish, _logprobs(choice.get("logprobs")), usage)  # type: ignore[arg-type]


def _logprobs(told: dict[str, Any] | None) -> tuple[TokenLogprob, ...]:
    if told and told.get("content"):  # llama.cpp tells them here, too, as chat completions do
        return tuple(
            TokenLogprob(item["token"], item["logprob"], _alternatives(item.get("top_logprobs") or ()))
            for item in told["content"]
        )
    if not told or not told.get("tokens"):
        return ()
    tops = told.get("top_logprobs") or [None] * len(told["tokens"])
    return tuple(
        TokenLogprob(token, logprob, tuple((top or {}).items()))
        for token, logprob, top in zip(told["tokens"], told["token_logprobs"], tops, strict=True)
    )


def _alternatives(told: Iterable[dict[str, Any]]) -> tuple[tuple[str, float], ...]:
    return tuple((item["token"], item["logprob"]) for item in told)


def _usage(told: dict[str, Any]) -> Usage:
    details = told.get("prompt_tokens_details") or {}
    return Usage(told["prompt_tokens"], told.get("completion_tokens", 0), details.get("cached_tokens") or 0)


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
    )


def _refusal(response: httpx2.Response) -> RequestRefused:
    try:
        told = response.json()["error"]["message"]
    except (ValueError, KeyError, TypeError):
        told = f"The far end answered {response.status_code} {response.reason_phrase}."
    return RequestRefused(str(told), response.status_code)
