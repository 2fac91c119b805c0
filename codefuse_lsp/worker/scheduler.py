"""Who runs next. Pure: knows classes and order, nothing of tokens, models or threads.

A lower class number goes first; within a class, those running take turns and those waiting come in their order.
"""

from __future__ import annotations

from collections import deque
from itertools import count
from typing import Generic, Protocol, TypeVar

MAX_WAITING = 256  # requests; more are refused, so that the queue stays bounded


class Schedulable(Protocol):
    """What the scheduler reads of a sequence."""

    priority: int
    cancelled: bool


S = TypeVar("S", bound=Schedulable)


class QueueFull(Exception):
    """More requests wait than the queue holds."""


class Scheduler(Generic[S]):
    """Waiting and running sequences; `schedule` names the one whose step comes next."""

    def __init__(self, max_running: int, max_waiting: int = MAX_WAITING) -> None:
        self._max_running = max_running
        self._max_waiting = max_waiting
        self._arrivals = count()
        self.waiting: list[tuple[int, int, S]] = []  # (class, order of arrival, sequence)
        self.running: deque[tuple[int, int, S]] = deque()  # the one served longest ago stands first

    def add(self, sequence: S) -> None:
        """Queue a sequence; raises QueueFull when too many wait."""
        if len(self.waiting) >= self._max_waiting:
            raise QueueFull
        self.waiting.append((sequence.priority, next(self._arrivals), sequence))

    def drop_cancelled(self) -> list[S]:
        """Take out and return every cancelled sequence, waiting or running."""
        cancelled = [entry[2] for entry in (*self.waiting, *self.running) if entry[2].cancelled]
        if cancelled:
            self.waiting = [entry for entry in self.waiting if not entry[2].cancelled]
            self.running = deque(entry for entry in self.running if not entry[2].cancelled)
        return cancelled

    def admit(self) -> tuple[S | None, S | None]:
        """Move the first waiting sequence to the running ones; return it and the one that had to make room for it.

        A running sequence makes room only for a better class: the newest of the worst class goes back to its place in
        the queue. Both are None when nobody can be admitted.
        """
        if not self.waiting:
            return None, None
        first = min(self.waiting, key=lambda entry: entry[:2])
        evicted = None
        if len(self.running) >= self._max_running:
            evicted = max(self.running, key=lambda entry: entry[:2])
            if evicted[0] <= first[0]:
                return None, None
            self.running.remove(evicted)
            self.waiting.append(evicted)
        self.waiting.remove(first)
        self.running.append(first)
        return first[2], evicted[2] if evicted else None

    def schedule(self) -> S | None:
        """Return the running sequence whose step comes next: the best class, in turns; None when nobody runs."""
        if not self.running:
            return None
        entry = min(self.running, key=lambda entry: entry[0])  # the first of the best class was served longest ago
        self.running.remove(entry)
        self.running.append(entry)
        return entry[2]

    def finish(self, sequence: S) -> None:
        """Forget a sequence that has ended."""
        self.running = deque(entry for entry in self.running if entry[2] is not sequence)
