"""Keys and values of past tokens, kept for whoever continues the same text.

Input: token ids. Output: a slot that already holds their longest common prefix. Knows nothing of requests.

Letters: S slots, H key/value heads, C tokens that a slot can hold, N new tokens, D head size. The memory of all is
2 * layers * S * H * C * D * bytes per number; a CPU takes it page by page as it is written to.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence as Ids
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import torch
from transformers.cache_utils import Cache

from codefuse_lsp.worker.attention import Past, Rows, Span
from codefuse_lsp.worker.kv_tokens import KvTokens
from codefuse_lsp.worker.prefixes import common_prefix


class SlotCache(Cache):
    """The keys and values of every slot, written in place; what a model's `update` returns is read by `attend`."""

    def __init__(self, num_slots: int, capacity: int) -> None:
        super().__init__(layers=[])
        self.capacity = capacity
        self._shape = (num_slots, capacity + 1)  # one more place, for rows of a fixed-shape batch that are no text
        self._layers: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
        self._batch: list[Span] | Rows = []
        self.times_cleared = 0

    @property
    def batch(self) -> list[Span] | Rows:
        """Whose slots the pass under way writes to and looks at."""
        return self._batch

    @contextmanager
    def writing(self, batch: list[Span] | Rows) -> Iterator[None]:
        """Let the pass inside write to and look at these slots; passes may be nested."""
        before, self._batch = self._batch, batch
        try:
            yield
        finally:
            self._batch = before

    def update(  # type: ignore[override]
        self, key_states: torch.Tensor, value_states: torch.Tensor, layer_idx: int, *args: Any, **kwargs: Any
    ) -> tuple[Past, None]:
        """Write the new keys and values, (1, H, N, D), to their slots, for transformers' own layers."""
        return self.write(layer_idx, key_states[0], value_states[0]), None

    def write(self, layer: int, new_keys: torch.Tensor, new_values: torch.Tensor) -> Past:
        """Write a layer's new keys and values, (H, N, D), to their slots; return what can be seen now."""
        past = self.of_layer(layer, new_keys, new_values)
        keys, values = past.keys, past.values
        if isinstance(self._batch, Rows):
            keys[self._batch.slots, :, self._batch.positions] = new_keys.transpose(0, 1)
            values[self._batch.slots, :, self._batch.positions] = new_values.transpose(0, 1)
            return past
        offset = 0
        for span in self._batch:
            keys[span.slot, :, span.start : span.end] = new_keys[:, offset : offset + span.length]
            values[span.slot, :, span.start : span.end] = new_values[:, offset : offset + span.length]
            offset += span.length
        return past

    def of_layer(self, layer: int, key: torch.Tensor, value: torch.Tensor) -> Past:
        """Return a layer's memory, made for keys and values like these, (H, N, D), when it is first asked for."""
        if layer not in self._layers:
            slots, capacity = self._shape
            self._layers[layer] = (
                # Zeros: places that no text has reached may be looked at, and a mask does not hide that one holds NaN.
                key.new_zeros(slots, key.shape[0], capacity, key.shape[2]),  # (S, H, C, D)
                value.new_zeros(slots, value.shape[0], capacity, value.shape[2]),  # (S, H, C, D)
            )
        return Past(*self._layers[layer], self._batch)

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Return 0: positions are always given, and no mask is made from this."""
        return 0

    @torch.inference_mode()
    def copy(self, source: int, target: int, length: int) -> None:
        """Copy the first `length` tokens of one slot to another."""
        for keys, values in self._layers.values():
            keys[target, :, :length] = keys[source, :, :length]
            values[target, :, :length] = values[source, :, :length]

    def clear(self) -> None:
        """Give the memory back; what was held is lost, also of a pass that is under way."""
        self._layers = {}
        self.times_cleared += 1


@dataclass(eq=False, slots=True)
class Slot:
    """One row of the cache and the ids of the tokens that it holds."""

    index: int
    token_ids: list[int] = field(default_factory=list)
    busy: bool = False
    last_used: int = 0
    num_found: int = 0  # tokens that were there when it was acquired


class SlotPool:
    """A fixed number of slots; each text gets the one that saves most work, the least recently used goes first."""

    def __init__(self, num_slots: int, capacity: int) -> None:
        self.cache = SlotCache(num_slots, capacity)
        self.slots = [Slot(index) for index in range(num_slots)]
        self._capacity = capacity
        self._clock = count(1)
        self._found = self._read = 0

    @property
    def tokens(self) -> KvTokens:
        """What is held, and what it was good for."""
        held = sum(len(slot.token_ids) for slot in self.slots)
        return KvTokens(held, self._capacity * len(self.slots), self._found, self._read)

    def acquire(self, token_ids: Ids[int]) -> Slot:
        """Return a free slot holding the longest common prefix with `token_ids` that any slot has, all but its last.

        The last token is always computed again, since its logits are wanted. Raises LookupError when no slot is free.
        """
        shared = {slot.index: common_prefix(slot.token_ids, token_ids, len(token_ids) - 1) for slot in self.slots}
        best = max(self.slots, key=lambda slot: (shared[slot.index], not slot.busy))
        length = shared[best.index]
        if best.busy or 2 * length < len(best.token_ids):  # spare a long text that somebody may still continue
            slot = self._least_recently_used()
            if slot is not best and length:
                self.cache.copy(best.index, slot.index, length)
            slot.token_ids = best.token_ids[:length]
        else:
            slot = best
            del slot.token_ids[length:]
        slot.busy, slot.last_used, slot.num_found = True, next(self._clock), length
        self._found += length
        return slot

    def release(self, slot: Slot, num_prompt: int = 0) -> None:
        """Keep the slot's tokens for whoever comes next; the first `num_prompt` are those of a prompt."""
        slot.busy, slot.last_used = False, next(self._clock)
        self._read += max(0, min(len(slot.token_ids), num_prompt) - slot.num_found)

    def clear(self) -> None:
        """Give back all memory; slots in use are computed again."""
        self.cache.clear()
        for slot in self.slots:
            slot.token_ids = []

    def _least_recently_used(self) -> Slot:
        free = [slot for slot in self.slots if not slot.busy]
        if not free:
            raise LookupError("every slot is in use")
        return min(free, key=lambda slot: slot.last_used)
