"""Token ids of prompts of which each begins as one before it did: only what changed is tokenised again.

A prompt of 1,500 tokens takes 5 ms to tokenise, of 4,000 some 15 ms: as much as a step of a 34B model on a GPU. Input:
a way to tokenise a whole text. Output: the same ids, sooner. Knows nothing of models or of what the texts are.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from codefuse_lsp.worker.prefixes import common_prefix

KEPT = 8  # texts remembered
# Characters of a text that is remembered, far more than any context holds. In the worst text each character is a token
# of its own, whose id and start take 80 bytes: eight such texts of this length take 86 MB.
LONGEST = 1 << 17
LEAST_COMMON = 1024  # characters that two texts begin with alike; below it, all is tokenised
LEAD = 64  # tokens before the change at which to begin
AGREEING = 16  # tokens in a row that both ways must find alike where they are put together


@dataclass(frozen=True, slots=True)
class Tokens:
    """The ids of a text, and the character at which each begins."""

    ids: list[int]
    starts: list[int]


class PromptTokens:
    """Remembers the tokens of the last texts; safe to use from several threads."""

    def __init__(self, encode: Callable[[str], Tokens]) -> None:
        self._encode = encode
        self._lock = threading.Lock()
        self._texts: OrderedDict[str, Tokens] = OrderedDict()

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text, as they are when all of it is tokenised."""
        if not LEAST_COMMON <= len(text) <= LONGEST:
            return self._encode(text).ids
        with self._lock:
            known = list(self._texts.items())
        lengths = [common_prefix(text, other) for other, _ in known]
        best = max(range(len(known)), key=lengths.__getitem__, default=None)
        tokens = None
        if best is not None and lengths[best] >= LEAST_COMMON:
            tokens = self._go_on(text, lengths[best], known[best][1])
        tokens = tokens or self._encode(text)
        with self._lock:
            self._texts[text] = tokens
            self._texts.move_to_end(text)
            while len(self._texts) > KEPT:
                self._texts.popitem(last=False)
        return list(tokens.ids)

    def _go_on(self, text: str, length: int, old: Tokens) -> Tokens | None:
        """Return the tokens of a text whose first `length` characters are those of `old`; None where that is not sure.

        Tokenising begins some tokens before the change. Where it begins, it may cut a word that the whole text does not
        cut; from where both ways agree on many tokens in a row, they stand at the same border between words.
        """
        changed = _at_or_before(old.starts, length)
        begin = max(0, changed - LEAD)
        cut = old.starts[begin] if begin else 0
        if cut == 0 or old.starts[begin - 1] == cut:
            return None  # nothing is saved, or a character of several tokens stands there
        new = self._encode(text[cut:])
        starts = [start + cut for start in new.starts]
        joint = _joint(old, begin, changed, new.ids, starts)
        if joint is None:
            return None
        mine, theirs = joint
        return Tokens(old.ids[:theirs] + new.ids[mine:], old.starts[:theirs] + starts[mine:])


def _joint(old: Tokens, begin: int, changed: int, ids: list[int], starts: list[int]) -> tuple[int, int] | None:
    """Return the first place, in the new tokens and in the old ones, from which enough tokens are the same."""
    places = {start: place for place, start in enumerate(starts[:LEAD])}
    for theirs in range(begin, changed - AGREEING):
        mine = places.get(old.starts[theirs])
        if mine is None:
            continue
        here, there = slice(mine, mine + AGREEING), slice(theirs, theirs + AGREEING)
        if ids[here] == old.ids[there] and starts[here] == old.starts[there]:
            return mine, theirs
    return None


def _at_or_before(starts: Sequence[int], position: int) -> int:
    """Return the last token that begins at a character or before it."""
    low, high = 0, len(starts)
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if starts[middle] <= position else (low, middle)
    return low - 1
