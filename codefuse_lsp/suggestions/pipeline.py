"""The way of ghost text: cursor context in, a suggestion or a silence with its reason out.

gates -> prompt -> stream -> filters -> fit. Knows prompts and the generation seam; knows nothing of editors.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import secrets
import time
import uuid
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import PurePath

from codefuse_lsp.config import Settings
from codefuse_lsp.context.cursor import CursorContext
from codefuse_lsp.context.ignore import may_read
from codefuse_lsp.errors import CodeFuseError
from codefuse_lsp.generation.connection import Connection
from codefuse_lsp.generation.request import Chunk, GenerationRequest, ModelCard, Priority, Usage
from codefuse_lsp.prompts.asking import continuation
from codefuse_lsp.prompts.budget import TokenEstimate
from codefuse_lsp.prompts.completion import completion_prompt
from codefuse_lsp.prompts.escape import restore
from codefuse_lsp.prompts.formats import ModelFormat, Prompt, format_for, tags_of
from codefuse_lsp.suggestions.filters import FILTERS, Place, is_whole, place_of, swallowed
from codefuse_lsp.suggestions.trace import Record, Trace

LEAST_SAMPLE_CHARS = 1024  # of code to learn from; less fits any window whole
SAMPLE_SHARE = 0.95  # of a sample's ratio is believed: the prompt's own may be a little lower
_KEY = secrets.token_bytes(16)
SAVE_PAUSE_S = 1.0  # between a request and its record's way to the disk


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Text to show at the cursor; `replaces` characters right of the cursor, on its line, give way to it."""

    id: str
    text: str
    replaces: int = 0


@dataclass(frozen=True, slots=True)
class Silence:
    """Nothing to show: the gate or filter that said so, and a sentence for the user."""

    reason: str
    detail: str


@dataclass(slots=True)
class Answer:
    """What the model has written so far for one request."""

    text: str = ""  # without the healed beginning
    usage: Usage | None = None
    first_token_s: float | None = None
    failure: Silence | None = None
    started: float = field(default_factory=time.perf_counter)


class Suggester:
    """Makes ghost text for one process and remembers why there was none."""

    def __init__(self, connection: Connection, settings: Settings, trace: Trace) -> None:
        self.settings = settings
        self.trace = trace
        self.estimate = TokenEstimate()
        self._connection = connection
        self._has_calibrated = False
        self._saving: asyncio.Task[None] | None = None

    @property
    def budget_chars(self) -> int:
        """Characters of code around the cursor that fit the prompt."""
        return self.estimate.chars_for(self.settings.completion_context)

    async def calibrate(self, code: str) -> None:
        """Learn from a piece of code, once, how long tokens are: windows that change later would be read anew."""
        if self._has_calibrated or self._connection.ready is None or len(code) < LEAST_SAMPLE_CHARS:
            return
        self._has_calibrated = True  # whatever comes of it: a far end that cannot count is not asked again
        with contextlib.suppress(CodeFuseError):
            tokens = await self._connection.count_tokens(code) or 0
            self.estimate.observe(int(len(code) * SAMPLE_SHARE), tokens)

    async def suggest(self, context: CursorContext, line: int, *, invoked: bool) -> Suggestion | Silence:
        """Return what to show at the cursor, or why nothing; `invoked` waits for a model that is still loading.

        `line` is the cursor's in the document, from 0, for the record.
        """
        answer = Answer()
        outcome: Suggestion | Silence = Silence("cancelled", "The editor or a newer keystroke ended the request.")
        try:
            outcome = closed_gate(context, self.settings) or await self._ask(context, answer, invoked)
            return outcome
        finally:
            self._record(context, line, outcome, answer)

    async def close(self) -> None:
        """Put the last records into their file."""
        if self._saving is not None:
            self._saving.cancel()
        await asyncio.to_thread(self.trace.save)

    async def _ask(self, context: CursorContext, answer: Answer, invoked: bool) -> Suggestion | Silence:
        if self._connection.ready is None and not invoked:
            self._connection.start()
            return Silence("model not ready", self._connection.status.message)
        place = place_of(context)
        try:
            async with asyncio.timeout(self.settings.completion_timeout):
                ready = await self._connection.wait()
                model = model_format(ready.card, self.settings)
                prompt = completion_prompt(context, model)
                await self._read(request_for(prompt, place, self.settings), place, tags_of(model), answer)
                if answer.usage is not None:
                    self.estimate.observe(len(prompt.text), answer.usage.prompt_tokens)
        except TimeoutError:
            if not answer.text:
                return Silence("too slow", f"No text came within {self.settings.completion_timeout:g} s.")
        except CodeFuseError as error:
            return Silence("model failed", str(error))
        return answer.failure or fitted(answer.text, place)

    async def _read(self, request: GenerationRequest, place: Place, tags: tuple[str, ...], answer: Answer) -> None:
        """Read the stream until what may be shown is whole; leaving it early cancels the rest."""
        raw = ""
        async with aclosing(self._connection.generate(request)) as chunks:
            async for chunk in chunks:
                if answer.first_token_s is None:
                    answer.first_token_s = time.perf_counter() - answer.started
                raw += chunk.text
                answer.usage = chunk.usage or answer.usage
                goes_on = continuation if request.messages else healed_remainder
                healed = goes_on(raw, request.heal, ended=chunk.finish_reason is not None)
                if healed is None:
                    answer.failure = Silence("half word", "The model would write another word than the one begun.")
                    return
                answer.text = restore(healed, tags)
                if _ends(chunk, answer.text, place):
                    return

    def _record(self, context: CursorContext, line: int, outcome: Suggestion | Silence, answer: Answer) -> None:
        usage = answer.usage or Usage(0, 0)
        record = Record(
            id=outcome.id if isinstance(outcome, Suggestion) else uuid.uuid4().hex[:8],
            time=time.time(),
            file=PurePath(context.path).name,
            line=line + 1,
            outcome="shown" if isinstance(outcome, Suggestion) else outcome.reason,
            detail="" if isinstance(outcome, Suggestion) else outcome.detail,
            total_ms=round(1e3 * (time.perf_counter() - answer.started), 1),
            first_token_ms=None if answer.first_token_s is None else round(1e3 * answer.first_token_s, 1),
            prompt_tokens=usage.prompt_tokens,
            cached_tokens=usage.cached_tokens,
            generated_tokens=usage.completion_tokens,
        )
        self.trace.add(record)
        if self._saving is None:
            self._saving = asyncio.create_task(self._save_soon())

    async def _save_soon(self) -> None:
        """Save what has gathered after a while: one look at the disk for a burst of keystrokes."""
        await asyncio.sleep(SAVE_PAUSE_S)
        self._saving = None
        await asyncio.to_thread(self.trace.save)


