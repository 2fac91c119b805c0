"""How much of the text is shown, by lines: one or many, no half ones, no white space behind.

Filters: text and its place in, text out. Knows nothing of what the lines say.
"""

from __future__ import annotations

import re

from codefuse_lsp.suggestions.filters.brackets import scan
from codefuse_lsp.suggestions.filters.place import Place, depth, lines_below, opens_block

LEAST_SHARE = 0.5  # of a first line that was cut off must remain
_LOOSE = re.compile(r"\s*(?:@[\w.]+(?:\(.*\))?|#!?\[.*\])\s*")  # a decorator, an annotation, an attribute
_CELL = re.compile(r"^(?:#|//|--|%) %%(?:\s|\Z)", re.M)  # jupytext's percent format


def drop_half_line(text: str, place: Place) -> str:
    """Leave out the line in whose middle a text that became too long was cut off.

    The only line there is goes back to where its words are whole and its own brackets and quotes closed, and is kept
    if that leaves at least half of it.
    """
    if not place.is_cut:
        return text
    head, line_end, last = text.rpartition("\n")
    if head.strip() or not last.strip():
        return head
    kept = last[: max((end for end in scan(last).settled if _is_word_end(last, end)), default=0)]
    return head + line_end + kept if len(kept.strip()) >= LEAST_SHARE * len(last.strip()) else ""


def _is_word_end(line: str, end: int) -> bool:
    before, after = line[end - 1], line[end : end + 1]
    if before.isspace() or before in "([{=+-*/%<>&|!?:.,@\\":
        return False
    return not _in_word(before) or bool(after and not _in_word(after))


def _in_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def keep_one_line(text: str, place: Place) -> str:
    """Keep the first line where one line is wanted; a line break first means that this line needs nothing."""
    return text if place.block else text.partition("\n")[0]


def cut_at_cell(text: str, place: Place) -> str:
    """End the text where the next cell would begin: it is no part of this one, in a notebook or in a script."""
    found = _CELL.search(text)
    return text[: found.start()] if found else text


def drop_loose_decorators(text: str, place: Place) -> str:
    """Leave out decorators and attributes at the end, below which what they decorate is missing."""
    lines = text.rstrip().split("\n")
    kept = len(lines)
    while kept > 1 and (_LOOSE.fullmatch(lines[kept - 1]) or not lines[kept - 1].strip()):
        kept -= 1
    return text if kept == len(lines) else "\n".join(lines[:kept])


def drop_loose_headers(text: str, place: Place) -> str:
    """Leave out headers at the end of several lines, below which their bodies are missing."""
    if place.context.language != "python":
        return text
    lines = text.rstrip().split("\n")
    below = max(map(depth, lines_below(place.context)), default=0)
    kept = len(lines)
    while kept > 1 and (not lines[kept - 1].strip() or _is_loose(lines[kept - 1], below)):
        kept -= 1
    return text if kept == len(lines) else "\n".join(lines[:kept])


def _is_loose(line: str, below: int) -> bool:
    return line.rstrip().endswith(":") and opens_block(line, "python") and below <= depth(line)


def trim_end(text: str, place: Place) -> str:
    """Leave out white space at the end."""
    return text.rstrip()
