"""One answer of llama.cpp: a request becomes the body of a `/completion`, its events become chunks of exact text.

Pure: knows the fields of llama.cpp's server (tools/server/README.md there), nothing of sockets, slots or who waits.
"""

from __future__ import annotations

import json
import secrets
from typing import Any

from codefuse_lsp.generation.request import Chunk, FinishReason, GenerationRequest, TokenLogprob, Usage
from codefuse_lsp.worker.stops import StopMatcher

MAX_SEED = 0xFFFFFFFE  # llama.cpp takes the greatest of 32 bits for 'at random'
NEUTRAL = {"top_k": 0, "min_p": 0.0, "typical_p": 1.0, "repeat_penalty": 1.0}  # llama.cpp's defaults are others


def completion_body(request: GenerationRequest, prompt_ids: list[int], slot: int, index: int) -> dict[str, Any]:
    """Return the body that asks for answer `index` of a request in a slot.

    Stop strings are not among it: llama.cpp would find them in the healed beginning too.
    """
    seed = secrets.randbelow(MAX_SEED) if request.seed is None else (request.seed + index) % (MAX_SEED + 1)
    body: dict[str, Any] = {
        "prompt": prompt_ids,
        "n_predict": request.max_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "seed": seed,
        "samplers": ["temperature", "top_p"],
        "ignore_eos": request.ignore_eos,
        "id_slot": slot,
        "cache_prompt": True,
        "stream": True,
        "return_tokens": True,
        "return_progress": True,  # a cancel is seen when an event is sent: here after each batch of the prompt
    }
    if request.logprobs is not None:
        body["n_probs"] = max(1, request.logprobs)
    if request.heal:
        body["grammar"] = beginning_with(request.heal)
    return body | NEUTRAL


def beginning_with(text: str) -> str:
    """Return a grammar of all texts that begin with `text`, for LLGuidance inside llama.cpp.

    Against the same grammar in GBNF: no time against 12 ms for a healed token, and spelled as the model would write it.
    """
    return f"%llguidance {{}}\nstart: {json.dumps(text, ensure_ascii=False)} /(.|\\n)*/"


class Answer:
    """The state of one answer; `ended` when its last chunk has been given."""

    def __init__(self, request: GenerationRequest, prompt_ids: list[int], index: int) -> None:
        self.index = index
        self.ended = False
        self.begun = False
        self._request = request
        self._prompt_ids = prompt_ids
        self._processed = 0  # tokens of the prompt in the cache
        self._cached: int | None = None  # found there at first
        self._token_ids: list[int] = []
        self._num_tokens = 0
        self._stops = StopMatcher(request.stop, skip=len(request.heal))
        self._logprobs: list[TokenLogprob] = []  # of tokens whose text is still held back

    @property
    def token_ids(self) -> list[int]:
        """The tokens that llama.cpp holds of it."""
        return self._prompt_ids + self._token_ids if self.begun else self._prompt_ids[: self._processed]

    def push(self, event: dict[str, Any]) -> Chunk | None:
        """Take an event and return the text that can be shown because of it."""
        if progress := event.get("prompt_progress"):
            self._processed = progress["processed"]
            if self._cached is None:
                self._cached = progress["cache"]
            return None
        if event.get("stop"):
            self._num_tokens = event["tokens_predicted"]
            return self._last(event)
        self.begun = True
        self._token_ids += event["tokens"]
        self._num_tokens = event["tokens_predicted"]
        if self._request.logprobs is not None:
            wanted = self._request.logprobs
            self._logprobs += [_logprob(told, wanted) for told in event.get("completion_probabilities", ())]
        text, stopped = self._stops.push(event["content"])
        if stopped:
            return self._chunk(text, "stop")
        return self._chunk(text, None) if text else None

    def end(self, reason: FinishReason) -> Chunk:
        """Return the last chunk of an answer that is ended from outside, with what was held back."""
        return self._chunk(self._stops.flush(), reason)

    def _last(self, event: dict[str, Any]) -> Chunk:
        text, stopped = self._stops.push(event["content"])
        if stopped:
            return self._chunk(text, "stop")
        return self._chunk(text + self._stops.flush(), "length" if event["stop_type"] == "limit" else "stop")

    def _chunk(self, text: str, reason: FinishReason | None) -> Chunk:
        self.ended = reason is not None
        usage = Usage(len(self._prompt_ids), self._num_tokens, self._cached or 0)
        logprobs, self._logprobs = tuple(self._logprobs), []
        return Chunk(text, reason, logprobs, usage, self.index)


def _logprob(told: dict[str, Any], count: int) -> TokenLogprob:
    top = tuple((_text(other), other["logprob"]) for other in told["top_logprobs"][:count])
    return TokenLogprob(_text(told), told["logprob"], top)


def _text(told: dict[str, Any]) -> str:
    return bytes(told["bytes"]).decode("utf-8", "replace")
