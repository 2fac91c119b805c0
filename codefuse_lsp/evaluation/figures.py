"""The figures of an evaluation from what was counted. Pure; knows nothing of tasks or models."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

RESAMPLES = 4000
SEED = 20_210_707  # of the resampling: the same counts give the same interval


@dataclass(frozen=True, slots=True)
class Interval:
    """A ratio and the 95 % interval of it (2.5th and 97.5th percentile of the resamples)."""

    ratio: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Difference:
    """A mean difference and the 99 % interval of it (0.5th and 99.5th percentile of the resamples).

    Wider than usual: where several settings are tried, one of them is soon ahead by chance.
    """

    mean: float
    low: float
    high: float


def pass_at_k(samples: int, passed: int, k: int) -> float:
    """Return the unbiased estimate of the chance that one of `k` samples passes (Chen et al. 2021, equation 1)."""
    if samples - passed < k:
        return 1.0
    return 1.0 - math.comb(samples - passed, k) / math.comb(samples, k)


def percentile(values: Sequence[float], percent: float) -> float | None:
    """Return the value that `percent` of all are at or below (nearest rank); None of nothing."""
    if not values:
        return None
    return sorted(values)[max(0, math.ceil(percent / 100 * len(values)) - 1)]


def latencies(values_ms: Sequence[float]) -> dict[str, float | None]:
    """Return the usual percentiles of latencies in milliseconds."""
    return {f"p{percent}": percentile(values_ms, percent) for percent in (50, 95, 99)}


def ratio_of_counts(ours: Sequence[bool], theirs: Sequence[bool]) -> Interval:
    """Return how many times as often ours is true as theirs, by a paired bootstrap over the tasks.

    Each resample draws as many tasks as there are, with both outcomes of each. A resample in which theirs is never true
    is left out.
    """
    pairs = list(zip(ours, theirs, strict=True))
    if not any(theirs):
        return Interval(None, None, None)
    chance = random.Random(SEED)
    kinds = sorted(set(pairs))
    weights = [pairs.count(kind) for kind in kinds]
    ratios = []
    for _ in range(RESAMPLES):
        drawn = chance.choices(kinds, weights, k=len(pairs))
        if count := sum(their for _, their in drawn):
            ratios.append(sum(our for our, _ in drawn) / count)
    low, high = percentile(ratios, 2.5), percentile(ratios, 97.5)
    return Interval(sum(ours) / sum(theirs), low, high)


def difference(ours: Sequence[float], theirs: Sequence[float]) -> Difference:
    """Return how much larger ours are than theirs in the mean, by a paired bootstrap over the tasks."""
    each = [our - their for our, their in zip(ours, theirs, strict=True)]
    if not each:
        return Difference(0.0, 0.0, 0.0)
    chance = random.Random(SEED)
    means = sorted(sum(chance.choices(each, k=len(each))) / len(each) for _ in range(RESAMPLES))
    low, high = (means[round(share * (RESAMPLES - 1))] for share in (0.005, 0.995))
    return Difference(sum(each) / len(each), low, high)
