from __future__ import annotations

import re
from pathlib import Path

import pytest

from codefuse_lsp.config import Settings
from codefuse_lsp.errors import ConfigError
from codefuse_lsp.evaluation.bench import report as reports
from codefuse_lsp.evaluation.bench.keystrokes import Passage
from codefuse_lsp.evaluation.bench.typing_suite import Plan, run

PASSAGES = (
    Passage("area", "def area(width, height):\n    ", "\n", "return width * height"),
    Passage("total", "def total(values):\n    ", "\n", "return sum(values)"),
)


def tell(message: str, fraction: float | None) -> None:
    pass


async def test_a_pattern_that_matches_no_measure_is_told_before_anything_is_started() -> None:
    with pytest.raises(ConfigError, match="typing trace"):
        await run(Plan(Settings(), only=re.compile("no such measure")), tell)


@pytest.mark.real_model
async def test_a_short_trace_with_the_real_model_has_every_figure_with_and_without_each_part(
    smollm2: Path, worker_home: Path
) -> None:
    settings = Settings(model=str(smollm2), device="cpu", completion_max_tokens=8)
    plan = Plan(settings, only=re.compile("trace|parts"), passages=PASSAGES, keys_each=4)
    found = await run(plan, tell)
    rows = found["rows"]
    assert {row["status"] for row in rows} == {"measured"} and {row["suite"] for row in rows} == {"typing"}
    assert next(row for row in rows if row["measure"] == "keystrokes")["ours"]["median"] >= 8
    beside = [row for row in rows if row["against"]]
    assert len({row["against"] for row in beside}) == 4 and len({row["measure"] for row in beside}) == 5
    assert any(row["ours"]["median"] for row in rows if "requests" in row["measure"])
    assert "SmolLM2" in found["machine"]["model"] or "smollm2" in found["machine"]["model"]
    assert all(row["measure"] in reports.markdown(found) for row in rows)
