"""How alike two lines of code are.

Two strings in, a judgement out. Cost is bounded: long lines are compared exactly only.
"""

from __future__ import annotations

import re
from functools import lru_cache

LONGEST = 400  # characters; a longer line is like another only when it is the same
ECHO_SHARE, REPEAT_SHARE = 0.05, 0.1  # of the characters: Tabby's dropDuplicated.ts and removeRepetitiveLines.ts
_WORD = re.compile(r"\w+")
_WORD_OR_MARK = re.compile(r"[A-Z]?[a-z]+|\d+|.", re.DOTALL)  # the words that names are made of
_LITERAL = re.compile(r'"[^"]*"|\d+')


def normal(line: str) -> str:
    """Return a line without what does not change its meaning much: spacing, kind of quotes, a last comma."""
    return " ".join(line.replace("'", '"').split()).rstrip(",;")


def is_echo(line: str, other: str) -> bool:
    """Whether a line says what another says, but for a slip; entries of a list, told apart by names, do not."""
    line, other = normal(line), normal(other)
    if line == other:
        return True
    if _LITERAL.findall(line) != _LITERAL.findall(other) or _names_others(line, other):
        return False
    return _within(line, other, ECHO_SHARE)


def _names_others(line: str, other: str) -> bool:
    """Whether two lines are alike but for names of the same length: `x` for `y`, not `result` for `results`."""
    words, others = _WORD.findall(line), _WORD.findall(other)
    if len(words) != len(others):
        return False
    return any(a != b and len(a) == len(b) for a, b in zip(words, others, strict=True))


def is_repeat(line: str, other: str) -> bool:
    """Whether a line is another one with at most a tenth of it changed, word for word."""
    if line == other:
        return True
    bound = REPEAT_SHARE * max(len(line), len(other))
    words, others = _words(line), _words(other)
    if abs(len(line) - len(other)) > bound or len(words) != len(others):
        return False
    return sum(max(len(a), len(b)) for a, b in zip(words, others, strict=True) if a != b) <= bound


@lru_cache(maxsize=256)
def _words(line: str) -> tuple[str, ...]:
    return tuple(_WORD_OR_MARK.findall(line))


def _within(a: str, b: str, share: float) -> bool:
    longer = max(len(a), len(b))
    return longer <= LONGEST and distance_within(a, b, int(share * longer))


def distance_within(a: str, b: str, bound: int) -> bool:
    """Whether at most `bound` insertions, deletions and replacements make one string of the other.

    Only the band of the table that the bound can reach is computed (Ukkonen 1985).
    """
    if abs(len(a) - len(b)) > bound:
        return False
    start = _shared(a, b)
    a, b = a[start:], b[start:]
    end = _shared(a[::-1], b[::-1])
    a, b = a[: len(a) - end], b[: len(b) - end]
    if max(len(a), len(b)) <= bound:
        return True
    beyond = bound + 1
    row = [j if j <= bound else beyond for j in range(len(b) + 1)]
    for i, character in enumerate(a, 1):
        low, high = max(1, i - bound), min(len(b), i + bound)
        new = [beyond] * (len(b) + 1)
        new[0] = min(i, beyond)
        for j in range(low, high + 1):
            new[j] = min(row[j] + 1, new[j - 1] + 1, row[j - 1] + (character != b[j - 1]), beyond)
        row = new
        if min(row[low - 1 : high + 1]) > bound:
            return False
    return row[len(b)] <= bound


def _shared(a: str, b: str) -> int:
    """Return how many characters two strings begin with alike."""
    return next((number for number, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
