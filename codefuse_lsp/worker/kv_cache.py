"""Keys and values of past tokens, kept for whoever continues the same text.

Input: token ids. Output: a slot whose cache already holds the longest common prefix. Knows nothing of requests.

Letters: B batch (1 a slot), H key/value heads, L tokens, D head dimension. Memory of a slot is
2 * layers * H * D * capacity * bytes per number, and the number of slots is a setting, so the whole is bounded.
"""

from __future__ import annotations

from collections.abc import Sequence as Ids
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import torch
from transformers.cache_utils import Cache, DynamicLayer

SMALLEST_CAPACITY = 256  # tokens; capacity doubles from here


class SlotLayer(DynamicLayer):
    """One layer's K and V, written in place into room that doubles; the first `length` positions hold tokens."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.length = 0
        self._k: torch.Tensor | None = None
        self._v: torch.Tensor | None = None

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Append K and V, (B, H, new, D) each; return all of them, (B, H, L, D)."""
        start, end = self.length, self.length + key_states.shape[-2]
        self._k = _with_room(self._k, key_states, start, end)
        self._v = _with_room(self._v, value_states, start, end)
        self._k[:, :, start:end] = key_states
        self._v[:, :, start:end] = value_states
        self.length, self.is_initialized = end, True
        return self._k[:, :, :end], self._v[:, :, :end]

    def get_seq_length(self) -> int:
        """Return the number of tokens held."""
        return self.length

    def copy_from(self, other: SlotLayer, length: int) -> None:
        """Take the first `length` tokens of another slot's layer."""
        self.length = 0
        if other._k is not None and other._v is not None:
            self.update(other._k[:, :, :length], other._v[:, :, :length])


def _with_room(room: torch.Tensor | None, new: torch.Tensor, used: int, needed: int) -> torch.Tensor:
    """Return `room`, or a larger one with its first `used` tokens, that holds `needed` tokens."""
    if room is not None and room.shape[-2] >= needed:
        return room
    capacity = max(SMALLEST_CAPACITY, 1 << (needed - 1).bit_length())
    larger = new.new_empty((*new.shape[:-2], capacity, new.shape[-1]))  # (B, H, capacity, D)
    if room is not None:
        larger[..., :used, :] = room[..., :used, :]
    return larger


@dataclass(eq=False, slots=True)
class Slot:
    """The cache of one sequence and the ids of the tokens that it holds."""

    layers: list[SlotLayer]
    cache: Cache = field(init=False)
    token_ids: list[int] = field(default_factory=list)
    busy: bool = False
    last_used: int = 0

    def __post_init__(self) -> None:
        self.cache = Cache(layers=list(self.layers))

    def truncate(self, length: int) -> None:
        """Forget every token from `length` on; also mends layers that a failed forward left uneven."""
        del self.token_ids[length:]
        for layer in self.layers:
            layer.length = min(layer.length, length)

    def copy_prefix(self, other: Slot, length: int) -> None:
        """Become the first `length` tokens of another slot."""
        self.token_ids = other.token_ids[:length]
        for mine, theirs in zip(self.layers, other.layers, strict=True):
            mine.copy_from(theirs, length)

    def clear(self) -> None:
        """Give the memory back."""
        self.token_ids = []
        for layer in self.layers:
            layer.length, layer._k, layer._v = 0, None, None


class SlotPool:
    """A fixed number of slots; each request gets the one that saves most work, the least recently used goes first."""

    def __init__(self, num_slots: int, num_layers: int) -> None:
        self.slots = [Slot([SlotLayer() for _ in range(num_layers)]) for _ in range(num_slots)]
        self._clock = count(1)

    @property
    def has_free(self) -> bool:
        """Whether a sequence could be admitted now."""
        return any(not slot.busy for slot in self.slots)

    def acquire(self, token_ids: Ids[int]) -> Slot:
        """Return a free slot holding the longest common prefix with `token_ids` that any slot has, all but its last.

        The last token is always computed again, since its logits are wanted. Raises LookupError when no slot is free.
        """
        shared = {id(slot): common_prefix(slot.token_ids, token_ids[:-1]) for slot in self.slots}
        best = max(self.slots, key=lambda slot: (shared[id(slot)], not slot.busy))
        length = shared[id(best)]
        if best.busy or 2 * length < len(best.token_ids):  # spare a long text that somebody may still continue
            slot = self._least_recently_used()
            if slot is not best:
                slot.copy_prefix(best, length)
        else:
            slot = best
        slot.truncate(length)
        slot.busy, slot.last_used = True, next(self._clock)
        return slot

    def release(self, slot: Slot) -> None:
        """Keep the slot's tokens for whoever comes next."""
        slot.busy, slot.last_used = False, next(self._clock)

    def clear(self) -> None:
        """Give back the memory of every slot that is not in use."""
        for slot in self.slots:
            if not slot.busy:
                slot.clear()

    def _least_recently_used(self) -> Slot:
        free = [slot for slot in self.slots if not slot.busy]
        if not free:
            raise LookupError("every slot is in use")
        return min(free, key=lambda slot: slot.last_used)


def common_prefix(left: Ids[int], right: Ids[int]) -> int:
    """Return how many leading ids are equal."""
    for index, (a, b) in enumerate(zip(left, right, strict=False)):
        if a != b:
            return index
    return min(len(left), len(right))
