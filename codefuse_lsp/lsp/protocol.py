"""The methods that are ours: `codefuse/*`, each with its params and its result.

Field names are snake_case here and camelCase on the wire. Result fields have no default, since a field at its default
is not sent. A client that wants the notifications sets `capabilities.experimental.codefuse`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
from lsprotocol import types

CHAT = "codefuse/chat"
STATUS = "codefuse/status"
WHY_NO_SUGGESTION = "codefuse/whyNoSuggestion"
INSPECT_PROMPT = "codefuse/inspectPrompt"

Id = int | str


@attrs.define
class Target:
    """The code that an action is about, and the version of the document in which it stood there."""

    uri: str
    range: types.Range
    version: int | None = None


@attrs.define
class Reference:
    """A file, or a range of one, that a question is about."""

    uri: str
    range: types.Range | None = None
    kind: str | None = None


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


@attrs.define
class ChatRequest:
    """`codefuse/chat`."""

    id: Id
    params: ChatParams
    method: str = CHAT
    jsonrpc: str = "2.0"


@attrs.define
class ChatResponse:
    """The answer to `codefuse/chat`."""

    id: Id | None
    result: ChatResult | None = None
    jsonrpc: str = "2.0"


@attrs.define
class StatusResult:
    """How the model is: `state` is stopped, starting, loading, ready or failed; `command` is what would mend it."""

    state: str
    message: str
    model: str
    device: str
    busy: bool
    progress: float | None
    command: str | None
    queue_position: int | None  # of a chat that waits: how many requests go before it


@attrs.define
class StatusRequest:
    """`codefuse/status` as a request."""

    id: Id
    params: Any = None
    method: str = STATUS
    jsonrpc: str = "2.0"


@attrs.define
class StatusResponse:
    """The answer to `codefuse/status`."""

    id: Id | None
    result: StatusResult | None = None
    jsonrpc: str = "2.0"


@attrs.define
class WhyParams:
    """How many of the last requests for ghost text to tell of."""

    count: int = 10


@attrs.define
class WhyRecord:
    """What became of one request for ghost text; times in milliseconds."""

    id: str
    time: float
    file: str
    line: int
    outcome: str
    detail: str
    total_ms: float
    first_token_ms: float | None
    prompt_tokens: int
    cached_tokens: int
    generated_tokens: int
    source: str
    own_ms: float
    waited_ms: float
    looked_ms: float
    model_ms: float
    fitted_ms: float
    filters: Sequence[str]


@attrs.define
class WhyRequest:
    """`codefuse/whyNoSuggestion`."""

    id: Id
    params: WhyParams | None = None
    method: str = WHY_NO_SUGGESTION
    jsonrpc: str = "2.0"


@attrs.define
class WhyResponse:
    """The answer to `codefuse/whyNoSuggestion`, the newest record last."""

    id: Id | None
    result: Sequence[WhyRecord] | None = None
    jsonrpc: str = "2.0"


@attrs.define
class InspectParams:
    """A place in a document."""

    text_document: types.TextDocumentIdentifier
    position: types.Position


@attrs.define
class InspectResult:
    """Exactly what the model would be shown there, secrets replaced; `heal` is what its answer has to begin with."""

    prompt: str
    heal: str


@attrs.define
class InspectRequest:
    """`codefuse/inspectPrompt`."""

    id: Id
    params: InspectParams
    method: str = INSPECT_PROMPT
    jsonrpc: str = "2.0"


@attrs.define
class InspectResponse:
    """The answer to `codefuse/inspectPrompt`."""

    id: Id | None
    result: InspectResult | None = None
    jsonrpc: str = "2.0"


CUSTOM: dict[str, tuple[type, type | None]] = {
    CHAT: (ChatRequest, ChatResponse),
    STATUS: (StatusRequest, StatusResponse),
    WHY_NO_SUGGESTION: (WhyRequest, WhyResponse),
    INSPECT_PROMPT: (InspectRequest, InspectResponse),
}
