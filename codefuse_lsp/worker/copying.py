"""An answer that says again what stands further up, with changes: where it is there, and what follows if it goes on.

Input: the tokens of a text as it grows. Output: the tokens that would follow. A copy is left at a change and found
again behind it, and a change that was made once is expected to be made again. Knows nothing of models.
"""

from __future__ import annotations

from collections.abc import Sequence

PROOF = 8  # tokens that agree in a row before an answer is said to copy
AHEAD, BACK = 192, 16  # tokens round the place where a copy was left, in which it is looked for again
AGREED, FEW = 3, 2  # tokens that must agree there, and once some guesses along this copy were right
DOUBT = 3  # times that it was found in the wrong place, after which less is guessed
LONGEST_CHANGE, MOST_CHANGES = 12, 8  # tokens of a change that is expected again, and how many of them


class Copy:
    """A copy: the text's token `at` is expected to be that of `place`, further up in the same text."""

    def __init__(self, place: int, at: int) -> None:
        self.at = at
        self.run = 0  # tokens that have agreed since the copy was found
        self.is_proved = False  # guesses were right, so that less has to speak for the next ones
        self._place = place
        self._coming: list[int] = []  # what is left of an expected change
        self._left: tuple[int, int] | None = None  # place and token at which the copy was left, until it is sure again
        self._found: tuple[int, int] | None = None  # the first that agreed when it was found again
        self._misses = 0  # times that it was found in the wrong place
        self._changes: dict[tuple[int, ...], tuple[int, ...]] = {}

    @property
    def is_sure(self) -> bool:
        """Whether so much has agreed that it is no chance."""
        return self.run >= PROOF

    @property
    def lost(self) -> int:
        """How many tokens have come since the copy was left and not found again for sure."""
        return self.at - self._left[1] if self._left is not None else 0

    def follow(self, ids: Sequence[int]) -> bool:
        """Take in how the text has gone on; return whether it is known what would follow."""
        if self._left is None or self._found is not None:
            while self.at < len(ids) and self._agrees(ids):
                self.at += 1
                self.run += 1
                if self._left is not None and self.is_sure:
                    self._settle(ids)
            if self.at == len(ids):
                return self.is_sure or self._found is not None
            if self._left is None and not self.is_sure:
                self.at = len(ids)
                self._left = (self._place, self.at)
                return False
            if self._left is None:
                self._left = (self._place, self.at)
            else:
                self._misses += 1
            self.run, self._found, self._coming = 0, None, []
        return self._find(ids)

    def expected(self, ids: Sequence[int], count: int) -> list[int]:
        """Return the next tokens if the copy goes on, also into what it has just said itself."""
        tokens, place = list(self._coming), self._place
        while len(tokens) < count:
            old = self._change_at(ids, place)
            tokens += self._changes[old] if old else (ids[place] if place < self.at else tokens[place - self.at],)
            place += len(old) or 1
        return tokens[: count if self.is_sure or self._misses < DOUBT else FEW]

    def _agrees(self, ids: Sequence[int]) -> bool:
        """Take one token, as it stands in the source or as a known change has it; return whether it is either."""
        token = ids[self.at]
        if self._coming:
            return self._coming.pop(0) == token
        old = self._change_at(ids, self._place)
        if old and self._changes[old][0] == token:
            self._place += len(old)
            self._coming = list(self._changes[old][1:])
            return True
        if self._place < self.at and ids[self._place] == token:
            if old:  # not this time, and so not again
                del self._changes[old]
            self._place += 1
            return True
        return False

    def _change_at(self, ids: Sequence[int], place: int) -> tuple[int, ...]:
        return next((old for old in self._changes if tuple(ids[place : place + len(old)]) == old), ())

    def _settle(self, ids: Sequence[int]) -> None:
        """Learn what was changed, now that the copy is sure again."""
        assert self._left is not None and self._found is not None
        old, new = tuple(ids[self._left[0] : self._found[0]]), tuple(ids[self._left[1] : self._found[1]])
        if self.is_proved and 0 < len(old) <= LONGEST_CHANGE and 0 < len(new) <= LONGEST_CHANGE:
            self._changes[old] = new
            if len(self._changes) > MOST_CHANGES:
                del self._changes[next(iter(self._changes))]
        self._left, self._found, self._misses = None, None, 0

    def _find(self, ids: Sequence[int]) -> bool:
        """Look round the place where the copy was left for what agrees best with the end of the text.

        Of equal places the nearest ahead counts. The more often that was wrong, the more has to agree.
        """
        assert self._left is not None
        left, end = self._left[0], len(ids)
        most = (FEW if self.is_proved else AGREED) + self._misses // 2 - 1
        found = None
        for place in (*range(left + 1, min(left + AHEAD, self._left[1])), *range(left, max(0, left - BACK), -1)):
            agreed = 0
            while agreed < min(PROOF, place) and ids[place - 1 - agreed] == ids[end - 1 - agreed]:
                agreed += 1
            if agreed > most:
                found, most = place, agreed
        self.at = end
        if found is not None:
            first = max(found - most, left)  # what agrees from before the change is no end of it
            self._place, self._found = found, (first, end - (found - first))
        return found is not None
