"""Code that stands round the cursor already and that the model says again.

Filters: text and its place in, text out. Knows the lines above and below; knows nothing of brackets (see fit.py).
"""

from __future__ import annotations

import re

from codefuse_lsp.suggestions.filters.likeness import is_echo
from codefuse_lsp.suggestions.filters.place import Place, depth, line_above, lines_below

SEEN_LINES = 3  # of the code above or below that must come again: Tabby's dropDuplicated.ts
_COMMON = re.compile(r"(?:end|else|fi|done|break|continue|pass|(?:return|raise|throw)\b.{0,16})[:;]?")
_JUMP = re.compile(r"(?:return|raise|throw)\b.+")
_SEVERAL_WORDS = re.compile(r"\S\s+\S")


def skip_line_so_far(text: str, place: Place) -> str:
    """Begin behind what stands left of the cursor, where the model says the line from its beginning.

    Only several words count: `str(` may well be followed by `str(`.
    """
    context = place.context
    said = context.line_prefix.strip()
    if not _SEVERAL_WORDS.search(said):
        return text
    while text.lstrip(" \t").startswith(said):
        rest = text.lstrip(" \t")[len(said) :]
        text = rest.lstrip(" \t") if context.line_prefix[-1:].isspace() else rest
    return text


def stop_at_code_below(text: str, place: Place) -> str:
    """End the text where it begins to repeat the code that stands below the cursor."""
    below = lines_below(place.context, 1)
    if not below or not any(map(str.isalnum, below[0])):
        return text
    lines = text.split("\n")
    for number, line in enumerate(lines[1:], 1):
        is_there = _is_telling(line) or depth(line) == depth(below[0])
        if (is_there and is_echo(line.strip(), below[0].strip())) or _is_done_anyway(line, below[0]):
            return "\n".join(lines[:number])
    return text


def _is_telling(line: str) -> bool:
    """Whether a line is more than a bracket, a keyword or a jump, which may come again at another depth."""
    body = line.strip()
    return len(body) >= 2 and any(map(str.isalnum, body)) and not _COMMON.fullmatch(body)


def _is_done_anyway(line: str, below: str) -> bool:
    """Whether a line leaves with what stands right below its block as well.

    Of the 42,366 such lines in Python's own library 11 do.
    """
    return depth(line) > depth(below) and line.strip() == below.strip() and bool(_JUMP.fullmatch(line.strip()))


def drop_echo(text: str, place: Place) -> str:
    """Say nothing rather than repeat the line above or below.

    A closing line may come twice, at another depth.
    """
    context = place.context
    added = text.partition("\n")[0]
    first = (context.line_prefix + added) * bool(added.strip())  # what the user has written alone is no echo
    if any(_is_done_anyway(first, below) for below in lines_below(context)):
        return ""
    for near in (line_above(context), *lines_below(context)):
        if not near.strip() or not is_echo(first.strip(), near.strip()):
            continue
        if _is_telling(near) or depth(first) == depth(near):
            return ""
    return text


def drop_copy_of_above(text: str, place: Place) -> str:
    """Say nothing rather than repeat the last lines above the cursor one by one."""
    context = place.context
    if not context.on_blank_line:
        return text
    above = [line.strip() for line in context.prefix.split("\n")[:-1] if line.strip()][-SEEN_LINES:]
    said = [line.strip() for line in text.split("\n") if line.strip()][:SEEN_LINES]
    copies = len(above) == len(said) == SEEN_LINES and all(map(is_echo, above, said))
    return "" if copies else text
