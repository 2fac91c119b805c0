"""Chat: `codefuse/chat` answers a question in a conversation, streaming by `$/progress` as it is written.

A question stands in the history before it is asked of the model, and its answer grows there while it streams: nothing
that can end this process takes them along.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from codefuse_lsp.conversations import ConversationError, Conversations, Round, StoredTurn
from codefuse_lsp.conversations.turns import FinishReason, rounds
from codefuse_lsp.errors import CodeFuseError
from codefuse_lsp.generation.request import Chunk, Usage
from codefuse_lsp.lsp.blocks import blocks_of
from codefuse_lsp.lsp.deltas import DeltaStream
from codefuse_lsp.lsp.keeping import Keeping
from codefuse_lsp.lsp.protocol.chat import CHAT, ChatParams, ChatResult, ChatUsage, FailedTurn
from codefuse_lsp.lsp.protocol.methods import Id
from codefuse_lsp.lsp.protocol.references import Reference
from codefuse_lsp.lsp.server import CodeFuseServer
from codefuse_lsp.lsp.told import answered, told

MOST_MESSAGE_CHARS = 200_000  # of a question: more than a model reads; what is longer is a file to refer to
MOST_TOLD = 400  # turns that a model may be told of: more than any has room for


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that stands in the history, before an answer that is still empty."""

    round: Round
    message: str
    references: Sequence[Reference]
    before: Sequence[StoredTurn]


def register(server: CodeFuseServer) -> None:
    """Offer chat."""

    @server.feature(CHAT)
    async def chat(ls: CodeFuseServer, params: ChatParams) -> ChatResult:
        message = checked(params.message)
        conversation, parent = params.conversation_id or uuid.uuid4().hex, params.parent_turn_id
        if params.conversation_id and not await ls.history.knows(conversation):
            raise ConversationError("There is no such conversation; it may have been deleted.")
        if parent and not params.conversation_id:
            raise ConversationError("A turn to ask after needs the conversation that it is in.")

        async def begin() -> Asked:
            references = list(params.references or ())
            kept = kept_references(ls, references)
            begun = await ls.history.do(Conversations.begin, conversation, message, parent, kept)
            ls.history.remember(begun.question, references)
            turns = await ls.history.do(Conversations.turns_to, conversation, begun.question, MOST_TOLD)
            return Asked(begun, message, references, turns[:-1])

        async with ls.history.answering(conversation, alone=parent is None):
            return await answer(ls, begin, params.partial_result_token)


def checked(message: str) -> str:
    """Return a question that can be asked; raises ConversationError."""
    if not message.strip():
        raise ConversationError("The question is empty.")
    if len(message) > MOST_MESSAGE_CHARS:
        raise ConversationError(
            f"The question has {len(message):,} characters, and {MOST_MESSAGE_CHARS:,} are the most that can be asked:"
            " refer to a file instead of pasting it."
        )
    return message


def kept_references(server: CodeFuseServer, references: Sequence[Reference]) -> list[dict[str, Any]]:
    """Return references as they are written down: what they name, and nothing of what stands there."""
    return [
        {name: value for name, value in server.protocol.to_wire(one).items() if name != "text"} for one in references
    ]


async def answer(server: CodeFuseServer, begin: Callable[[], Awaitable[Asked]], token: Id | None) -> ChatResult:
    """Return the answer to a question that `begin` puts into the history.

    A cancel ends it and keeps what was said. Raises ConversationError where the question cannot be put there; any later
    error has the turns that were kept as its data.
    """
    writing = _Writing(DeltaStream(server, token), asyncio.get_running_loop().time())
    asked, is_cancelled = await _to_its_end(begin())
    keeping = Keeping(server.history, asked.round.answer)
    try:
        if not is_cancelled:
            await _stream(server, asked, writing, keeping)
    except asyncio.CancelledError:
        writing.reason = "cancelled"  # an ordinary end: the client gets what was said so far
    except BaseException as error:
        keeping.note(writing.stream.text)
        await keeping.finish("error")
        raise _with_turns(server, error, asked.round) from error
    finally:
        writing.stream.flush()
    keeping.note(writing.stream.text)
    await keeping.finish(writing.reason)
    return _result(server, asked, writing)


@dataclass(slots=True)
class _Writing:
    """How an answer has gone so far; times are the event loop's."""

    stream: DeltaStream
    began: float
    reason: FinishReason = "cancelled"
    usage: Usage = field(default_factory=lambda: Usage(0, 0))
    turned_to: float | None = None
    first_text: float | None = None
    left_out: tuple[str, ...] = ()

    def take(self, chunk: Chunk, now: float) -> None:
        """Take the next piece, or where the question stands in the model's queue."""
        if chunk.place is not None or self.turned_to is None:
            self.turned_to = now
        if chunk.text and self.first_text is None:
            self.first_text = now
        self.stream.push(chunk.text)
        self.reason = chunk.finish_reason or "cancelled"
        self.usage = chunk.usage or self.usage

    def ms(self, moment: float | None) -> float | None:
        return None if moment is None else round(1e3 * (moment - self.began), 1)


async def _stream(server: CodeFuseServer, asked: Asked, writing: _Writing, keeping: Keeping) -> None:
    loop = asyncio.get_running_loop()
    what = await told(server, asked.round.conversation, rounds(asked.before), asked.message, asked.references)
    writing.left_out, writing.turned_to = tuple(what.left_out), loop.time()
    keeping.secrets(tuple(what.restorations.values()))
    async with aclosing(answered(server, what)) as chunks:
        async for chunk in chunks:
            writing.take(chunk, loop.time())
            keeping.note(writing.stream.text)


async def _to_its_end(begun: Awaitable[Asked]) -> tuple[Asked, bool]:
    """Wait for what must not be left half done; return it, and whether a cancel came meanwhile."""
    task = asyncio.ensure_future(begun)
    try:
        return await asyncio.shield(task), False
    except asyncio.CancelledError:
        return await task, True


def _result(server: CodeFuseServer, asked: Asked, writing: _Writing) -> ChatResult:
    usage = writing.usage
    return ChatResult(
        conversation_id=asked.round.conversation,
        question_id=asked.round.question,
        turn_id=asked.round.answer,
        text=writing.stream.text,
        finish_reason=writing.reason,
        usage=ChatUsage(usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens),
        left_out=writing.left_out,
        code_blocks=blocks_of(server, writing.stream.text, asked.references),
        first_token_ms=writing.ms(writing.first_text),
        waited_ms=writing.ms(writing.turned_to) or 0.0,
    )


def _with_turns(server: CodeFuseServer, error: BaseException, kept: Round) -> BaseException:
    """Return an error that a user is told with the turns that were kept; any other as it is."""
    if not isinstance(error, CodeFuseError):
        return error
    data = server.protocol.to_wire(FailedTurn(kept.conversation, kept.question, kept.answer))
    return JsonRpcException(str(error), types.LSPErrorCodes.RequestFailed, data)
