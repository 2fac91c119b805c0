from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from codefuse_lsp.config import Settings
from codefuse_lsp.generation.request import ModelCard
from codefuse_lsp.suggestions.requests import question_for
from codefuse_lsp.suggestions.surroundings import Shown
from tests.suggestions.places import drawn, place_at

CARD = ModelCard("small", prompt_format="plain", device="cpu", scores=True)
ALONE = Settings(completion_candidates=1)


def may_begin(card: ModelCard = CARD, settings: Settings = ALONE, **how: Any) -> bool:
    context = drawn("def f(a):\n    │\n    return b\n")
    return question_for(place_at(context), Shown(context), card, settings, **how).may_begin


def test_an_only_answer_may_be_given_its_beginning() -> None:
    assert may_begin() and may_begin(settings=Settings())
    assert may_begin(settings=replace(ALONE, completion_confidence=0.2))


@pytest.mark.parametrize(
    ("card", "settings"),
    [
        (replace(CARD, device=""), ALONE),  # a stranger, which cannot be held to a beginning
        (replace(CARD, id="starcoder2", special_tokens=("<fim_prefix>", "<fim_suffix>", "<fim_middle>")), ALONE),
        (replace(CARD, prompt_format="messages"), ALONE),
    ],
)
def test_one_of_a_model_that_sees_the_code_below_or_cannot_be_held_to_it_may_not(
    card: ModelCard, settings: Settings
) -> None:
    assert not may_begin(card, settings)


def test_one_of_several_answers_may_not() -> None:
    assert not may_begin(settings=Settings(), quick=True) and not may_begin(settings=Settings(), invoked=True)
