"""Long answers for chat and actions: a rendered prompt in, exact text out as it is written.

Applies the settings of sampling, and undoes the escaping of tags and the placeholders of secrets. Knows nothing of what
the answer is for.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace

from codefuse_lsp.config import Settings
from codefuse_lsp.context import secrets
from codefuse_lsp.errors import QuestionTooLong
from codefuse_lsp.generation.connection import Connection
from codefuse_lsp.generation.request import Chunk, GenerationRequest, Priority
from codefuse_lsp.prompts.budget import FAR_END_RESERVE, careful_tokens
from codefuse_lsp.prompts.chat import Talk, chat_prompt
from codefuse_lsp.prompts.formats import ModelFormat, Prompt, restorer
from codefuse_lsp.prompts.shortening import bare, losses, shortened

DEFAULT_CONTEXT_TOKENS = 4096  # of a far end that does not tell its own: that of CodeFuse-CodeLlama-34B
MESSAGE_TOKENS = 8  # round each message that the far end writes into the prompt itself: at most, in common templates
MOST_PLANS = 5
MOST_CHARS_PER_TOKEN = 16  # runs of spaces; a prompt that would need more a token is not even counted
FIRST_CHARS_PER_TOKEN = 3.0
MARGIN = 0.96  # a part may be denser than the whole
WELL_FILLED = 0.75  # of the room; a prompt that was cut to less is tried with more, once
LEAST_ANSWER_TOKENS = 64

Count = Callable[[Prompt], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class FittedChat:
    """A prompt, the conversation as it tells it, and what the user is to know of that."""

    prompt: Prompt
    talk: Talk
    left_out: tuple[str, ...]
    answer_tokens: int  # that there is room for


def request_for(prompt: Prompt, settings: Settings, priority: Priority) -> GenerationRequest:
    """Return the request of an answer, sampled as the model card of CodeFuse-CodeLlama-34B does by default."""
    return GenerationRequest(
        prompt=prompt.text,
        max_tokens=settings.chat_max_tokens,
        stop=prompt.stop,
        temperature=settings.chat_temperature,
        top_p=settings.chat_top_p,
        priority=priority,
        heal=prompt.heal,
        messages=prompt.messages,
    )


async def fitting_chat(connection: Connection, settings: Settings, talk: Talk, model: ModelFormat) -> FittedChat:
    """Return the fullest prompt of a chat that leaves room for the answer, by the far end's count where it can count.

    Raises QuestionTooLong, and the CodeFuseError of a far end that is not there.
    """
    ready = await connection.wait()
    context = ready.card.max_model_len or DEFAULT_CONTEXT_TOKENS

    async def count(prompt: Prompt) -> int:
        counted = await connection.count_tokens(prompt.text)
        if counted is None:
            estimate = await asyncio.to_thread(careful_tokens, prompt.text)
            return int(estimate / (1 - FAR_END_RESERVE)) + MESSAGE_TOKENS * len(prompt.messages)
        return counted + MESSAGE_TOKENS * len(prompt.messages)

    return await fitted_chat(talk, model, count, context, settings.chat_max_tokens)


async def fitted_chat(
    talk: Talk, model: ModelFormat, count: Count, context_tokens: int, answer_tokens: int
) -> FittedChat:
    """Return the fullest prompt that leaves room for an answer; a shorter answer where the question alone is so long.

    A few counts suffice: the first tells how many characters a token is worth in this very text, the others whether
    what was planned by that fits. Raises QuestionTooLong.
    """
    room = context_tokens - answer_tokens
    whole = await asyncio.to_thread(chat_prompt, talk, model)
    ratio = FIRST_CHARS_PER_TOKEN
    if len(whole.text) <= room * MOST_CHARS_PER_TOKEN:
        tokens = await count(whole)
        if tokens <= room:
            return FittedChat(whole, talk, tuple(losses(talk, talk)), answer_tokens)
        ratio = len(whole.text) / tokens
    found = await _planned(talk, model, count, room, ratio) if room > 0 else None
    if found is None:
        return await _barely(talk, model, count, context_tokens, answer_tokens)
    prompt, told = found
    return FittedChat(prompt, told, tuple(losses(talk, told)), answer_tokens)


async def _planned(
    talk: Talk, model: ModelFormat, count: Count, room_tokens: int, chars_per_token: float
) -> tuple[Prompt, Talk] | None:
    """Return the best of a few plans, None where none fits."""
    best: tuple[Prompt, Talk] | None = None
    chars = room_tokens * chars_per_token * MARGIN
    for _ in range(MOST_PLANS):
        told = await asyncio.to_thread(shortened, talk, int(chars))
        prompt = await asyncio.to_thread(chat_prompt, told, model)
        tokens = await count(prompt)
        if tokens <= room_tokens:
            is_second, best = best is not None, (prompt, told)
            if is_second or tokens >= WELL_FILLED * room_tokens:
                break
        elif best is not None:
            break
        chars *= room_tokens / max(tokens, 1) * MARGIN
    return best


async def _barely(talk: Talk, model: ModelFormat, count: Count, context_tokens: int, answer_tokens: int) -> FittedChat:
    """Return the question alone, with as long an answer as there is room for."""
    told = bare(talk)
    prompt = await asyncio.to_thread(chat_prompt, told, model)
    tokens = await count(prompt)
    room = context_tokens - tokens
    if room < min(LEAST_ANSWER_TOKENS, answer_tokens):
        raise QuestionTooLong(tokens, context_tokens, answer_tokens)
    left_out = losses(talk, told)
    if room < answer_tokens:
        left_out.append(f"The question leaves room for an answer of {room:,} tokens, not of {answer_tokens:,}.")
    return FittedChat(prompt, told, tuple(left_out), min(room, answer_tokens))


async def stream_answer(
    connection: Connection, request: GenerationRequest, model: ModelFormat, restorations: Mapping[str, str]
) -> AsyncGenerator[Chunk]:
    """Yield the answer as it was meant: escaped tags, and placeholders by `restorations`, are what they stand for.

    Closing the stream cancels it. Raises CodeFuseError.
    """
    tags, hidden = restorer(model), secrets.Restorer(restorations)
    async with aclosing(connection.generate(request)) as chunks:
        async for chunk in chunks:
            text = hidden.feed(tags.feed(chunk.text))  # tags were escaped last
            if chunk.finish_reason:
                text += hidden.feed(tags.flush()) + hidden.flush()
            yield replace(chunk, text=text)
