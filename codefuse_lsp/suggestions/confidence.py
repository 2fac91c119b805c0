"""How sure a model was of what it wrote, and where it began to guess.

Input: the tokens of an answer with their log-probabilities. Output: the text up to the first improbable one, and how
probable the rest is in the mean. Pure; knows nothing of filters, nor of how the numbers are fetched.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from codefuse_lsp.generation.request import TokenLogprob


@dataclass(frozen=True, slots=True)
class Confident:
    """The part of an answer that the model was sure of."""

    text: str
    mean_logprob: float | None  # natural logarithm, of the tokens of `text`; None where there are none
    doubt: str = ""  # the token at which the text was cut


def cut_at_doubt(text: str, tokens: Sequence[TokenLogprob], least: float) -> Confident:
    """Return `text` up to its first token that is less probable than `least` (0..1; 0 cuts nowhere), in whole words.

    `text` is the end of what the tokens spell: what stands before it, such as a healed half word, was not the model's
    choice and is not judged. Where the tokens do not spell the text (characters of several tokens, a far end that tells
    only some of them), nothing is cut, for nobody knows where.
    """
    spelt = "".join(token.token for token in tokens)
    if not text or not spelt.endswith(text):
        return Confident(text, _mean(tokens))
    start = len(spelt) - len(text)
    position = 0
    kept: list[TokenLogprob] = []
    for token in tokens:
        end = position + len(token.token)
        if end > start:
            if token.logprob < _logarithm(least):
                return _cut(text, max(0, position - start), kept, token.token)
            kept.append(token)
        position = end
    return Confident(text, _mean(kept))


def _cut(text: str, end: int, kept: list[TokenLogprob], doubt: str) -> Confident:
    """Return the whole words before `end`; `kept` are the tokens up to there."""
    whole = end
    if _in_word(text[end - 1 : end]) and _in_word(text[end : end + 1]):
        while whole and _in_word(text[whole - 1]):
            whole -= 1
    surplus = end - whole
    while kept and surplus > 0:
        surplus -= len(kept.pop().token)
    return Confident(text[:whole], _mean(kept), doubt)


def _mean(tokens: Sequence[TokenLogprob]) -> float | None:
    return sum(token.logprob for token in tokens) / len(tokens) if tokens else None


def _logarithm(probability: float) -> float:
    return math.log(probability) if probability > 0 else -math.inf


def _in_word(character: str) -> bool:
    return character.isalnum() or character == "_"
