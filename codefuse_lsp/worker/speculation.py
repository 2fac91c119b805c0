"""Guesses at the next tokens, which the model then checks in one pass. A wrong guess costs time, never the text.

Prompt lookup (Saxena, 2023): what followed the last few tokens the last time they occurred, in the prompt or in the
answer, is likely to follow again where code is edited or rewritten. Knows nothing of models.
"""

from __future__ import annotations

NGRAM = 3  # tokens that must agree before what followed them is proposed
LONGEST_DRAFT = 10  # tokens
SHORTEST_DRAFT = 2
SILENCE = 24  # tokens without a proposal after proposals that failed


class PromptLookup:
    """The drafts of one text: longer while they are right, none for a while when they are wrong."""

    def __init__(self) -> None:
        self._places: dict[tuple[int, ...], int] = {}  # n-gram -> the index after its last occurrence but the end
        self._indexed = NGRAM
        self._length = 4
        self._silent_until = 0

    def propose(self, token_ids: list[int], limit: int) -> list[int]:
        """Return up to `limit` tokens that may follow; none when nothing speaks for any."""
        for end in range(self._indexed, len(token_ids)):  # the n-gram at the very end is what is looked up
            self._places[tuple(token_ids[end - NGRAM : end])] = end
        self._indexed = max(self._indexed, len(token_ids))
        if len(token_ids) < max(NGRAM, self._silent_until):
            return []
        place = self._places.get(tuple(token_ids[-NGRAM:]))
        if place is None:
            return []
        period = len(token_ids) - place  # what followed may end here, and then it is what has been going round
        return [token_ids[place + index % period] for index in range(min(self._length, limit))]

    def observe(self, num_tokens: int, proposed: int, accepted: int) -> None:
        """Learn how many proposed tokens were right in a text that has `num_tokens` now."""
        if accepted == proposed:
            self._length = min(LONGEST_DRAFT, self._length * 2)
        elif accepted * 2 < proposed:
            if self._length == SHORTEST_DRAFT:
                self._silent_until = num_tokens + SILENCE
            self._length = max(SHORTEST_DRAFT, self._length // 2)
