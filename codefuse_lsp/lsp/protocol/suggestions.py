"""What became of ghost text, and what the model was shown for it."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
from lsprotocol import types

from codefuse_lsp.lsp.protocol.methods import request

WHY_NO_SUGGESTION = "codefuse/whyNoSuggestion"
INSPECT_PROMPT = "codefuse/inspectPrompt"


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
class InspectParams:
    """A place in a document."""

    text_document: types.TextDocumentIdentifier
    position: types.Position


@attrs.define
class InspectResult:
    """Exactly what the model would be shown there, secrets replaced; `heal` is what its answer has to begin with."""

    prompt: str
    heal: str


METHODS = request(WHY_NO_SUGGESTION, WhyParams | None, Sequence[WhyRecord]) | request(
    INSPECT_PROMPT, InspectParams, InspectResult
)
