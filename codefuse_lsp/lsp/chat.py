"""Chat: `codefuse/chat` answers a question in a conversation, streaming by `$/progress` as it is written."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from lsprotocol import types

from codefuse_lsp.answers import fitting_chat, request_for, stream_answer
from codefuse_lsp.context.secrets import Excerpt
from codefuse_lsp.context.syntax import LineSpan
from codefuse_lsp.conversations import StoredTurn
from codefuse_lsp.generation.request import Chunk, Priority, Usage
from codefuse_lsp.lsp.deltas import DeltaStream
from codefuse_lsp.lsp.document import Document
from codefuse_lsp.lsp.protocol.chat import CHAT, ChatParams, ChatResult, ChatUsage
from codefuse_lsp.lsp.selection import excerpt_of
from codefuse_lsp.lsp.server import CodeFuseServer
from codefuse_lsp.prompts.chat import Reference
from codefuse_lsp.prompts.formats import Turn
from codefuse_lsp.suggestions.requests import model_format

_Given = tuple[Document, types.Range | None]  # frozen, and which part of it is meant


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
        told = await _told(server, params, conversation)
        left_out += told.refused
        secrets += told.restorations.values()
        model = model_format((await server.connection.wait()).card, server.settings)
        fitting = await fitting_chat(server.connection, server.settings, told.history, told.references, model)
        left_out += [fitting.left_out] if fitting.left_out else []
        request = request_for(fitting.prompt, server.settings, Priority.CHAT)
        async with aclosing(stream_answer(server.connection, request, model, told.restorations)) as chunks:
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


@dataclass(frozen=True, slots=True)
class _Told:
    """What a model is told of a conversation: placeholders stand for the secrets in it."""

    history: list[Turn]
    references: list[Reference]
    refused: list[str]  # a sentence for each reference that must not be read
    restorations: Mapping[str, str]


async def _told(server: CodeFuseServer, params: ChatParams, conversation: str) -> _Told:
    """Return what was said, the question, and what it refers to."""
    conversations = await server.conversations()
    stored = await asyncio.to_thread(conversations.turns, conversation)
    given = [(server.document(one.uri).frozen(), one.range) for one in params.references or ()]
    return await asyncio.to_thread(_redacted, server, stored, params.message, given)


def _redacted(server: CodeFuseServer, stored: Sequence[StoredTurn], question: str, given: Sequence[_Given]) -> _Told:
    """Return what may be told; reads files, so it runs in a thread.

    What was a secret in an earlier round is one still, though the reference that told so is not there any more.
    """
    history = [*map(_turn, stored), Turn("human", question)]
    excerpts = [*(Excerpt(turn.text, told=turn.secrets) for turn in stored), Excerpt(question)]
    references, refused = [], []
    for document, where in given:
        if rule := server.rule_against(document):
            refused.append(f"A reference was left out. {rule}")
        else:
            reference, excerpt = _reference(server, document, where)
            references.append(reference)
            excerpts.append(excerpt)
    shown = server.suggester.surroundings.redacted(excerpts)
    said, referred = shown[: len(history)], shown[len(history) :]
    return _Told(
        [replace(turn, text=text.text) for turn, text in zip(history, said, strict=True)],
        [replace(reference, text=text.text) for reference, text in zip(references, referred, strict=True)],
        refused,
        shown[0].restorations,
    )


def _take(chunk: Chunk, stream: DeltaStream, usage: Usage) -> tuple[str, Usage]:
    stream.push(chunk.text)
    return chunk.finish_reason or "cancelled", chunk.usage or usage


def _turn(stored: StoredTurn) -> Turn:
    return Turn("bot" if stored.role == "bot" else "human", stored.text)


def _reference(server: CodeFuseServer, document: Document, where: types.Range | None) -> tuple[Reference, Excerpt]:
    """Return what a reference points at, as the editor has it, and its text in its place."""
    span, label = LineSpan(0, len(document.lines)), ""
    if where is not None:
        first, last = document.point(where.start)[0], document.point(where.end)[0]
        span, label = LineSpan(first, last + 1), f"lines {first + 1}-{last + 1}"
    return Reference(server.path_of(document), document.language_id or "", "", label), excerpt_of(document.lines, span)
