"""Who runs next. Pure: knows classes, clients and order, nothing of models, threads or time.

A lower class number goes first. Within a class, the client that has been served least goes first, then who came first.
Everyone who decodes shares one step; a prompt is read beside them in chunks, one prompt a step.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from itertools import count
from typing import Generic, Protocol, TypeVar

MAX_WAITING = 256  # requests; more are refused, so that the queue stays bounded
REPLACED_CLASS = 0  # ghost text: only the newest of a document is wanted
PATIENCE = 16  # steps that a prompt's chunk waits while a better class decodes; then it gets a turn


class Schedulable(Protocol):
    """What the scheduler reads of a sequence."""

    priority: int
    client: str
    document: str
    cancelled: bool

    @property
    def prefilling(self) -> bool:
        """Whether so much of its text is still to be read that it takes a chunk of a step."""


S = TypeVar("S", bound=Schedulable)


class QueueFull(Exception):
    """More requests wait than the queue holds."""


@dataclass(eq=False, slots=True)
class Step(Generic[S]):
    """What one pass of the model does: one token, or a few, for each of `decode`, and a chunk of one prompt."""

    decode: tuple[S, ...] = ()
    prefill: S | None = None
    spoiled: bool = False  # one of them has lost its memory since, even if it has got some again

    @property
    def sequences(self) -> tuple[S, ...]:
        """Everyone in this step; the prefill stands last."""
        return self.decode if self.prefill is None else (*self.decode, self.prefill)


@dataclass(eq=False, slots=True)
class _Entry(Generic[S]):
    sequence: S
    arrival: int
    skipped: int = 0  # steps that its prefill was passed over in


@dataclass(slots=True)
class Admission(Generic[S]):
    """A sequence that may start, and the one that had to make room for it."""

    admitted: S
    evicted: S | None = None


@dataclass
class Scheduler(Generic[S]):
    """Waiting and running sequences; `schedule` tells what the next pass of the model is for."""

    max_running: int
    max_waiting: int = MAX_WAITING
    _waiting: list[_Entry[S]] = field(default_factory=list)
    _running: list[_Entry[S]] = field(default_factory=list)
    _served: dict[str, int] = field(default_factory=dict)  # tokens computed for each client that is here
    _arrivals: count[int] = field(default_factory=count)

    @property
    def running(self) -> list[S]:
        """Those that hold a slot."""
        return [entry.sequence for entry in self._running]

    @property
    def waiting(self) -> list[S]:
        """Those that wait for one, in the order in which they will get it."""
        return [entry.sequence for entry in sorted(self._waiting, key=self._order)]

    def add(self, sequence: S) -> list[S]:
        """Queue a sequence; return those that lose their place to it, which are forgotten here.

        These are older ghost texts of its document and, when the queue is full, the last of the worst class that waits.
        Raises QueueFull when nobody that waits is of a worse class.
        """
        losers = self._elders(sequence)
        if len(self._waiting) - sum(entry in self._waiting for entry in losers) >= self.max_waiting:
            last = max(self._waiting, key=self._order)
            if last.sequence.priority <= sequence.priority:
                raise QueueFull
            losers.append(last)
        self._forget(losers)
        if sequence.client not in self._served:  # a newcomer has no claim to what others got before it came
            self._served[sequence.client] = min(self._served.values(), default=0)
        self._waiting.append(_Entry(sequence, next(self._arrivals)))
        return [entry.sequence for entry in losers]

    def drop_cancelled(self, keep: Collection[S] = ()) -> list[S]:
        """Take out and return every cancelled sequence, waiting or running, but those in `keep`."""
        here = (*self._waiting, *self._running)
        cancelled = [entry for entry in here if entry.sequence.cancelled and entry.sequence not in keep]
        self._forget(cancelled)
        return [entry.sequence for entry in cancelled]

    def admit(self) -> Admission[S] | None:
        """Move the first waiting sequence to the running ones; None when nobody can be admitted.

        A running sequence makes room only for a better class: the newest of the worst class goes back to its place in
        the queue, where it waits to have its text read again.
        """
        if not self._waiting:
            return None
        first, evicted = min(self._waiting, key=self._order), None
        if len(self._running) >= self.max_running:
            evicted = max(self._running, key=lambda entry: (entry.sequence.priority, entry.arrival))
            if evicted.sequence.priority <= first.sequence.priority:
                return None
            self._running.remove(evicted)
            self._waiting.append(evicted)
        self._waiting.remove(first)
        self._running.append(first)
        return Admission(first.sequence, evicted.sequence if evicted else None)

    def schedule(self, better_than: int | None = None, without: Collection[S] = ()) -> Step[S] | None:
        """Return the next step; with `better_than`, only for better classes than that. None when there is nothing."""
        ready = [
            entry
            for entry in sorted(self._running, key=self._order)
            if (better_than is None or entry.sequence.priority < better_than) and entry.sequence not in without
        ]
        decode = tuple(entry.sequence for entry in ready if not entry.sequence.prefilling)
        reader = next((entry for entry in ready if entry.sequence.prefilling), None)
        if reader is not None and decode and decode[0].priority < reader.sequence.priority:
            reader.skipped += 1
            if reader.skipped <= PATIENCE:
                reader = None
        if reader is not None:
            reader.skipped = 0
        if not decode and reader is None:
            return None
        return Step(decode, reader.sequence if reader else None)

    def charge(self, sequence: S, tokens: int) -> None:
        """Note what was computed for a sequence's client."""
        if sequence.client in self._served:
            self._served[sequence.client] += tokens

    def finish(self, sequence: S) -> None:
        """Forget a sequence that has ended."""
        self._forget([entry for entry in (*self._running, *self._waiting) if entry.sequence is sequence])

    def _order(self, entry: _Entry[S]) -> tuple[int, int, int]:
        return entry.sequence.priority, self._served[entry.sequence.client], entry.arrival

    def _elders(self, sequence: S) -> list[_Entry[S]]:
        if sequence.priority != REPLACED_CLASS or not sequence.document:
            return []
        who = (sequence.priority, sequence.client, sequence.document)
        here = (*self._waiting, *self._running)
        return [e for e in here if (e.sequence.priority, e.sequence.client, e.sequence.document) == who]

    def _forget(self, entries: list[_Entry[S]]) -> None:
        if not entries:
            return
        self._waiting = [entry for entry in self._waiting if entry not in entries]
        self._running = [entry for entry in self._running if entry not in entries]
        here = {entry.sequence.client for entry in (*self._waiting, *self._running)}
        for client in [client for client in self._served if client not in here]:
            del self._served[client]
