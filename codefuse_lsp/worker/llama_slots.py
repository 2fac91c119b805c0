"""Who gets which of llama.cpp's slots, and who waits. Pure: knows classes, clients, token ids and order, no clock.

llama.cpp computes prompts in the order of its slots, a batch at a time. So the first half of the slots is ghost text's:
it always finds one, and its prompt goes first. The other half takes everything else. While ghost text runs, other
prompts are held back for a moment; what has been computed of them stays in their slots.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

from codefuse_lsp.generation.request import Place, Priority
from codefuse_lsp.worker.prefixes import common_prefix

MAX_WAITING = 256  # requests; more are refused, so that the queue stays bounded
MAX_HOLD_S = 2.0  # a prompt is held back for ghost text no longer than this, so that nobody starves


class QueueFull(Exception):
    """More requests wait than the queue holds."""


@dataclass(eq=False, slots=True)
class Ticket:
    """A request's place, waiting or in a slot; `notify` is called when it has got a slot or lost it."""

    priority: int
    client: str
    document: str
    prompt_ids: list[int]
    since: float  # s, when it came
    notify: Callable[[], None] = lambda: None
    slot: int | None = None
    begun: bool = False  # it has given text: from then on it keeps its slot
    replaced: bool = False
    arrival: int = field(default=0)

    @property
    def is_ghost(self) -> bool:
        """Whether it goes before everything else."""
        return self.priority <= Priority.GHOST_TEXT


class SlotTable:
    """Which slot holds which tokens, who runs in it, and who waits."""

    def __init__(self, num_slots: int) -> None:
        num_ghost = (num_slots + 1) // 2
        self._ghost_slots, self._other_slots = range(num_ghost), range(num_ghost, num_slots)
        self._held: list[list[int]] = [[] for _ in range(num_slots)]  # the tokens last seen in each slot
        self._used = [0] * num_slots  # when each was last given away, by count
        self._clock, self._arrivals = count(1), count(1)
        self._service_s = 0.0  # mean time in a slot
        self.running: list[Ticket] = []
        self.waiting: list[Ticket] = []

    @property
    def num_tokens(self) -> int:
        """Tokens whose keys and values the slots hold."""
        return sum(map(len, self._held))

    def enter(self, ticket: Ticket) -> None:
        """Queue a ticket; the newest ghost text of a document replaces its elders. Raises QueueFull."""
        if ticket.is_ghost and ticket.document:
            for elder in [*self.waiting, *self.running]:
                if elder.is_ghost and (elder.client, elder.document) == (ticket.client, ticket.document):
                    elder.replaced = True
                    elder.notify()
        if len(self.waiting) >= MAX_WAITING:
            raise QueueFull
        ticket.arrival = next(self._arrivals)
        self.waiting.append(ticket)

    def admit(self, now: float) -> None:
        """Give free slots to those who wait, and take them from prompts that ghost text must not wait for."""
        for ticket in sorted(self.waiting, key=self._order):
            if not ticket.replaced and (ticket.is_ghost or not self._is_held(ticket, now)):
                self._give(ticket)
        if any(ticket.is_ghost for ticket in self.running):
            for ticket in [t for t in self.running if not t.is_ghost and not t.begun and self._is_held(t, now)]:
                self.running.remove(ticket)
                self.waiting.append(ticket)
                ticket.slot = None
                ticket.notify()

    def leave(self, ticket: Ticket, token_ids: list[int] | None, service_s: float = 0.0) -> None:
        """Forget a ticket; `token_ids` are what its slot holds now, None when it never ran."""
        if ticket.slot is not None and token_ids is not None:
            self.note(ticket, token_ids)
            self._service_s = 0.8 * self._service_s + 0.2 * service_s if self._service_s else service_s
        ticket.slot = None
        self.running = [other for other in self.running if other is not ticket]
        self.waiting = [other for other in self.waiting if other is not ticket]

    def note(self, ticket: Ticket, token_ids: list[int]) -> None:
        """Remember what a ticket's slot holds."""
        if ticket.slot is not None:
            self._held[ticket.slot] = token_ids

    def place(self, ticket: Ticket) -> Place:
        """Return how many go before a waiting ticket, and the seconds that may take."""
        ahead = sum(self._order(other) < self._order(ticket) for other in self.waiting)
        lanes = len(self._ghost_slots if ticket.is_ghost else self._other_slots)
        return Place(ahead, self._service_s * (ahead + 1) / max(1, lanes))

    def _order(self, ticket: Ticket) -> tuple[int, int, int]:
        """Return the order of service: class, then the client with the fewest running, then arrival."""
        share = sum(other.client == ticket.client and other.priority == ticket.priority for other in self.running)
        return ticket.priority, share, ticket.arrival

    def _is_held(self, ticket: Ticket, now: float) -> bool:
        return now - ticket.since < MAX_HOLD_S and any(other.is_ghost for other in self.running)

    def _give(self, ticket: Ticket) -> None:
        taken = {other.slot for other in self.running}
        free = [slot for slot in (self._ghost_slots if ticket.is_ghost else self._other_slots) if slot not in taken]
        if not free:
            return
        ticket.slot = max(free, key=lambda slot: (self._worth(slot, ticket.prompt_ids), -self._used[slot]))
        self._used[ticket.slot] = next(self._clock)
        self.waiting.remove(ticket)
        self.running.append(ticket)
        ticket.notify()

    def _worth(self, slot: int, prompt_ids: list[int]) -> int:
        """Return how many tokens a slot saves a prompt; none where it would lose most of another text for it."""
        held = self._held[slot]
        common = common_prefix(held, prompt_ids)
        return common if 2 * common >= min(len(held), len(prompt_ids)) else 0
