"""Other values of the settings that matter most on a machine and its code, and what each of them changes.

Input: the settings in force, and what was shown in the same gaps with them and with each other value. Output: figures,
and how they differ. Pure; knows nothing of what is made of them.

With any `completion_confidence` but 0, one answer is all that is asked for (suggestions/requests.py): it is tried on
the one answer that is shown with `completion_candidates` = 1, and compared with that, since what is chosen among
several comes of another prompt. Whether it is also better than what is in force is asked besides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from codefuse_lsp import config
from codefuse_lsp.config import Settings
from codefuse_lsp.evaluation.figures import Difference, difference, percentile
from codefuse_lsp.evaluation.filling import Row
from codefuse_lsp.evaluation.gaps import Gap
from codefuse_lsp.generation.request import ModelCard

CONTEXT, CONFIDENCE, CANDIDATES = "completion_context", "completion_confidence", "completion_candidates"
VALUES: Mapping[str, tuple[float, ...]] = {CONTEXT: (512, 1024, 2048), CONFIDENCE: (0.0, 0.1, 0.2, 0.35)}


@dataclass(frozen=True, slots=True)
class Trial:
    """Another value of one setting."""

    setting: str
    value: float

    @property
    def form(self) -> str:
        """The name of what is shown with it."""
        return f"{self.setting}={self.value:g}"

    @property
    def line(self) -> str:
        """The line for a settings file."""
        return f"{self.setting} = {self.value:g}"

    def settings(self, base: Settings) -> Settings:
        """Return the settings with this value; with a confidence, nothing is chosen."""
        alone = {CANDIDATES: 1} if self.setting == CONFIDENCE else {}
        return config.apply(base, {self.setting: self.value} | alone, self.form)[0]


ONE_ANSWER = Trial(CANDIDATES, 1)  # what confidences are compared with


@dataclass(frozen=True, slots=True)
class Score:
    """How good what is shown in one gap is; silence is '' shown. `ms` is 0 where nobody had to be asked."""

    similarity: float
    right: int  # characters up to the first mistake
    wrong: int  # characters from there on
    exact: bool
    silent: bool
    ms: float

    @property
    def balance(self) -> float:
        """The characters that need not be typed, less those that must be deleted."""
        return self.right - self.wrong


@dataclass(frozen=True, slots=True)
class Compared:
    """One trial beside its base in the same gaps, and beside the settings in force where those are another's."""

    trial: Trial
    scores: Sequence[Score]
    similarity: Difference
    balance: Difference
    ms: Difference
    balance_in_force: Difference
    exact_in_force: int

    @property
    def exact(self) -> int:
        """How many are shown to the letter."""
        return sum(score.exact for score in self.scores)


def trials_of(settings: Settings, card: ModelCard, name: str) -> list[Trial]:
    """Return the other values of a setting that fit the model."""
    room = (card.max_model_len or 1 << 30) - settings.completion_max_tokens
    values = [value for value in VALUES[name] if value != getattr(settings, name)]
    return [Trial(name, value) for value in values if name != CONTEXT or value <= room]


def score_of(gap: Gap, row: Row) -> Score:
    """Return how good what is shown in a gap is."""
    text = row["text"]
    return Score(gap.similarity(text), *gap.right_and_wrong(text), gap.is_exact(text), not text, row["ms"])


def compared(
    trial: Trial, scores: Sequence[Score], base: Sequence[Score], in_force: Sequence[Score] | None = None
) -> Compared:
    """Return a trial beside its base, and beside the settings in force; None where these are its base."""
    in_force = base if in_force is None else in_force
    return Compared(
        trial,
        scores,
        difference([score.similarity for score in scores], [score.similarity for score in base]),
        difference([score.balance for score in scores], [score.balance for score in base]),
        difference([score.ms for score in scores], [score.ms for score in base]),
        difference([score.balance for score in scores], [score.balance for score in in_force]),
        sum(score.exact for score in in_force),
    )


def figures_of(scores: Sequence[Score], *, timed: bool) -> dict[str, Any]:
    """Return the means of some scores, a place each."""
    count = max(1, len(scores))
    return {
        "total": len(scores),
        "edit_similarity": sum(score.similarity for score in scores) / count,
        "exact_match": sum(score.exact for score in scores),
        "right_chars": sum(score.right for score in scores) / count,
        "wrong_chars": sum(score.wrong for score in scores) / count,
        "silent": sum(score.silent for score in scores),
        "p50_ms": percentile([score.ms for score in scores], 50) if timed else None,
    }


def as_json(found: Compared) -> dict[str, Any]:
    """Return a trial's figures, and how they differ from those of its base, and from those of the settings in force."""
    timed = found.trial.setting == CONTEXT
    differences = {"edit_similarity": found.similarity, "right_less_wrong_chars": found.balance}
    if found.trial.setting == CONFIDENCE:
        differences["right_less_wrong_chars_in_force"] = found.balance_in_force
    if timed:
        differences["ms"] = found.ms
    return {
        "setting": found.trial.setting,
        "value": found.trial.value,
        **figures_of(found.scores, timed=timed),
        "difference": {name: asdict(value) for name, value in differences.items()},
    }
