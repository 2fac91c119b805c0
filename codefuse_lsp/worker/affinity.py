"""Which replica has read which beginning of a prompt. Pure: text in, names out; knows nothing of machines or wires.

A prompt's beginning is told by a chain of hashes, one a block: two prompts share as many hashes as they share blocks
from their start on, so the longest known hash names whoever has most of the prompt in its KV cache.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Hashable
from hashlib import blake2b
from typing import Generic, TypeVar

BLOCK = 256  # characters; about 70 tokens of code
KEPT = 65_536  # hashes remembered; some 5,000 prompts of 3,500 characters, a dozen megabytes
SHARE = 0.25  # of a prompt's blocks; less in common is a system text, which everybody has, and says nothing

T = TypeVar("T", bound=Hashable)


def heads(prompt: str) -> tuple[bytes, ...]:
    """Return one hash for each beginning of `prompt` that ends with a whole block, the shortest first."""
    chain: list[bytes] = []
    for start in range(0, len(prompt) - BLOCK + 1, BLOCK):
        block = prompt[start : start + BLOCK].encode("utf-8", "surrogatepass")
        chain.append(blake2b(block, digest_size=16, key=chain[-1] if chain else b"").digest())
    return tuple(chain)


class Readers(Generic[T]):
    """Who has read which beginnings; bounded, the least recently seen goes first."""

    def __init__(self, kept: int = KEPT) -> None:
        self._readers: OrderedDict[bytes, set[T]] = OrderedDict()
        self._kept = kept

    def remember(self, chain: tuple[bytes, ...], reader: T) -> None:
        """Take note that `reader` reads the prompt with these heads."""
        for head in chain:
            self._readers.setdefault(head, set()).add(reader)
            self._readers.move_to_end(head)
        while len(self._readers) > self._kept:
            self._readers.popitem(last=False)

    def of(self, chain: tuple[bytes, ...], living: Collection[T]) -> set[T]:
        """Return which of the `living` have read most of the prompt, or none where nobody has read enough of it."""
        least = max(1, round(len(chain) * SHARE))
        for head in reversed(chain[least - 1 :]):
            readers = self._readers.get(head)
            if readers is not None:
                readers.intersection_update(living)  # replicas come and go, under new names
                if readers:
                    return set(readers)
        return set()
