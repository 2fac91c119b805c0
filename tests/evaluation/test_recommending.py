from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from codefuse_lsp.config import Settings
from codefuse_lsp.evaluation.gaps import Gap
from codefuse_lsp.evaluation.recommending import Recommendation, recommended
from codefuse_lsp.evaluation.trials import CONFIDENCE, CONTEXT, Score, Trial, compared, score_of, trials_of
from codefuse_lsp.generation.request import ModelCard

EXACT = Score(1.0, 20, 0, True, False, 400.0)
WRONG = Score(0.2, 2, 30, False, False, 400.0)
CLOSE = Score(0.8, 15, 5, False, False, 400.0)
SILENT = Score(0.0, 0, 0, False, True, 400.0)


def told(setting: str, base: Sequence[Score], **others: Sequence[Score]) -> Recommendation:
    now = 1024 if setting == CONTEXT else 0
    tried = [
        compared(Trial(setting, float(name[1:].replace("_", "."))), scores, base) for name, scores in others.items()
    ]
    return recommended(setting, now, base, tried)


def test_a_confidence_that_is_worse_than_what_is_chosen_now_is_not_recommended() -> None:
    scores, in_force = [EXACT, SILENT, CLOSE, SILENT] * 15, [EXACT, EXACT, CLOSE, SILENT] * 15
    found = compared(Trial(CONFIDENCE, 0.35), scores, BASE, in_force)
    assert found.balance.low > 0 > found.balance_in_force.high
    assert recommended(CONFIDENCE, 0, BASE, [found]).line == ""
    alike = compared(Trial(CONFIDENCE, 0.35), scores, BASE, BASE)
    assert recommended(CONFIDENCE, 0, BASE, [alike]).line == "completion_confidence = 0.35"


def in_ms(scores: Sequence[Score], ms: float) -> list[Score]:
    return [replace(score, ms=ms) for score in scores]


BASE = [EXACT, WRONG, CLOSE, WRONG] * 15


def test_a_larger_context_that_shows_better_text_is_recommended_with_its_figures() -> None:
    better = in_ms([EXACT, CLOSE, CLOSE, CLOSE] * 15, 500)
    found = told(CONTEXT, BASE, v512=BASE, v2048=better)
    assert found.line == "completion_context = 2048"
    assert found.sentence.startswith("completion_context = 2048 is better here than 1024: ")
    assert "85.0 % like what is missing, not 55.0 %" in found.sentence
    assert "within 500 ms, not 400 ms" in found.sentence


def test_a_better_context_that_takes_much_longer_is_not_recommended() -> None:
    found = told(CONTEXT, BASE, v2048=in_ms([EXACT, CLOSE, CLOSE, CLOSE] * 15, 700))
    assert found.line == "" and "2048: +30.0" in found.sentence and "+300 ms" in found.sentence


def test_a_context_as_good_and_faster_is_recommended() -> None:
    assert told(CONTEXT, BASE, v512=in_ms(BASE, 200), v2048=BASE).line == "completion_context = 512"


def test_a_faster_context_that_may_be_worse_is_not_recommended() -> None:
    worse = [SILENT if number % 20 == 0 else score for number, score in enumerate(BASE)]
    assert told(CONTEXT, BASE, v512=in_ms(worse, 200)).line == ""


def test_a_difference_within_noise_is_no_evidence() -> None:
    lucky = [CLOSE if number in (1, 3) else score for number, score in enumerate(BASE)]
    found = told(CONTEXT, BASE, v2048=lucky)
    assert found.line == "" and found.sentence.startswith("completion_context = 1024 stays: ")
    assert "2048: +2.0, 99 % interval" in found.sentence


def test_a_confidence_that_takes_away_what_is_wrong_is_recommended() -> None:
    found = told(CONFIDENCE, BASE, v0_1=BASE, v0_35=[EXACT, SILENT, CLOSE, SILENT] * 15)
    assert found.line == "completion_confidence = 0.35"
    assert "1.2 wrong characters are shown at a place, not 16.2" in found.sentence
    assert "15 of 60 are exact, not 15, and 30 silent, not 0" in found.sentence


def test_a_confidence_that_takes_away_what_is_exact_is_not_recommended() -> None:
    cut = [SILENT, SILENT, CLOSE, SILENT] + [EXACT, SILENT, CLOSE, SILENT] * 14
    found = told(CONFIDENCE, BASE, v0_35=cut)
    assert found.line == "" and "0.35: " in found.sentence and "14 exact" in found.sentence


def test_few_places_are_no_evidence_whatever_they_say() -> None:
    found = told(CONTEXT, [WRONG] * 29, v2048=[EXACT] * 29)
    assert found.line == "" and "29 places are too few" in found.sentence
    assert told(CONTEXT, [WRONG] * 30, v2048=[EXACT] * 30).line == "completion_context = 2048"


def test_the_value_in_force_is_not_tried_and_none_that_the_model_cannot_read() -> None:
    card = ModelCard("m", max_model_len=2048)
    assert [trial.value for trial in trials_of(Settings(), card, CONTEXT)] == [512]
    assert [trial.value for trial in trials_of(Settings(), ModelCard("m"), CONTEXT)] == [512, 2048]
    assert [trial.value for trial in trials_of(Settings(completion_confidence=0.2), card, CONFIDENCE)] == [0, 0.1, 0.35]


def test_a_trial_changes_its_own_setting_and_a_confidence_chooses_nothing() -> None:
    assert Trial(CONTEXT, 512).settings(Settings()) == Settings(completion_context=512)
    with_one_answer = Settings(completion_confidence=0.2, completion_candidates=1)
    assert Trial(CONFIDENCE, 0.2).settings(Settings()) == with_one_answer
    assert Trial(CONFIDENCE, 0.2).line == "completion_confidence = 0.2"


@pytest.mark.parametrize(
    ("shown", "score"),
    [
        ("total += b", Score(1.0, 10, 0, True, False, 9.0)),
        ("total", Score(pytest.approx(2 / 3), 5, 0, False, False, 9.0)),
        ("", Score(0.0, 0, 0, False, True, 9.0)),
    ],
)
def test_what_is_shown_is_scored_by_what_is_missing(shown: str, score: Score) -> None:
    gap = Gap("g", "/p/a.py", "python", "", "total += b", "\n")
    assert score_of(gap, {"text": shown, "ms": 9.0}) == score
