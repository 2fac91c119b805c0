"""What became of each request, on its way to the disk: one look at it for a burst of keystrokes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from codefuse_lsp.context.cursor import CursorContext
from codefuse_lsp.suggestions.account import Account, dropped_of, others_said, record_of, said_ahead, said_of
from codefuse_lsp.suggestions.log import Dropped, RequestLog
from codefuse_lsp.suggestions.outcome import Outcome, Silence, new_id
from codefuse_lsp.suggestions.stream import Stream
from codefuse_lsp.suggestions.trace import KEPT, Fate, Record, Trace

SAVE_PAUSE_S = 1.0  # between a request and its record's way to the disk
K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class _Origin:
    """A request that a model was asked in, and the secrets that its answer may hold."""

    id: str
    secrets: Mapping[str, str]


class Records:
    """The trace, which holds no code, and the log, which holds all."""

    def __init__(self, trace: Trace, log: RequestLog) -> None:
        self._trace, self._log = trace, log
        self._dropped: dict[str, Dropped] = {}  # by request
        self._origins: dict[CursorContext, _Origin] = {}  # by the place that the model was asked about
        self._saving: asyncio.Task[None] | None = None

    def add(self, outcome: Outcome, account: Account) -> None:
        """Remember a request, and save it soon."""
        self._trace.add(record := record_of(outcome, account))
        origin = self._origin(record.id, account)
        if origin is not None:
            account.secrets |= origin.secrets
            self._log.add(said_of(outcome, account, origin.id))
            for said in others_said(outcome, account):
                self._log.add(said)
        _keep(self._dropped, record.id, dropped_of(outcome, account))
        self._save_later()

    def ahead(self, stream: Stream) -> None:
        """Remember what a model was asked before anybody wanted it."""
        self._log.add(said := said_ahead(stream))
        self._begun(said.id, stream)

    def dropped(self, name: str) -> Dropped:
        """Return what each step took away in one of the last requests; kept in memory alone."""
        return self._dropped.get(name, ())

    def failed(self, file: str, line: int, silence: Silence) -> None:
        """Remember a request that failed before its place was known, and save it soon; the line counts from 1."""
        self._trace.add(Record(new_id(), time.time(), file, line, silence.reason, silence.detail))
        self._save_later()

    def met(self, suggestion_id: str, fate: Fate, accepted_length: int = 0) -> None:
        """Remember what the user did with a suggestion, and save it soon."""
        self._trace.met(suggestion_id, fate, accepted_length)
        self._save_later()

    def _origin(self, name: str, account: Account) -> _Origin | None:
        """Return the request whose answer this one tells of; None where no model wrote, or nobody knows any more."""
        if account.stream is not None:
            return self._begun(name, account.stream)
        return None if account.hit is None else self._origins.get(account.hit.place.context)

    def _begun(self, name: str, stream: Stream) -> _Origin:
        origin = _Origin(name, stream.question.restorations)
        _keep(self._origins, stream.question.place.context, origin)
        return origin

    def _save_later(self) -> None:
        if self._saving is None:
            self._saving = asyncio.create_task(self._save_soon())

    async def close(self) -> None:
        """Save what is left."""
        if self._saving is not None:
            self._saving.cancel()
        await asyncio.to_thread(self._save)

    async def _save_soon(self) -> None:
        await asyncio.sleep(SAVE_PAUSE_S)
        self._saving = None
        await asyncio.to_thread(self._save)

    def _save(self) -> None:
        self._trace.save()
        self._log.save()


def _keep(kept: dict[K, V], key: K, value: V) -> None:
    """Add an entry; of too many, the oldest goes."""
    kept[key] = value
    if len(kept) > KEPT:
        del kept[next(iter(kept))]
