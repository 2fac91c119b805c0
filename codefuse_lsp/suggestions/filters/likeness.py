"""How alike two lines of code are.

Two strings in, a judgement out. Cost is bounded: long lines are compared exactly only.
"""

from __future__ import annotations

import re

LONGEST = 400  # characters; a longer line is like another only when it is the same
ECHO_SHARE, REPEAT_SHARE = 0.05, 0.1  # of the characters: Tabby's dropDuplicated.ts and removeRepetitiveLines.ts
_LITERAL = re.compile(r'"[^"]*"|\d+')


def normal(line: str) -> str:
    """Return a line without what does not change its meaning much: spacing, kind of quotes, a last comma."""
    return " ".join(line.replace("'", '"').split()).rstrip(",;")


def is_echo(line: str, other: str) -> bool:
    """Whether a line says what another says, but for a slip; entries of a list, told apart by literals, do not."""
    line, other = normal(line), normal(other)
    if line == other:
        return True
    return _LITERAL.findall(line) == _LITERAL.findall(other) and _within(line, other, ECHO_SHARE)


def is_repeat(line: str, other: str) -> bool:
    """Whether a line is another one with at most a tenth of it changed, literals included."""
    return line == other or _within(line, other, REPEAT_SHARE)


def _within(a: str, b: str, share: float) -> bool:
    longer = max(len(a), len(b))
    return longer <= LONGEST and distance_within(a, b, int(share * longer))


def distance_within(a: str, b: str, bound: int) -> bool:
    """Whether at most `bound` insertions, deletions and replacements make one string of the other.

    Only the band of the table that the bound can reach is computed (Ukkonen 1985).
    """
    if abs(len(a) - len(b)) > bound:
        return False
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
