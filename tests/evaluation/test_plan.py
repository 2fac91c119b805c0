from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from codefuse_lsp.config import Settings
from codefuse_lsp.evaluation.plan import Plan, told
from codefuse_lsp.generation.request import ModelCard

CARD = ModelCard("m", device="cpu")
OTHERS = {"quantization": "int8", "dtype": "float32", "draft_model": "/models/small", "kv_slots": 2}


def tell(settings: Settings, card: ModelCard = CARD) -> dict[str, Any]:
    return told(Plan(Path("tasks.jsonl")), "0", settings, card)


@pytest.mark.parametrize("name", OTHERS)
def test_figures_of_other_weights_and_other_times_are_told_apart(name: str) -> None:
    other = replace(Settings(), **{name: OTHERS[name]})
    assert tell(other)[name] == OTHERS[name] and tell(other) != tell(Settings())


def test_figures_of_another_device_are_told_apart() -> None:
    assert tell(Settings(), replace(CARD, device="cuda"))["device"] == "cuda"


def test_what_we_would_load_says_nothing_of_an_endpoint() -> None:
    there = Settings(endpoint="http://gpu-box:8000/v1")
    assert tell(replace(there, quantization="int8")) == tell(there)
    assert tell(there)["quantization"] == ""
