"""The pieces of a model's answer that may be the code that was asked for, the likeliest first.

Input: an answer, with prose round its code, fences inside fences, several blocks or none. Output: texts. Which of them
fits is for the caller to try: of two lines of backticks nobody can tell which one ends the block. Knows no languages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

MOST_CANDIDATES = 16
MOST_LINES = 20_000  # of an answer that are looked at
_FENCE = re.compile(r"(?P<indent>[ \t]*)(?P<ticks>`{3,}|~{3,})(?P<name>[^`\n]*)")
_TAG = re.compile(r"</?(?:code|answer|output|solution)>|\[/?(?:CODE|PYTHON|ANSWER)\]", re.I)  # put round code
# How prose begins that chat models put round code that has no fence (the habits are in Continue #6637 and #1286).
_PROSE = re.compile(
    r"(?:sure|certainly|of course|absolutely|okay|here(?:'s| is| are)|below is|the (?:following|above|code|function)|"
    r"this (?:code|function|method|class|version|will|is)|i(?:'ll| will|'ve| have)|you can|note(?: that)?|in this|"
    r"let's|explanation|changes?(?: made)?:|the main|it (?:now|also)|hope)\b(?!\s*[=(\[{.;])",
    re.I,
)


@dataclass(frozen=True, slots=True)
class _Fence:
    row: int
    indent: int
    ticks: str
    name: str


def candidates(answer: str) -> list[str]:
    """Return the pieces that may be the code, the likeliest first, with line feeds for line ends; none is blank."""
    text = answer.replace("\r\n", "\n").replace("\r", "\n")
    lines = text.split("\n")[:MOST_LINES]
    fences = [fence for row, line in enumerate(lines) if (fence := _fence(row, line))]
    is_closing = len(fences) == 1 and not fences[0].name  # or it opens a block that was cut off
    found = [*_bare(lines), *_blocks(lines, fences)] if is_closing else [*_blocks(lines, fences), *_bare(lines)]
    pieces = (piece for text in found for piece in (_without_prose(text.split("\n")), text))
    return [piece for piece in dict.fromkeys(pieces) if piece.strip()][:MOST_CANDIDATES]


def _blocks(lines: Sequence[str], fences: Sequence[_Fence]) -> list[str]:
    """Return what stands between fences, as CommonMark pairs them, then as they pair where blocks hold blocks.

    The longest comes first: beside the code there are often the command that runs it and its output. Blocks inside
    blocks come last: a model that was given the first fence may open it once more.
    """
    found, inner, taken = list[str](), list[str](), -1
    for index, fence in enumerate(fences):
        is_inner = fence.row <= taken
        if is_inner and not fence.name:
            continue
        closings = list(_closings(fence, fences[index + 1 :]))
        stops = [closing.row for closing in closings] or [len(lines)]
        taken = max(taken, stops[0])
        blocks = ["\n".join(lines[fence.row + 1 : stop]) for stop in dict.fromkeys((stops[0], stops[-1]))]
        (inner if is_inner else found).extend(blocks)
    return sorted(found, key=len, reverse=True) + sorted(inner, key=len, reverse=True)


def _closings(opening: _Fence, after: Sequence[_Fence]) -> Iterator[_Fence]:
    """Yield the fences that may close a block: the first at its depth, and each later one that would too."""
    depth = 0
    for fence in after:
        is_closing = not fence.name and fence.ticks.startswith(opening.ticks)
        if fence.indent > opening.indent + 3 or not fence.ticks.startswith(opening.ticks[0]):
            continue  # inside the code: a docstring's
        if fence.name:
            depth += 1
        elif depth:
            depth -= 1
        elif is_closing:
            yield fence


def _fence(row: int, line: str) -> _Fence | None:
    found = _FENCE.fullmatch(line.rstrip())
    return None if found is None else _Fence(row, len(found["indent"]), found["ticks"], found["name"].strip())


def _bare(lines: Sequence[str]) -> list[str]:
    """Return an answer without a fence: whole, then without the paragraphs of prose at its ends.

    A fence of which only one end is there, as behind a prefill that opened it, is cut off.
    """
    kept = [line for line in lines if not _TAG.fullmatch(line.strip())]
    fences = [row for row, line in enumerate(kept) if _fence(row, line)]
    if len(fences) > 1:  # where the blocks hold nothing, the last fence opened one more
        is_empty = not any(line.strip() for line in kept[fences[0] + 1 : fences[-1]])
        return ["\n".join(kept[fences[-1] + 1 :])] if is_empty else []
    parts = [kept[: fences[0]], kept[fences[0] + 1 :]] if fences else [kept]
    return ["\n".join(part) for part in sorted(parts, key=len, reverse=True)]


def _without_prose(lines: Sequence[str]) -> str:
    start, stop = 0, len(lines)
    while start < stop and (not lines[start].strip() or _is_prose(lines[start])):
        start += 1
    for row in range(start + 1, stop):
        if not lines[row - 1].strip() and _is_prose(lines[row]):
            stop = row
            break
    return "\n".join(lines[start:stop])


def _is_prose(line: str) -> bool:
    return bool(_PROSE.match(line))
