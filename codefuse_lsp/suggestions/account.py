"""What one request for ghost text has cost and done so far, and how that is put on record."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Literal

from codefuse_lsp.context.secrets import conceal
from codefuse_lsp.generation.request import Usage
from codefuse_lsp.suggestions.asked import Asked
from codefuse_lsp.suggestions.filters import Cut
from codefuse_lsp.suggestions.log import Dropped, Said
from codefuse_lsp.suggestions.outcome import Outcome, Suggestion, new_id
from codefuse_lsp.suggestions.stream import Stream
from codefuse_lsp.suggestions.trace import Record


@dataclass(slots=True)
class Account:
    """One request on its way; times in seconds."""

    asked: Asked
    source: Literal["", "model", "running", "cache"] = ""  # who was asked
    stream: Stream | None = None
    cuts: tuple[Cut, ...] = ()
    secrets: Mapping[str, str] = field(default_factory=dict)  # that stand at the cursor, by their placeholders
    wants_others: bool = False  # the user has asked again at the same place
    looked_s: float = 0.0  # round the cursor
    waited_s: float = 0.0  # for the next keystroke
    model_s: float = 0.0  # for the model
    fitted_s: float = 0.0  # through the filters
    started: float = field(default_factory=time.perf_counter)
    id: str = field(default_factory=new_id)  # of a request that ends in silence

    @property
    def seconds(self) -> float:
        """The time since the request came."""
        return time.perf_counter() - self.started

    @contextmanager
    def timed(self, name: Literal["looked_s", "waited_s", "model_s", "fitted_s"]) -> Iterator[None]:
        """Add the time that the block takes."""
        begun = time.perf_counter()
        try:
            yield
        finally:
            setattr(self, name, getattr(self, name) + time.perf_counter() - begun)


def record_of(outcome: Outcome, account: Account) -> Record:
    """Return the record of a request: reasons, sizes and times, no code."""
    stream, shown = account.stream, isinstance(outcome, Suggestion)
    usage = (stream.usage if stream else None) or Usage(0, 0)
    total_s = account.seconds
    return Record(
        id=outcome.id if isinstance(outcome, Suggestion) else account.id,
        time=time.time(),
        file=PurePath(account.asked.context.path).name,
        line=account.asked.line - account.asked.first_line + 1,
        outcome="shown" if shown else outcome.reason,  # type: ignore[union-attr]
        detail="" if shown else outcome.detail,  # type: ignore[union-attr]
        total_ms=_ms(total_s),
        first_token_ms=None if stream is None or stream.first_token_s is None else _ms(stream.first_token_s),
        prompt_tokens=usage.prompt_tokens,
        cached_tokens=usage.cached_tokens,
        generated_tokens=usage.completion_tokens,
        source=account.source,
        own_ms=_ms(total_s - account.waited_s - account.model_s),
        waited_ms=_ms(account.waited_s),
        looked_ms=_ms(account.looked_s),
        model_ms=_ms(account.model_s),
        fitted_ms=_ms(account.fitted_s),
        filters=tuple(cut.name for cut in account.cuts),
    )


def dropped_of(outcome: Outcome, account: Account) -> Dropped:
    """Return what each step took away, with no secret in it; of an answer that no filter saw, the whole of it."""
    if account.cuts or isinstance(outcome, Suggestion):
        return tuple((cut.name, conceal(cut.dropped, account.secrets)) for cut in account.cuts)
    return ((outcome.reason, account.stream.raw),) if account.stream is not None and account.stream.raw else ()


def said_of(outcome: Outcome, account: Account) -> Said:
    """Return all that was said for a request, for the user's own eyes, but no secret."""
    stream = account.stream
    assert stream is not None
    secrets = stream.question.restorations
    return Said(
        id=outcome.id if isinstance(outcome, Suggestion) else account.id,
        prompt=stream.question.request.prompt,
        heal=stream.question.request.heal,
        written=stream.raw,
        shown=conceal(outcome.text, secrets) if isinstance(outcome, Suggestion) else "",
        dropped=dropped_of(outcome, account),
    )


def _ms(seconds: float) -> float:
    return round(1e3 * seconds, 2)
