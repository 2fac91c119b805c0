"""How a suggestion fits what stands right of the cursor on its line.

Text and its place in; text, and how many characters to the right give way to it, out. Knows brackets and quotes.
"""

from __future__ import annotations

import unicodedata

from codefuse_lsp.suggestions.filters.brackets import PAIRS, QUOTES, scan
from codefuse_lsp.suggestions.filters.place import Place

_TYPED_AHEAD = frozenset({*PAIRS, *QUOTES, ">"})
_PUNCTUATION = frozenset(";:,{ \t=") | _TYPED_AHEAD
_LONG_REST = 4  # characters of a rest that is not met by chance in the middle of a text


def swallowed(text: str, place: Place) -> tuple[str, int]:
    """Fit the text to what stands right of the cursor: return it and how many characters there it replaces.

    Closing brackets and quotes that an editor typed ahead are replaced when the text closes them itself; any other rest
    of the line stays, and its repetition at the end of the text is left out.
    """
    right = place.context.line_suffix
    rest = right.strip()
    if not rest or not text:
        return text, len(right) if text else 0
    text, count = _closed_by(text, rest, place)
    if count:
        return text, _whole_character(right, len(right) - len(right.lstrip()) + count)
    if "\n" in text and set(rest) <= _TYPED_AHEAD | set(";,"):
        closing = f"\n{place.context.indent}{rest}"
        return text.rstrip() + closing, len(right)
    return _without_rest(text, right, place), 0


def _closed_by(text: str, rest: str, place: Place) -> tuple[str, int]:
    """Return how many characters of the rest the text says itself, closing what was open, and the text up to there.

    A text that says the whole rest, more than brackets, and goes on, has gone beyond the line.
    """
    quote = scan(place.context.line_prefix).quote
    found = scan(text, quote)
    count = 0
    while count < min(len(found.closed), len(rest)) and found.closed[count] == rest[count]:
        count += 1
    if not count:
        return text, 0
    start = found.closed_at[0]
    if len(rest) > count and text.startswith(rest, start):
        return text[: start + len(rest)], len(rest)
    end = text[found.closed_at[count - 1] :]  # from the last of those brackets: more may stand between them here
    longer = (n for n in range(len(rest), count, -1) if end.endswith(rest[count - 1 : n]))
    longer = (n for n in longer if set(rest[:n]) <= _PUNCTUATION)
    return text, next(longer, count)


def _whole_character(right: str, count: int) -> int:
    """Return a count that parts no character from the marks that combine with it."""
    while count and count < len(right) and unicodedata.combining(right[count]):
        count -= 1
    return count


def _without_rest(text: str, right: str, place: Place) -> str:
    """Return the text without what it repeats of the rest of the line, and without brackets that the rest closes."""
    rest = right.strip()
    for repeated in (right.rstrip(), rest):
        if len(rest) >= _LONG_REST and (start := text.find(repeated)) >= 0 and _is_parted(text[:start], repeated):
            return text[:start]
        for length in range(min(len(repeated), len(text)), 0, -1):
            piece = repeated[:length]
            telling = length == len(repeated) or (len(piece.strip()) > 1 and _is_parted(piece, repeated[length:]))
            if telling and text.endswith(piece) and _is_parted(text[: len(text) - length], piece):
                return text[: len(text) - length]
    found = scan(text, scan(place.context.line_prefix).quote)
    if found.closed and set(scan(rest).closed) & set(found.closed):
        return text[: found.closed_at[0]].rstrip()
    return text


def _is_parted(left: str, right: str) -> bool:
    """Whether a cut between two strings goes through no word."""
    return not (_in_word(left[-1:]) and _in_word(right[:1]))


def _in_word(character: str) -> bool:
    return character.isalnum() or character == "_"