def model_format(card: ModelCard, settings: Settings) -> ModelFormat:
    """Return how prompts for this model are written: by setting, by what it told, else by its name.

    Where none of that says it, the far end has to write them.
    """
    by_name = format_for(card.id, card.chat_template)
    return ModelFormat(
        name=settings.prompt_format or card.prompt_format or ("messages" if by_name == "plain" else by_name),
        chat_template=card.chat_template,
        special_tokens=card.special_tokens,
        bos_token=card.bos_token,
        eos_token=card.eos_token,
        turn_separator=settings.turn_separator,
    )


def closed_gate(context: CursorContext, settings: Settings) -> Silence | None:
    """Return the reason not to ask the model at all, if there is one."""
    if not settings.completion:
        return Silence("off", "Ghost text is turned off (setting completion).")
    if context.language in settings.languages_off:
        return Silence("language off", f"Ghost text is turned off for {context.language} (setting languages_off).")
    if not may_read(context.path):
        return Silence("private file", "Files that usually hold keys or passwords never enter a prompt.")
    if not context.prefix.strip() and not context.suffix.strip():
        return Silence("empty file", "There is no code yet to continue.")
    right = context.line_suffix.lstrip()
    if right and (right[0].isalnum() or right[0] == "_") and context.line_prefix[-1:].isalnum():
        return Silence("inside a word", "The cursor stands inside a word.")
    return None


def request_for(prompt: Prompt, place: Place, settings: Settings) -> GenerationRequest:
    """Return the request for ghost text: greedy, before everything else, and one line where one line is wanted."""
    return GenerationRequest(
        prompt=prompt.text,
        heal=prompt.heal,
        max_tokens=settings.completion_max_tokens,
        stop=prompt.stop if place.block or prompt.messages else (*prompt.stop, "\n"),
        temperature=0.0,
        priority=Priority.GHOST_TEXT,
        document=document_id(place.context.uri),
        messages=prompt.messages,
    )


def document_id(uri: str) -> str:
    """Return a name for a document that tells nothing of it to those who do not have this process's key."""
    return hmac.digest(_KEY, uri.encode("utf-8", "surrogatepass"), "sha256").hex()[:16]


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


def fitted(text: str, place: Place) -> Suggestion | Silence:
    """Return the text as it can be shown, or the filter that left nothing of it."""
    if not text.strip():
        return Silence("nothing to add", "The model would write nothing here.")
    for step in FILTERS:
        text = step(text, place)
        if not text.strip():
            return Silence(step.__name__.replace("_", " "), (step.__doc__ or "").splitlines()[0])
    text, replaces = swallowed(text, place)
    if not text.strip():
        return Silence("already there", "What the model would write stands right of the cursor already.")
    return Suggestion(uuid.uuid4().hex[:8], text.replace("\n", place.context.line_end), replaces)


def _ends(chunk: Chunk, text: str, place: Place) -> bool:
    return chunk.finish_reason is None and bool(text.strip()) and is_whole(text, place)
