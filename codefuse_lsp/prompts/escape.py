"""Text from a buffer, written so that none of it can be read as a role tag or a special token.

Input: text and the tags of a format. Output: the same text with a word joiner (U+2060) in each tag, and back again.
Knows nothing of which tags a format has.

A tag is looked for as if the text had no word joiners. Wherever one begins, `escape` puts a joiner after its first
character, beside any that are there, and `restore` takes one away. Both see the same places, so nothing is ever lost.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache

JOINER = "\u2060"  # invisible, of no width, and no part of any programming language's words


def escape(text: str, tags: Collection[str]) -> str:
    """Return `text` with no tag in it."""
    if JOINER not in text and not any(tag in text for tag in tags):
        return text  # nearly all text: the patterns of some hundred special tokens take 0.1 s to compile
    patterns = _patterns(tuple(tags))
    return text if patterns is None else patterns[0].sub(lambda match: match[0] + JOINER, text)


def restore(text: str, tags: Collection[str]) -> str:
    """Return what `escape` made `text` from; a tag that was never escaped stays as it is."""
    return _restored(text, tuple(tags), len(text))


class Restorer:
    """Restores a text that comes in pieces, holding back only what may be the beginning of an escaped tag."""

    def __init__(self, tags: Collection[str]) -> None:
        self._tags = tuple(tags)
        self._beginnings = _beginnings(self._tags)
        self._longest = max(map(len, self._beginnings), default=0)
        self._held = ""

    def feed(self, piece: str) -> str:
        """Return what is certain by now and was not returned before."""
        text = self._held + piece
        cut = self._first_uncertain(text)
        self._held = text[cut:]
        return _restored(text, self._tags, cut)

    def flush(self) -> str:
        """Return what was held back, now that nothing more comes."""
        held, self._held = self._held, ""
        return restore(held, self._tags)

    def _first_uncertain(self, text: str) -> int:
        """Return where the earliest beginning of a tag stands that a joiner follows, or may still follow."""
        tail, cut = "", len(text)
        for index in range(len(text) - 1, -1, -1):
            if text[index] == JOINER:
                continue
            tail = text[index] + tail
            if len(tail) > self._longest:
                break
            if tail in self._beginnings and text[index + 1 : index + 2] in ("", JOINER):
                cut = index
        return cut


def _restored(text: str, tags: tuple[str, ...], stop: int) -> str:
    """Return `text[:stop]` restored; the tags in it may go on beyond `stop`."""
    patterns = _patterns(tags)
    if patterns is None or JOINER not in text:
        return text[:stop]
    kept, done = [], 0
    for match in patterns[1].finditer(text):
        if match.start() >= stop:
            break
        kept.append(text[done : match.start() + 1])
        done = match.end()
    return "".join([*kept, text[done:stop]])


def usable(tags: Collection[str]) -> list[str]:
    """Return the tags that can be told from ordinary text: two characters or more, and not white space alone."""
    return [tag for tag in dict.fromkeys(tags) if len(tag) > 1 and tag.strip() and JOINER not in tag]


@lru_cache(maxsize=32)
def _beginnings(tags: tuple[str, ...]) -> frozenset[str]:
    return frozenset(tag[:length] for tag in usable(tags) for length in range(1, len(tag)))


@lru_cache(maxsize=32)
def _patterns(tags: tuple[str, ...]) -> tuple[re.Pattern[str], re.Pattern[str]] | None:
    """Return what finds the first character of each tag, and the same with the joiner after it."""
    rests: dict[str, list[str]] = {}
    for tag in usable(tags):
        rests.setdefault(tag[0], []).append(f"{JOINER}*".join(map(re.escape, tag[1:])))
    if not rests:
        return None
    plain, escaped = (
        "|".join(f"{re.escape(first)}{joiner}(?={JOINER}*(?:{'|'.join(rest)}))" for first, rest in rests.items())
        for joiner in ("", JOINER)
    )
    return re.compile(plain), re.compile(escaped)
