"""An action's question put to the model: how long prompt and answer may be, the answer, and a second try.

Input: prompts. Output: what the answers are made into. Nothing overflows the model's context: code that is only to be
read is cut, and code that is to be written anew is refused with a sentence. Knows nothing of single actions.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TypeVar

from codefuse_lsp.answers import DEFAULT_CONTEXT_TOKENS, request_for, stream_answer
from codefuse_lsp.context.cutting import cut_at_nodes
from codefuse_lsp.edits.replacement import Unchanged, Unfit
from codefuse_lsp.errors import CodeFuseError
from codefuse_lsp.generation.request import Priority
from codefuse_lsp.lsp.progress import Report
from codefuse_lsp.lsp.server import CodeFuseServer
from codefuse_lsp.prompts.budget import TokenEstimate, usable_tokens
from codefuse_lsp.prompts.formats import ModelFormat, Prompt
from codefuse_lsp.prompts.questions import CodePrompt, own_turn
from codefuse_lsp.suggestions.requests import model_format

RETRY_TEMPERATURE = 0.7  # warm enough to come out otherwise
SMALLEST_CODE_CHARS = 200  # less of it is not worth a question
SHORTEST_ANSWER_TOKENS = 64  # less room than this is none
TRIES_TO_FIT = 8
REWRITE_GROWTH = 1.3  # how much longer new code may be than the old before it counts as an addition
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Written:
    """An answer; one that was cut does not hold all that it should."""

    text: str
    is_cut: bool

    @property
    def whole_lines(self) -> str:
        """The text, without the last line of one that was cut."""
        return self.text[: self.text.rfind("\n") + 1] if self.is_cut else self.text


async def model_of(server: CodeFuseServer) -> ModelFormat:
    """Return how prompts for the model are written, once it is ready. Raises CodeFuseError."""
    return model_format((await server.connection.wait()).card, server.settings)


async def fitting(
    server: CodeFuseServer, build: Callable[[str], Prompt], code: str, language: str, least: int = SMALLEST_CODE_CHARS
) -> tuple[Prompt, str]:
    """Return the prompt of as much of `code` as the context holds beside an answer, and how much that is.

    Raises CodeFuseError where not even `least` characters fit.
    """
    room = await context_tokens(server) - server.settings.chat_max_tokens
    limit = len(code)
    for _ in range(TRIES_TO_FIT):
        part = await asyncio.to_thread(cut_at_nodes, code, language, limit)
        prompt = build(part)
        tokens = await tokens_of(server, prompt.text)
        if tokens <= room:
            return prompt, part
        if limit <= least:
            break
        limit = max(min(least, len(code)), min(limit - 1, int(limit * max(room, 0) / tokens * 0.9)))
    raise CodeFuseError(
        f"The question alone has {tokens} tokens, and beside the answer the model's context holds {max(room, 0)}. "
        "Select less, or lower the setting chat_max_tokens."
    )


async def rewriting_room(server: CodeFuseServer, asked: CodePrompt, code: str) -> int:
    """Return how many tokens the new text of `code` may have: its own and those of any answer.

    Raises CodeFuseError with the numbers where prompt and answer do not fit together.
    """
    context = await context_tokens(server)
    prompt, own = await tokens_of(server, asked.prompt.text), await tokens_of(server, code)
    needed = int(own * REWRITE_GROWTH) + SHORTEST_ANSWER_TOKENS
    if prompt + needed > context:
        raise CodeFuseError(
            f"The code is too long to be written anew: question and answer take about {prompt + needed} tokens, "
            f"{prompt + needed - context} more than the {context} of the model's context. Select less of it."
        )
    return min(context - prompt, int(own * REWRITE_GROWTH) + server.settings.chat_max_tokens)


async def fitted(
    server: CodeFuseServer,
    asked: CodePrompt,
    model: ModelFormat,
    restorations: Mapping[str, str],
    max_tokens: int,
    report: Report,
    fit: Callable[[str], T],
) -> T:
    """Return what `fit` makes of the answer, or of a second, warmer one. Raises Misfit where neither fits."""
    written, reason = Written("", False), Unfit("")
    for temperature in (None, RETRY_TEMPERATURE):
        written = await ask(server, asked.prompt, model, restorations, max_tokens, report, temperature)
        try:
            if written.is_cut:
                raise Unfit(f"The model's answer was cut after {max_tokens} tokens (setting chat_max_tokens).")
            return await asyncio.to_thread(fit, asked.opening + written.text)  # which parses whole files
        except Unchanged:
            raise
        except Unfit as error:
            reason = error
    raise Misfit(str(reason), asked.opening + written.text)


class Misfit(CodeFuseError):
    """No answer fits; `answer` is the last one, which the user may make something of."""

    def __init__(self, reason: str, answer: str) -> None:
        super().__init__(reason)
        self.answer = answer


async def ask(
    server: CodeFuseServer,
    prompt: Prompt,
    model: ModelFormat,
    restorations: Mapping[str, str],
    max_tokens: int,
    report: Report,
    temperature: float | None = None,
    push: Callable[[str], None] = lambda text: None,
) -> Written:
    """Return the answer, telling how far it is; `push` gets it in pieces. Closing the task cancels it."""
    request = replace(request_for(prompt, server.settings, Priority.ACTION), max_tokens=max_tokens)
    if temperature is not None:
        request = replace(request, temperature=temperature)
    text, is_cut = "", False
    async with aclosing(stream_answer(server.connection, request, model, restorations)) as chunks:
        async for chunk in chunks:
            text += chunk.text
            push(chunk.text)
            is_cut = is_cut or chunk.finish_reason == "length"
            report(f"{text.count(chr(10)) + 1} lines", None)
    return Written(own_turn(text, model, prompt), is_cut)


async def context_tokens(server: CodeFuseServer) -> int:
    """Return how many tokens prompt and answer may have together; one is left for how texts join."""
    return ((await server.connection.wait()).card.max_model_len or DEFAULT_CONTEXT_TOKENS) - 1


async def tokens_of(server: CodeFuseServer, text: str) -> int:
    """Return how many tokens a text has, by the far end's count, else by a careful estimate."""
    counted = await server.connection.count_tokens(text)
    believed = usable_tokens(100, counted=False) / 100
    return counted if counted is not None else math.ceil(TokenEstimate().tokens_in(len(text)) / believed)
