"""The one loop that owns the model: schedule -> forward -> sample -> deliver, in a thread of its own.

Callers see `generate`, an asynchronous stream of chunks whose closing cancels. Who shares a pass with whom is the
scheduler's to say, and no text depends on it.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import AsyncGenerator, Callable, Collection

import torch

from codefuse_lsp.errors import CodeFuseError, RequestRefused, describe
from codefuse_lsp.generation.request import Chunk, GenerationRequest, Place
from codefuse_lsp.worker.healing import VocabularyIndex
from codefuse_lsp.worker.kv_cache import SlotPool
from codefuse_lsp.worker.kv_tokens import KvTokens
from codefuse_lsp.worker.loader import LoadedModel
from codefuse_lsp.worker.mishaps import Mishap, read_mishap
from codefuse_lsp.worker.room import require_room
from codefuse_lsp.worker.runner import Abandoned, Runner, Work
from codefuse_lsp.worker.scheduler import QueueFull, Scheduler, Step
from codefuse_lsp.worker.scored import ScoredText
from codefuse_lsp.worker.sequence import Drafter, Sequence
from codefuse_lsp.worker.speculation import PromptLookup

PREFILL_CHUNK = {"cuda": 512, "mps": 512, "cpu": 256}  # tokens of a prompt read in one pass
SMALLEST_CHUNK = 32
MOST_DRAFTING = 4  # sequences in a step; with more of them the model is busy enough, and guesses would cost
LONGEST_ANSWER_S = 5.0  # first guess at how long an answer takes, until some have been seen

log = logging.getLogger(__name__)


class Engine:
    """One loaded model and everybody who wants text from it."""

    scores = True  # answers that are given beforehand

    def __init__(
        self,
        loaded: LoadedModel,
        num_slots: int,
        drafter: Callable[[], Drafter | None] = PromptLookup,
        on_fatal: Callable[[str], None] = lambda reason: None,
    ) -> None:
        self.loaded = loaded
        self.notice = ""  # what the user should know of how it goes
        self._drafter, self._on_fatal = drafter, on_fatal
        self._news = False  # something has arrived, or was cancelled
        self._under_way: list[Step[Sequence]] = []  # passes that have begun, each in the middle of the one before
        self._chunk = PREFILL_CHUNK[loaded.device]
        self._slots = SlotPool(num_slots, loaded.max_model_len)
        self._runner = Runner(loaded.model, self._slots.cache, self._between_layers)
        self._runner.try_out(self._slots.slots[0])
        self._scheduler: Scheduler[Sequence] = Scheduler(max_running=num_slots)
        self._index = VocabularyIndex(loaded.tokenizer)
        self._seconds = LONGEST_ANSWER_S  # that an answer takes, on average
        self._wake = threading.Condition()
        self._arrived: list[Sequence] = []
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._thread.start()

    @property
    def load(self) -> tuple[int, int]:
        """Return how many sequences run and how many wait."""
        return len(self._scheduler.running), len(self._scheduler.waiting) + len(self._arrived)

    @property
    def kv_tokens(self) -> KvTokens:
        """Return how many tokens' keys and values are held, and how often that has saved reading them."""
        return self._slots.tokens

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[Chunk]:
        """Yield the answer in chunks, the last with its finish reason and usage; closing the stream cancels.

        With n > 1 answers, each has its own last chunk. Raises RequestRefused when the prompt does not fit or too many
        requests wait.
        """
        tokenizer = self.loaded.tokenizer
        ids = await asyncio.to_thread(tokenizer.encode, request.prompt + request.forced, request.add_special_tokens)
        require_room(ids, request, self.loaded.max_model_len)
        loop = asyncio.get_running_loop()
        inbox: asyncio.Queue[Chunk | Exception] = asyncio.Queue()

        def deliver(item: Chunk | Exception) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(inbox.put_nowait, item)

        if request.forced:
            sequences: list[Sequence] = [await asyncio.to_thread(ScoredText, request, ids, tokenizer, deliver)]
        else:
            sequences = [Sequence(request, ids, tokenizer, self._index, deliver, choice) for choice in range(request.n)]
        self._submit(sequences[:1])
        left, others = request.n, sequences[1:]
        try:
            while left:
                item = await inbox.get()
                if isinstance(item, Exception):
                    raise item
                if others and item.place is None:  # the first has read the prompt, which the others now find read
                    self._submit(others)
                    others = []
                left -= item.finish_reason is not None
                yield item
        finally:
            self._cancel(sequences)

    def close(self) -> None:
        """End the loop; requests under way end with an error."""
        with self._wake:
            self._closing = self._news = True
            self._wake.notify()
        self._thread.join()
        self._runner.close()
        self._drop_caches()

    def _submit(self, sequences: list[Sequence]) -> None:
        with self._wake:
            if self._closing:
                raise RequestRefused("The worker is shutting down.", 503)
            self._arrived += sequences
            self._news = True
            self._wake.notify()

    def _cancel(self, sequences: list[Sequence]) -> None:
        """Free whatever answered or abandoned sequences hold."""
        with self._wake:
            for sequence in sequences:
                sequence.cancelled = True
            self._news = True
            self._wake.notify()

    @torch.inference_mode()
    def _run(self) -> None:
        while self._receive():
            self._admit()
            step = self._scheduler.schedule()
            if step is not None:
                self._step(step)
        for sequence in (*self._arrived, *self._scheduler.running, *self._scheduler.waiting):
            sequence.fail(RequestRefused("The worker is shutting down.", 503))

    def _receive(self, wait: bool = True, keep: Collection[Sequence] = ()) -> bool:
        """Take in new and cancelled sequences, waiting while there is nothing to do; False when closing.

        Those in `keep` are in the middle of a pass, and stay even when they are cancelled.
        """
        with self._wake:
            while wait and not (self._news or self._closing or any(self.load)):
                self._wake.wait()
            arrived, self._arrived, self._news = self._arrived, [], False
        for sequence in self._scheduler.drop_cancelled(keep):
            self._release(sequence)
        self._end_overdue()
        for sequence in arrived:
            if not sequence.cancelled:
                self._queue(sequence)
        return not self._closing

    def _queue(self, sequence: Sequence) -> None:
        sequence.drafter = self._drafter()
        try:
            losers = self._scheduler.add(sequence)
        except QueueFull:
            sequence.fail(self._too_many())
            return
        for loser in losers:
            self._release(loser)
            if loser.priority == sequence.priority:
                loser.finish("cancelled")  # a newer request for the same document
            else:
                loser.fail(self._too_many())

    def _too_many(self) -> RequestRefused:
        wait = self._expected_wait(len(self._scheduler.waiting))
        return RequestRefused("Too many requests wait for the model; try again shortly.", 429, retry_after=wait)

    def _end_overdue(self) -> None:
        now = time.monotonic()
        for sequence in (*self._scheduler.running, *self._scheduler.waiting):
            if sequence.deadline is not None and sequence.deadline <= now:
                self._end(sequence)
                sequence.finish("length")

    def _admit(self) -> None:
        """Give slots to those who may start, and tell the others where they stand."""
        while (admission := self._scheduler.admit()) is not None:
            if admission.evicted is not None:
                self._release(admission.evicted)
            sequence = admission.admitted
            sequence.slot = self._slots.acquire(sequence.reusable_ids)
            if sequence.num_cached is None:
                sequence.num_cached = len(sequence.slot.token_ids)
                sequence.started = time.monotonic()
        for position, sequence in enumerate(self._scheduler.waiting, 1):
            sequence.tell_place(Place(position, self._expected_wait(position)))

    def _expected_wait(self, position: int) -> float:
        return round(position * self._seconds / self._scheduler.max_running, 1)

    def _step(self, step: Step[Sequence]) -> None:
        """Run one pass: one token or a few for everyone who decodes, and a chunk of one prompt."""
        self._under_way.append(step)
        try:
            self._forward(step)
        except Abandoned:
            pass
        except Exception as error:  # the one place that answers the client for whatever a model may raise
            self._mishap(step, error)
        finally:
            self._under_way.pop()

    def _forward(self, step: Step[Sequence]) -> None:
        drafting = len(step.decode) <= MOST_DRAFTING
        works: list[Work] = []
        drafts: list[list[int] | None] = []
        for sequence in step.sequences:
            assert sequence.slot is not None
            ids = sequence.pending(self._chunk)
            whole = len(ids) == sequence.num_pending
            draft = sequence.draft() if drafting and whole and sequence.num_generated else []
            works.append(Work(sequence.slot, [*ids, *draft], sequence.num_logits(len(ids), len(draft))))
            drafts.append(draft if whole or not sequence.writes else None)
        results = self._runner.forward(works)
        best = torch.cat([logits.argmax(-1) for logits in results]).tolist()  # one wait for the device
        for sequence, work, logits, guesses in zip(step.sequences, works, results, drafts, strict=True):
            mine, best = best[: work.num_logits], best[work.num_logits :]
            self._scheduler.charge(sequence, len(work.token_ids))
            if guesses is not None and not sequence.cancelled and sequence.advance(logits, guesses, mine):
                self._end(sequence)

    def _between_layers(self) -> None:
        """Serve a better class at once while a prompt is read, and give up the pass when its prompt is not wanted.

        Called by the runner in the engine's thread. A pass writes to its own slots only, so another one can be run in
        the middle of it, and nothing that was read is lost.
        """
        if not self._news or not self._under_way or self._under_way[-1].prefill is None:
            return
        here, reader = self._under_way[-1], self._under_way[-1].prefill
        busy = {sequence for step in self._under_way for sequence in step.sequences}
        while True:
            self._receive(wait=False, keep=busy - {reader})
            self._admit()
            if self._closing or here.spoiled:
                raise Abandoned
            step = self._scheduler.schedule(reader.priority, busy)
            if step is None:
                break
            self._step(step)
        if any(sequence.cancelled for sequence in busy):
            self._news = True  # those are let go when this pass is over

    def _mishap(self, step: Step[Sequence], error: Exception) -> None:
        """Go on after a pass that failed, if that is possible."""
        kind = read_mishap(error)
        log.error("a step failed (%s): %s", kind.name.lower(), describe(error))
        if kind is Mishap.OUT_OF_MEMORY and self._chunk > SMALLEST_CHUNK:
            self._chunk //= 2
            self.notice = f"Memory ran short: cached text was dropped, prompts are read {self._chunk} tokens at a time."
            self._drop_caches()
            return  # everyone goes on, by reading again
        for sequence in step.sequences:
            self._end(sequence)
            sequence.fail(CodeFuseError(kind.value))
        if kind is Mishap.DEVICE_LOST:
            with self._wake:
                self._closing = True
            self._on_fatal(kind.value)

    def _end(self, sequence: Sequence) -> None:
        if sequence.started is not None:
            self._seconds += 0.1 * (time.monotonic() - sequence.started - self._seconds)
        self._scheduler.finish(sequence)
        self._release(sequence)

    def _release(self, sequence: Sequence) -> None:
        if sequence.slot is None:
            return
        self._slots.release(sequence.slot, sequence.num_prompt)
        sequence.slot = None
        for step in self._under_way:
            step.spoiled = step.spoiled or sequence in step.sequences

    def _drop_caches(self) -> None:
        self._runner.clear()
        self._slots.clear()
        torch.cuda.empty_cache()  # does nothing where there is none
