"""Where an answer ends: stop strings in a stream of text. Pure: knows nothing of tokens or models."""

from __future__ import annotations


class StopMatcher:
    """Cuts a stream of text at the first stop string, also one that lies across pieces.

    Stop strings are looked for only after the first `skip` characters: a healed beginning may hold a line break.
    """

    def __init__(self, stops: tuple[str, ...], skip: int = 0) -> None:
        self._stops = tuple(stop for stop in stops if stop)
        self._skip = skip
        self._held = ""

    def push(self, text: str) -> tuple[str, bool]:
        """Return the text that can be shown now and whether a stop string ended it."""
        text = self._held + text
        skip = min(self._skip, len(text))
        found = [at for stop in self._stops if (at := text.find(stop, skip)) >= 0]
        if found:
            self._held = ""
            return text[: min(found)], True
        keep = max((_overlap(text[skip:], stop) for stop in self._stops), default=0)
        self._held = text[len(text) - keep :]
        self._skip -= min(self._skip, len(text) - keep)
        return text[: len(text) - keep], False

    def flush(self) -> str:
        """Return what was held back; the stream has ended without a stop string."""
        held, self._held = self._held, ""
        return held


def _overlap(text: str, stop: str) -> int:
    """Return the length of the longest end of `text` that is a proper beginning of `stop`."""
    return next((n for n in range(min(len(text), len(stop) - 1), 0, -1) if text.endswith(stop[:n])), 0)
