"""How the model is."""

from __future__ import annotations

from typing import Any

import attrs

from codefuse_lsp.lsp.protocol.methods import request

STATUS = "codefuse/status"


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


METHODS = request(STATUS, Any, StatusResult)
