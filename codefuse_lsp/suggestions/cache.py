"""Answers that were given already, and the one that is being written, at a cursor that has moved on.

Input: cursors with what was written there, and the time. Output: what of it is still to come at a new cursor. Pure, and
bounded in entries, size and age; knows nothing of models, filters or clocks.

An answer is found again where nothing but typing it lies between: the text before the new cursor is the old one and
the beginning of the answer, and the text after it is the old one. Three things may differ:

- An editor closes what is typed: behind the cursor stand the closing brackets and quotes of those that the typed text
  opened, innermost first, all or some of them. Many editors close brackets in strings, too.
- An editor types over what it closed: from behind the cursor are gone the closing brackets and quotes that were typed.
- Windows on a long document slide: their far ends may lie elsewhere as long as what both show is the same, and that is
  no less than half of the longer one (llama.vim drops the first three lines of its keys for the same reason).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from codefuse_lsp.context.cursor import CursorContext
from codefuse_lsp.suggestions.filters.brackets import PAIRS, QUOTES, scan
from codefuse_lsp.suggestions.filters.place import Place

MAX_ENTRIES, MAX_AGE_S = 100, 300.0  # as Tabby (tabby-agent, codeCompletion/cache.ts)
MAX_BYTES = 4 << 20  # of text, at most four bytes a character
PROBE_CHARS = 256  # of one window's beginning are looked for in the other; shorter windows do not slide
CLOSERS = {opener: closer for closer, opener in PAIRS.items()}


@dataclass(frozen=True, slots=True)
class Hit:
    """What an earlier answer still has to say; `typed` is the part of it that stands in the document by now."""

    rest: str
    typed: str
    place: Place  # that the whole answer was written for


@dataclass(frozen=True, slots=True)
class _Entry:
    place: Place
    text: str
    stored: float  # seconds, of the clock that the caller tells

    @property
    def context(self) -> CursorContext:
        return self.place.context

    @property
    def size(self) -> int:
        return 4 * (len(self.context.prefix) + len(self.context.suffix) + len(self.text))


class AnswerCache:
    """Answers by the cursor that they were written for, the least recently used of them forgotten first."""

    def __init__(
        self, max_entries: int = MAX_ENTRIES, max_bytes: int = MAX_BYTES, max_age_s: float = MAX_AGE_S
    ) -> None:
        self._limits = (max_entries, max_bytes, max_age_s)
        self._entries: OrderedDict[tuple[str, str, str], _Entry] = OrderedDict()  # the last used one at the end
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    def store(self, place: Place, text: str, *, now: float) -> None:
        """Keep what was written at a place; '' is an answer too. A newer answer at its cursor replaces an older one.

        The text is to be as it would be typed (`filters.opened`), not as it is shown: of that, places differ.
        `now` is in seconds, of a clock that never goes back.
        """
        entry, key = _Entry(place, text, now), _key(place.context)
        self._drop(key)
        self._entries[key] = entry
        self._bytes += entry.size
        max_entries, max_bytes, _ = self._limits
        while self._entries and (len(self._entries) > max_entries or self._bytes > max_bytes):
            self._drop(next(iter(self._entries)))

    def find(self, context: CursorContext, *, now: float) -> Hit | None:
        """Return what is still to come of the answer to the nearest cursor before this one; None where there is none.

        An answer that was typed to its end has nothing to say, and another may be asked for.
        """
        for key in [key for key, entry in self._entries.items() if now - entry.stored > self._limits[2]]:
            self._drop(key)
        found: tuple[_Entry, str] | None = None
        for entry, typed in self._matches(context):
            if found is None or len(typed) < len(found[1]):
                found = entry, typed
        if found is None:
            return None
        entry, typed = found
        self._entries.move_to_end(_key(entry.context))
        return Hit(entry.text[len(typed) :], typed, entry.place)

    def forget(self, uri: str) -> None:
        """Drop what was written for a document."""
        for key in [key for key in self._entries if key[0] == uri]:
            self._drop(key)

    def _matches(self, context: CursorContext) -> Iterator[tuple[_Entry, str]]:
        for entry in reversed(self._entries.values()):
            typed = _typed(entry.context, context)
            if typed is None or not entry.text.startswith(typed) or typed == entry.text != "":
                continue
            if _goes_on_alike(entry.context, context.suffix, typed):
                yield entry, typed

    def _drop(self, key: tuple[str, str, str]) -> None:
        entry = self._entries.pop(key, None)
        self._bytes -= entry.size if entry else 0


@dataclass(frozen=True, slots=True)
class Running:
    """An answer that is being written: for which cursor, how far it has come, and whether that is all."""

    context: CursorContext
    written: str = ""
    has_ended: bool = False

    def at(self, context: CursorContext) -> Literal["continues", "diverged"]:
        """Say whether the answer is one for a new cursor too: it begins with what was typed, as far as it goes."""
        typed = typed_between(self.context, context)
        if typed is None:
            return "diverged"
        if self.written.startswith(typed) and (not self.has_ended or not typed or len(self.written) > len(typed)):
            return "continues"
        return "continues" if typed.startswith(self.written) and not self.has_ended else "diverged"

    def rest_at(self, context: CursorContext) -> str:
        """Return what is written beyond a cursor at which it continues; '' while it has not come so far."""
        typed = typed_between(self.context, context)
        return self.written[len(typed) :] if typed is not None and self.written.startswith(typed) else ""


def typed_between(old: CursorContext, new: CursorContext) -> str | None:
    """Return what was typed at one cursor to get to another; None where anything else has changed."""
    typed = _typed(old, new)
    return typed if typed is not None and _goes_on_alike(old, new.suffix, typed) else None


def _typed(old: CursorContext, new: CursorContext) -> str | None:
    """Return what stands before the new cursor and not before the old one; None where it is no addition."""
    if old.uri != new.uri or old.language != new.language:
        return None
    before, after = _from_same_start(old.prefix, new.prefix)
    return after[len(before) :] if after.startswith(before) else None


def _key(context: CursorContext) -> tuple[str, str, str]:
    return context.uri, context.prefix, context.suffix


def _from_same_start(old: str, new: str) -> tuple[str, str]:
    """Return two windows from the line on at which the one that begins later begins; as they are, where none does."""
    if new.startswith(old[:PROBE_CHARS]):
        return old, new
    for longer, shorter in ((old, new), (new, old)):
        start = longer.find("\n" + shorter[:PROBE_CHARS]) + 1
        if start and len(shorter) >= PROBE_CHARS and 2 * start <= len(longer):
            return (old[start:], new) if longer is old else (old, new[start:])
    return old, new


def _goes_on_alike(old: CursorContext, suffix: str, typed: str) -> bool:
    """Whether a suffix is the old one, but for what an editor closes, or types over, as `typed` is typed."""
    return any(
        _is_among(suffix[:closed], ahead) and _same_window(old.suffix[gone:], suffix[closed:])
        for ahead, over in (_by_rules(old, typed), _by_habit(old, typed, 0), _by_habit(old, typed, 1))
        for closed in range(len(ahead) + 1)
        for gone in range(over + 1)
    )


def _by_rules(old: CursorContext, typed: str) -> tuple[str, int]:
    """Return what is closed ahead, innermost first, and typed over, by an editor that knows what a string is."""
    opened = scan(typed, scan(old.line_prefix).quote)
    ahead = opened.quote + "".join(CLOSERS[mark] for mark in reversed(opened.opened))
    if opened.quote and opened.quote == scan(old.line_prefix).quote and not opened.closed:
        ahead = ""  # the string was open before, and closed by the editor then, if at all
    over = 0
    while over < len(opened.closed) and old.suffix[over : over + 1] == opened.closed[over]:
        over += 1
    return ahead, over


def _by_habit(old: CursorContext, typed: str, quotes_in_words: int) -> tuple[str, int]:
    """Return the same of an editor that closes in strings, too; a quote behind a letter may be an apostrophe to it."""
    ahead: list[str] = []
    over = 0
    for number, mark in enumerate(typed):
        if ahead and ahead[-1] == mark:
            ahead.pop()
        elif mark in CLOSERS:
            ahead.append(CLOSERS[mark])
        elif not ahead and (mark in PAIRS or mark in QUOTES) and old.suffix[over : over + 1] == mark:
            over += 1
        elif mark in QUOTES and (quotes_in_words or not typed[max(0, number - 1) : number].isalnum()):
            ahead.append(mark)
    return "".join(reversed(ahead)), over


def _is_among(part: str, whole: str) -> bool:
    """Whether all of a part stands in a whole in the same order, with whatever between."""
    letters = iter(whole)
    return all(letter in letters for letter in part)


def _same_window(old: str, new: str) -> bool:
    """Whether two suffixes are the same up to where one of them, a long one, ends."""
    if old == new:
        return True
    shorter, longer = sorted((old, new), key=len)
    return len(shorter) >= PROBE_CHARS and 2 * len(shorter) >= len(longer) and longer.startswith(shorter)
