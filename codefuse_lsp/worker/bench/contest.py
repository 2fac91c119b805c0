"""What a runner must do to be measured: answer texts, and say when the first token came and when all had come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from codefuse_lsp.worker.bench.measure import Clock, Cost


@dataclass(frozen=True, slots=True)
class Answer:
    """How one or more prompts, asked at once, were answered; costs count from the asking."""

    first: Cost  # to the first token of any
    whole: Cost  # to the last token of all
    tokens_first: int  # tokens that had come at `first`
    tokens: int  # of all answers
    texts: tuple[str, ...]
    joined: tuple[Cost, int] | None = None  # when every prompt had its first token, and how many tokens there were

    def first_ms(self, clock: Clock) -> float:
        """Return the milliseconds to the first token."""
        return 1e3 * self.first.on(clock)

    def decode_rate(self, clock: Clock) -> float:
        """Return the tokens a second after the first."""
        return (self.tokens - self.tokens_first) / max(1e-9, (self.whole - self.first).on(clock))

    def joint_rate(self, clock: Clock) -> float:
        """Return the tokens a second of all together, once every prompt had been read."""
        if self.joined is None:
            return self.decode_rate(clock)
        begun, tokens = self.joined
        return (self.tokens - tokens) / max(1e-9, (self.whole - begun).on(clock))

    def rate(self, clock: Clock) -> float:
        """Return the tokens a second from asking to the end, prefill included."""
        return self.tokens / max(1e-9, self.whole.on(clock))


class Contestant(Protocol):
    """Something that generates text, greedily and past any end-of-text token."""

    @property
    def name(self) -> str:
        """How the table calls it, with its build."""

    @property
    def remembers(self) -> bool:
        """Whether it keeps the keys and values of earlier prompts for later ones."""

    def answer(self, texts: Sequence[str], new_tokens: int) -> Answer:
        """Answer all texts, asked at once, with `new_tokens` each."""

    def close(self) -> None:
        """Let go of memory and processes."""


def same(answers: Sequence[Answer], others: Sequence[Answer]) -> str:
    """Return how many answers are equal to their counterparts, the quality that stands beside a speed."""
    pairs = [
        (a, b)
        for one, other in zip(answers, others, strict=False)
        for a, b in zip(one.texts, other.texts, strict=False)
    ]
    return f"{sum(a == b for a, b in pairs)} of {len(pairs)} answers equal"
