"""What became of ghost text, and what the model was shown for it."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
from lsprotocol import types

from codefuse_lsp.lsp.protocol.methods import notification, request

WHY_NO_SUGGESTION = "codefuse/whyNoSuggestion"
INSPECT_PROMPT = "codefuse/inspectPrompt"
DID_SHOW = "codefuse/didShowCompletion"
DID_ACCEPT_PART = "codefuse/didPartiallyAcceptCompletion"
DID_REJECT = "codefuse/didRejectCompletion"


@attrs.define
class WhyParams:
    """How many of the last requests for ghost text to tell of."""

    count: int = 10


@attrs.define
class Dropped:
    """A text that was not shown, and the filter or gate that took it away."""

    filter: str
    text: str


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
    fate: str  # of what was shown: seen, rejected, partly or accepted, as far as the editor told
    accepted_length: int
    others: Sequence[str]  # ids of what was shown beside it
    dropped: Sequence[Dropped]


@attrs.define
class CompletionParams:
    """A suggestion: its id is the argument of the command that comes with it."""

    id: str


@attrs.define
class PartParams:
    """A part of a suggestion that was taken: so many UTF-16 units from its start."""

    id: str
    accepted_length: int


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


METHODS = (
    request(WHY_NO_SUGGESTION, WhyParams | None, Sequence[WhyRecord])
    | request(INSPECT_PROMPT, InspectParams, InspectResult)
    | notification(DID_SHOW, CompletionParams)
    | notification(DID_ACCEPT_PART, PartParams)
    | notification(DID_REJECT, CompletionParams)
)
