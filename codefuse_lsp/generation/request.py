"""What is asked of a model and what comes back, on both sides of the wire.

A `GenerationRequest` goes out, a stream of `Chunk` comes back. The wire form is the OpenAI completions API
with vLLM's extra fields (`priority`, `ignore_eos`, `add_special_tokens`) and our own: `heal`, `forced`, `document`,
`deadline`, `include_queue`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Literal

FinishReason = Literal["stop", "length", "cancelled"]


class Priority(IntEnum):
    """Scheduling classes, lower first, as vLLM's `priority` field orders them."""

    GHOST_TEXT = 0
    ACTION = 1
    CHAT = 2
    SPECULATION = 3


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """One prompt and how to continue it.

    `heal` is text cut from the end of the prompt at the cursor (a half word, white space): the model is held to
    begin its answer with it, so that it is tokenised as the model would have written it. It is part of the answer.
    `forced` is the whole answer, given beforehand (teacher forcing): nothing is chosen, only its probability is told.
    For far ends whose card says `scores`.
    `messages` go to a far end that has to write the prompt itself, of whose model nothing is known.
    `client` shares the model fairly with others of its class. A newer ghost text of the same `client` and `document`
    replaces an older one. Both are opaque names, never a path.
    """

    prompt: str
    max_tokens: int = 16  # new tokens, the healed ones included
    stop: tuple[str, ...] = ()  # looked for after `heal`; not part of the answer
    temperature: float = 1.0  # 0 is greedy
    top_p: float = 1.0
    seed: int | None = None
    logprobs: int | None = None  # alternatives told per token, 0..5
    priority: Priority = Priority.CHAT
    ignore_eos: bool = False
    add_special_tokens: bool = False  # our prompts carry their own BOS where the format has one
    heal: str = ""
    n: int = 1  # answers to the same prompt; their chunks come mixed, told apart by `index`
    client: str = ""  # OpenAI's field `user`
    document: str = ""
    deadline: float | None = None  # seconds from arrival; what has not ended by then ends with the text so far
    messages: tuple[tuple[str, str], ...] = ()  # OpenAI's role and content; `prompt` is then only their text
    forced: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request stands while it waits: how many go before it, and the seconds that may take."""

    position: int
    expected_wait: float


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts of one request; `cached_tokens` of the prompt were not computed again."""

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """One generated token with its natural log-probability and the most probable alternatives."""

    token: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of the answer, exact to the character; the last one has `finish_reason`. `usage` counts up to here.

    While a request waits, chunks without text tell its `place`.
    """

    text: str
    finish_reason: FinishReason | None = None
    logprobs: tuple[TokenLogprob, ...] = ()
    usage: Usage | None = None
    index: int = 0  # which of `n` answers this belongs to
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What `/v1/models` tells of a model; a far end that is not ours leaves all but `id` empty."""

    id: str
    max_model_len: int | None = None
    prompt_format: str | None = None  # a name of the table in prompts/formats.py
    chat_template: str | None = None
    special_tokens: tuple[str, ...] = ()
    bos_token: str = ""
    eos_token: str = ""
    device: str = ""
    scores: bool = False  # whether it tells how probable a `forced` answer is

    @property
    def on_gpu(self) -> bool:
        """Whether it told that its model runs on something faster than a CPU."""
        return self.device not in ("", "cpu")


def speakable(text: str) -> str:
    """Return a text as UTF-8 can carry it: halves of surrogate pairs are joined, lone ones become U+FFFD."""
    if text.isascii() or not any("\ud800" <= char <= "\udfff" for char in text):
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def to_wire(request: GenerationRequest, model: str = "default") -> dict[str, Any]:
    """Return the JSON body of a streaming `/v1/completions` call; fields at their default are left out."""
    body = {
        "model": model,
        "prompt": speakable(request.prompt),
        "max_tokens": request.max_tokens,
        "add_special_tokens": request.add_special_tokens,
        **_common(request),
    }
    optional = {
        "logprobs": request.logprobs,
        "heal": speakable(request.heal) or None,
        "forced": speakable(request.forced) or None,
    }
    return body | {name: value for name, value in optional.items() if value is not None}


def to_chat_wire(request: GenerationRequest, model: str = "default") -> dict[str, Any]:
    """Return the JSON body of a streaming `/v1/chat/completions` call with the request's messages."""
    return {
        "model": model,
        "messages": [{"role": role, "content": speakable(content)} for role, content in request.messages],
        "max_tokens": request.max_tokens,  # the newer max_completion_tokens is unknown to many
        **_common(request),
    }


# What OpenAI's API has not: a far end that is strict about it is asked again without.
EXTRA_FIELDS = ("priority", "add_special_tokens", "ignore_eos", "heal", "document", "deadline")
EXTRA_STREAM_OPTIONS = ("continuous_usage_stats", "include_queue")


def without_extras(body: dict[str, Any], rejected: frozenset[str]) -> dict[str, Any]:
    """Return a body without what only some far ends know, and without what this one named as unknown to it."""
    plain = {name: value for name, value in body.items() if name not in EXTRA_FIELDS and name not in rejected}
    return plain | ({"stream_options": {"include_usage": True}} if "stream_options" in plain else {})


def _common(request: GenerationRequest) -> dict[str, Any]:
    optional = {
        "stop": list(request.stop) or None,
        "seed": request.seed,
        "ignore_eos": request.ignore_eos or None,
        "n": request.n if request.n > 1 else None,
        "user": request.client or None,
        "document": request.document or None,
        "deadline": request.deadline,
    }
    return {
        "temperature": request.temperature,
        "top_p": request.top_p,
        "stream": True,
        "stream_options": {"include_usage": True, "continuous_usage_stats": True, "include_queue": True},
        "priority": int(request.priority),
        **{name: value for name, value in optional.items() if value is not None},
    }
