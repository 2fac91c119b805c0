"""Brackets and quotes in a piece of a line: what it leaves open, and what it closes that others opened.

Pure text in and out. Knows the quotes and brackets that most languages share; knows nothing of grammars.
"""

from __future__ import annotations

from dataclasses import dataclass

PAIRS = {")": "(", "]": "[", "}": "{"}
OPENERS = frozenset(PAIRS.values())
QUOTES = frozenset("\"'`")


@dataclass(frozen=True, slots=True)
class Scan:
    """What a text leaves open, what it closes, and after which of its characters everything it opened is closed."""

    opened: str  # brackets, outermost first
    quote: str  # the quote that is open at the end, or ''
    closed: str  # quotes and brackets of others that the text closes, in order
    closed_at: tuple[int, ...]  # where in the text each of them stands
    settled: tuple[int, ...]  # lengths at which nothing that the text opened is open


def scan(text: str, quote: str = "") -> Scan:
    """Read a text that begins inside `quote`, or outside of strings where that is ''; a string ends with its line.

    An apostrophe inside a word opens nothing: it is one of prose, or of Rust's lifetimes.
    """
    opened: list[str] = []
    closed: list[tuple[str, int]] = []
    settled: list[int] = []
    foreign, escaped = bool(quote), False
    for number, character in enumerate(text):
        if escaped:
            escaped = False
        elif quote:
            escaped = character == "\\"
            if character == quote and foreign:
                closed.append((character, number))
            if character == quote or (character == "\n" and quote != "`"):
                quote, foreign = "", False
        elif character in QUOTES:
            quote = "" if character == "'" and _is_apostrophe(text, number) else character
        elif character in OPENERS:
            opened.append(character)
        elif character in PAIRS:
            if opened and opened[-1] == PAIRS[character]:
                opened.pop()
            else:
                closed.append((character, number))
        if not opened and not quote:
            settled.append(number + 1)
    marks, places = "".join(mark for mark, _ in closed), tuple(place for _, place in closed)
    return Scan("".join(opened), quote, marks, places, tuple(settled))


def _is_apostrophe(text: str, number: int) -> bool:
    before = text[number - 1 : number]
    after = text[number + 1 : number + 3]
    is_lifetime = (
        (before in ("&", "<") or text[number - 2 : number] == ", ") and after[:1].isalpha() and "'" not in after
    )
    return before.isalnum() or is_lifetime
