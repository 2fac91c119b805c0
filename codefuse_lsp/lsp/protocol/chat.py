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

    With `partialResultToken` the answer streams as `$/progress` {kind: "delta", seq, text}, at most 30 a second.
    """

    message: str
    conversation_id: str | None = None
    references: Sequence[Reference] | None = None
    partial_result_token: Id | None = None


@attrs.define
class ChatUsage:
    """Token counts of one turn."""

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int


@attrs.define
class ChatResult:
    """The whole answer; `finishReason` is stop, length or cancelled; `leftOut` says what did not fit the prompt."""

    conversation_id: str
    turn_id: str
    text: str
    finish_reason: str
    usage: ChatUsage
    left_out: Sequence[str]


METHODS = request(CHAT, ChatParams, ChatResult)
