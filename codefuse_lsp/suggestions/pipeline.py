"""The way of ghost text: what an editor asks in, a suggestion or a silence with its reason out.

gates -> surroundings -> cache -> running answer -> debounce -> prompt -> stream -> filters -> soundness. Knows prompts
and the generation seam; knows nothing of editors.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, TypeVar

from codefuse_lsp.config import Settings
from codefuse_lsp.context.cursor import CursorContext
from codefuse_lsp.errors import CodeFuseError
from codefuse_lsp.generation.connection import Connection
from codefuse_lsp.generation.request import GenerationRequest, ModelCard, Priority
from codefuse_lsp.prompts.budget import TokenEstimate
from codefuse_lsp.suggestions.account import Account
from codefuse_lsp.suggestions.asked import Asked
from codefuse_lsp.suggestions.cache import Hit
from codefuse_lsp.suggestions.choosing import ALTERNATIVES, begun_as, chosen, is_quick, num_others
from codefuse_lsp.suggestions.debounce import moment_of
from codefuse_lsp.suggestions.filters import Place, opened
from codefuse_lsp.suggestions.fitting import Fitted, Weighed, fitted_on, weighed
from codefuse_lsp.suggestions.further import further, looks_ahead, when_idle
from codefuse_lsp.suggestions.gates import after_looking, before_looking
from codefuse_lsp.suggestions.log import RequestLog
from codefuse_lsp.suggestions.outcome import Outcome, Silence, Suggestion, silence_of
from codefuse_lsp.suggestions.parts import Parts
from codefuse_lsp.suggestions.records import Records
from codefuse_lsp.suggestions.requests import question_for
from codefuse_lsp.suggestions.stream import Question, Stream
from codefuse_lsp.suggestions.surroundings import Prepared, Surroundings
from codefuse_lsp.suggestions.trace import Trace
from codefuse_lsp.suggestions.wanted import Wanted, wanted_at

LEAST_SAMPLE_CHARS = 1024  # of code to learn from; less fits any window whole
SAMPLE_SHARE = 0.95  # of a sample's ratio is believed: the prompt's own may be a little lower
SNIPPET_SHARE = 0.35  # of the context is other code; Copilot gives it 50 %, of which 15 % may change at any time
PATIENCE = 2  # times as long is waited where the user asked
SOON_S = 0.5  # that who types waits for a far end to be connected with; one that loads takes longer

T = TypeVar("T")


class Suggester:
    """Makes ghost text for one process and remembers why there was none."""

    def __init__(
        self,
        connection: Connection,
        settings: Settings,
        trace: Trace,
        surroundings: Surroundings | None = None,
        log: RequestLog | None = None,
        parts: Parts | None = None,
    ) -> None:
        self.trace = trace
        self.estimate = TokenEstimate()
        self.surroundings = surroundings or Surroundings((), settings.ignore, settings.languages_off)
        self._settings = settings
        self.records = Records(trace, log or RequestLog(None))
        self._connection = connection
        parts = parts or Parts()
        self._cache, self._debounce, self._running = parts.cache, parts.debounce, parts.running
        self._ahead: asyncio.Task[None] | None = None
        self._looking = ThreadPoolExecutor(1, "surroundings")
        self._last_invoked: CursorContext | None = None
        self._has_calibrated = False
        self._seems_quick: bool | None = None  # the model, when it last wrote

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self._settings

    @settings.setter
    def settings(self, settings: Settings) -> None:
        self._settings = settings
        self.surroundings.obey(settings.ignore, settings.languages_off)

    @property
    def budget_chars(self) -> int:
        """Characters of code around the cursor that fit the prompt."""
        return int(self.estimate.chars_for(self.settings.completion_context) * (1 - SNIPPET_SHARE))

    async def calibrate(self, sample: Callable[[], str]) -> None:
        """Learn from a piece of code, once, how long tokens are: windows that change later would be read anew."""
        if self._has_calibrated or self._connection.ready is None or len(code := sample()) < LEAST_SAMPLE_CHARS:
            return
        self._has_calibrated = True  # whatever comes of it: a far end that cannot count is not asked again
        with contextlib.suppress(CodeFuseError):
            tokens = await self._connection.count_tokens(code) or 0
            self.estimate.observe(int(len(code) * SAMPLE_SHARE), tokens)

    async def suggest(self, asked: Asked) -> Outcome:
        """Return what to show at the cursor, or why nothing; who asks themselves waits for a model that is loading."""
        account = Account(asked)
        outcome: Outcome = Silence("cancelled", "The editor or a newer keystroke ended the request.")
        try:
            outcome = await self._outcome(asked, account)
        except Exception as error:  # whatever it is, who types gets silence
            outcome = silence_of(error)
        finally:
            self.records.add(outcome, account)
        return outcome

    async def warm_up(self, asked: Asked) -> None:
        """Look round a place before anybody asks there, so that the first prompts begin as the later ones do."""
        if before_looking(asked, self.settings) is None:
            await self._look(asked)

    async def inspect(self, asked: Asked) -> GenerationRequest | None:
        """Return exactly what would be asked at a cursor, None where nothing ever is; raises CodeFuseError."""
        if before_looking(asked, self.settings) or after_looking(prepared := await self._look(asked)):
            return None
        card = (await self._connection.wait()).card
        return (await self._question(asked, prepared, card)).request

    async def open_folders(self, folders: Sequence[str]) -> None:
        """Look round in these folders of the workspace and in no others."""
        await self._in_thread(self.surroundings.open_folders, folders)

    def forget(self, uri: str, path: str) -> None:
        """Let go of a document that was closed."""
        self._cache.forget(uri)
        self.surroundings.closed(uri, path)
        self._running.give_up(uri)

    async def close(self) -> None:
        """End what is being written, and put the last records into their files."""
        if self._ahead is not None:
            self._ahead.cancel()
        self._running.close()
        await self.records.close()
        self._looking.shutdown(wait=False, cancel_futures=True)
        self.surroundings.close()

    async def _outcome(self, asked: Asked, account: Account) -> Outcome:
        if not asked.invoked:
            self._debounce.key_pressed(time.monotonic())
        account.wants_others = asked.invoked and asked.context == self._last_invoked
        self._last_invoked = asked.context if asked.invoked else None
        if silence := before_looking(asked, self.settings):
            return silence
        with account.timed("looked_s"):
            prepared = await self._look(asked)
        if silence := after_looking(prepared):
            return silence
        place = prepared.place_at(asked.context)
        if known := await self._known(asked, place, prepared, account):
            return known
        if not asked.invoked and not await self._connection.ready_within(SOON_S):
            return Silence("model not ready", self._connection.status.message)
        return await self._asked_of_model(asked, place, prepared, account)

    async def _known(self, asked: Asked, place: Place, prepared: Prepared, account: Account) -> Outcome | None:
        """Return what an earlier answer says here; None where none does."""
        hit = self._cache.find(asked.context, now=time.monotonic())
        if hit is None or asked.invoked:
            return None
        account.source = "cache"
        shown = await self._fit(hit, place, prepared, account)
        if isinstance(shown, Silence) and hit.typed:
            account.source, account.hit, account.cuts = "", None, ()
            return None  # what is left of an answer may be too little: there is more to ask
        return shown

    async def _asked_of_model(self, asked: Asked, place: Place, prepared: Prepared, account: Account) -> Outcome:
        patience_s = self.settings.completion_timeout * (PATIENCE if asked.invoked else 1)
        until = time.monotonic() + patience_s
        try:
            async with asyncio.timeout(patience_s):
                stream, hit = await self._written(asked, place, prepared, account)
        except TimeoutError:
            if (late := account.stream) is not None:
                late.close()
            if late is None or not (hit := late.so_far_at(asked.context)).rest.strip():
                return Silence("too slow", f"No text came within {patience_s:g} s.")
            stream = late
        if stream.failure is not None:
            return stream.failure
        self._learn(stream)
        sure = replace(hit, rest=stream.sure(hit.rest))
        if hit.rest.strip() and not sure.rest.strip():
            return Silence("unsure", "The model finds its own first word improbable (setting completion_confidence).")
        shown = await self._fit(sure, place, prepared, account)
        if account.source == "model":
            with contextlib.suppress(TimeoutError, CodeFuseError):  # the former at once where it was late
                async with asyncio.timeout(until - time.monotonic()):
                    shown = await self._chosen(shown, stream, prepared, asked, account, until)
        if isinstance(shown, Suggestion) and looks_ahead(self.settings, self._connection.ready):
            self._ahead = asyncio.create_task(self._look_ahead(place, shown, prepared))
        return shown

    async def _chosen(
        self, shown: Outcome, stream: Stream, prepared: Prepared, asked: Asked, account: Account, until: float
    ) -> Outcome:
        """Return the best of an answer and others, where it is worth while, with two beside it where the user asked."""
        wanted = await self._wanted(asked, prepared) if stream.question.candidates > 1 else None

        async def fit(text: str, place: Place) -> Weighed:
            return await self._in_thread(weighed, text, place, prepared.syntax, wanted)

        number = await num_others(stream, fit, wanted, again=account.wants_others)
        if not number or not (ranked := await chosen(self._connection, stream, fit, number, until, wanted)):
            return shown
        best, place = ranked[0], stream.question.place
        if not isinstance(shown, Suggestion) or best.text != shown.text:  # what is kept is what is typed through
            self._cache.store(place, best.text.replace(place.context.line_end, "\n"), now=time.monotonic())
        return replace(best, alternatives=tuple(ranked[1 : ALTERNATIVES + 1])) if asked.invoked else best

    async def _written(self, asked: Asked, place: Place, prepared: Prepared, account: Account) -> tuple[Stream, Hit]:
        """Return the answer for this cursor and what of it is still to come: of a running one, or of a new one."""
        if self._ahead is not None:
            self._ahead.cancel()
        if not asked.invoked and (stream := self._running.at(asked.context)) is not None:
            account.source = "running"
            if (hit := await self._followed(stream, asked, account)) is not None:
                return stream, hit
            account.source, account.stream = "", None
        self._running.give_up(asked.context.uri)
        with account.timed("waited_s"):
            await asyncio.sleep(self._debounce.delay(moment_of(asked), account.seconds))
        ready = await self._connection.wait()
        question = await self._question(asked, prepared, ready.card)
        account.source = "model"
        self._running.begin(stream := Stream(self._connection, question, self._keep))
        hit = await self._followed(stream, asked, account)
        return stream, hit or Hit("", "", place)

    async def _question(self, asked: Asked, prepared: Prepared, card: ModelCard) -> Question:
        """Return what the model is asked; where there is but one answer, it begins with a name that is used below."""
        place, quick = prepared.place_at(asked.context), self._is_quick(card)
        question = question_for(place, prepared.shown, card, self.settings, invoked=asked.invoked, quick=quick)
        wanted = await self._wanted(asked, prepared) if question.may_begin else None
        return (begun_as(question, wanted.definition) if wanted and wanted.definition else None) or question

    async def _wanted(self, asked: Asked, prepared: Prepared) -> Wanted | None:
        return await self._in_thread(wanted_at, asked, prepared.syntax, prepared.shown.context.suffix)

    async def _followed(self, stream: Stream, asked: Asked, account: Account) -> Hit | None:
        account.stream = stream
        async with stream.followed():
            with account.timed("model_s"):
                return await stream.rest_at(asked.context)

    async def _look(self, asked: Asked) -> Prepared:
        snippet_chars = int(self.estimate.chars_for(self.settings.completion_context) * SNIPPET_SHARE)
        return await self._in_thread(self.surroundings.prepare, asked, snippet_chars)

    async def _fit(self, hit: Hit, place: Place, prepared: Prepared, account: Account) -> Outcome:
        with account.timed("fitted_s"):
            found: Fitted = await self._in_thread(fitted_on, hit, place, prepared.syntax)
        account.fitted(hit, place, prepared.shown, found.cuts)
        return found.outcome

    async def _in_thread(self, work: Callable[..., T], *given: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._looking, work, *given)

    async def _look_ahead(self, place: Place, suggestion: Suggestion, prepared: Prepared) -> None:
        """Compute what would follow if a suggestion were accepted, while nobody wants the model."""
        answer, ready = self._cache.find(place.context, now=time.monotonic()), self._connection.ready
        on = await self._in_thread(further, place, suggestion, prepared.syntax, answer)
        if on.ended is not None:
            self._cache.store(on.ended, "", now=time.monotonic())
        if ready is None or on.asked is None or self._cache.find(on.asked.context, now=time.monotonic()):
            return
        shown = await self._in_thread(self.surroundings.shown, on.asked.context, prepared.snippets)
        if shown.in_secret:
            return
        question = question_for(on.asked, shown, ready.card, self.settings)
        self._running.begin(stream := Stream(self._connection, when_idle(question), self._keep))
        async with stream.followed():
            await stream.rest_at(on.asked.context)
        self.records.ahead(stream)

    def _keep(self, stream: Stream) -> None:
        """Remember an answer that has come to its end, and how long any took that somebody waited for."""
        if stream.failure is None and stream.question.request.priority is Priority.GHOST_TEXT:
            (self._debounce.given_up if stream.is_closed else self._debounce.answered)(stream.took_s)
        if stream.failure is None and not stream.is_closed:
            place = replace(stream.question.place, is_cut=stream.is_cut)
            self._cache.store(place, opened(stream.sure(stream.written), place), now=time.monotonic())

    def _is_quick(self, card: ModelCard) -> bool:
        return card.on_gpu if self._seems_quick is None else self._seems_quick

    def _learn(self, stream: Stream) -> None:
        self._seems_quick = self._seems_quick if stream.tokens_per_s is None else is_quick(stream)
        if stream.usage is not None:
            self.estimate.observe(len(stream.question.request.prompt), stream.usage.prompt_tokens)
