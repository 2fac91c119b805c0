"""Decoding on CUDA without launching each kernel anew: one recorded graph for each batch size and length of cache.

A decoder of 48 layers launches some two thousand kernels a token, which costs as much time as a 34B model in bf16 and
more than one in int4. Input: slots, positions and token ids. Output: logits. Knows nothing of requests.

Letters: B rows (texts and padding), L keys looked at, V vocabulary.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from collections.abc import Sequence as Ids
from dataclasses import dataclass

import torch

from codefuse_lsp.worker.attention import Rows

SHORTEST = 512  # keys that torch's operators look at; the length doubles from here to the capacity of a slot
WARM_UP = 2  # passes before one is recorded, so that libraries have allocated what they need

Pass = Callable[[torch.Tensor, torch.Tensor, Rows], torch.Tensor]  # ids (B,), positions (B,), rows -> logits (B, V)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Recorded:
    """A graph and the tensors that it reads and writes."""

    ids: torch.Tensor  # (B,)
    rows: Rows
    logits: torch.Tensor  # (B, V)
    graph: torch.cuda.CUDAGraph


class DecodeGraphs:
    """One token for each of several texts at a time, in batches of fixed shapes."""

    def __init__(self, forward: Pass, capacity: int, device: torch.device, shortest: int = SHORTEST) -> None:
        self._forward = forward
        self._capacity = capacity  # tokens of a slot; the place after them takes what padding writes
        self._device = device
        self._recorded: dict[tuple[int, int], _Recorded] = {}
        self._records = device.type == "cuda"
        self._shortest = shortest  # keys looked at; as many as a slot holds where no more is looked at than there is

    @torch.inference_mode()
    def decode(self, slots: Ids[int], positions: Ids[int], token_ids: Ids[int]) -> torch.Tensor:
        """Return the logits after each token, (len(slots), V), having written its keys and values."""
        count, length = len(slots), self._length(max(positions) + 1)
        padding = self._batch(count) - count
        ids = self._tensor([*token_ids, *[0] * padding])  # (B,)
        places = self._tensor([*positions, *[self._capacity] * padding])  # (B,)
        rows = Rows(self._tensor([*slots, *[slots[0]] * padding]), places, length)
        recorded = self._find(ids, rows) if self._records else None
        if recorded is None:
            return self._forward(ids, places, rows)[:count]
        recorded.ids.copy_(ids)
        recorded.rows.slots.copy_(rows.slots)
        recorded.rows.positions.copy_(rows.positions)
        recorded.graph.replay()
        return recorded.logits[:count].clone()

    def prepare(self, slot: int, most: int) -> None:
        """Record the graphs of batches up to `most`, so that nobody waits for it; nothing of any text is written."""
        count = 1
        while count <= most:
            self.decode([slot] * count, [self._capacity] * count, [0] * count)
            count *= 2

    def clear(self) -> None:
        """Forget every graph: the memory that they read and write is gone."""
        self._recorded = {}

    def _find(self, ids: torch.Tensor, rows: Rows) -> _Recorded | None:
        shape = (len(ids), rows.length)
        if shape not in self._recorded:
            try:
                self._recorded[shape] = self._record(ids, rows)
            except RuntimeError as error:  # a model whose code waits for the device cannot be recorded
                if isinstance(error, torch.OutOfMemoryError):
                    raise
                log.warning("decoding is not recorded as CUDA graphs (%s)", type(error).__name__)
                self._records = False
                return None
        return self._recorded[shape]

    def _record(self, ids: torch.Tensor, rows: Rows) -> _Recorded:
        stream = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(stream):
            for _ in range(WARM_UP):
                self._forward(ids, rows.positions, rows)
        torch.cuda.current_stream(self._device).wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        pool = next(iter(self._recorded.values())).graph.pool() if self._recorded else None
        with torch.cuda.graph(graph, pool=pool):
            logits = self._forward(ids, rows.positions, rows)
        return _Recorded(ids, rows, logits, graph)

    def _batch(self, count: int) -> int:
        return 1 << (count - 1).bit_length()

    def _length(self, needed: int) -> int:
        return min(self._capacity, max(self._shortest, 1 << (needed - 1).bit_length()))

    def _tensor(self, values: list[int]) -> torch.Tensor:
        return torch.tensor(values, device=self._device)
