"""How alike two pieces of code are, by their words or by their lines.

Input: texts or lines. Output: sets of words, and figures from 0 to 1. Pure; knows nothing of where code comes from.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache

_IDENTIFIER = re.compile(r"[^\W\d]\w+")
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_A-Za-z]+")
MAX_IDENTIFIER_CHARS = 80  # longer ones are data
MIN_LINE_CHARS = 3  # a lone bracket makes no two places alike
# Words that stand in any code of some language, and so tell nothing of what it is about.
_COMMON_WORDS = """
and as assert async await begin bool boolean break case catch char class const continue def default del delete do double
elif else elseif end enum except export extends false final finally float fn for foreach from func function global if
impl implements import in include int interface is lambda let local long match mod module mut namespace new nil none
not null object or override package pass private protected pub public raise require return self static str string struct
super switch then this throw throws true try type typeof union unless until use using var virtual void while with yield
"""
_COMMON = frozenset(_COMMON_WORDS.split())


def words(text: str) -> set[str]:
    """Return the identifiers of a text in lower case, and the parts of those made of several words."""
    return set().union(*map(_words_of, set(_IDENTIFIER.findall(text))))


def jaccard(one: set[str], other: set[str]) -> float:
    """Return the share of all words that both have (Jaccard 1912)."""
    both = len(one & other)
    return both / (len(one) + len(other) - both) if both else 0.0


def line_similarity(one: Iterable[str], other: Iterable[str]) -> float:
    """Return Dice's coefficient of the lines of two texts, as llama.vim compares chunks (autoload/llama.vim)."""
    counted = [Counter(s for line in lines if len(s := line.strip()) >= MIN_LINE_CHARS) for lines in (one, other)]
    total = sum(count.total() for count in counted)
    return 2 * (counted[0] & counted[1]).total() / total if total else 0.0


@lru_cache(maxsize=1 << 15)
def _words_of(identifier: str) -> frozenset[str]:
    if len(identifier) > MAX_IDENTIFIER_CHARS:
        return frozenset()
    parts = [part.lower() for part in _PART.findall(identifier) if len(part) > 1]
    return frozenset({identifier.lower(), *parts}) - _COMMON
