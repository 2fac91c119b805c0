"""From what a model wrote to what is worth showing. Small pure functions in one ordered tuple.

Text and its place in; text out, shorter or empty. Knows code's surface (lines, indentation, brackets, fences); knows
nothing of models, requests or editors.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from codefuse_lsp.context.cursor import CursorContext

PAIRS = {")": "(", "]": "[", "}": "{"}
QUOTES = "\"'`"
OPENERS = (":", "{", "(", "[", "=>", "->", "do", "then")  # a line that ends so wants a block below it


@dataclass(frozen=True, slots=True)
class Place:
    """Where the text is to stand and how much of it is wanted."""

    context: CursorContext
    block: bool  # whether more than one line is wanted


Filter = Callable[[str, Place], str]


def place_of(context: CursorContext) -> Place:
    """Return the place of a cursor: a block is wanted where a line has just been opened or nothing stands yet."""
    if not context.at_line_end:
        return Place(context, block=False)
    if context.on_blank_line:
        above = next((line for line in reversed(context.prefix.split("\n")[:-1]) if line.strip()), "")
        return Place(context, block=_opens_block(above))
    return Place(context, block=_opens_block(context.line_prefix))


def _opens_block(line: str) -> bool:
    return line.rstrip().endswith(OPENERS)


def cut_at_fence(text: str, place: Place) -> str:
    """End the text where a Markdown fence begins: what follows is prose."""
    return re.split(r"^[ \t]*```", text, maxsplit=1, flags=re.MULTILINE)[0]


def keep_one_line(text: str, place: Place) -> str:
    """Keep the first line where one line is wanted; a line break first means that this line needs nothing."""
    if place.block:
        return text
    return re.split(r"\r\n|\n|\r", text, maxsplit=1)[0]


def stop_at_dedent(text: str, place: Place) -> str:
    """End a block where its indentation ends; a closing bracket's line still belongs to it."""
    if not place.block:
        return text
    opened_here = bool(place.context.line_prefix.strip())
    lines = text.splitlines(keepends=True)
    for number, line in enumerate(lines[1:], 1):
        body = line.lstrip()
        if not body.strip():
            continue
        depth = len(line) - len(body)
        outside = depth <= len(place.context.indent) if opened_here else depth < len(place.context.indent)
        if outside:
            closes = body[0] in PAIRS and depth == len(place.context.indent)
            return "".join(lines[: number + closes])
    return text


def stop_at_next_line(text: str, place: Place) -> str:
    """End the text where it begins to repeat the code that stands below the cursor."""
    below = _line_below(place)
    if len(below) < 2:  # a lone bracket is no sign of repetition
        return text
    lines = text.splitlines(keepends=True)
    for number, line in enumerate(lines):
        if number and line.strip() == below:
            return "".join(lines[:number])
    return text


def _line_below(place: Place) -> str:
    return next((line.strip() for line in place.context.suffix.split("\n")[1:] if line.strip()), "")


def stop_at_repetition(text: str, place: Place) -> str:
    """End the text where a line comes for the third time: the model turns in circles."""
    seen: dict[str, int] = {}
    lines = text.splitlines(keepends=True)
    for number, line in enumerate(lines):
        body = line.strip()
        seen[body] = seen.get(body, 0) + 1
        if len(body) > 3 and seen[body] == 3:
            return "".join(lines[:number])
    return text


def drop_echo(text: str, place: Place) -> str:
    """Say nothing rather than repeat the line above or below."""
    above = [line.strip() for line in place.context.prefix.split("\n")[:-1] if line.strip()]
    said = (place.context.line_prefix + text).strip()
    return "" if said in (*above[-1:], _line_below(place)) else text


def trim_end(text: str, place: Place) -> str:
    """Leave out white space at the end."""
    return text.rstrip()


FILTERS: tuple[Filter, ...] = (
    cut_at_fence,
    keep_one_line,
    stop_at_dedent,
    stop_at_next_line,
    stop_at_repetition,
    drop_echo,
    trim_end,  # last: the others read line ends
)


def is_whole(text: str, place: Place) -> bool:
    """Whether nothing that may still come could be shown: the text up to its last line break has found its end."""
    head = text[: max(text.rfind("\n"), text.rfind("\r")) + 1]
    if not head:
        return False
    if not place.block:
        return True
    return any(len(step(head, place)) < len(head) for step in FILTERS[:5])


def swallowed(text: str, place: Place) -> tuple[str, int]:
    """Fit the text to what stands right of the cursor: return it and how many characters there it replaces.

    Closing brackets and quotes that an editor typed ahead are replaced when the text closes them itself; any other rest
    of the line stays, and its repetition at the end of the text is left out.
    """
    right = place.context.line_suffix
    rest = right.strip()
    if not rest:
        return text, len(right) if text else 0
    closers = _unmatched(text)
    count = 0
    while count < min(len(closers), len(rest)) and closers[count] == rest[count]:
        count += 1
    if count:
        return text, len(right) - len(right.lstrip()) + count
    for repeated in (right.rstrip(), rest):
        for length in range(min(len(repeated), len(text)), 0, -1):
            if text.endswith(repeated[:length]) and (length > 1 or length == len(repeated)):
                return text[: len(text) - length], 0
    return text, 0


def _unmatched(text: str) -> str:
    """Return the closing brackets in `text` that it did not open."""
    opened: list[str] = []
    closers = ""
    for character in text:
        if character in PAIRS.values():
            opened.append(character)
        elif character in PAIRS:
            if opened and opened[-1] == PAIRS[character]:
                opened.pop()
            else:
                closers += character
    return closers
