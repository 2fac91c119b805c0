"""How long to wait after a keystroke before the model is asked.

Input: when keys were pressed and how long answers took, in seconds. Output: a delay in seconds. Pure, with a bounded
memory; knows nothing of clocks, editors or models.

The interval of keys and the rates are Tabby's (tabby-agent, codeCompletion/debouncer.ts): one and a half to three
intervals between keys, the fewer the likelier it is that the user waits for something. To wait longer than the answer
takes is no gain, though: who asks at once and is overtaken by the next key has lost no more than the answer's time. And
an answer that comes well before the next key costs nothing. So a quick local model is asked at once.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from statistics import fmean, median

from codefuse_lsp.suggestions.asked import Asked

MAX_DELAY_S = 1.0
KEYS, LEAST_KEYS = 100, 20  # intervals remembered, and how many tell something
FIRST_INTERVAL_S, MIN_INTERVAL_S, MAX_INTERVAL_S = 0.2, 0.1, 0.4  # a longer one is a pause, not typing
MIN_RATE, MAX_RATE = 1.5, 3.0  # intervals to wait
WORD_END_SHARE, LINE_END_SHARE, DOCUMENT_END_SHARE = 0.5, 0.4, 0.1  # of what speaks for asking soon
LATENCIES = 10  # answers remembered, as in Tabby's health check
FREE_SHARE = 0.5  # of an interval between keys: an answer within it costs nothing


@dataclass(frozen=True, slots=True)
class Moment:
    """What the last keystroke has left behind."""

    ends_word: bool = False  # the character before the cursor is none of a word
    ends_line: bool = False
    ends_document: bool = False
    invoked: bool = False  # the user has asked


def moment_of(asked: Asked) -> Moment:
    """Return the moment of a question."""
    context = asked.context
    last = context.line_prefix[-1:]
    return Moment(
        ends_word=not (last.isalnum() or last == "_"),
        ends_line=context.at_line_end,
        ends_document=not context.suffix.strip(),
        invoked=asked.invoked,
    )


class Debounce:
    """Learns how fast somebody types and how fast the model answers."""

    def __init__(self) -> None:
        self._last_key: float | None = None
        self._intervals: deque[float] = deque(maxlen=KEYS)
        self._latencies: deque[float] = deque(maxlen=LATENCIES)

    @property
    def interval(self) -> float:
        """The mean time between two keys, in seconds, pauses left out."""
        if len(self._intervals) < LEAST_KEYS:
            return FIRST_INTERVAL_S
        return min(max(fmean(self._intervals), MIN_INTERVAL_S), MAX_INTERVAL_S)

    @property
    def latency(self) -> float | None:
        """The median time that an answer took, in seconds; None before the first."""
        return median(self._latencies) if self._latencies else None

    def key_pressed(self, now: float) -> None:
        """Learn that a key was pressed; `now` is in seconds, of a clock that never goes back."""
        if self._last_key is not None and 0 <= now - self._last_key <= MAX_INTERVAL_S:
            self._intervals.append(now - self._last_key)
        self._last_key = now

    def answered(self, seconds: float) -> None:
        """Learn how long an answer took from the question to its end."""
        self._latencies.append(max(0.0, seconds))

    def given_up(self, seconds: float) -> None:
        """Learn that an answer had not come after so long, when time was up or something newer was asked.

        It would have taken longer; how much, nobody knows. So it counts only where less was thought.
        """
        if self.latency is not None and seconds > self.latency:
            self._latencies.append(seconds)

    def delay(self, moment: Moment, waited: float = 0.0) -> float:
        """Return how many seconds to wait, of which `waited` have passed since the key; 0 where the user asked."""
        if moment.invoked:
            return 0.0
        score = (
            WORD_END_SHARE * moment.ends_word
            + LINE_END_SHARE * moment.ends_line
            + DOCUMENT_END_SHARE * moment.ends_document
        )
        wanted = (MAX_RATE - (MAX_RATE - MIN_RATE) * score) * self.interval
        if self.latency is not None:
            wanted = min(wanted, self.latency - FREE_SHARE * self.interval)
        return min(max(0.0, wanted - waited), MAX_DELAY_S)
