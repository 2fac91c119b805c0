from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from codefuse_lsp.errors import ConfigError
from codefuse_lsp.evaluation.plan import Plan
from codefuse_lsp.evaluation.replay import recorded, replay
from codefuse_lsp.evaluation.tasks import read_rows
from tests.evaluation.conftest import shared, write_rows

TASK = {"task_id": "T/0", "prompt": "def f(x):\n", "test": "def check(c):\n    assert c(1) == 2\n"}
RIGHT, WRONG = "    return 2 * x\n", "    return x\n"


async def scored(file: Path, data: Path | None = None) -> dict[str, Any]:
    return await replay(file, Plan(file, unsafe=True), lambda message, fraction: None, data)


@pytest.mark.parametrize("field", ["completion", "generation", "answer"])
async def test_answers_are_read_as_each_harness_writes_them(field: str, tmp_path: Path) -> None:
    data = write_rows(tmp_path / "tasks.jsonl", TASK)
    file = write_rows(tmp_path / "answers.jsonl", {"task_id": "T/0", field: RIGHT}, {"task_id": "T/0", field: WRONG})
    found = await scored(file, data)
    assert (found["passed"], found["total"], found["latency_ms"]) == (1, 2, None)
    assert [(row["task_id"], row["sample"]) for row in found["failed"]] == [("T/0", 1)]


async def test_several_answers_may_stand_in_a_row_with_their_task(tmp_path: Path) -> None:
    file = write_rows(tmp_path / "answers.jsonl", {**TASK, "generation": [RIGHT, WRONG, RIGHT]})
    found = await scored(file)
    assert (found["passed"], found["total"]) == (2, 3)


def test_a_sample_is_of_tasks_with_all_their_answers(tmp_path: Path) -> None:
    rows = [{**TASK, "task_id": f"T/{number % 9}", "completion": RIGHT} for number in range(18)]
    file = write_rows(tmp_path / "answers.jsonl", *rows)
    some = recorded(file, Plan(file, limit=3), None)
    assert len({task_id for task_id, _ in some}) == 3 and len(some) == 6
    assert recorded(file, Plan(file, limit=3), None) == some


@pytest.mark.parametrize(
    ("rows", "told"),
    [([{"task_id": "T/0"}], "no answers in"), ([{"task_id": "T/9", "completion": ""}], "not in the data: T/9")],
)
def test_a_file_that_cannot_be_scored_is_told(rows: list[object], told: str, tmp_path: Path) -> None:
    data = write_rows(tmp_path / "tasks.jsonl", TASK)
    with pytest.raises(ConfigError, match=told):
        recorded(write_rows(tmp_path / "answers.jsonl", *rows), Plan(data), data)


async def test_what_publishing_stripped_from_the_real_models_answers_is_named(tmp_path: Path) -> None:
    """Eight of the 164 answers; `eval replay` of all takes half a minute, and gives 121, with imports 123."""
    file = shared("codefuse-codellama-34b.humaneval_result_python.jsonl")
    chosen = {f"Python/{number}" for number in (0, 10, 32, 38, 50, 133, 139, 162)}
    rows = [row for row in read_rows(file) if row["task_id"] in chosen]
    found = await scored(write_rows(tmp_path / "some.jsonl", *rows))
    assert (found["passed"], found["total"]) == (5, 8)
    assert found["with_imports"] == {
        "passed": 7,
        "tasks": {"Python/133": "from math import ceil", "Python/139": "from math import factorial"},
    }
    assert [row["task_id"] for row in found["failed"]] == ["Python/32", "Python/133", "Python/139"]
