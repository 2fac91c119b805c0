"""The places that the user edited or looked at lately.

Input: events, each with its time; then a cursor. Output: those places as they read now, the latest first. Knows nothing
of editors: whoever hears the events tells them here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from codefuse_lsp.context.secret_formats import is_near_private_key
from codefuse_lsp.context.snippets import Cursor, Document, Snippet, text_of

MAX_PLACES = 24
MAX_LINES = 40  # of one place; Copilot cuts snippets at 60 lines, Tabby at 500 characters
MARGIN_LINES = 3  # shown round a place
NEAR_LINES = 8  # places no farther apart are one


@dataclass(frozen=True, slots=True)
class _Place:
    path: str
    start: int
    stop: int
    at_s: float


class Recent:
    """One source, of edits or of views; `document` returns an open document that may be read, by its path."""

    def __init__(self, name: str, document: Callable[[str], Document | None]) -> None:
        self.name = name
        self._document = document
        self._places: tuple[_Place, ...] = ()  # the latest first; replaced, never changed, so any thread may read it

    def touched(self, path: str, start: int, stop: int, at_s: float) -> None:
        """Take note of the lines from `start` up to, not including, `stop`, at a time of any one clock."""
        place = _Place(path, max(0, start), max(start + 1, min(stop, start + MAX_LINES)), at_s)
        others = []
        for other in self._places:
            if (joined := _joined(place, other)) is None:
                others.append(other)
            else:
                place = joined
        self._places = (place, *others)[:MAX_PLACES]

    def moved(self, path: str, line: int, removed: int, added: int) -> None:
        """Follow an edit that replaced `removed` line ends by `added` ones, from `line` on."""
        if removed != added:
            self._places = tuple(p if p.path != path else _moved(p, line, removed, added) for p in self._places)

    def closed(self, path: str) -> None:
        """Forget a document."""
        self._places = tuple(place for place in self._places if place.path != path)

    def find(self, cursor: Cursor, deadline: float) -> Sequence[Snippet]:
        """Return the places, but for those in the window."""
        found: list[Snippet] = []
        for place in self._places:
            own = place.path == cursor.window.path
            document = cursor.document if own else self._document(place.path)
            if document is None or (own and _meet(place, cursor.window_lines)):
                continue
            start, stop = max(0, place.start - MARGIN_LINES), place.stop + MARGIN_LINES
            text = text_of(document.lines[start:stop])
            if text and not is_near_private_key(document.lines, start, stop):
                found.append(Snippet(self.name, place.path, document.language, start, text, 1 / (1 + len(found))))
        return found


def _joined(new: _Place, old: _Place) -> _Place | None:
    """Return two places as one; None where they are far apart, or would be too long together."""
    start, stop = min(new.start, old.start), max(new.stop, old.stop)
    gap = max(new.start, old.start) - min(new.stop, old.stop)
    if new.path != old.path or gap > NEAR_LINES:
        return None
    if stop - start > MAX_LINES:
        return new if gap < 0 else None
    return _Place(new.path, start, stop, new.at_s)


def _moved(place: _Place, line: int, removed: int, added: int) -> _Place:
    """Return where a place is after an edit above it or in it."""
    if line >= place.stop:
        return place
    if line + removed < place.start:
        return replace(place, start=place.start + added - removed, stop=place.stop + added - removed)
    start = min(place.start, line)
    return replace(place, start=start, stop=min(max(start + 1, place.stop + added - removed), start + MAX_LINES))


def _meet(place: _Place, lines: range) -> bool:
    return place.start < lines.stop and lines.start < place.stop
