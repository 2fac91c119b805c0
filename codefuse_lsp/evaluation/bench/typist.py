"""Somebody who types at a desk, looks at the ghost text, and goes on typing; and what came of it.

Keystrokes in, through a `Desk`; a `Session` out. The typist types through what is shown, which is what most people do
with most of it; one who `accepts` takes a suggestion that is right from its beginning to its end. Knows nothing of
language servers or models.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from codefuse_lsp.evaluation.bench.keystrokes import Key, Passage, kept, keystrokes
from codefuse_lsp.evaluation.bench.prefixes import Tally, first_reads, percent_before, prompts_read
from codefuse_lsp.evaluation.figures import percentile

LEAST_ACCEPTED = 3  # characters: fewer are typed as quickly
PATIENCE_S = 30.0  # for the answer to the last keystroke

Record = dict[str, Any]  # of `suggestions/trace.py`, by its fields' names


class Desk(Protocol):
    """Where documents are open and ghost text is asked for."""

    async def open(self, passage: Passage) -> None:
        """Open a document with the cursor where the typing will go on."""

    def press(self, key: Key) -> Awaitable[str | None]:
        """Change the document, give up the last question and ask anew; return the ghost text to come, None of none.

        The answer is cancelled when the next keystroke gives it up.
        """

    async def records(self) -> list[Record]:
        """Return what became of the questions about the open document."""


@dataclass(slots=True)
class Session:
    """What came of the typing; times in milliseconds."""

    keys: int = 0
    kept: int = 0  # characters that stand there in the end
    accepted: int = 0  # suggestions
    typed_through: int = 0  # keystrokes that a shown suggestion had foreseen
    shown_ms: list[float] = field(default_factory=list)  # from the keystroke to its ghost text
    records: list[Record] = field(default_factory=list)
    prompts: Mapping[str, str] = field(default_factory=dict)  # by the records' ids, as far as they are known
    tally: Tally | None = None  # the engine's own, of this session alone

    @property
    def asked(self) -> int:
        """Questions that the model was asked."""
        return sum(record["source"] == "model" for record in self.records)

    @property
    def spared(self) -> float:
        """Of the keystrokes that an answer was found or asked for, those that an earlier one served, in percent.

        What was overtaken has not been served, though the model may have been asked for it.
        """
        wanted = [record for record in self.records if record["source"]]
        served = [one for one in wanted if one["source"] != "model" and one["outcome"] != "cancelled"]
        return _percent(len(served), len(wanted))

    @property
    def cached(self) -> float:
        """Of the prompt tokens of all questions, those that were read before, in percent."""
        if self.tally is not None:
            return self.tally.percent_found()
        return percent_before(prompts_read(self.records, self.prompts))

    @property
    def cached_later(self) -> float:
        """The same without what each document's first question has to read, since nobody can have read it."""
        if self.tally is not None:
            return self.tally.percent_found(without=first_reads(self.records, self.prompts))
        return percent_before(prompt for prompt in prompts_read(self.records, self.prompts) if not prompt.is_first)

    @property
    def asked_per_kept(self) -> float:
        """Questions for each character that stands there in the end."""
        return self.asked / self.kept if self.kept else 0.0

    def ms(self, percent: int) -> float:
        """Return a percentile of the time to ghost text, where there was any."""
        return percentile(self.shown_ms, percent) or 0.0

    def counts(self, *names: str) -> list[int]:
        """Return how many keystrokes were answered by each source, and in the end, how many were overtaken."""
        ended = [record for record in self.records if record["outcome"] != "cancelled"]
        return [sum(r["source"] == name for r in ended) for name in names] + [len(self.records) - len(ended)]


@dataclass(frozen=True, slots=True)
class Typist:
    """Types passages at a pace, 1 for a person's own and more for a slower one."""

    desk: Desk
    pace: float = 1.0
    accepts: bool = False

    async def play(self, passages: Sequence[Passage], keys_each: int, seed: int) -> Session:
        """Type the beginning of each passage."""
        session = Session()
        for number, passage in enumerate(passages):
            await self.desk.open(passage)
            await self._type(passage, keystrokes(passage.typed, keys_each, seed + number), session)
        return session

    async def _type(self, passage: Passage, keys: list[Key], session: Session) -> None:
        left, pressed = list(keys), 0
        answer: asyncio.Future[None] | None = None
        shown = _Shown()
        while left:
            await asyncio.sleep(left[0].pause_s * self.pace)
            key = self._accepting(shown.text, left) if self.accepts else None
            if key is None:
                key = left.pop(0)
                session.typed_through += bool(key.text and not key.erased and shown.text.startswith(key.text))
            else:
                session.accepted += 1
            shown = _Shown()  # what comes for an earlier keystroke is nobody's any more
            answer = asyncio.ensure_future(_watch(self.desk.press(key), shown, session))
            pressed += 1
        if answer is not None:
            await asyncio.wait({answer}, timeout=PATIENCE_S)
        session.keys += pressed
        session.kept += len(kept(keys))
        session.records += await self.desk.records()

    def _accepting(self, shown: str, left: list[Key]) -> Key | None:
        """Return one key for all that is right in a suggestion, and take what it spares out of what is left."""
        count, text = 0, ""
        while count < len(left) and len(text) < len(shown) and not left[count].erased:
            text += left[count].text
            count += 1
        if text != shown or len(text) < LEAST_ACCEPTED:
            return None
        key = Key(left[0].pause_s, text)
        del left[:count]
        return key


@dataclass(slots=True)
class _Shown:
    """The ghost text that stands at the cursor now."""

    text: str = ""


async def _watch(answer: Awaitable[str | None], shown: _Shown, session: Session) -> None:
    begun = time.perf_counter()
    try:
        text = await answer
    except asyncio.CancelledError:
        return
    if text:
        shown.text = text
        session.shown_ms.append(1e3 * (time.perf_counter() - begun))


def _percent(part: float, whole: float) -> float:
    return 100 * part / whole if whole else 0.0
