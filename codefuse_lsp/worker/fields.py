"""The fields of a JSON body, each read once and checked: JSON in, typed values out, or a sentence that names the field.

Knows what OpenAI's and vLLM's fields are called and what they may hold; knows nothing of HTTP or of models.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from codefuse_lsp.errors import RequestRefused
from codefuse_lsp.generation.request import Priority

MAX_STOPS = 64  # OpenAI allows 4; role tags and special tokens of a model need more
MAX_ANSWERS = 16
MAX_NAME_CHARS = 256
LONGEST_DEADLINE_S = 86_400
LARGEST_INTEGER = 2**63 - 1

# What OpenAI's API has and this worker has not: the field, the values that ask for nothing, and what to do instead.
UNSUPPORTED: tuple[tuple[str, tuple[Any, ...], str], ...] = (
    ("echo", (None, False), "is not supported; put the prompt before the answer yourself."),
    ("suffix", (None, ""), "is not supported; put the code after the cursor into the prompt."),
    ("logit_bias", (None, {}), "is not supported."),
    ("presence_penalty", (None, 0), "is not supported; leave it out."),
    ("frequency_penalty", (None, 0), "is not supported; leave it out."),
    ("tools", (None, []), "is not supported: the model is given no tools."),
    ("tool_choice", (None, "none", "auto"), "is not supported: the model is given no tools."),
    ("functions", (None, []), "is not supported: the model is given no tools."),
    ("function_call", (None, "none", "auto"), "is not supported: the model is given no tools."),
    ("response_format", (None, {"type": "text"}), "is not supported; say in the prompt what you want."),
    ("modalities", (None, ["text"]), "is not supported: answers are text."),
    ("audio", (None,), "is not supported: answers are text."),
)


class BadField(RequestRefused):
    """A field of a request body cannot be used; `param` is its name."""

    def __init__(self, param: str, problem: str) -> None:
        super().__init__(f"{param} {problem}", 400)
        self.param = param


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """Whether an answer is streamed, and what its events tell beside text (OpenAI; then vLLM's; then ours)."""

    stream: bool = False
    include_usage: bool = False
    continuous_usage_stats: bool = False
    include_queue: bool = False


def parse_body(raw: bytes) -> dict[str, Any]:
    """Return the JSON object in `raw`; raises RequestRefused with a sentence when it is none."""
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        raise RequestRefused("The body is not JSON.", 400) from None
    if not isinstance(body, dict):
        raise RequestRefused("The body is not a JSON object.", 400)
    return body


def parse_stream_options(body: Mapping[str, Any]) -> StreamOptions:
    """Return how the answer is to be sent."""
    options = body.get("stream_options")
    if options is None:
        options = {}
    if not isinstance(options, dict):
        raise BadField("stream_options", "is not an object.")
    return StreamOptions(
        flag(body, "stream"),
        flag(options, "include_usage"),
        flag(options, "continuous_usage_stats"),
        flag(options, "include_queue"),
    )


def sampling(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a GenerationRequest that completions and chats have in common; raises BadField."""
    refuse_unsupported(body)
    n = number(body, "n", int, 1, 1, MAX_ANSWERS)
    if number(body, "best_of", int, n, 1, MAX_ANSWERS) != n:
        raise BadField("best_of", "is not supported unless it is n; choose among n answers yourself.")
    return {
        "stop": _stops(body),
        "temperature": number(body, "temperature", float, 1.0, 0, 100),
        "top_p": number(body, "top_p", float, 1.0, 1e-6, 1),
        "seed": number(body, "seed", int, None, -(2**63), LARGEST_INTEGER),
        "priority": Priority(number(body, "priority", int, int(Priority.CHAT), 0, max(Priority))),
        "ignore_eos": flag(body, "ignore_eos"),
        "heal": text(body, "heal", ""),
        "n": n,
        "client": _name(body, "user"),
        "document": _name(body, "document"),
        "deadline": number(body, "deadline", float, None, 0.001, LONGEST_DEADLINE_S),
    }


def refuse_unsupported(body: Mapping[str, Any]) -> None:
    """Raise BadField for the first field that asks for something that this worker cannot do."""
    for name, harmless, problem in UNSUPPORTED:
        if body.get(name) not in harmless:
            raise BadField(name, problem)


def text(body: Mapping[str, Any], name: str, default: str | None) -> str:
    """Return a text field."""
    value = body.get(name)
    value = default if value is None else value
    if not isinstance(value, str):
        raise BadField(name, "is missing." if value is None else "is not a text.")
    return checked_text(value, name)


def checked_text(value: str, name: str) -> str:
    """Return a text that UTF-8 can hold; raises BadField for one that it cannot."""
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise BadField(name, "holds half a surrogate pair, which is no text.")
    return value


def flag(body: Mapping[str, Any], name: str, default: bool = False) -> bool:
    """Return a field that is true or false."""
    value = body.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise BadField(name, "is neither true nor false.")
    return value


def number(body: Mapping[str, Any], name: str, kind: type, default: Any, low: float, high: float) -> Any:
    """Return a number from `low` to `high`."""
    value = body.get(name)
    if value is None:
        return default
    if isinstance(value, float) and kind is int and value.is_integer():
        value = int(value)  # JSON has no whole numbers of its own: 5.0 is 5
    allowed = (int,) if kind is int else (int, float)
    if isinstance(value, bool) or not isinstance(value, allowed) or (isinstance(value, float) and math.isnan(value)):
        raise BadField(name, f"is not {'a whole number' if kind is int else 'a number'}.")
    if not low <= value <= high:
        raise BadField(name, f"is {_shown(value)}, but must be from {low} to {high}.")
    return value


def _shown(value: float) -> str:
    return f"{value:g}" if isinstance(value, float) or abs(value) < LARGEST_INTEGER else "too large"


def _name(body: Mapping[str, Any], field: str) -> str:
    value = text(body, field, "")
    if len(value) > MAX_NAME_CHARS:
        raise BadField(field, f"is longer than {MAX_NAME_CHARS} characters.")
    return value


def _stops(body: Mapping[str, Any]) -> tuple[str, ...]:
    value = body.get("stop")
    value = [] if value is None or value == "" else [value] if isinstance(value, str) else value
    if not isinstance(value, list) or not all(isinstance(stop, str) and stop for stop in value):
        raise BadField("stop", "is neither a text nor a list of texts.")
    if len(value) > MAX_STOPS:
        raise BadField("stop", f"holds more than {MAX_STOPS} texts.")
    return tuple(checked_text(stop, "stop") for stop in value)
