"""What was said: found, shown, gone on with, renamed, written out, deleted."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from codefuse_lsp.lsp.protocol.chat import ChatResult, CodeBlock
from codefuse_lsp.lsp.protocol.methods import Id, request
from codefuse_lsp.lsp.protocol.references import Reference

LIST = "codefuse/conversations"
OPEN = "codefuse/conversations/open"
DELETE = "codefuse/conversations/delete"
REGENERATE = "codefuse/conversations/regenerate"
EDIT = "codefuse/conversations/edit"
RENAME = "codefuse/conversations/rename"
EXPORT = "codefuse/conversations/export"


@attrs.define
class ListParams:
    """Which conversations, the newest first: those where one turn, or the title, holds all words of `query`."""

    query: str = ""
    limit: int = 50
    offset: int = 0


@attrs.define
class ConversationItem:
    """A conversation; `updated` in milliseconds since the epoch, `snippet` the place found, '' without a query."""

    conversation_id: str
    title: str
    updated: int
    turns: int
    snippet: str


@attrs.define
class ListResult:
    """A page of conversations, and how many there are in all."""

    items: Sequence[ConversationItem]
    total: int


@attrs.define
class BranchParams:
    """A branch of a conversation: the one that holds the turn, to its newest end; without a turn, the newest."""

    conversation_id: str
    turn_id: str | None = None


@attrs.define
class OpenParams:
    """A branch, as in BranchParams: its last turns, or with `beforeTurnId` the last ones before that one."""

    conversation_id: str
    turn_id: str | None = None
    before_turn_id: str | None = None
    limit: int = 100


@attrs.define
class ConversationTurn:
    """One turn; `created` in milliseconds since the epoch.

    `siblings` are the turns in its place, itself among them, oldest first. An answer that was not written to its end
    has the finish reason cancelled, error (its worker died), interrupted (its language server died) or running (another
    editor's is being written); a question has ''.
    """

    turn_id: str
    parent_id: str | None
    role: str
    text: str
    created: int
    finish_reason: str
    references: Sequence[Reference]
    siblings: Sequence[str]
    code_blocks: Sequence[CodeBlock]


@attrs.define
class OpenResult:
    """Turns of a branch, and how many there are before them."""

    conversation_id: str
    title: str
    updated: int
    turns: Sequence[ConversationTurn]
    earlier: int


@attrs.define
class DeleteResult:
    """Whether it is gone; what was not there is answered with an error."""

    deleted: bool


@attrs.define
class RegenerateParams:
    """A question, or an answer to it, that is to have another answer beside those it has."""

    conversation_id: str
    turn_id: str
    partial_result_token: Id | None = None


@attrs.define
class EditParams:
    """A question said otherwise, beside the one it was; without references, with those that it had."""

    conversation_id: str
    turn_id: str
    message: str
    references: Sequence[Reference] | None = None
    partial_result_token: Id | None = None


@attrs.define
class RenameParams:
    """A new title; an empty one is that of the first question."""

    conversation_id: str
    title: str


@attrs.define
class RenameResult:
    """The title as it is kept."""

    title: str


@attrs.define
class ExportResult:
    """The branch as a Markdown document that can be gone on with, as a `*.codefuse-chat.md`."""

    markdown: str


METHODS = (
    request(LIST, ListParams | None, ListResult)
    | request(OPEN, OpenParams, OpenResult)
    | request(DELETE, BranchParams, DeleteResult)
    | request(REGENERATE, RegenerateParams, ChatResult)
    | request(EDIT, EditParams, ChatResult)
    | request(RENAME, RenameParams, RenameResult)
    | request(EXPORT, BranchParams, ExportResult)
)
