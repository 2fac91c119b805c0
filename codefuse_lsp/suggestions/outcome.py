"""What becomes of a request for ghost text: a suggestion, or a silence with its reason."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Text to show at the cursor; `replaces` characters right of the cursor, on its line, give way to it."""

    id: str
    text: str
    replaces: int = 0
    alternatives: tuple[Suggestion, ...] = field(default=())  # to cycle through, where the user asked


@dataclass(frozen=True, slots=True)
class Silence:
    """Nothing to show: the gate or filter that said so, and a sentence for the user."""

    reason: str
    detail: str


Outcome = Suggestion | Silence


def new_id() -> str:
    """Return a name for one request."""
    return uuid.uuid4().hex[:8]
