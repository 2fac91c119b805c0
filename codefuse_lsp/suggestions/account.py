"""What one request for ghost text has cost and done so far, and how that is put on record."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Literal

from codefuse_lsp.context.secrets import conceal
from codefuse_lsp.generation.request import Usage
from codefuse_lsp.suggestions.asked import Asked
from codefuse_lsp.suggestions.cache import Hit
from codefuse_lsp.suggestions.filters import Cut, Place
from codefuse_lsp.suggestions.log import Dropped, Given, Said
from codefuse_lsp.suggestions.outcome import Outcome, Silence, Suggestion, new_id
from codefuse_lsp.suggestions.stream import Stream
from codefuse_lsp.suggestions.surroundings import Shown
from codefuse_lsp.suggestions.trace import Record


@dataclass(slots=True)
class Account:
    """One request on its way; times in seconds."""

    asked: Asked
    source: Literal["", "model", "running", "cache"] = ""  # who was asked
    stream: Stream | None = None
    cuts: tuple[Cut, ...] = ()
    hit: Hit | None = None  # what was fitted in last, at `place`
    place: Place | None = None
    shown: Shown | None = None  # what a model may know of the place
    secrets: dict[str, str] = field(default_factory=dict)  # that an answer may hold, by their placeholders
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

    def fitted(self, hit: Hit, place: Place, shown: Shown, cuts: tuple[Cut, ...]) -> None:
        """Note what was fitted in where, and what the filters took away of it."""
        self.hit, self.place, self.shown, self.cuts = hit, place, shown, cuts
        self.secrets |= shown.restorations


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
        others=tuple(one.id for one in outcome.alternatives) if isinstance(outcome, Suggestion) else (),
    )


def dropped_of(outcome: Outcome, account: Account) -> Dropped:
    """Return what each step took away, with no secret in it; of an answer that no filter saw, the whole of it."""
    dropped = [(cut.name, cut.dropped) for cut in account.cuts]
    if not dropped and isinstance(outcome, Silence) and account.stream is not None and account.stream.raw:
        dropped = [(outcome.reason, account.stream.raw)]
    return tuple((name, conceal(text, account.secrets)) for name, text in dropped)


def said_of(outcome: Outcome, account: Account, origin: str) -> Said:
    """Return all that was said for a request, for the user's own eyes, but no secret.

    `origin` is the request that the model was asked in; of another one than this, only its name is kept.
    """
    stream = account.stream
    name = outcome.id if isinstance(outcome, Suggestion) else account.id
    return Said(
        id=name,
        prompt=stream.question.request.prompt if stream else "",
        heal=stream.question.request.heal if stream else "",
        written=conceal(stream.raw, account.secrets) if stream else "",
        shown=conceal(outcome.text, account.secrets) if isinstance(outcome, Suggestion) else "",
        dropped=dropped_of(outcome, account),
        origin=origin if origin != name else "",
        given=_given(outcome.answer if isinstance(outcome, Suggestion) else None, account),
    )


def others_said(outcome: Outcome, account: Account) -> list[Said]:
    """Return what is known of the suggestions beside the one that is shown first."""
    if not isinstance(outcome, Suggestion):
        return []
    return [
        Said(one.id, "", "", "", conceal(one.text, account.secrets), (), outcome.id, _given(one.answer, account))
        for one in outcome.alternatives
    ]


def said_ahead(stream: Stream) -> Said:
    """Return what was said for an answer that nobody had asked for yet."""
    request = stream.question.request
    return Said(new_id(), request.prompt, request.heal, stream.raw, "")


def _given(answer: Hit | None, account: Account) -> Given | None:
    """Return an answer, the one that was fitted in last where it is None, and its place as a model may know them."""
    hit, place, shown = answer or account.hit, account.place, account.shown
    if hit is None or place is None or shown is None:
        return None

    def told(text: str) -> str:
        return conceal(text, account.secrets)

    context, prefix, typed = shown.context, told(shown.context.prefix), told(hit.typed)
    if not prefix.endswith(typed):
        return None  # with what was typed, a secret has become one
    return Given(
        language=context.language,
        line_end=context.line_end,
        prefix=prefix,
        suffix=told(context.suffix),
        block=place.block,
        typed=typed,
        rest=told(hit.rest),
        line_suffix=told(hit.place.context.line_suffix),
        was_block=hit.place.block,
        opened=hit.place.opens,
        is_cut=hit.place.is_cut,
    )


def _ms(seconds: float) -> float:
    return round(1e3 * seconds, 2)
