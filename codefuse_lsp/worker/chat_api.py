"""The wire format of the chat API: messages in, requests out; chunks in, JSON answers out. Pure.

Names and shapes are OpenAI's (`POST /v1/chat/completions`). How messages become a prompt is passed in: this knows
roles, and nothing of how a model is told of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from codefuse_lsp.generation.request import Chunk, GenerationRequest, ModelCard, Place, TokenLogprob, Usage
from codefuse_lsp.worker.api import MAX_LOGPROBS, event, join, queue_json, usage_json, whole_usage
from codefuse_lsp.worker.fields import BadField, StreamOptions, checked_text, flag, number, sampling

ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}
MAX_MESSAGES = 10_000


class Restores(Protocol):
    """Undoes, piece by piece, what was done to texts so that they cannot be taken for a role."""

    def feed(self, piece: str) -> str:
        """Return what is certain by now and was not returned before."""
        ...

    def flush(self) -> str:
        """Return what was held back."""
        ...


@dataclass(frozen=True, slots=True)
class RenderedChat:
    """Messages as the model reads them, what ends its answer, and what restores each answer's text."""

    prompt: str
    stop: tuple[str, ...]
    restorer: Callable[[], Restores]


@dataclass(frozen=True, slots=True)
class Message:
    """What one side said; `role` is system, user or assistant."""

    role: str
    content: str


RenderChat = Callable[[ModelCard, Sequence[Message]], RenderedChat]


def parse_messages(body: Mapping[str, Any]) -> list[Message]:
    """Return the messages of a body; raises BadField naming the first that cannot be used."""
    value = body.get("messages")
    if not isinstance(value, list) or not value:
        raise BadField("messages", "is missing." if value is None else "is not a list with at least one message.")
    if len(value) > MAX_MESSAGES:
        raise BadField("messages", f"holds more than {MAX_MESSAGES} messages.")
    return [_message(item, f"messages[{index}]") for index, item in enumerate(value)]


def parse_chat(body: Mapping[str, Any], rendered: RenderedChat, room: int, max_model_len: int) -> GenerationRequest:
    """Return the request that a `/v1/chat/completions` body describes, its messages rendered; raises BadField.

    `room` is what the context has left in tokens: how long the answer may be where the body does not say.
    """
    name = "max_completion_tokens" if body.get("max_completion_tokens") is not None else "max_tokens"
    fields = sampling(body)
    wants_logprobs = flag(body, "logprobs")
    top = number(body, "top_logprobs", int, 0, 0, MAX_LOGPROBS)
    return GenerationRequest(
        prompt=rendered.prompt,
        max_tokens=number(body, name, int, max(1, room), 1, max_model_len),
        logprobs=top if wants_logprobs else None,
        add_special_tokens=False,
        **(fields | {"stop": (*fields["stop"], *rendered.stop)}),
    )


class ChatWire:
    """How the chunks of one answer are written for `/v1/chat/completions`; one object per answer."""

    def __init__(self, head: Mapping[str, Any], restorer: Callable[[], Restores]) -> None:
        self._head = head
        self._restorer = restorer
        self._restorers: dict[int, Restores] = {}

    def event(self, chunk: Chunk, options: StreamOptions) -> bytes:
        """Return the server-sent events of a chunk; the first of each answer names its role."""
        opening = b""
        if chunk.index not in self._restorers:
            opening = self._event(chunk.index, {"role": "assistant", "content": ""}, None, None, {})
        text = self._restored(chunk)
        usage = {"usage": usage_json(chunk.usage)} if options.continuous_usage_stats and chunk.usage else {}
        delta = {"content": text} if text or not chunk.finish_reason else {}
        return opening + self._event(chunk.index, delta, chunk.finish_reason, _logprobs_json(chunk.logprobs), usage)

    def usage_event(self, usage: Usage) -> bytes:
        """Return the event that closes a stream with its token counts."""
        return event({**self._head, "object": "chat.completion.chunk", "choices": [], "usage": usage_json(usage)})

    def queue_event(self, place: Place) -> bytes:
        """Return the event that tells where a request stands, for those who asked for it."""
        return event({**self._head, "object": "chat.completion.chunk", "choices": [], "queue": queue_json(place)})

    def whole(self, chunks: Iterable[Chunk]) -> dict[str, Any]:
        """Return a whole answer as one object."""
        joined = [replace(part, text=self._restored(part)) for part in join(chunks)]
        choices = [
            {
                "index": part.index,
                "message": {"role": "assistant", "content": part.text, "refusal": None},
                "finish_reason": part.finish_reason,
                "logprobs": _logprobs_json(part.logprobs),
            }
            for part in joined
        ]
        return {**self._head, "object": "chat.completion", "choices": choices, "usage": whole_usage(joined)}

    def _restored(self, chunk: Chunk) -> str:
        restorer = self._restorers.setdefault(chunk.index, self._restorer())
        text = restorer.feed(chunk.text)
        return text + restorer.flush() if chunk.finish_reason else text

    def _event(
        self, index: int, delta: Mapping[str, Any], reason: str | None, logprobs: Any, usage: Mapping[str, Any]
    ) -> bytes:
        choice = {"index": index, "delta": delta, "finish_reason": reason, "logprobs": logprobs}
        return event({**self._head, "object": "chat.completion.chunk", "choices": [choice], **usage})


def _message(value: Any, where: str) -> Message:
    if not isinstance(value, dict):
        raise BadField(where, "is not an object.")
    role = value.get("role")
    if not isinstance(role, str) or role not in ROLES:
        problem = "is missing." if role is None else "is none of system, developer, user and assistant."
        raise BadField(f"{where}.role", problem)
    if value.get("tool_calls"):
        raise BadField(f"{where}.tool_calls", "is not supported: the model is given no tools.")
    return Message(ROLES[role], _content(value.get("content"), f"{where}.content"))


def _content(value: Any, where: str) -> str:
    if isinstance(value, str):
        return checked_text(value, where)
    if not isinstance(value, list):
        raise BadField(where, "is missing." if value is None else "is neither a text nor a list of parts.")
    return "\n".join(_part(part, f"{where}[{index}]") for index, part in enumerate(value))


def _part(value: Any, where: str) -> str:
    if not isinstance(value, dict) or value.get("type") != "text":
        raise BadField(where, "is not a part of type 'text', which is all that this worker reads.")
    if not isinstance(value.get("text"), str):
        raise BadField(f"{where}.text", "is missing." if value.get("text") is None else "is not a text.")
    return checked_text(value["text"], f"{where}.text")


def _logprobs_json(logprobs: tuple[TokenLogprob, ...]) -> dict[str, Any] | None:
    if not logprobs:
        return None
    content = [
        {
            **_token_json(item.token, item.logprob),
            "top_logprobs": [_token_json(token, logprob) for token, logprob in item.top],
        }
        for item in logprobs
    ]
    return {"content": content, "refusal": None}


def _token_json(token: str, logprob: float) -> dict[str, Any]:
    return {"token": token, "logprob": logprob, "bytes": list(token.encode("utf-8", "replace"))}
