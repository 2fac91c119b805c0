"""A question, what it is about, and its answer."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from codefuse_lsp.lsp.protocol.methods import Id, request
from codefuse_lsp.lsp.protocol.references import Reference

CHAT = "codefuse/chat"


@attrs.define
class ChatParams:
    """A question; without a conversation id it begins a conversation.

    It is asked behind the answer `parentTurnId`, in a branch of its own where that has been asked behind already;
    without it, behind the newest. With `partialResultToken` the answer streams as `$/progress` {kind: "delta", seq,
    text}, at most 30 a second.
    """

    message: str
    conversation_id: str | None = None
    references: Sequence[Reference] | None = None
    partial_result_token: Id | None = None
    parent_turn_id: str | None = None


@attrs.define
class ChatUsage:
    """Token counts of one turn."""

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int


@attrs.define
class CodeBlock:
    """A fenced block of an answer; `start` and `end` of its fence count UTF-16 units of the text.

    `path` is a guess, relative to the workspace; '' where there is none.
    """

    index: int
    language: str
    path: str
    code: str
    start: int
    end: int


@attrs.define
class ChatResult:
    """The whole answer; `turnId` is its own, `questionId` that of its question.

    `finishReason` is stop, length or cancelled; `leftOut` says what did not fit the prompt. Times are milliseconds from
    when the question came: until the first text (null where none came), and until the model turned to it, which it
    waited for while the model was loading or busy with others.
    """

    conversation_id: str
    question_id: str
    turn_id: str
    text: str
    finish_reason: str
    usage: ChatUsage
    left_out: Sequence[str]
    code_blocks: Sequence[CodeBlock]
    first_token_ms: float | None
    waited_ms: float


@attrs.define
class FailedTurn:
    """The `data` of an answer's error: the turns that are kept of it, to be answered again or deleted."""

    conversation_id: str
    question_id: str
    turn_id: str


METHODS = request(CHAT, ChatParams, ChatResult)
