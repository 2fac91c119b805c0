"""The wire format of the completions API: JSON bodies in, requests out; chunks in, JSON answers out. Pure.

Names and shapes are OpenAI's (`POST /v1/completions`), with vLLM's extra fields and `heal` (generation/request.py).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from codefuse_lsp.errors import RequestRefused
from codefuse_lsp.generation.request import Chunk, GenerationRequest, Priority, TokenLogprob, Usage

MAX_STOPS = 64  # OpenAI allows 4; role tags and special tokens of a model need more
DONE = b"data: [DONE]\n\n"


class BadField(RequestRefused):
    """A field of a request body cannot be used; `param` is its name."""

    def __init__(self, param: str, problem: str) -> None:
        super().__init__(f"{param} {problem}", 400)
        self.param = param


def parse_body(raw: bytes) -> dict[str, Any]:
    """Return the JSON object in `raw`; raises RequestRefused with a sentence when it is none."""
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        raise RequestRefused("The body is not JSON.", 400) from None
    if not isinstance(body, dict):
        raise RequestRefused("The body is not a JSON object.", 400)
    return body


def parse_completion(body: Mapping[str, Any], max_model_len: int) -> GenerationRequest:
    """Return the request that a `/v1/completions` body describes; raises BadField naming what is wrong."""
    if _number(body, "n", int, 1, 1, 128) != 1:
        raise BadField("n", "must be 1; ask again for another answer.")
    if body.get("echo"):
        raise BadField("echo", "is not supported; put the prompt before the answer yourself.")
    return GenerationRequest(
        prompt=_text(body, "prompt", None),
        max_tokens=_number(body, "max_tokens", int, 16, 1, max_model_len),
        stop=_stops(body),
        temperature=_number(body, "temperature", float, 1.0, 0, 100),
        top_p=_number(body, "top_p", float, 1.0, 1e-6, 1),
        seed=_number(body, "seed", int, None, -(2**63), 2**63 - 1),
        logprobs=_number(body, "logprobs", int, None, 0, 5),
        priority=Priority(_number(body, "priority", int, int(Priority.CHAT), 0, max(Priority))),
        ignore_eos=_flag(body, "ignore_eos"),
        add_special_tokens=_flag(body, "add_special_tokens", True),
        heal=_text(body, "heal", ""),
    )


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """Whether an answer is streamed, and which of its events carry token counts (OpenAI; the last one vLLM)."""

    stream: bool = False
    include_usage: bool = False
    continuous_usage_stats: bool = False


def parse_stream_options(body: Mapping[str, Any]) -> StreamOptions:
    """Return how the answer is to be sent."""
    options = body.get("stream_options") or {}
    if not isinstance(options, dict):
        raise BadField("stream_options", "is not an object.")
    return StreamOptions(
        _flag(body, "stream"), _flag(options, "include_usage"), _flag(options, "continuous_usage_stats")
    )


def completion_event(head: Mapping[str, Any], chunk: Chunk, offset: int, options: StreamOptions) -> bytes:
    """Return one server-sent event of a streamed answer; `offset` is the number of characters sent before it."""
    usage = {"usage": usage_json(chunk.usage)} if options.continuous_usage_stats and chunk.usage else {}
    return _event({**head, "choices": [_choice(chunk.text, chunk.finish_reason, chunk.logprobs, offset)], **usage})


def usage_event(head: Mapping[str, Any], usage: Usage) -> bytes:
    """Return the event that closes a stream with its token counts."""
    return _event({**head, "choices": [], "usage": usage_json(usage)})


def error_event(error: Exception) -> bytes:
    """Return the event that ends a stream that failed half-way."""
    return _event(error_json(error))


def completion_json(head: Mapping[str, Any], chunks: Iterable[Chunk]) -> dict[str, Any]:
    """Return a whole answer as one object."""
    chunks = list(chunks)
    logprobs = tuple(item for chunk in chunks for item in chunk.logprobs)
    last = chunks[-1]
    choice = _choice("".join(chunk.text for chunk in chunks), last.finish_reason, logprobs, 0)
    return {**head, "choices": [choice], "usage": usage_json(last.usage) if last.usage else None}


def usage_json(usage: Usage) -> dict[str, Any]:
    """Return token counts in OpenAI's shape."""
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
    }


def error_json(error: Exception) -> dict[str, Any]:
    """Return an error in OpenAI's shape."""
    status = getattr(error, "status", 500)
    kind = "invalid_request_error" if status < 500 else "server_error"
    return {"error": {"message": str(error), "type": kind, "param": getattr(error, "param", None), "code": status}}


def _event(payload: Mapping[str, Any]) -> bytes:
    return f"data: {json.dumps(payload, separators=(',', ':'))}\n\n".encode()


def _choice(text: str, reason: str | None, logprobs: tuple[TokenLogprob, ...], offset: int) -> dict[str, Any]:
    return {"index": 0, "text": text, "finish_reason": reason, "logprobs": _logprobs_json(logprobs, offset)}


def _logprobs_json(logprobs: tuple[TokenLogprob, ...], offset: int) -> dict[str, Any] | None:
    if not logprobs:
        return None
    offsets = []
    for item in logprobs:
        offsets.append(offset)
        offset += len(item.token)
    return {
        "tokens": [item.token for item in logprobs],
        "token_logprobs": [item.logprob for item in logprobs],
        "top_logprobs": [dict(item.top) for item in logprobs],
        "text_offset": offsets,
    }


def _text(body: Mapping[str, Any], name: str, default: str | None) -> str:
    value = body.get(name, default)
    if isinstance(value, list) and len(value) == 1:  # OpenAI allows a list of prompts
        value = value[0]
    if not isinstance(value, str):
        raise BadField(name, "is missing." if value is None else "is not a text.")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise BadField(name, "holds half a surrogate pair, which is no text.")
    return value


def _stops(body: Mapping[str, Any]) -> tuple[str, ...]:
    value = body.get("stop") or []
    value = [value] if isinstance(value, str) else value
    if not isinstance(value, list) or not all(isinstance(stop, str) and stop for stop in value):
        raise BadField("stop", "is neither a text nor a list of texts.")
    if len(value) > MAX_STOPS:
        raise BadField("stop", f"holds more than {MAX_STOPS} texts.")
    return tuple(value)


def _flag(body: Mapping[str, Any], name: str, default: bool = False) -> bool:
    value = body.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise BadField(name, "is neither true nor false.")
    return value


def _number(body: Mapping[str, Any], name: str, kind: type, default: Any, low: float, high: float) -> Any:
    value = body.get(name)
    if value is None:
        return default
    allowed = (int,) if kind is int else (int, float)
    if isinstance(value, bool) or not isinstance(value, allowed) or value != value:
        raise BadField(name, f"is not {'a whole number' if kind is int else 'a number'}.")
    if not low <= value <= high:
        raise BadField(name, f"is {value}, but must be from {low} to {high}.")
    return value
