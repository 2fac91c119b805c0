"""What was said in chats: `codefuse/conversations` and what can be done with one of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from pygls.exceptions import JsonRpcException

from codefuse_lsp.conversations import ConversationError, Conversations, StoredTurn, Summary
from codefuse_lsp.conversations.export import markdown
from codefuse_lsp.conversations.turns import References, title_of
from codefuse_lsp.lsp import chat
from codefuse_lsp.lsp.blocks import blocks_of
from codefuse_lsp.lsp.chat import Asked
from codefuse_lsp.lsp.protocol import conversations as wire
from codefuse_lsp.lsp.protocol.chat import ChatResult
from codefuse_lsp.lsp.protocol.references import Reference
from codefuse_lsp.lsp.server import CodeFuseServer

MOST_ITEMS = 200  # of a page
MOST_TURNS = 1000  # of a branch at once
MOST_QUERY_CHARS = 1000
MOST_TITLE_CHARS = 200


def register(server: CodeFuseServer) -> None:
    """Offer what was said, and to go on with it."""

    @server.feature(wire.LIST)
    async def conversations(ls: CodeFuseServer, params: wire.ListParams | None) -> wire.ListResult:
        asked = _checked(params or wire.ListParams())
        found, total = await ls.history.do(Conversations.summaries, asked.query, asked.limit, asked.offset)
        return wire.ListResult([_item(one) for one in found], total)

    @server.feature(wire.OPEN)
    async def open_branch(ls: CodeFuseServer, params: wire.OpenParams) -> wire.OpenResult:
        if not 1 <= params.limit <= MOST_TURNS:
            raise ConversationError(f"limit is {params.limit}; it can be from 1 to {MOST_TURNS}.")
        summary = await ls.history.do(Conversations.summary, params.conversation_id)
        wanted = (params.conversation_id, params.turn_id, params.before_turn_id, params.limit)
        turns, earlier = await ls.history.do(Conversations.page, *wanted)
        told = await asyncio.to_thread(_turns, ls, turns)
        return wire.OpenResult(summary.id, summary.title, _ms(summary.updated), told, earlier)

    @server.feature(wire.EXPORT)
    async def export(ls: CodeFuseServer, params: wire.BranchParams) -> wire.ExportResult:
        summary = await ls.history.do(Conversations.summary, params.conversation_id)
        turns = await ls.history.do(Conversations.turns, params.conversation_id, params.turn_id)
        return wire.ExportResult(await asyncio.to_thread(markdown, summary.title, turns))

    @server.feature(wire.DELETE)
    async def delete(ls: CodeFuseServer, params: wire.BranchParams) -> wire.DeleteResult:
        await ls.history.do(Conversations.delete, params.conversation_id, params.turn_id)
        return wire.DeleteResult(True)

    @server.feature(wire.RENAME)
    async def rename(ls: CodeFuseServer, params: wire.RenameParams) -> wire.RenameResult:
        title = await _title(ls, params)
        await ls.history.do(Conversations.rename, params.conversation_id, title)
        return wire.RenameResult(title)

    @server.feature(wire.REGENERATE)
    async def regenerate(ls: CodeFuseServer, params: wire.RegenerateParams) -> ChatResult:
        async def begin() -> Asked:
            begun = await ls.history.do(Conversations.answer_again, params.conversation_id, params.turn_id)
            *before, question = await _turns_to(ls, begun.conversation, begun.question)
            return Asked(begun, question.text, _references(ls, question), before)

        async with ls.history.answering(params.conversation_id, alone=False):
            return await chat.answer(ls, begin, params.partial_result_token)

    @server.feature(wire.EDIT)
    async def edit(ls: CodeFuseServer, params: wire.EditParams) -> ChatResult:
        message = chat.checked(params.message)

        async def begin() -> Asked:
            *before, former = await _turns_to(ls, params.conversation_id, params.turn_id)
            references = _references(ls, former) if params.references is None else params.references
            kept = chat.kept_references(ls, references)
            begun = await ls.history.do(Conversations.ask_beside, params.conversation_id, params.turn_id, message, kept)
            ls.history.remember(begun.question, references)
            return Asked(begun, message, references, before)

        async with ls.history.answering(params.conversation_id, alone=False):
            return await chat.answer(ls, begin, params.partial_result_token)


def _checked(params: wire.ListParams) -> wire.ListParams:
    if not 1 <= params.limit <= MOST_ITEMS:
        raise ConversationError(f"limit is {params.limit}; it can be from 1 to {MOST_ITEMS}.")
    if params.offset < 0:
        raise ConversationError(f"offset is {params.offset}; it cannot be less than 0.")
    if len(params.query) > MOST_QUERY_CHARS:
        raise ConversationError(f"The query is longer than {MOST_QUERY_CHARS} characters.")
    return params


async def _title(server: CodeFuseServer, params: wire.RenameParams) -> str:
    title = " ".join(params.title.split())
    if len(title) > MOST_TITLE_CHARS:
        raise ConversationError(f"The title is longer than {MOST_TITLE_CHARS} characters.")
    if title:
        return title
    turns = await server.history.do(Conversations.turns, params.conversation_id)
    return title_of(turns[0].text if turns else "")


async def _turns_to(server: CodeFuseServer, conversation: str, turn: str) -> list[StoredTurn]:
    return await server.history.do(Conversations.turns_to, conversation, turn, chat.MOST_TOLD)


def _item(summary: Summary) -> wire.ConversationItem:
    return wire.ConversationItem(summary.id, summary.title, _ms(summary.updated), summary.turns, summary.snippet)


def _turns(server: CodeFuseServer, turns: Sequence[StoredTurn]) -> list[wire.ConversationTurn]:
    told, references = [], list[Reference]()
    for turn in turns:
        if turn.role == "human":
            references = _read_references(server, turn.references)
        blocks = blocks_of(server, turn.text, references) if turn.role == "bot" else []
        own = references if turn.role == "human" else []
        told.append(
            wire.ConversationTurn(
                turn_id=turn.id,
                parent_id=turn.parent,
                role=turn.role,
                text=turn.text,
                created=_ms(turn.created),
                finish_reason=turn.finish_reason,
                references=own,
                siblings=turn.siblings,
                code_blocks=blocks,
            )
        )
    return told


def _references(server: CodeFuseServer, question: StoredTurn) -> Sequence[Reference]:
    """Return a question's references, with their text while it is remembered."""
    remembered: Sequence[Reference] | None = server.history.remembered(question.id)
    return _read_references(server, question.references) if remembered is None else remembered


def _read_references(server: CodeFuseServer, kept: References) -> list[Reference]:
    found = []
    for one in kept:
        try:
            found.append(server.protocol.from_wire(dict(one), Reference))
        except JsonRpcException:  # written by something else
            continue
    return found


def _ms(seconds: float) -> int:
    return int(1e3 * seconds)
