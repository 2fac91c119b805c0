from __future__ import annotations

import struct
import sys
from pathlib import Path
from typing import Any

import pytest

from codefuse_lsp.errors import ConfigError
from codefuse_lsp.evaluation.bench import report


def figure(median: float, runs: int = 5) -> dict[str, Any]:
    return {"median": median, "lowest": median * 0.9, "highest": median * 1.1, "runs": runs}


def row(**changes: Any) -> dict[str, Any]:
    made = {
        "suite": "engine", "measure": "first token | next keystroke", "unit": "ms", **report.EMPTY_ROW,
        "gate": "cpu time", "against": "generate, bfloat16", "ours": figure(50), "theirs": figure(2500), "ratio": 50.0,
        "target": "≥ 55 times", "bound": 55.0, "bound_of": "ratio", "met": False, "wall_ours": figure(60),
        "wall_theirs": figure(2400), "wall_ratio": 40.0, "quality": "5 of 5 answers equal",
    }  # fmt: skip
    return made | changes


def result(*rows: dict[str, Any]) -> dict[str, Any]:
    machine = {"cpu": "a processor", "threads": 1, "load_before": [0.1, 0.2, 0.3], "builds": {"torch": "2"}}
    return {"suites": ["engine"], "machine": machine, "rows": list(rows)}


def test_markdown_has_a_cell_for_every_head_whatever_a_row_lacks() -> None:
    skipped = row(ours=None, theirs=None, ratio=None, wall_ours=None, met=None, status="skipped", note="not installed")
    text = report.markdown(result(row(), skipped))
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert len(table) == 4
    assert {line.replace("\\|", "").count("|") for line in table} == {len(report.HEADS) + 1}
    assert "50 ms (45–55)" in table[2] and "40 (60 ms, 2400 ms)" in table[2] and "| no |" in table[2]
    assert "skipped" in table[3] and "not installed" in table[3]
    assert "- load before: 0.1, 0.2, 0.3" in text and "Counted in: cpu time" in text


@pytest.mark.parametrize(
    ("target", "median", "highest", "met"),
    [
        ("< 500", 499, 900, True), ("< 500", 501, 900, False), ("< 64 each", 10, 70, False), ("0", 0, 0, True),
        ("1", 2, 2, False), ("any", 3, 3, None),
        ("≥ 90", 90, 90, True), ("≥ 90", 89, 99, False), ("≤ 100", 101, 101, False),
    ],
)  # fmt: skip
def test_figures_of_the_language_server_become_rows_with_their_bound(
    target: str, median: float, highest: float, met: bool | None
) -> None:
    item = {"name": "x", "unit": "ms", "median": median, "lowest": 0, "highest": highest, "runs": 5, "target": target}
    (made,) = report.rows_of([item])
    assert made["met"] is met and made["suite"] == "lsp" and set(made) == set(row())
    assert len(report.cells(made)) == len(report.HEADS)


def test_a_plot_is_a_picture_of_every_row_with_someone_beside_it(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="NO MATPLOTLIB: no picture was drawn")
    rows = [row(measure=f"measure {number}", ratio=0.3 * 3**number) for number in range(5)]
    sizes = []
    for count in (2, 5):
        path = tmp_path / f"{count}.png"
        report.plot(result(*rows[:count], row(theirs=None, ratio=None)), path)
        content = path.read_bytes()
        assert content.startswith(b"\x89PNG\r\n\x1a\n") and content.endswith(b"IEND\xaeB`\x82")
        sizes.append(struct.unpack(">II", content[16:24]))
    assert sizes[0][0] == sizes[1][0] >= 1500 and sizes[0][1] < sizes[1][1]


def test_without_anyone_beside_us_there_is_nothing_to_draw(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="leave out --plot"):
        report.plot(result(row(theirs=None, ratio=None)), tmp_path / "x.png")


def test_a_missing_matplotlib_is_told_with_the_command_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ConfigError, match=r"pip install 'codefuse-lsp\[bench\]'"):
        report.check_can_plot()
