"""Token healing as constrained decoding: an answer is held to begin with given text, token by token.

Input: the bytes of a vocabulary and the text. Output: the ids allowed next. Knows nothing of logits or models.
"""

from __future__ import annotations

from bisect import bisect_left
from functools import cached_property

from codefuse_lsp.worker.tokenizer import Tokenizer


class VocabularyIndex:
    """The bytes of all tokens, sorted when first needed, so that a lookup costs a bisection."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer

    def allowed(self, remaining: bytes) -> list[int]:
        """Return the ids that `remaining` begins with, or that begin with `remaining`."""
        return self.shorter(remaining) + self.reaching(remaining)

    def shorter(self, remaining: bytes) -> list[int]:
        """Return the ids whose bytes are a proper beginning of `remaining`, the shortest first."""
        lengths = range(1, min(self._longest + 1, len(remaining)))
        return [token_id for n in lengths for token_id in self._ids_of.get(remaining[:n], ())]

    def reaching(self, remaining: bytes) -> list[int]:
        """Return the ids whose bytes begin with the whole of `remaining`."""
        words, ids = self._sorted
        end = remaining + b"\xff" * (self._longest + 1)  # sorts behind every token that begins with `remaining`
        return ids[bisect_left(words, remaining) : bisect_left(words, end)]

    def bytes_of(self, token_id: int) -> bytes:
        """Return the bytes of a token, none for a special one."""
        return self._tokenizer.token_bytes(token_id) or b""

    @cached_property
    def _ids_of(self) -> dict[bytes, list[int]]:
        table: dict[bytes, list[int]] = {}
        for token_id in range(self._tokenizer.vocab_size):
            if raw := self._tokenizer.token_bytes(token_id):
                table.setdefault(raw, []).append(token_id)
        return table

    @cached_property
    def _sorted(self) -> tuple[list[bytes], list[int]]:
        words = sorted(self._ids_of)
        pairs = [(raw, token_id) for raw in words for token_id in self._ids_of[raw]]
        return [raw for raw, _ in pairs], [token_id for _, token_id in pairs]

    @cached_property
    def _longest(self) -> int:
        return max(map(len, self._ids_of), default=0)


class Healing:
    """The state of one answer that must begin with `text`; its last token may reach beyond it.

    A token is allowed only if the rest can be spelled after it, so there is no dead end. Text that the vocabulary
    cannot spell at all is not held to.
    """

    def __init__(self, index: VocabularyIndex, text: str) -> None:
        self._index = index
        self._text = text.encode("utf-8", "replace")
        self._at = 0  # bytes written

    def allowed_ids(self) -> list[int] | None:
        """Return the ids that may come next, never none of them, or None when anything may."""
        if self._at >= len(self._text) or not self._spellable[self._at]:
            return None
        remaining = self._text[self._at :]
        shorter = self._index.shorter(remaining)
        return [i for i in shorter if self._spellable[self._at + len(self._index.bytes_of(i))]] + self._index.reaching(
            remaining
        )

    def advance(self, token_id: int) -> None:
        """Take the token that was chosen; one that was not allowed ends the healing."""
        raw, remaining = self._index.bytes_of(token_id), self._text[self._at :]
        follows = bool(raw) and remaining.startswith(raw)
        self._at = self._at + len(raw) if follows else len(self._text)

    @cached_property
    def _spellable(self) -> list[bool]:
        """Whether the text from each byte on can be written as tokens, found from its end backwards."""
        can = [False] * len(self._text) + [True]
        for at in reversed(range(len(self._text))):
            remaining = self._text[at:]
            lengths = {len(self._index.bytes_of(i)) for i in self._index.shorter(remaining)}
            can[at] = any(can[at + n] for n in lengths) or bool(self._index.reaching(remaining))
        return can
