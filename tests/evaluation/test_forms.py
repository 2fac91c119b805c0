from __future__ import annotations

import pytest

from codefuse_lsp.config import Settings
from codefuse_lsp.evaluation.forms import measured_with
from codefuse_lsp.evaluation.gaps import Gap
from codefuse_lsp.generation.request import ModelCard
from codefuse_lsp.suggestions.filters import Place
from codefuse_lsp.suggestions.requests import CANDIDATES, question_for
from codefuse_lsp.suggestions.surroundings import Shown

CARD = ModelCard("m", prompt_format="codefuse", device="cpu")


@pytest.mark.parametrize(
    ("settings", "card", "number"),
    [
        (Settings(), CARD, CANDIDATES),
        (Settings(completion_candidates=7), CARD, 7),
        (Settings(completion_candidates=1), CARD, 1),
        (Settings(completion_confidence=0.2), CARD, 1),
        (Settings(completion_confidence=0.2, completion_candidates=7), CARD, 1),
        (Settings(completion_candidates=7), ModelCard("theirs", prompt_format="codefuse"), 1),
    ],
)
def test_the_number_of_answers_that_is_told_is_the_one_that_is_asked_for(
    settings: Settings, card: ModelCard, number: int
) -> None:
    measured = measured_with(settings, card)
    assert measured.completion_candidates == number and measured.completion_ahead == "off"
    context = Gap("g", "/p/a.py", "python", "a = 1\nb = ", "2", "\nc = 3\n").asked(1000).context
    for asked in (measured, settings):  # of the settings as they are, where there is time
        question = question_for(Place(context, block=False), Shown(context), card, asked, quick=True)
        assert question.candidates == number
