"""Text that is shown while it is written: `$/progress` on the client's token, with a pace that no editor minds.

In go the pieces of an answer as they come, out go deltas. Knows nothing of what is written.
"""

from __future__ import annotations

import asyncio

from lsprotocol import types

from codefuse_lsp.lsp.server import CodeFuseServer

SHORTEST_PAUSE_S = 1 / 30  # between two updates


class DeltaStream:
    """Sends what is said as `$/progress` {kind: "delta", seq, text}, at most 30 times a second and without a lag."""

    def __init__(self, server: CodeFuseServer, token: int | str | None) -> None:
        self.text = ""
        self._server = server
        self._token = token
        self._sent = 0  # characters
        self._seq = 0
        self._last = -SHORTEST_PAUSE_S
        self._timer: asyncio.TimerHandle | None = None

    def push(self, text: str) -> None:
        """Take more of the answer."""
        self.text += text
        if text and self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(max(loop.time(), self._last + SHORTEST_PAUSE_S), self.flush)

    def flush(self) -> None:
        """Send what has not been sent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        delta = self.text[self._sent :]
        if not delta or self._token is None:
            return
        self._last, self._sent = asyncio.get_running_loop().time(), len(self.text)
        value = {"kind": "delta", "seq": self._seq, "text": delta}
        self._seq += 1
        self._server.progress(types.ProgressParams(self._token, value))
