"""A small model guesses what a large one will say, and the large one checks the guesses in one pass (Leviathan, 2023).

Where the text repeats itself, looking back guesses as well and costs nothing, so that is asked first. Both models must
have the same tokens. Knows nothing of requests.
"""

from __future__ import annotations

from codefuse_lsp.errors import ModelError
from codefuse_lsp.worker.kv_cache import SlotPool
from codefuse_lsp.worker.loader import LoadedModel
from codefuse_lsp.worker.runner import Runner, Work
from codefuse_lsp.worker.speculation import PromptLookup

LONGEST_GUESS = 6  # tokens; gpt-fast's choice for CodeLlama-34B with a 7B (scripts/speculate_34B_bf16.sh)
SAMPLE = "def add(a, b):\n    return a + b  # 1 + 2 == 3\n"


class DraftModel:
    """A small model with a cache of its own; used in the engine's thread only."""

    def __init__(self, small: LoadedModel, large: LoadedModel, num_slots: int) -> None:
        """Raise ModelError when the two models do not have the same tokens."""
        if small.tokenizer.encode(SAMPLE) != large.tokenizer.encode(SAMPLE):
            raise ModelError(f"draft_model: {small.name} has other tokens than {large.name}; choose one of its family.")
        self._capacity = small.max_model_len
        self._slots = SlotPool(num_slots, self._capacity)
        self._runner = Runner(small.model, self._slots.cache)

    def guess(self, token_ids: list[int], count: int) -> list[int]:
        """Return the tokens that the small model would put next."""
        if len(token_ids) + count > self._capacity:
            return []
        slot = self._slots.acquire(token_ids)
        try:
            guesses, new = [], token_ids[len(slot.token_ids) :]
            for _ in range(count):
                (logits,) = self._runner.forward([Work(slot, new)])
                new = [int(logits[-1].argmax())]
                guesses += new
            return guesses
        finally:
            self._slots.release(slot)

    def drafter(self) -> ModelDrafter:
        """Return what guesses for one text."""
        return ModelDrafter(self)

    def close(self) -> None:
        """Let go of the small model."""
        self._runner.close()


class ModelDrafter:
    """The guesses of one text: what followed the same tokens before, else what the small model says."""

    def __init__(self, model: DraftModel) -> None:
        self._model = model
        self._lookup = PromptLookup()
        self._looked = False
        self._length = LONGEST_GUESS

    def propose(self, token_ids: list[int], limit: int) -> list[int]:
        """Return up to `limit` tokens that may follow."""
        found = self._lookup.propose(token_ids, limit)
        self._looked = bool(found)
        return found or self._model.guess(token_ids, min(self._length, limit))

    def observe(self, num_tokens: int, proposed: int, accepted: int) -> None:
        """Learn how many guesses were right."""
        if self._looked:
            self._lookup.observe(num_tokens, proposed, accepted)
        else:
            self._length = min(LONGEST_GUESS, accepted + 2)
