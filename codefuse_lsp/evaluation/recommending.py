"""Which values of settings to recommend, in a sentence each with the figures behind it.

Input: the trials of one setting, compared with their base and with what is in force. Output: a `Recommendation`.
Pure; knows nothing of how anything was measured.

A value is recommended only where the paired bootstrap shows it better beyond noise. `completion_context` is judged by
how like what is missing that is which is shown, and by the time it takes; `completion_confidence` by the characters
that are right less those that are wrong, since these have to be read and deleted. It takes away from one answer, and
none is chosen among several with it: it has to be better than that one answer, and than what is in force.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from codefuse_lsp.evaluation.figures import Difference
from codefuse_lsp.evaluation.trials import CONTEXT, Compared, Score, figures_of

LEAST_PLACES = 30  # fewer are no evidence, whatever they say
AS_GOOD = 0.01  # of similarity, that a faster value may lose at most
FASTER = 0.1  # of the mean time, that a faster value must save at least
SLOWER = 1.5  # times the median, that a better value may take
EXACT_KEPT = 0.95  # of what is shown to the letter, that must stay where less is shown


@dataclass(frozen=True, slots=True)
class Recommendation:
    """What to do about one setting; `line` is for the settings file, '' where its value stays."""

    setting: str
    sentence: str
    line: str = ""


def recommended(setting: str, now: float, base: Sequence[Score], tried: Sequence[Compared]) -> Recommendation:
    """Return what the trials of one setting say; `now` is the value in force, `base` what they are compared with."""
    if len(base) < LEAST_PLACES:
        few = f"{len(base)} places are too few to choose by ({LEAST_PLACES} at least)"
        return Recommendation(setting, f"{setting} = {now:g} stays: {few}.")
    best = _better_context(base, tried) if setting == CONTEXT else _better_confidence(base, tried)
    if best is not None:
        line, told = best.trial.line, _told(setting, base, best)
        return Recommendation(setting, f"{line} is better here than {now:g}: {told}.", line)
    others = "; ".join(f"{one.trial.value:g}: {_told_short(setting, one)}" for one in tried)
    criterion = (
        "or as good and faster,"
        if setting == CONTEXT
        else "for one answer and beside what is shown now, and keeps what is exact,"
    )
    return Recommendation(setting, f"{setting} = {now:g} stays: no other value is better, {criterion} ({others}).")


def _better_context(base: Sequence[Score], tried: Sequence[Compared]) -> Compared | None:
    longest_ms = SLOWER * (figures_of(base, timed=True)["p50_ms"] or 0)
    better = [one for one in tried if one.similarity.low > 0 and _p50_ms(one) <= longest_ms]
    if better:
        return max(better, key=lambda one: one.similarity.mean)
    least_ms = FASTER * sum(score.ms for score in base) / len(base)
    faster = [one for one in tried if one.similarity.low > -AS_GOOD and one.ms.high < -least_ms]
    return min(faster, key=lambda one: one.ms.mean, default=None)


def _better_confidence(base: Sequence[Score], tried: Sequence[Compared]) -> Compared | None:
    exact = sum(score.exact for score in base)
    better = [
        one
        for one in tried
        if min(one.balance.low, one.balance_in_force.low) > 0
        and one.exact >= EXACT_KEPT * max(exact, one.exact_in_force)
    ]
    return max(better, key=lambda one: one.balance.mean, default=None)


def _told(setting: str, base: Sequence[Score], one: Compared) -> str:
    timed = setting == CONTEXT
    old, new = figures_of(base, timed=timed), figures_of(one.scores, timed=timed)
    if timed:
        return (
            f"what is shown is {100 * new['edit_similarity']:.1f} % like what is missing, not "
            f"{100 * old['edit_similarity']:.1f} % (difference in points: {_interval(one.similarity, 100)}), "
            f"and half of it comes within {new['p50_ms']:.0f} ms, not {old['p50_ms']:.0f} ms"
        )
    return (
        f"{new['wrong_chars']:.1f} wrong characters are shown at a place, not {old['wrong_chars']:.1f}, and "
        f"{new['right_chars']:.1f} right ones, not {old['right_chars']:.1f} (difference of right less wrong: "
        f"{_interval(one.balance)}); {new['exact_match']} of {new['total']} are exact, not {old['exact_match']}, "
        f"and {new['silent']} silent, not {old['silent']}, both with completion_candidates = 1"
    )


def _told_short(setting: str, one: Compared) -> str:
    if setting == CONTEXT:
        return f"{_interval(one.similarity, 100)} points of similarity, {one.ms.mean:+.0f} ms"
    return f"{_interval(one.balance)} characters right less wrong, {one.exact} exact"


def _interval(found: Difference, times: float = 1) -> str:
    mean, low, high = (times * value for value in (found.mean, found.low, found.high))
    return f"{mean:+.1f}, 99 % interval {low:+.1f} to {high:+.1f}"


def _p50_ms(one: Compared) -> float:
    return float(figures_of(one.scores, timed=True)["p50_ms"] or 0)
