"""Long answers for chat and actions: a rendered prompt in, exact text out as it is written.

Applies the settings of sampling, and undoes the escaping of tags and the placeholders of secrets. Knows nothing of what
the answer is for.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace

from codefuse_lsp.config import Settings
from codefuse_lsp.context import secrets
from codefuse_lsp.generation.connection import Connection
from codefuse_lsp.generation.request import Chunk, GenerationRequest, Priority
from codefuse_lsp.prompts.budget import TokenEstimate, usable_tokens
from codefuse_lsp.prompts.chat import ChatPrompt, Reference, shrinking
from codefuse_lsp.prompts.formats import ModelFormat, Prompt, Turn, restorer

DEFAULT_CONTEXT_TOKENS = 4096  # of a far end that does not tell its own: that of CodeFuse-CodeLlama-34B


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


async def fitting_chat(
    connection: Connection,
    settings: Settings,
    history: Sequence[Turn],
    references: Sequence[Reference],
    model: ModelFormat,
) -> ChatPrompt:
    """Return the fullest prompt of a chat that leaves room for the answer, by the far end's count where it can count.

    Where nothing fits, it is the shortest: the far end's refusal tells by how much it is too long.
    """
    ready = await connection.wait()
    room = (ready.card.max_model_len or DEFAULT_CONTEXT_TOKENS) - settings.chat_max_tokens
    for candidate in shrinking(history, references, model, settings.system_prompt):
        counted = await connection.count_tokens(candidate.prompt.text)
        tokens = TokenEstimate().tokens_in(len(candidate.prompt.text)) if counted is None else counted
        if tokens <= usable_tokens(room, counted=counted is not None):
            break
    return candidate


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
