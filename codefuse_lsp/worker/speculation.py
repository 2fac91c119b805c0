"""Guesses at the next tokens, which the model then checks in one pass. A wrong guess costs time, never the text.

Prompt lookup (Saxena, 2023): what followed the last few tokens the last time they occurred, in the prompt or in the
answer, is likely to follow again where code is edited or rewritten. Once an answer is seen to copy from a place, it is
followed along there, and not to wherever the same few tokens stood last. Knows nothing of models.
"""

from __future__ import annotations

from codefuse_lsp.worker.copying import Copy

NGRAM = 3  # tokens that must agree before what followed them is proposed
LONGEST_DRAFT = 10  # tokens
LONGEST_COPY = 31  # tokens, while whole drafts along a copy are right: with the one before them a pass of 32
FIRST_COPY, SHORTEST_COPY = 8, 4  # tokens: along a copy, and right after it was found again
SHORTEST_DRAFT = 2
SILENCE = 24  # tokens without a proposal after proposals that failed
MOST_LOST = 256  # tokens after which a copy that was left is given up


class PromptLookup:
    """The drafts of one text: longer while they are right, none for a while when they are wrong."""

    def __init__(self) -> None:
        self._places: dict[tuple[int, ...], int] = {}  # n-gram -> the index after its last occurrence but the end
        self._indexed = NGRAM
        self._length = 4
        self._copy_length = FIRST_COPY
        self._silent_until = 0
        self._copy: Copy | None = None  # that was followed for a while
        self._candidate: Copy | None = None  # that may be one
        self._along: Copy | None = None  # that the last proposal followed

    def propose(self, token_ids: list[int], limit: int) -> list[int]:
        """Return up to `limit` tokens that may follow; none when nothing speaks for any."""
        for end in range(self._indexed, len(token_ids)):  # the n-gram at the very end is what is looked up
            self._places[tuple(token_ids[end - NGRAM : end])] = end
        self._indexed = max(self._indexed, len(token_ids))
        self._along = self._followed(token_ids)
        if self._along is not None:
            length = self._copy_length if self._along.is_sure else SHORTEST_COPY
            return self._along.expected(token_ids, min(length, limit))
        return self._looked_up(token_ids, limit)

    def observe(self, num_tokens: int, proposed: int, accepted: int) -> None:
        """Learn how many proposed tokens were right in a text that has `num_tokens` now."""
        if self._along is not None:
            self._along.is_proved = self._along.is_proved or accepted >= SHORTEST_DRAFT
            if accepted == proposed:
                self._copy_length = min(LONGEST_COPY, self._copy_length * 2)
            elif self._along.is_sure:
                self._copy_length = max(FIRST_COPY, self._copy_length // 2)
        elif accepted == proposed:
            self._length = min(LONGEST_DRAFT, self._length * 2)
        elif accepted * 2 < proposed:
            if self._length == SHORTEST_DRAFT:
                self._silent_until = num_tokens + SILENCE
            self._length = max(SHORTEST_DRAFT, self._length // 2)

    def _looked_up(self, token_ids: list[int], limit: int) -> list[int]:
        """Return what followed the last few tokens the last time."""
        if len(token_ids) < NGRAM:
            return []
        place = self._places.get(tuple(token_ids[-NGRAM:]))
        if place is None:
            return []
        if self._candidate is None:
            self._candidate = Copy(place, len(token_ids))
        if len(token_ids) < self._silent_until:
            return []
        period = len(token_ids) - place  # what followed may end here, and then it is what has been going round
        return [token_ids[place + index % period] for index in range(min(self._length, limit))]

    def _followed(self, token_ids: list[int]) -> Copy | None:
        """Return the copy along which it is known what would follow."""
        if self._candidate is not None:
            follows = self._candidate.follow(token_ids)
            if self._candidate.is_sure and (self._copy is None or self._copy.lost):
                self._copy, self._candidate = self._candidate, None
                return self._copy if follows else None
            if self._candidate.lost or not self._candidate.run:
                self._candidate = None
        if self._copy is None:
            return None
        follows = self._copy.follow(token_ids)
        if self._copy.lost > MOST_LOST:
            self._copy = None
        return self._copy if follows else None
