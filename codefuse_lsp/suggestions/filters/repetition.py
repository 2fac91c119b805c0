"""Models that turn in circles: the same line, the same block, the same few characters again and again.

Filters: text and its place in, text out. A repetition is cut as soon as it is complete, so what comes later changes
nothing. The counts are those of Tabby (postprocess/removeLineEndsWithRepetition.ts, removeRepetitiveLines.ts,
removeRepetitiveBlocks.ts) and of Continue (streamTransforms/lineStream.ts: the same line three times).
"""

from __future__ import annotations

import re
from collections.abc import Callable

from codefuse_lsp.suggestions.filters.likeness import is_repeat
from codefuse_lsp.suggestions.filters.place import Place

SAME_LINES, SIMILAR_LINES = 3, 5
SAME_BLOCKS, SIMILAR_BLOCKS = 2, 3
BLOCK_LINES = range(2, 13)  # lines of a block that may come again
_CLOSING = re.compile(r"\s*(?:.{0,3}|[\])}>;,\s]*|</[\w.-]+>|(?:end|else|fi|done|esac)\b\W*)")  # may come again
TAILS = ((3, 6), (10, 4))  # characters at least, times at least: Tabby's (.{3,}?)\1{5,}$ and (.{10,}?)\1{3,}$
_RUNAWAY = re.compile(r"(.{3,20}?)\1{20,}")  # so often that no honest line has it, wherever it ends
_LONGEST_LINE = 512  # characters of a line that are looked at


def stop_at_runaway(text: str, place: Place) -> str:
    """End the text before a line that says the same few characters more than twenty times over."""
    start = 0
    for line in text.split("\n"):
        found = _RUNAWAY.search(line[:_LONGEST_LINE]) if len(line) > 60 else None
        if found and not _is_ruler(found[1]):
            return text[: max(0, start - 1)]
        start += len(line) + 1
    return text


def stop_at_tail(text: str, place: Place) -> str:
    """End the text before a line that ends in the same few characters over and over."""
    lines = text.split("\n")
    for number, line in enumerate(lines):
        if _has_tail(line.rstrip()[-_LONGEST_LINE:]):
            return "\n".join(lines[:number])
    return text


def _has_tail(line: str) -> bool:
    for least, times in TAILS:
        for size in range(least, len(line) // times + 1):
            if line.endswith(line[-size:] * times) and not _is_ruler(line[-size:]):
                return True
    return False


def _is_ruler(repeated: str) -> bool:
    return len(set(repeated)) == 1


def stop_at_same_line(text: str, place: Place) -> str:
    """End the text where a line comes for the third time in a row."""
    return _stop(text, 1, SAME_LINES, kept=SAME_LINES - 1, is_same=str.__eq__)


def stop_at_similar_lines(text: str, place: Place) -> str:
    """End the text behind the first of five lines in a row that are almost the same."""
    return _stop(text, 1, SIMILAR_LINES, kept=1, is_same=is_repeat)


def stop_at_same_block(text: str, place: Place) -> str:
    """End the text where a block of three lines or more comes again, or two lines for the third time."""
    text = _stop(text, 2, SIMILAR_BLOCKS, kept=1, is_same=str.__eq__)
    for size in BLOCK_LINES[1:]:
        text = _stop(text, size, SAME_BLOCKS, kept=1, is_same=str.__eq__)
    return text


def stop_at_similar_blocks(text: str, place: Place) -> str:
    """End the text behind the first of three blocks in a row that are almost the same."""
    for size in BLOCK_LINES:
        text = _stop(text, size, SIMILAR_BLOCKS, kept=1, is_same=is_repeat)
    return text


def _stop(text: str, size: int, times: int, *, kept: int, is_same: Callable[[str, str], bool]) -> str:
    """End the text behind `kept` blocks of `size` lines where they come `times` times in a row."""
    lines = text.split("\n")
    bodies = [line.rstrip() for line in lines]
    run = 0  # lines, up to here, that are like the one `size` lines above
    for number in range(size, len(lines)):
        run = run + 1 if is_same(bodies[number - size], bodies[number]) else 0
        if run >= size * (times - 1):
            start = number + 1 - size * times
            if _has_substance(bodies[start : start + size], size):
                return "\n".join(lines[: start + size * kept])
    return text


def _has_substance(block: list[str], size: int) -> bool:
    return sum(not _CLOSING.fullmatch(line) for line in block) >= min(size, 2)
