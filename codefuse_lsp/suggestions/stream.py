"""One answer while it is being written, in a task of its own: whoever asked may leave it to the next keystroke.

A request in; the text that may be shown so far, and a sign whenever there is more. Ends itself when nothing that may
still come could be shown, and soon after nobody follows it any more, which cancels the rest. Knows nothing of editors.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace

from codefuse_lsp.context.cursor import CursorContext
from codefuse_lsp.context.secrets import Restorer
from codefuse_lsp.errors import CodeFuseError
from codefuse_lsp.generation.connection import Connection
from codefuse_lsp.generation.request import Chunk, GenerationRequest, Priority, TokenLogprob, Usage
from codefuse_lsp.prompts.asking import continuation
from codefuse_lsp.prompts.escape import escape, restore
from codefuse_lsp.suggestions.cache import Hit, Running
from codefuse_lsp.suggestions.confidence import cut_at_doubt
from codefuse_lsp.suggestions.filters import Place, grown, is_whole
from codefuse_lsp.suggestions.outcome import Silence

LEAST_TIMED = 6  # tokens of an answer, to tell how fast it was written
SPARE = 4  # tokens that a prompt and its answer may be more when they are read as one text
GRACE_S = 0.5  # that an answer goes on without anybody who follows it: the next keystroke's request may


@dataclass(frozen=True, slots=True)
class Question:
    """A request, the cursor it is for, and what has to be undone in its answer."""

    request: GenerationRequest
    place: Place
    tags: tuple[str, ...]  # escaped in the prompt
    restorations: Mapping[str, str]  # placeholders in the prompt
    begun: str = ""  # the beginning of the answer, given beforehand: it stands in the prompt already
    begun_logprob: float = 0.0  # the natural logarithm of how probable that is
    least: float = 0.0  # probability of a token, below which the answer is cut
    candidates: int = 1  # answers among which one is chosen, the greedy one among them
    following: str = ""  # code after the cursor that the prompt does not tell, as the model would read it
    may_begin: bool = False  # whether the only answer may be given its beginning

    def begun_with(self, before: str, text: str, logprob: float = 0.0) -> Question:
        """Return the question with the beginning of its answer given: `before`, and a `text` that the model goes on."""
        request = replace(self.request, prompt=self.request.prompt + before, heal=text)
        begun = (before + text)[len(self.request.heal) :]
        return replace(self, request=request, begun=begun, begun_logprob=logprob)


class Stream:
    """One answer on its way."""

    def __init__(
        self, connection: Connection, question: Question, when_ended: Callable[[Stream], None] = lambda stream: None
    ) -> None:
        self.question = question
        self.written = ""  # as the document would have it, without the healed beginning
        self.raw = ""  # as the model wrote it
        self.usage: Usage | None = None
        self.logprobs: list[TokenLogprob] = []
        self.failure: Silence | None = None
        self.has_ended = self.is_cut = self.is_closed = False
        self.first_token_s: float | None = None  # seconds from the question
        self.took_s = self.written_s = 0.0  # until it had ended, and until its last piece had come
        self._connection = connection
        self._when_ended = when_ended
        self._begun = time.perf_counter()
        self._news = asyncio.Event()
        self._followers = 0
        self._leaving: asyncio.TimerHandle | None = None
        self._error: BaseException | None = None  # none that is told in words: a fault of ours
        self._task = asyncio.create_task(self._read())
        self._task.add_done_callback(self._end)

    def goes_on_at(self, context: CursorContext) -> bool:
        """Return whether the answer is still being written and is one for a new cursor, too.

        One that was asked for while the model was idle, and has not begun, goes behind everybody: it is asked anew.
        """
        waits = self.question.request.priority is Priority.SPECULATION and not self.written
        is_over = self.has_ended or self.is_closed
        return not is_over and not waits and self._running().at(context) == "continues"

    def so_far_at(self, context: CursorContext) -> Hit:
        """Return what has been written beyond a cursor; an answer that was closed may end within a word."""
        rest = self._running().rest_at(context)
        typed = self.written[: len(self.written) - len(rest)] if rest else ""
        return Hit(rest, typed, replace(self.question.place, is_cut=self.is_cut or self.is_closed))

    @asynccontextmanager
    async def followed(self) -> AsyncIterator[None]:
        """Keep the answer going for as long as the block lasts, and a moment longer."""
        self._followers += 1
        if self._leaving is not None:
            self._leaving.cancel()
        try:
            yield
        finally:
            self._followers -= 1
            if not self._followers and not self.has_ended:
                self._leaving = asyncio.get_running_loop().call_later(GRACE_S, self.close)

    async def rest_at(self, context: CursorContext) -> Hit | None:
        """Return what is to be shown at a cursor as soon as it is whole; None when the answer is not one for it."""
        while True:
            running = self._running()
            if self._error is not None:
                raise self._error
            if self.failure is not None:
                return Hit("", "", self.question.place)
            if running.at(context) == "diverged":
                return None
            if self.has_ended or (running.rest_at(context).strip() and is_whole(self.written, self.question.place)):
                return self.so_far_at(context)
            self._news.clear()
            await self._news.wait()

    def sure(self, text: str) -> str:
        """Return the beginning of a text of the answer that the model was sure enough of.

        A beginning that it was given is not judged, and is nothing without what follows.
        """
        own = len(self.written) - len(self.question.begun)
        given, judged = text[: max(0, len(text) - own)], text[max(0, len(text) - own) :]
        sure = cut_at_doubt(judged, self.logprobs, self.question.least).text
        return given + sure if sure.strip() or not judged else ""

    @property
    def restored(self) -> dict[str, str]:
        """The placeholders that the model wrote, and what they stand for."""
        wrote = self.question.begun + self.raw
        return {name: secret for name, secret in self.question.restorations.items() if name in wrote}

    @property
    def log_probability(self) -> float:
        """The natural logarithm of how probable the answer is, as far as it was told; the healed part is certain."""
        total, spelt = self.question.begun_logprob, 0
        for token in self.logprobs:
            spelt += len(token.token)
            if spelt > len(self.question.request.heal):
                total += token.logprob
        return total

    @property
    def tokens_per_s(self) -> float | None:
        """How fast it was written; None where there was too little to tell."""
        if self.usage is None or self.usage.completion_tokens < LEAST_TIMED or self.first_token_s is None:
            return None
        return (self.usage.completion_tokens - 1) / max(self.written_s - self.first_token_s, 1e-3)

    def close(self) -> None:
        """Cancel what is left of it; it takes a moment for that to be so."""
        self.is_closed = self.is_closed or not self.has_ended
        self._task.cancel()

    async def _read(self) -> None:
        try:
            if await self._read_all(self.question.request) and (further := self._further()) is not None:
                await self._read_all(further)
        except CodeFuseError as error:
            self.failure = Silence("model failed", str(error))

    async def _read_all(self, request: GenerationRequest) -> bool:
        """Take in what is written; return whether it came to its end."""
        async with aclosing(self._connection.generate(request)) as chunks:
            async for chunk in chunks:
                if not self._take(chunk):
                    return False
        return True

    def _further(self) -> GenerationRequest | None:
        """Return the request for the block that an only line has opened, None where it opens none.

        What the model wrote becomes part of the prompt, so a line with a tag in it stays alone.
        """
        request, tags, place = self.question.request, self.question.tags, self.question.place
        if place.block or "\n" not in request.stop or self.is_cut or self.failure is not None:
            return None
        if not grown(f"{self.written}\n", place).block or escape(restore(self.raw, tags), tags) != self.raw:
            return None
        self.raw += "\n"
        self.logprobs.append(TokenLogprob("\n", 0.0))
        used = self.usage.completion_tokens if self.usage else 0
        return replace(
            request,
            prompt=request.prompt + self.raw,
            heal="",
            stop=tuple(text for text in request.stop if text != "\n"),
            max_tokens=max(1, request.max_tokens - used - SPARE),
        )

    def _end(self, task: asyncio.Task[None]) -> None:
        self.took_s = time.perf_counter() - self._begun
        self.has_ended = True
        self._error = None if task.cancelled() else task.exception()
        self.is_closed = task.cancelled()
        if self._error is None:
            self._when_ended(self)
        self._news.set()

    def _running(self) -> Running:
        return Running(self.question.place.context, self.written, self.has_ended)

    def _take(self, chunk: Chunk) -> bool:
        """Take in a piece; return whether more is wanted."""
        if self.first_token_s is None and (chunk.text or chunk.finish_reason):
            self.first_token_s = time.perf_counter() - self._begun
        self.written_s = time.perf_counter() - self._begun
        self.raw += chunk.text
        self.logprobs += chunk.logprobs
        self.usage = _together(self.usage, chunk.usage)
        ended, request = chunk.finish_reason is not None, self.question.request
        self.is_cut = chunk.finish_reason == "length"
        goes_on = continuation if request.messages else healed_remainder
        healed = goes_on(self.raw, request.heal, ended=ended)
        if healed is None:
            self.failure = Silence("half word", "The model would write another word than the one begun.")
            return False
        self.written = self._as_in_document(self.question.begun + healed, ended)
        self._news.set()
        return ended or not (self.written.strip() and is_whole(self.written, self.question.place))

    def _as_in_document(self, text: str, ended: bool) -> str:
        text = restore(text, self.question.tags)
        if not self.question.restorations:
            return text
        restorer = Restorer(self.question.restorations)
        return restorer.feed(text) + (restorer.flush() if ended else "")


def _together(first: Usage | None, second: Usage | None) -> Usage | None:
    """Return the usage of an answer of which the second part's prompt is the first part's, and what was written."""
    if first is None or second is None:
        return first or second
    return replace(first, completion_tokens=first.completion_tokens + second.completion_tokens)


class RunningAnswers:
    """The newest answer of each document, for the next keystroke to take over."""

    def __init__(self) -> None:
        self._newest: dict[str, Stream] = {}  # by uri

    def at(self, context: CursorContext) -> Stream | None:
        """Return the answer that is being written and is one for this cursor, too."""
        stream = self._newest.get(context.uri)
        return stream if stream is not None and stream.goes_on_at(context) else None

    def begin(self, stream: Stream) -> None:
        """Remember a new answer."""
        self._newest[stream.question.place.context.uri] = stream

    def give_up(self, uri: str) -> None:
        """Cancel what is being written for a document."""
        if stream := self._newest.pop(uri, None):
            stream.close()

    def close(self) -> None:
        """Cancel everything."""
        for uri in list(self._newest):
            self.give_up(uri)


def healed_remainder(raw: str, heal: str, *, ended: bool) -> str | None:
    """Return what follows the healed beginning: "" while it is still being written, None when it was not written.

    White space may be written otherwise than the user has it: then theirs stands.
    """
    if raw.startswith(heal):
        return raw[len(heal) :]
    if heal.startswith(raw) and not ended:
        return ""
    word = heal.lstrip()
    body = raw.lstrip()
    if body.startswith(word):
        return body[len(word) :]
    return "" if word.startswith(body) and not ended else None
