"""The wire format of the completions API: JSON bodies in, requests out; chunks in, JSON answers out. Pure.

Names and shapes are OpenAI's (`POST /v1/completions`), with vLLM's extra fields and ours (generation/request.py).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from codefuse_lsp.errors import RequestRefused
from codefuse_lsp.generation.request import Chunk, GenerationRequest, Place, TokenLogprob, Usage
from codefuse_lsp.worker.fields import BadField, StreamOptions, checked_text, flag, number, sampling, text

DEFAULT_MAX_TOKENS = 16  # OpenAI's
MAX_LOGPROBS = 5
DONE = b"data: [DONE]\n\n"

TextOf = Callable[[list[int]], str | None]


def parse_completion(body: Mapping[str, Any], max_model_len: int, text_of: TextOf | None = None) -> GenerationRequest:
    """Return the request that a `/v1/completions` body describes; raises BadField naming what is wrong.

    `text_of` turns token ids into the text that is read as just these, or gives None.
    """
    wanted = GenerationRequest(
        prompt=parse_prompt(body, text_of),
        max_tokens=number(body, "max_tokens", int, DEFAULT_MAX_TOKENS, 1, max_model_len),
        logprobs=number(body, "logprobs", int, None, 0, MAX_LOGPROBS),
        add_special_tokens=flag(body, "add_special_tokens", True),
        forced=text(body, "forced", ""),
        **sampling(body),
    )
    if wanted.forced and (wanted.n > 1 or wanted.heal):
        raise BadField("forced", "is a whole answer; leave out n and heal.")
    return wanted


def parse_prompt(body: Mapping[str, Any], text_of: TextOf | None = None) -> str:
    """Return the text of `prompt`: a text, a list of one, or token ids."""
    value = body.get("prompt")
    if isinstance(value, list) and len(value) == 1 and not _is_id(value[0]):
        value = value[0]  # OpenAI allows a list of prompts
    if isinstance(value, list) and value and all(map(_is_id, value)):
        value = text_of(value) if text_of is not None else None
        if value is None:
            raise BadField("prompt", "holds token ids that no text stands for exactly; send the text.")
    if not isinstance(value, str):
        many = isinstance(value, list) and len(value) > 1
        problem = "is missing." if value is None else "holds several prompts; ask for one at a time." if many else None
        raise BadField("prompt", problem or "is not a text.")
    return checked_text(value, "prompt")


class CompletionWire:
    """How the chunks of one answer are written for `/v1/completions`; one object per answer."""

    def __init__(self, head: Mapping[str, Any]) -> None:
        self._head = {**head, "object": "text_completion"}
        self._sent: dict[int, int] = {}  # characters, by answer

    def event(self, chunk: Chunk, options: StreamOptions) -> bytes:
        """Return one server-sent event."""
        offset = self._sent.get(chunk.index, 0)
        self._sent[chunk.index] = offset + len(chunk.text)
        choice = _choice(chunk.index, chunk.text, chunk.finish_reason, chunk.logprobs, offset)
        usage = {"usage": usage_json(chunk.usage)} if options.continuous_usage_stats and chunk.usage else {}
        return event({**self._head, "choices": [choice], **usage})

    def usage_event(self, usage: Usage) -> bytes:
        """Return the event that closes a stream with its token counts."""
        return event({**self._head, "choices": [], "usage": usage_json(usage)})

    def queue_event(self, place: Place) -> bytes:
        """Return the event that tells where a request stands, for those who asked for it."""
        return event({**self._head, "choices": [], "queue": queue_json(place)})

    def whole(self, chunks: Iterable[Chunk]) -> dict[str, Any]:
        """Return a whole answer as one object."""
        joined = join(chunks)
        choices = [_choice(part.index, part.text, part.finish_reason, part.logprobs, 0) for part in joined]
        return {**self._head, "choices": choices, "usage": whole_usage(joined)}


def join(chunks: Iterable[Chunk]) -> list[Chunk]:
    """Return one chunk for each answer, in their order, with all its text; the last has the usage of all."""
    answers: dict[int, list[Chunk]] = {}
    usage = None
    for chunk in chunks:
        if chunk.place is None:
            answers.setdefault(chunk.index, []).append(chunk)
        usage = chunk.usage or usage
    return [
        Chunk(
            "".join(part.text for part in parts),
            parts[-1].finish_reason,
            tuple(item for part in parts for item in part.logprobs),
            usage,
            index,
        )
        for index, parts in sorted(answers.items())
    ]


def whole_usage(joined: list[Chunk]) -> dict[str, Any] | None:
    """Return the token counts of a whole answer."""
    usage = joined[-1].usage if joined else None
    return usage_json(usage) if usage is not None else None


def usage_json(usage: Usage) -> dict[str, Any]:
    """Return token counts in OpenAI's shape."""
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
    }


def queue_json(place: Place) -> dict[str, Any]:
    """Return a place in the queue; the wait in seconds."""
    return {"position": place.position, "expected_wait": round(place.expected_wait, 3)}


def error_json(error: Exception) -> dict[str, Any]:
    """Return an error in OpenAI's shape."""
    status = getattr(error, "status", 500)
    kind = "invalid_request_error" if status < 500 else "server_error"
    kind = {401: "authentication_error", 429: "rate_limit_error"}.get(status, kind)
    return {"error": {"message": str(error), "type": kind, "param": getattr(error, "param", None), "code": status}}


def error_event(error: Exception) -> bytes:
    """Return the event that ends a stream that failed half-way."""
    return event(error_json(error))


def event(payload: Mapping[str, Any]) -> bytes:
    """Return one server-sent event."""
    return f"data: {json.dumps(payload, separators=(',', ':'))}\n\n".encode()


def check_model(body: Mapping[str, Any], name: str) -> None:
    """Raise RequestRefused unless the body asks for the model that is here."""
    wanted = body.get("model")
    if wanted is not None and not isinstance(wanted, str):
        raise BadField("model", "is not a text.")
    if wanted not in (None, "default", name):
        raise RequestRefused(f"This worker holds the model '{name}'; ask for that, or for 'default'.", 404)


def _choice(
    index: int, text: str, reason: str | None, logprobs: tuple[TokenLogprob, ...], offset: int
) -> dict[str, Any]:
    return {"index": index, "text": text, "finish_reason": reason, "logprobs": _logprobs_json(logprobs, offset)}


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


def _is_id(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31
