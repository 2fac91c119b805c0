"""The one loop that owns the model: schedule -> forward -> sample -> deliver, in a thread of its own.

Callers see `generate`, an asynchronous stream of chunks whose closing cancels. They do not know how many sequences
share a step, so that batching can come behind this face without their changing.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncGenerator

import torch

from codefuse_lsp.errors import CodeFuseError, RequestRefused
from codefuse_lsp.generation.request import Chunk, GenerationRequest
from codefuse_lsp.worker.healing import VocabularyIndex
from codefuse_lsp.worker.kv_cache import SlotPool
from codefuse_lsp.worker.loader import LoadedModel
from codefuse_lsp.worker.runner import Runner
from codefuse_lsp.worker.scheduler import QueueFull, Scheduler
from codefuse_lsp.worker.sequence import Sequence

PREFILL_CHUNK = 256  # tokens; a cancel or a better class waits for one chunk at most
OUT_OF_MEMORY = "The device ran out of memory; cached text was dropped. Try again, or lower context_length or kv_slots."

log = logging.getLogger(__name__)


class Engine:
    """One loaded model and everybody who wants text from it."""

    def __init__(self, loaded: LoadedModel, num_slots: int) -> None:
        self.loaded = loaded
        self._runner = Runner(loaded.model)
        self._slots = SlotPool(num_slots, self._runner.num_layers)
        self._scheduler: Scheduler[Sequence] = Scheduler(max_running=num_slots)
        self._index = VocabularyIndex(loaded.tokenizer)
        self._wake = threading.Condition()
        self._arrived: list[Sequence] = []
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._thread.start()

    @property
    def load(self) -> tuple[int, int]:
        """Return how many sequences run and how many wait."""
        return len(self._scheduler.running), len(self._scheduler.waiting) + len(self._arrived)

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[Chunk]:
        """Yield the answer in chunks, the last with its finish reason and usage; closing the stream cancels.

        Raises RequestRefused when the prompt does not fit or too many requests wait.
        """
        tokenizer = self.loaded.tokenizer
        ids = await asyncio.to_thread(tokenizer.encode, request.prompt, request.add_special_tokens)
        self._check_length(ids, request)
        loop = asyncio.get_running_loop()
        inbox: asyncio.Queue[Chunk | Exception] = asyncio.Queue()

        def deliver(item: Chunk | Exception) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(inbox.put_nowait, item)

        sequence = Sequence(request, ids, tokenizer, self._index, deliver)
        self._submit(sequence)
        try:
            while True:
                item = await inbox.get()
                if isinstance(item, Exception):
                    raise item
                yield item
                if item.finish_reason:
                    return
        finally:
            sequence.cancelled = True  # answered or abandoned: the slot is free either way
            with self._wake:
                self._wake.notify()

    def close(self) -> None:
        """End the loop; requests under way end with an error."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join()

    def _check_length(self, ids: list[int], request: GenerationRequest) -> None:
        room = self.loaded.max_model_len - request.max_tokens
        if not ids:
            raise RequestRefused("The prompt is empty; nothing can be continued.", 400)
        if len(ids) > room:
            raise RequestRefused(
                f"The prompt has {len(ids)} tokens and {request.max_tokens} are asked for, which is more than the "
                f"model's context of {self.loaded.max_model_len}. Send less, or raise the setting context_length.",
                400,
            )

    def _submit(self, sequence: Sequence) -> None:
        with self._wake:
            if self._closing:
                raise RequestRefused("The worker is shutting down.", 503)
            self._arrived.append(sequence)
            self._wake.notify()

    @torch.inference_mode()
    def _run(self) -> None:
        while self._receive():
            sequence = self._schedule()
            if sequence is None:
                continue
            try:
                self._step(sequence)
            except torch.OutOfMemoryError:
                self._fail(sequence, RequestRefused(OUT_OF_MEMORY, 503))
                self._drop_caches()
            except Exception as error:  # the one place that answers the client for whatever a model may raise
                log.error("a step failed: %s", type(error).__name__)
                self._fail(sequence, CodeFuseError("The model failed while generating; see `codefuse-lsp doctor`."))
        held = (*self._scheduler.running, *self._scheduler.waiting)
        for sequence in (*self._arrived, *(entry[2] for entry in held)):
            sequence.fail(RequestRefused("The worker is shutting down.", 503))

    def _receive(self) -> bool:
        """Take in new and cancelled sequences, waiting while there is nothing to do; False when closing."""
        with self._wake:
            while not self._closing and not self._arrived and not self._has_work():
                self._wake.wait()
            arrived, self._arrived = self._arrived, []
        for sequence in arrived:
            try:
                self._scheduler.add(sequence)
            except QueueFull:
                sequence.fail(RequestRefused("Too many requests wait for the model; try again shortly.", 429))
        for sequence in self._scheduler.drop_cancelled():
            self._release(sequence)
        return not self._closing

    def _has_work(self) -> bool:
        return bool(self._scheduler.running or self._scheduler.waiting)

    def _schedule(self) -> Sequence | None:
        """Give slots to those who may start, and name the sequence whose step comes next."""
        while True:
            admitted, evicted = self._scheduler.admit()
            if evicted is not None:
                self._release(evicted)
            if admitted is None:
                return self._scheduler.schedule()
            admitted.slot = self._slots.acquire(admitted.token_ids)
            if admitted.num_cached is None:
                admitted.num_cached = len(admitted.slot.token_ids)

    def _step(self, sequence: Sequence) -> None:
        """Run one prefill chunk, or one token."""
        assert sequence.slot is not None
        pending = sequence.pending()
        logits = self._runner.forward(sequence.slot, pending[:PREFILL_CHUNK])  # (V,)
        if len(pending) > PREFILL_CHUNK or sequence.cancelled:
            return
        if sequence.append(sequence.sample(logits)):
            self._scheduler.finish(sequence)
            self._release(sequence)

    def _release(self, sequence: Sequence) -> None:
        if sequence.slot is not None:
            self._slots.release(sequence.slot)
            sequence.slot = None

    def _fail(self, sequence: Sequence, error: Exception) -> None:
        self._scheduler.finish(sequence)
        self._release(sequence)
        sequence.fail(error)

    def _drop_caches(self) -> None:
        self._slots.clear()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
