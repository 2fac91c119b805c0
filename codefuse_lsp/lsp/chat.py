"""Chat: `codefuse/chat` answers a question in a conversation, streaming by `$/progress` as it is written."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from contextlib import aclosing

from codefuse_lsp.conversations import StoredTurn
from codefuse_lsp.generation.request import Chunk, Usage
from codefuse_lsp.lsp.deltas import DeltaStream
from codefuse_lsp.lsp.protocol.chat import CHAT, ChatParams, ChatResult, ChatUsage
from codefuse_lsp.lsp.server import CodeFuseServer
from codefuse_lsp.lsp.told import answered, told


def register(server: CodeFuseServer) -> None:
    """Offer chat."""

    @server.feature(CHAT)
    async def chat(ls: CodeFuseServer, params: ChatParams) -> ChatResult:
        return await answer(ls, params)


async def answer(server: CodeFuseServer, params: ChatParams) -> ChatResult:
    """Return the answer to a question; a cancel ends it and keeps what was said. Raises CodeFuseError."""
    conversation = params.conversation_id or uuid.uuid4().hex
    stream = DeltaStream(server, params.partial_result_token)
    reason, usage, left_out, secrets = "cancelled", Usage(0, 0), list[str](), list[str]()
    try:
        before = await _turns(server, conversation)
        what = await told(server, conversation, before, params.message, params.references or ())
        left_out += what.left_out
        secrets += what.restorations.values()
        async with aclosing(answered(server, what)) as chunks:
            async for chunk in chunks:
                reason, usage = _take(chunk, stream, usage)
    except asyncio.CancelledError:
        reason = "cancelled"  # an ordinary end: the client gets what was said so far
    stream.flush()
    turn_id = await _keep(server, conversation, params.message, stream.text, secrets)
    counts = ChatUsage(usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens)
    return ChatResult(conversation, turn_id, stream.text, reason, counts, left_out)


async def _keep(server: CodeFuseServer, conversation: str, question: str, text: str, secrets: Sequence[str]) -> str:
    """Put a round into the history and return the id of its answer; one that was never begun is not kept."""
    if not text:
        return uuid.uuid4().hex
    conversations = await server.conversations()
    return await asyncio.to_thread(conversations.add_round, conversation, question, text, secrets)


async def _turns(server: CodeFuseServer, conversation: str) -> list[StoredTurn]:
    conversations = await server.conversations()
    return await asyncio.to_thread(conversations.turns, conversation)


def _take(chunk: Chunk, stream: DeltaStream, usage: Usage) -> tuple[str, Usage]:
    stream.push(chunk.text)
    return chunk.finish_reason or "cancelled", chunk.usage or usage
