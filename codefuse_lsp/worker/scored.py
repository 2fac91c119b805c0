"""A text that is read instead of written: how probable a model finds an answer that is given beforehand.

Token ids in, one chunk with the answer's log-probabilities out (teacher forcing). Reads in the same passes as everybody
else's prompts, so it may be stopped, overtaken and resumed like one.
"""

from __future__ import annotations

from collections.abc import Sequence as Ids

import torch

from codefuse_lsp.generation.request import Chunk, GenerationRequest, TokenLogprob
from codefuse_lsp.worker.prefixes import common_prefix
from codefuse_lsp.worker.sequence import Deliver, Sequence
from codefuse_lsp.worker.tokenizer import Tokenizer

MOST_SCORED = 64  # tokens in one pass


class ScoredText(Sequence):
    """The state of one answer that is only judged."""

    writes = False

    def __init__(self, request: GenerationRequest, ids: Ids[int], tokenizer: Tokenizer, deliver: Deliver) -> None:
        """`ids` are those of prompt and answer together: there the prompt's last tokens may be others than alone."""
        super().__init__(request, ids, tokenizer, None, deliver)
        prompt_ids = tokenizer.encode(request.prompt, request.add_special_tokens)
        self.num_prompt = max(1, common_prefix(prompt_ids, ids, len(ids) - 1))
        self._found: dict[int, float] = {}  # by place; a text that was preempted is read twice

    @property
    def reusable_ids(self) -> list[int]:
        """The tokens whose logits nobody wants."""
        return self.token_ids[: self.num_prompt]

    def pending(self, limit: int) -> list[int]:
        """Return the next ids to be read; few of the answer at once, for each has a whole vocabulary of logits."""
        read = len(self.slot.token_ids) if self.slot else 0
        return super().pending(min(limit, max(self.num_prompt - 1 - read, 0) + MOST_SCORED))

    def draft(self) -> list[int]:
        """Return no guesses: what follows is known."""
        return []

    def num_logits(self, num_ids: int, num_guesses: int) -> int:
        """Return for how many of the next `num_ids` tokens logits are wanted: those before a token of the answer."""
        end = (len(self.slot.token_ids) if self.slot else 0) + num_ids
        return max(1, min(num_ids, end - (self.num_prompt - 1)))

    def advance(self, logits: torch.Tensor, draft: Ids[int], best: Ids[int]) -> bool:
        """Take the logits, (R, V), after the tokens read last; return whether all has been read."""
        assert self.slot is not None
        read = len(self.slot.token_ids)
        places = [place for place in range(read - len(logits) + 1, read + 1) if place < len(self.token_ids)]
        if places:
            ids = torch.tensor([self.token_ids[place] for place in places], device=logits.device)
            found = logits[: len(places)].log_softmax(-1).gather(1, ids[:, None])[:, 0].tolist()  # (R,)
            self._found |= zip(places, found, strict=True)
        if read < len(self.token_ids):
            return False
        answer = range(self.num_prompt, len(self.token_ids))
        told = tuple(TokenLogprob(self._text(self.token_ids[place]), self._found[place]) for place in answer)
        self._deliver(Chunk(self.request.forced, "stop", told, self._usage(), 0))
        return True
