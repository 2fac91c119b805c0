"""One request on its way through the engine: tokens go in, chunks of exact text come out.

Knows the rules of one answer (where it stops, what it must begin with); knows nothing of who runs next.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from collections.abc import Sequence as Ids
from typing import Any, Protocol

import torch

from codefuse_lsp.generation.request import Chunk, FinishReason, GenerationRequest, Place, TokenLogprob, Usage
from codefuse_lsp.worker.attention import FEW
from codefuse_lsp.worker.healing import Healing, VocabularyIndex
from codefuse_lsp.worker.kv_cache import Slot
from codefuse_lsp.worker.sampler import choose, log_probabilities, restrict
from codefuse_lsp.worker.stops import StopMatcher
from codefuse_lsp.worker.tokenizer import Detokenizer, Tokenizer

Deliver = Callable[[Chunk | Exception], None]


class Drafter(Protocol):
    """Guesses what follows."""

    def propose(self, token_ids: list[int], limit: int) -> list[int]:
        """Return up to `limit` tokens that may follow `token_ids`."""

    def observe(self, num_tokens: int, proposed: int, accepted: int) -> None:
        """Learn how many guesses were right."""


class Sequence:
    """The state of one answer; owned by the engine's thread, except for `cancelled`."""

    writes = True  # and so advances only when all before the next token has been read

    def __init__(
        self,
        request: GenerationRequest,
        prompt_ids: Ids[int],
        tokenizer: Tokenizer,
        index: VocabularyIndex | None,
        deliver: Deliver,
        choice: int = 0,
    ) -> None:
        self.request = request
        self.priority, self.client, self.document = int(request.priority), request.client, request.document
        self.deadline = None if request.deadline is None else time.monotonic() + request.deadline
        self.token_ids = list(prompt_ids)
        self.num_prompt = len(self.token_ids)
        self.num_cached: int | None = None  # prompt tokens found in the cache when it was first admitted
        self.slot: Slot | None = None
        self.drafter: Drafter | None = None
        self.place: Place | None = None  # as last told
        self.started: float | None = None  # when it was first admitted, in monotonic seconds
        self.cancelled = False
        self._choice = choice
        self._deliver = deliver
        self._tokenizer = tokenizer
        self._detokenizer = Detokenizer(tokenizer, self.token_ids)
        self._stops = StopMatcher(request.stop, skip=len(request.heal))
        self._healing = Healing(index, request.heal) if index and request.heal else None
        self._generator = _generator(request, choice)
        self._logprobs: list[TokenLogprob] = []  # of tokens whose text is still held back

    @property
    def num_generated(self) -> int:
        """Tokens generated so far."""
        return len(self.token_ids) - self.num_prompt

    @property
    def num_pending(self) -> int:
        """Tokens whose keys and values are not in the slot yet."""
        return len(self.token_ids) - (len(self.slot.token_ids) if self.slot else 0)

    @property
    def prefilling(self) -> bool:
        """Whether more is to be read than passes beside everyone's next token."""
        return self.num_pending > FEW

    def pending(self, limit: int) -> list[int]:
        """Return the next ids to be read, at most `limit`."""
        read = len(self.slot.token_ids) if self.slot else 0
        return self.token_ids[read : read + limit]

    @property
    def reusable_ids(self) -> list[int]:
        """The tokens whose keys and values may be anybody's who has read the same."""
        return self.token_ids

    def num_logits(self, num_ids: int, num_guesses: int) -> int:
        """Return for how many of the next tokens logits are wanted: the last one, and each guess after it."""
        return 1 + num_guesses

    def draft(self) -> list[int]:
        """Return guesses at the tokens after the next one; none while a beginning is healed."""
        room = self.request.max_tokens - self.num_generated - 1
        if self.drafter is None or room < 1 or (self._healing and self._healing.allowed_ids() is not None):
            return []
        return self.drafter.propose(self.token_ids, room)

    def advance(self, logits: torch.Tensor, draft: Ids[int], best: Ids[int]) -> bool:
        """Take one token, and more while the guesses are right; return whether the answer has ended.

        `logits`, (1 + len(draft), V), follow the last token and each guess; `best` are the most probable ids of each.
        """
        accepted = 0
        for row in range(len(draft) + 1):
            token_id = self.sample(logits[row], best[row])
            if self.append(token_id):
                return True
            if row == len(draft) or token_id != draft[row]:
                break
            accepted += 1
        if draft and self.drafter:
            self.drafter.observe(len(self.token_ids), len(draft), accepted)
        if self.slot is not None:
            del self.slot.token_ids[len(self.token_ids) - 1 :]  # wrong guesses
        return False

    def sample(self, logits: torch.Tensor, best: int) -> int:
        """Return the next token id from logits, (V,), as this request wants it chosen; `best` is their maximum's."""
        request = self.request
        ends = request.ignore_eos and best in self._tokenizer.eos_ids
        if request.temperature <= 0 and request.logprobs is None and not self._healing and not ends:
            return best
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
            self._deliver(Chunk(text, None, self._take_logprobs(), self._usage(), self._choice))
        return None

    def finish(self, reason: FinishReason) -> None:
        """End the answer with whatever text is still held back."""
        text, stopped = self._stops.push(self._detokenizer.flush(complete=reason == "stop"))
        self._end(reason, text if stopped else text + self._stops.flush())

    def tell_place(self, place: Place) -> None:
        """Tell where the request stands in the queue, when that has changed."""
        if self.place is None or self.place.position != place.position:
            self.place = place
            self._deliver(Chunk("", index=self._choice, place=place))

    def fail(self, error: Exception) -> None:
        """End the answer with an error."""
        self._deliver(error)

    def _end(self, reason: FinishReason, text: str) -> None:
        self._deliver(Chunk(text, reason, self._take_logprobs(), self._usage(), self._choice))

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


def _generator(request: GenerationRequest, choice: int) -> Any:
    """Return a sequence's own source of chance: the same seed gives the same answer, alone or in a batch."""
    if request.temperature <= 0:
        return None
    generator = torch.Generator()
    if request.seed is None:
        generator.seed()
    else:
        generator.manual_seed((request.seed + choice) % 2**63)
    return generator
