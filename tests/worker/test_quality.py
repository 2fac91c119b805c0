from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from codefuse_lsp.config import Settings
from codefuse_lsp.worker import quality
from codefuse_lsp.worker.loader import load
from codefuse_lsp.worker.quality import Quality, Reading, agreement, code_text, compare, perplexity, read

IDS = [1, 5, 9, 300, 17, 42, 8, 99, 250, 3, 77]


class Fixed:
    """A model that gives every position the same logits, and counts what it is asked."""

    def __init__(self, logits: list[float]) -> None:
        self.logits = torch.tensor(logits)
        self.lengths: list[int] = []

    def get_input_embeddings(self) -> Any:
        return SimpleNamespace(weight=self.logits)

    def __call__(self, input_ids: torch.Tensor, use_cache: bool) -> Any:
        self.lengths.append(input_ids.shape[1])
        return SimpleNamespace(logits=self.logits.expand(1, input_ids.shape[1], -1))


def tiny(folder: Path) -> Any:
    return load(Settings(model=str(folder), device="cpu"), lambda message, part: None).model


def test_a_model_that_knows_nothing_is_as_perplexed_as_its_vocabulary_is_large() -> None:
    assert perplexity(Fixed([0.0] * 50), [3, 4, 5, 6]) == pytest.approx(50)


def test_a_model_that_is_right_is_not_perplexed() -> None:
    assert perplexity(Fixed([0.0, 50.0]), [1, 1, 1, 1]) == pytest.approx(1)
    assert perplexity(Fixed([0.0, math.log(3)]), [0, 1, 0]) == pytest.approx((4 * 4 / 3) ** 0.5)


def test_agreement_counts_positions() -> None:
    one, other = Fixed([1.0, 0.0]), Fixed([0.0, 1.0])
    assert agreement(one, other, [0, 1, 0]) == 0
    assert agreement(one, one, [0, 1, 0]) == 1
    quality_of = compare(Reading(10.2, torch.tensor([1, 2, 3, 4])), Reading(10.0, torch.tensor([1, 2, 3, 5])))
    assert (quality_of.ratio, quality_of.agreement) == (pytest.approx(1.02), 0.75)


@pytest.mark.parametrize(
    ("ratio", "agreed", "good"), [(1.02, 0.94, True), (1.021, 0.99, False), (1.0, 0.939, False), (0.99, 1.0, True)]
)
def test_what_may_be_offered(ratio: float, agreed: float, good: bool) -> None:
    assert Quality(10.0, ratio, agreed).is_good_enough is good


def test_windows_cover_the_text_and_no_more_is_read_at_once() -> None:
    model = Fixed([0.0] * 4)
    assert len(read(model, [1] * 10, window=4).likeliest) == 3 + 3 + 1
    assert model.lengths == [4, 4, 2]
    model = Fixed([0.0] * 4)
    read(model, [1] * 9, window=4)  # a last window of one token has nothing to predict
    assert model.lengths == [4, 4]


def test_a_real_model_is_read_as_its_own_loss_says(tiny_llama: Path) -> None:
    model, ids = tiny(tiny_llama), torch.tensor([IDS])
    with torch.inference_mode():
        loss = model(input_ids=ids, labels=ids).loss.item()
    assert perplexity(model, IDS) == pytest.approx(math.exp(loss), rel=1e-4)
    assert agreement(model, model, IDS) == 1


def test_logits_taken_a_few_rows_at_a_time_give_the_same(tiny_llama: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny(tiny_llama)
    whole = read(model, IDS)
    monkeypatch.setattr(quality, "ROWS", 3)
    parts = read(model, IDS)
    assert parts.perplexity == pytest.approx(whole.perplexity) and torch.equal(parts.likeliest, whole.likeliest)


def test_nothing_to_predict_is_refused() -> None:
    for ids, window in (([1], 8), ([], 8), ([1, 2], 1)):
        with pytest.raises(ValueError, match="two tokens at least"):
            read(Fixed([0.0, 0.0]), ids, window)


def test_the_text_is_code_and_the_same_every_time(tmp_path: Path) -> None:
    text = code_text(50_000)
    assert text == code_text(50_000) and len(text) == 50_000
    assert text.count("\ndef ") > 20 and text.count("import ") > 20
    (tmp_path / "a.py").write_text("a = 1\n" * 3)
    (tmp_path / "b.py").write_text("b = 2\n")
    assert code_text(100, tmp_path) == "a = 1\n" * 3 + "\nb = 2\n"
    assert code_text(8, tmp_path) == "a = 1\na "


def loaded(folder: Path, **changes: str) -> Any:
    return load(Settings(model=str(folder), device="cpu", **changes), lambda message, part: None)


@pytest.fixture(scope="module")
def known(smollm2: Path) -> tuple[list[int], Reading]:
    """A tenth of the text that figures are told of, so that it takes seconds, and how the real model reads it."""
    reference = loaded(smollm2, dtype="float32")
    ids = reference.tokenizer.encode(code_text(9_000), False)[:2_000]
    return ids, read(reference.model, ids)


@pytest.mark.real_model
@pytest.mark.parametrize("kind", ["int8", "int4"])
def test_the_real_model_keeps_its_quality(smollm2: Path, known: tuple[list[int], Reading], kind: str) -> None:
    ids, reference = known
    found = compare(read(loaded(smollm2, quantization=kind).model, ids), reference)  # bf16 itself agrees at 0.98
    assert found.is_good_enough, found
