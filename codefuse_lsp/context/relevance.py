"""The parts of a text that a question is about, where all of it does not fit.

Input: a text, what kind of text it is, the words that are asked about, and a limit in characters. Output: lines of the
text in their order, with a mark wherever lines are missing. Of code, the heads of definitions and the lines with the
asked words stay longest; of a diff, the lines that name its files; of a terminal's output, its end. Words count the
more, the fewer places of the text have them (Spärck Jones 1972). Knows nothing of prompts or tokens.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from codefuse_lsp.context.definitions import definitions
from codefuse_lsp.context.similarity import words
from codefuse_lsp.context.snippets import MAX_LINE_CHARS

SMALL_CHARS = 120  # a unit shorter than this is worth no more for being short
UNIT_LINES = 6  # that are taken or left together
MAX_LINES = 20_000  # of a text; what is behind them is left out
MAX_PARSED_CHARS = 200_000  # a longer text is told by its words alone
HEAD, FILE_HEAD = 0.6, 2.0  # what a line is worth for what it is; a rare word that is asked about is worth 2 to 6
BEGINNING, END = 0.3, 80.0  # what the first, or a terminal's last, unit is worth for its place; the others ever less
AROUND = 0.35  # of what a unit's neighbours are worth: a line alone says little
_MARK = re.compile(r"… \d+ lines? left out …")
_DIFF_HEAD = re.compile(r"diff --git |--- |\+\+\+ |rename |new file|deleted file|Binary files ")


@dataclass(frozen=True, slots=True)
class _Unit:
    """Lines from `start` up to `stop`, and what they are worth."""

    start: int
    stop: int
    chars: int
    worth: float


def score(text: str, asked: frozenset[str]) -> float:
    """Return the share of the asked words that a text has, from 0 to 1."""
    return len(asked & words(text)) / len(asked) if asked else 0.0


def trimmed(text: str, asked: frozenset[str], max_chars: int, *, language: str = "", kind: str = "") -> str:
    """Return at most `max_chars` characters of a text: whole lines of it, and marks for those left out.

    `kind` is diff or terminal; anything else is code in `language`, or prose. '' where nothing of it would fit.
    """
    if len(text) <= max_chars:
        return text
    lines, order = _ranked(text, asked, language, kind)
    kept: set[int] = set()
    left = max_chars - len(_mark(len(lines)))
    for unit in order:
        cost = unit.chars + (len(_mark(len(lines))) if unit.start - 1 not in kept and unit.start > 0 else 0)
        if cost <= left:
            kept.update(range(unit.start, unit.stop))
            left -= cost
    return _joined(lines, kept) if kept else ""


@lru_cache(maxsize=8)  # the same texts are cut again where a first plan does not fit
def _ranked(text: str, asked: frozenset[str], language: str, kind: str) -> tuple[tuple[str, ...], tuple[_Unit, ...]]:
    """Return the lines of a text, and the units of them, the most telling first."""
    lines = tuple(line[:MAX_LINE_CHARS] for line in text.split("\n"))
    lines = lines[-MAX_LINES:] if kind == "terminal" else lines[:MAX_LINES]
    units = _units(lines, _heads(text, lines, language, kind), asked, kind)
    return lines, tuple(sorted(units, key=lambda u: (-u.worth / math.sqrt(max(u.chars, SMALL_CHARS)), u.start)))


def is_part(shorter: str, text: str) -> bool:
    """Return whether a text is what `trimmed` has left of another."""
    lines = iter([line[:MAX_LINE_CHARS] for line in text.split("\n")])
    return all(_MARK.fullmatch(line) or line in lines for line in shorter.removesuffix("\n").split("\n"))


def _heads(text: str, lines: Sequence[str], language: str, kind: str) -> dict[int, float]:
    """Return the lines that say what others are part of, and what they are worth for it."""
    if kind == "diff":
        return {n: FILE_HEAD for n, line in enumerate(lines) if _DIFF_HEAD.match(line)}
    if kind == "terminal" or len(text) > MAX_PARSED_CHARS:
        return {}
    return {found.head: HEAD * (1.5 if found.is_class else 1) for found in definitions(text, language)}


def _units(lines: Sequence[str], heads: dict[int, float], asked: frozenset[str], kind: str) -> list[_Unit]:
    edges = _edges(lines, heads)
    found = [asked & words("\n".join(lines[start:stop])) for start, stop in edges]
    having = Counter(word for one in found for word in one)
    told = [sum(2 * math.log(1 + len(edges) / having[word]) for word in one) for one in found]
    units = []
    for number, (start, stop) in enumerate(edges):
        around = max(told[max(0, number - 1) : number + 2])
        place = END * 0.5 ** (len(edges) - 1 - number) if kind == "terminal" else BEGINNING * 0.9**number
        worth = max(told[number], AROUND * around) + place + heads.get(start, 0.0)
        chars = sum(len(line) + 1 for line in lines[start:stop])
        units.append(_Unit(start, stop, chars, worth if any(map(str.strip, lines[start:stop])) else 0.0))
    return units


def _edges(lines: Sequence[str], heads: Iterable[int]) -> list[tuple[int, int]]:
    """Return runs of a few lines that hang together; the line of a head is one for itself."""
    alone = set(heads)
    edges, start = [], 0
    for number, line in enumerate(lines):
        is_blank = not line.strip()
        if number > start and (number in alone or start in alone or number - start >= UNIT_LINES or is_blank):
            edges.append((start, number))
            start = number
    return [*edges, (start, len(lines))]


def _joined(lines: Sequence[str], kept: set[int]) -> str:
    said: list[str] = []
    missing = 0
    for number, line in enumerate(lines):
        if number in kept:
            said += [_mark(missing), line + "\n"] if missing else [line + "\n"]
            missing = 0
        else:
            missing += 1
    return "".join([*said, _mark(missing) if missing else ""])


def _mark(lines: int) -> str:
    return f"… {lines} line{'' if lines == 1 else 's'} left out …\n"
