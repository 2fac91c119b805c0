"""One request on its way through the engine: tokens go in, chunks of exact text come out.

Knows the rules of one answer (where it stops, what it must begin with); knows nothing of who runs next.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence as Ids
from typing import Any

import torch

from codefuse_lsp.generation.request import Chunk, FinishReason, GenerationRequest, TokenLogprob, Usage
from codefuse_lsp.worker.healing import Healing, VocabularyIndex
from codefuse_lsp.worker.kv_cache import Slot
from codefuse_lsp.worker.sampler import choose, log_probabilities, restrict
from codefuse_lsp.worker.tokenizer import Detokenizer, Tokenizer

Deliver = Callable[[Chunk | Exception], None]


class StopMatcher:
    """Cuts a stream of text at the first stop string, also one that lies across pieces.

    Stop strings are looked for only after the first `skip` characters: a healed beginning may hold a line break.
    """

    def __init__(self, stops: tuple[str, ...], skip: int = 0) -> None:
        self._stops = tuple(stop for stop in stops if stop)
        self._skip = skip
        self._held = ""

    def push(self, text: str) -> tuple[str, bool]:
        """Return the text that can be shown now and whether a stop string ended it."""
        text = self._held + text
        skip = min(self._skip, len(text))
        found = [at for stop in self._stops if (at := text.find(stop, skip)) >= 0]
        if found:
            self._held = ""
            return text[: min(found)], True
        keep = max((_overlap(text[skip:], stop) for stop in self._stops), default=0)
        self._held = text[len(text) - keep :]
        self._skip -= min(self._skip, len(text) - keep)
        return text[: len(text) - keep], False

    def flush(self) -> str:
        """Return what was held back; the stream has ended without a stop string."""
        held, self._held = self._held, ""
        return held


def _overlap(text: str, stop: str) -> int:
    """Return the length of the longest end of `text` that is a proper beginning of `stop`."""
    return next((n for n in range(min(len(text), len(stop) - 1), 0, -1) if text.endswith(stop[:n])), 0)


class Sequence:
    """The state of one request; owned by the engine's thread, except for `cancelled`."""

    def __init__(
        self,
        request: GenerationRequest,
        prompt_ids: Ids[int],
        tokenizer: Tokenizer,
        index: VocabularyIndex | None,
        deliver: Deliver,
    ) -> None:
        self.request = request
        self.priority = int(request.priority)
        self.token_ids = list(prompt_ids)
        self.num_prompt = len(self.token_ids)
        self.num_cached: int | None = None  # prompt tokens found in the cache when it was first admitted
        self.slot: Slot | None = None
        self.cancelled = False
        self._deliver = deliver
        self._tokenizer = tokenizer
        self._detokenizer = Detokenizer(tokenizer, self.token_ids)
        self._stops = StopMatcher(request.stop, skip=len(request.heal))
        self._healing = Healing(index, request.heal) if index and request.heal else None
        self._generator = _generator(request)
        self._logprobs: list[TokenLogprob] = []  # of tokens whose text is still held back

    @property
    def num_generated(self) -> int:
        """Tokens generated so far."""
        return len(self.token_ids) - self.num_prompt

    def pending(self) -> list[int]:
        """Return the ids whose keys and values are not in the slot yet."""
        assert self.slot is not None
        return self.token_ids[len(self.slot.token_ids) :]

    def sample(self, logits: torch.Tensor) -> int:
        """Return the next token id from logits, (V,), as this request wants it chosen."""
        request = self.request
        if request.ignore_eos and self._tokenizer.eos_ids:
            logits = logits.index_fill(0, torch.tensor(list(self._tokenizer.eos_ids), device=logits.device), -torch.inf)
        allowed = self._healing.allowed_ids() if self._healing else None
        if allowed is not None:
            logits = restrict(logits, allowed)
        token_id = choose(logits, request.temperature, request.top_p, self._generator)
        if request.logprobs is not None:
            self._logprobs.append(self._token_logprob(logits, token_id, request.logprobs))
        return token_id

    def append(self, token_id: int) -> FinishReason | None:
        """Take a sampled token, deliver the text it completes, and say whether the answer ends here."""
        if token_id in self._tokenizer.eos_ids and not self.request.ignore_eos:
            self.finish("stop")
            return "stop"
        self.token_ids.append(token_id)
        if self._healing:
            self._healing.advance(token_id)
        text, stopped = self._stops.push(self._detokenizer.push(token_id))
        if stopped:
            self._end("stop", text)
            return "stop"
        if self.num_generated >= self.request.max_tokens:
            rest, stopped = self._stops.push(self._detokenizer.flush(complete=False))
            self._end("stop" if stopped else "length", text + rest + ("" if stopped else self._stops.flush()))
            return "length"
        if text:
            self._deliver(Chunk(text, None, self._take_logprobs(), self._usage()))
        return None

    def finish(self, reason: FinishReason) -> None:
        """End the answer with whatever text is still held back."""
        text, stopped = self._stops.push(self._detokenizer.flush(complete=reason == "stop"))
        self._end(reason, text if stopped else text + self._stops.flush())

    def fail(self, error: Exception) -> None:
        """End the answer with an error."""
        self._deliver(error)

    def _end(self, reason: FinishReason, text: str) -> None:
        self._deliver(Chunk(text, reason, self._take_logprobs(), self._usage()))

    def _usage(self) -> Usage:
        return Usage(self.num_prompt, self.num_generated, self.num_cached or 0)

    def _take_logprobs(self) -> tuple[TokenLogprob, ...]:
        taken, self._logprobs = tuple(self._logprobs), []
        return taken

    def _token_logprob(self, logits: torch.Tensor, token_id: int, count: int) -> TokenLogprob:
        logprob, top = log_probabilities(logits, token_id, count)
        return TokenLogprob(self._text(token_id), logprob, tuple((self._text(i), value) for i, value in top))

    def _text(self, token_id: int) -> str:
        raw = self._tokenizer.token_bytes(token_id)
        return raw.decode("utf-8", "replace") if raw is not None else self._tokenizer.decode([token_id])


def _generator(request: GenerationRequest) -> Any:
    if request.temperature <= 0:
        return None
    generator = torch.Generator()
    if request.seed is None:
        generator.seed()
    else:
        generator.manual_seed(request.seed)
    return generator
