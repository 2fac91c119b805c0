"""How many characters a number of tokens is, where nobody can be asked.

Input: sizes of earlier prompts as their answers told them. Output: careful estimates. Knows nothing of tokenizers.
"""

from __future__ import annotations

import re

FIRST_CHARS_PER_TOKEN = 2.0  # below the 2.38 of HumanEval's prompts under Llama 2's tokenizer (73,898 / 31,102)
STEP = 0.25  # the ratio in use moves in steps, so that windows cut by it stay where they are
RISE_STEPS = 2.5  # by which a measured ratio must stand above the one in use; less is not worth reading windows anew
RISE = 0.1  # part of a rise that is believed at a time; a fall is believed at once
LEAST_TOKENS = 256  # a shorter prompt is mostly scaffold, which has longer words than code
FAR_END_RESERVE = 0.15  # part of the context kept free where the far end cannot count tokens


WORD_CHARS = 3  # of a word to a token: what is unusual falls into short pieces
SPACES = 4  # of an indentation
# A run without blanks, of data; a word with the blank before it; blanks; what is not ASCII; any other character.
_PIECE = re.compile(r"[A-Za-z0-9+/=]{40,}| ?(?:[A-Z]?[a-z]+|[A-Z]+)|[^\S\n]+|[^\x00-\x7f]+|.|\n")


def careful_tokens(text: str) -> int:
    """Return how many tokens a text takes at most, in most tokenizers, whatever it is.

    Measured with Llama 2's: 1.4 times the tokens of code and prose, 1.0 of digits, hexadecimal and emoji, 1.2 of
    base64, 2.5 of Chinese; a ratio of characters takes each of these last for half of what it is, or less.
    """
    return sum(map(_piece_tokens, _PIECE.findall(text)))


def _piece_tokens(piece: str) -> int:
    if not piece.isascii():
        return len(piece.encode("utf-8", "surrogatepass"))  # each byte is one where the tokenizer does not know it
    if len(piece) >= 40 and " " not in piece:
        return len(piece)
    if piece[-1].isalpha():
        return 1 + max(0, len(piece) - 2) // WORD_CHARS
    return 1 + (len(piece) - 1) // SPACES


class TokenEstimate:
    """A careful ratio of characters to tokens, corrected by the `usage` of answers."""

    def __init__(self, chars_per_token: float = FIRST_CHARS_PER_TOKEN) -> None:
        self._measured = chars_per_token
        self._in_use = _step_down(chars_per_token)
        self._has_observed = False

    @property
    def chars_per_token(self) -> float:
        """The ratio in use: at or below what was measured."""
        return self._in_use

    def observe(self, chars: int, tokens: int) -> None:
        """Take in that a prompt of `chars` characters had `tokens` tokens."""
        if tokens < LEAST_TOKENS or chars <= 0:
            return
        ratio = chars / tokens
        if not self._has_observed:  # believed at once: windows that grew bit by bit would each be read anew
            self._has_observed, self._measured, self._in_use = True, ratio, _step_down(ratio)
        self._measured = min(ratio, self._measured + max(0.0, ratio - self._measured) * RISE)
        if self._measured < self._in_use or self._measured >= self._in_use + RISE_STEPS * STEP:
            self._in_use = _step_down(self._measured)

    def chars_for(self, tokens: int) -> int:
        """Return how many characters surely fit in `tokens`."""
        return max(0, int(tokens * self._in_use))

    def tokens_in(self, chars: int) -> int:
        """Return how many tokens `chars` characters take at most, by the ratio in use."""
        return -int(-chars // self._in_use)


def usable_tokens(limit_tokens: int, *, counted: bool) -> int:
    """Return the tokens that may be planned with: all where the far end counts them, else 85 of 100."""
    return limit_tokens if counted else int(limit_tokens * (1 - FAR_END_RESERVE))


def _step_down(ratio: float) -> float:
    return max(STEP, ratio // STEP * STEP)
