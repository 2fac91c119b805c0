"""How a far end's answer is read: server-sent events in, chunks out; a refusal in, its sentence out.

Takes the shapes of OpenAI, vLLM, llama.cpp's server, transformers and our worker. Knows nothing of what was asked.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2

from codefuse_lsp.errors import RequestRefused, WorkerUnreachable
from codefuse_lsp.generation.request import (
    EXTRA_FIELDS,
    EXTRA_STREAM_OPTIONS,
    Chunk,
    Place,
    TokenLogprob,
    Usage,
)

DRAIN_TIMEOUT_S = 0.05
LONGEST_REASON = 500  # characters of a far end's own words


async def read_chunks(response: httpx2.Response) -> AsyncGenerator[Chunk]:
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
            raise _broken_off(error)
        if place := event.get("queue"):
            yield Chunk("", place=Place(int(place["position"]), float(place["expected_wait"])))
        usage = _usage(event["usage"]) if event.get("usage") else None
        if usage is not None and last is not None:
            last = replace(last, usage=usage)
        for choice in event.get("choices", ()):
            chunk = _chunk(choice, usage)
            if chunk.finish_reason:
                if last is not None:
                    yield last
                last = chunk  # kept back: the usage may follow
            elif chunk.text or chunk.logprobs:
                yield chunk
    yield last if last is not None else _cut_off(response)


def refusal(response: httpx2.Response) -> RequestRefused:
    """Return the far end's refusal in its own words, with the seconds to wait where it tells them."""
    told = _told(response) or f"The far end answered {response.status_code} {response.reason_phrase}."
    wait_s = _retry_after(response.headers.get("retry-after", ""))
    if response.status_code == httpx2.codes.TOO_MANY_REQUESTS and wait_s is not None and f"{wait_s:.0f} s" not in told:
        told = f"{told.rstrip('.')}. Ask again in {wait_s:.0f} s."
    return RequestRefused(told, response.status_code, wait_s)


def unknown_fields(response: httpx2.Response, body: Mapping[str, Any]) -> frozenset[str] | None:
    """Return which of the fields sent a refusal names, if one of them is none of OpenAI's; else None."""
    if response.status_code not in (400, 422):
        return None
    words = frozenset(re.findall(r"\w+", response.text))
    quoted = frozenset(re.findall(r"['\"`](\w+)['\"`]", response.text))
    named = frozenset(body) & (quoted & {"stream_options", "user"} | words.intersection(EXTRA_FIELDS))
    return named if named or words.intersection(EXTRA_STREAM_OPTIONS) else None


def _told(response: httpx2.Response) -> str:
    """Return the reason in an error's body: OpenAI's, vLLM's older one, FastAPI's or a bare text in `error`."""
    try:
        body = response.json()
    except ValueError:
        return ""
    if not isinstance(body, dict):
        return ""
    error = body.get("error", body)
    told = error if isinstance(error, str) else error.get("message") if isinstance(error, dict) else None
    detail = body.get("detail")
    if told is None and isinstance(detail, list):  # FastAPI's: one entry for each field
        told = "; ".join(str(item.get("msg")) for item in detail if isinstance(item, dict))
    return str(told or detail or "")[:LONGEST_REASON]


def _retry_after(header: str) -> float | None:
    """Return the seconds in a Retry-After header (RFC 9110, section 10.2.3): a number, or a date."""
    if re.fullmatch(r"\d{1,6}", header.strip()):
        return float(header)
    try:
        return max(0.0, (parsedate_to_datetime(header) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return None


def _broken_off(error: Any) -> RequestRefused:
    told = error if isinstance(error, str) else str(error.get("message", error))
    code = 500 if isinstance(error, str) else error.get("code")
    return RequestRefused(told[:LONGEST_REASON], code if isinstance(code, int) else 500)


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
    delta = choice.get("delta")
    text = choice.get("text") if delta is None else delta.get("content")  # a chat's pieces stand in `delta`
    return Chunk(text or "", finish, _logprobs(choice.get("logprobs")), usage, choice.get("index") or 0)  # type: ignore[arg-type]


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


def _alternatives(told: Iterable[Mapping[str, Any]]) -> tuple[tuple[str, float], ...]:
    return tuple((item["token"], item["logprob"]) for item in told)


def _usage(told: dict[str, Any]) -> Usage:
    details = told.get("prompt_tokens_details") or {}
    return Usage(told["prompt_tokens"], told.get("completion_tokens", 0), details.get("cached_tokens") or 0)
