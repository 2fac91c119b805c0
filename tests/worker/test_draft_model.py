from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from codefuse_lsp.config import Settings
from codefuse_lsp.errors import ModelError
from codefuse_lsp.worker.draft_model import LONGEST_GUESS, DraftModel
from codefuse_lsp.worker.engine import Engine
from codefuse_lsp.worker.loader import LoadedModel, load
from tests.worker.test_engine import PROMPT, Steps, answer, request


def loaded(folder: Path) -> LoadedModel:
    return load(Settings(model=str(folder), device="cpu", dtype="float32"), lambda message, fraction: None)


@pytest.fixture
def large(tiny_llama: Path) -> LoadedModel:
    return loaded(tiny_llama)


@pytest.fixture
def small(tiny_llama: Path) -> LoadedModel:
    """A model that agrees with the large one now and then: the same with a little noise in its weights."""
    made = loaded(tiny_llama)
    torch.manual_seed(0)
    for parameter in made.model.parameters():
        parameter.data += 0.02 * torch.randn_like(parameter)
    return made


async def text_of(large: LoadedModel, monkeypatch: pytest.MonkeyPatch, **options: Any) -> tuple[str, Steps]:
    engine = Engine(large, num_slots=2, **options)
    steps = Steps(engine, monkeypatch)
    text, _ = await answer(engine, request(PROMPT, max_tokens=60))
    engine.close()
    return text, steps


async def test_guesses_of_another_model_save_passes_and_never_change_greedy_text(
    large: LoadedModel, small: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, steps = await text_of(large, monkeypatch, drafter=lambda: None)
    drafts = DraftModel(small, large, num_slots=2)
    guessed, fewer = await text_of(large, monkeypatch, drafter=drafts.drafter)
    assert guessed == plain
    assert len(fewer.sizes) < len(steps.sizes)


async def test_a_model_that_guesses_itself_is_right_all_the_time(
    large: LoadedModel, tiny_llama: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drafts = DraftModel(loaded(tiny_llama), large, num_slots=2)
    _, steps = await text_of(large, monkeypatch, drafter=drafts.drafter)
    assert len(steps.sizes) <= 3 + 60 / (LONGEST_GUESS + 1)


def test_a_model_with_other_tokens_is_refused_in_words(large: LoadedModel) -> None:
    class OtherTokens:
        def encode(self, text: str) -> list[int]:
            return [1, 2, 3]

    other = replace(large, name="other", tokenizer=OtherTokens())  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="other has other tokens"):
        DraftModel(other, large, num_slots=1)
