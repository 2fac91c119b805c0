"""What becomes of a request for ghost text: a suggestion, or a silence with its reason."""

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass, field

from codefuse_lsp.errors import CodeFuseError, describe
from codefuse_lsp.suggestions.cache import Hit

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Text to show at the cursor; `replaces` characters right of the cursor, on its line, give way to it."""

    id: str
    text: str
    replaces: int = 0
    alternatives: tuple[Suggestion, ...] = field(default=())  # to cycle through, where the user asked
    answer: Hit | None = field(default=None, compare=False)  # that it was made of, where that is not the request's own


@dataclass(frozen=True, slots=True)
class Silence:
    """Nothing to show: the gate or filter that said so, and a sentence for the user."""

    reason: str
    detail: str


Outcome = Suggestion | Silence


def silence_of(error: Exception) -> Silence:
    """Return the silence that an error leaves: in its own words where it has any, else as a fault of ours."""
    if isinstance(error, CodeFuseError):
        return Silence("model failed", str(error))
    log.error("ghost text failed: %s", describe(error))
    return Silence("fault", "Something failed in codefuse-lsp that should not have; its log says where.")


def new_id() -> str:
    """Return a name for one request."""
    return uuid.uuid4().hex[:8]
