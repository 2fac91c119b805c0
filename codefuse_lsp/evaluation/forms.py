"""The ways to ask for the code at a cursor: five raw prompts, and the whole way that an editor gets.

Input: a `CursorContext`. Output: what would be shown there. The raw ones are what there is without this project's
prompts, gates and filters: their first line with something on it is what they show. Knows nothing of tasks or scores.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, replace

from codefuse_lsp.config import Settings
from codefuse_lsp.context.cursor import CursorContext
from codefuse_lsp.errors import RequestRefused
from codefuse_lsp.generation.connection import Connection
from codefuse_lsp.generation.request import GenerationRequest, ModelCard, Priority
from codefuse_lsp.prompts.completion import split_heal
from codefuse_lsp.prompts.escape import restore
from codefuse_lsp.prompts.formats import ModelFormat, Prompt, Turn, render, tags_of
from codefuse_lsp.suggestions.asked import Asked
from codefuse_lsp.suggestions.outcome import Suggestion
from codefuse_lsp.suggestions.pipeline import Suggester
from codefuse_lsp.suggestions.requests import num_candidates
from codefuse_lsp.suggestions.stream import healed_remainder
from codefuse_lsp.suggestions.surroundings import Surroundings
from codefuse_lsp.suggestions.trace import Trace

SHIPPED = "shipped"


@dataclass(frozen=True, slots=True)
class Shown:
    """What stands at the cursor in the end, '' where nothing does, for a `silence`; `replaces` as a Suggestion's."""

    text: str
    replaces: int = 0
    silence: str = ""
    ms: float = 0.0  # from the request to the whole of it


def plain(context: CursorContext, model: ModelFormat) -> Prompt:
    """Return the code before the cursor as it stands."""
    return render(model, [], context.prefix)


def healed(context: CursorContext, model: ModelFormat) -> Prompt:
    """Return the code before the cursor without its last half word and white space, which the model writes anew."""
    return render(model, [], *split_heal(context.prefix))


def suffix_first(context: CursorContext, model: ModelFormat) -> Prompt:
    """Return the healed form with the code after the cursor before it, in a turn of its own where there are turns."""
    after = context.suffix.strip("\n")
    turns = [Turn("human", after)] if after.strip() or model.is_chat else []
    return render(model, turns, *split_heal(context.prefix))


# Name -> the format of the model's that it is written in, and how.
RAW: dict[str, tuple[str, Callable[[CursorContext, ModelFormat], Prompt]]] = {
    "plain": ("plain", plain),
    "healed": ("plain", healed),
    "suffix_first": ("plain", suffix_first),
    "role_tags": ("codefuse", suffix_first),  # the code before the cursor begins the bot's turn
    "chat_turn": ("chat_template", suffix_first),  # and here that of the model's own template
}
NAMES = (*RAW, SHIPPED)


def measured_with(settings: Settings, card: ModelCard) -> Settings:
    """Return the settings that the whole way is measured with.

    Nobody goes on where a suggestion ends, and what is chosen must not depend on how quick the machine is.
    """
    number = num_candidates(settings, card, has_time=True)
    return replace(settings, completion_ahead="off", completion_candidates=number)


class Asker:
    """Asks one model in every form."""

    def __init__(
        self, connection: Connection, card: ModelCard, settings: Settings, surroundings: Surroundings | None = None
    ) -> None:
        """`surroundings` are those of a workspace; without any, nothing is known but the document itself."""
        self._connection = connection
        self._settings = settings
        self._model = ModelFormat(
            chat_template=card.chat_template,
            special_tokens=card.special_tokens,
            bos_token=card.bos_token,
            eos_token=card.eos_token,
        )
        self.suggester = Suggester(connection, measured_with(settings, card), Trace(), surroundings)

    async def ask(self, form: str, asked: Asked) -> Shown:
        """Return what this form shows at a cursor; raises CodeFuseError when the model is gone."""
        begun = time.perf_counter()
        shown = await (self._shipped(asked) if form == SHIPPED else self._raw(form, asked.context))
        return Shown(shown.text, shown.replaces, shown.silence, round(1e3 * (time.perf_counter() - begun), 1))

    async def _shipped(self, asked: Asked) -> Shown:
        outcome = await self.suggester.suggest(asked)
        self.suggester.forget(asked.context.uri, asked.context.path)  # no task helps another
        if isinstance(outcome, Suggestion):
            return Shown(outcome.text, outcome.replaces)
        if outcome.reason in ("model failed", "model not ready"):
            await self._connection.wait()  # says what is wrong, where it is for good
        return Shown("", silence=outcome.reason)

    async def _raw(self, form: str, context: CursorContext) -> Shown:
        name, write = RAW[form]
        if name == "chat_template" and not self._model.chat_template:
            return Shown("", silence="no chat template")
        model = replace(self._model, name=name)
        return await self._first_line(write(context, model), model, context)

    async def _first_line(self, prompt: Prompt, model: ModelFormat, context: CursorContext) -> Shown:
        request = GenerationRequest(
            prompt=prompt.text,
            heal=prompt.heal,
            max_tokens=self._settings.completion_max_tokens,
            stop=prompt.stop,
            temperature=0.0,
            priority=Priority.GHOST_TEXT,
        )
        raw = line = ""
        try:
            async with aclosing(self._connection.generate(request)) as chunks:
                async for chunk in chunks:
                    raw += chunk.text
                    text = healed_remainder(raw, prompt.heal, ended=chunk.finish_reason is not None)
                    if text is None:
                        return Shown("", silence="half word")
                    line, is_whole = first_line(restore(text, tags_of(model)), context)
                    if is_whole:
                        break
        except RequestRefused as error:
            if error.status >= 500:
                raise
            return Shown("", silence="refused")
        return Shown(line.rstrip()) if line.strip() else Shown("", silence="nothing to add")


def first_line(text: str, context: CursorContext) -> tuple[str, bool]:
    """Return the first line of a text, past blank ones where the cursor's is blank, and whether it has ended."""
    if context.on_blank_line:
        text = text.lstrip("\n") if text.strip(" \t\n") else ""
        while (head := text.partition("\n"))[1] and not head[0].strip():
            text = head[2]
    line, end, _ = text.partition("\n")
    return line, bool(end)
