from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.errors import ConfigError
from codefuse_lsp.evaluation.tasks import Task, read_rows, read_tasks, sampled
from tests.evaluation.conftest import shared, write_rows

ROW = {"task_id": "A/0", "prompt": "def helper():\n    pass\n\n\ndef f(x):\n", "test": "def check(c): pass"}


def test_a_task_is_called_by_the_last_function_that_its_prompt_begins(tmp_path: Path) -> None:
    assert read_tasks(write_rows(tmp_path / "x.jsonl", ROW)) == [Task("A/0", ROW["prompt"], ROW["test"], "f")]


def test_a_gzipped_file_is_read_as_well(tmp_path: Path) -> None:
    plain = write_rows(tmp_path / "x.jsonl", ROW, {**ROW, "task_id": "A/1", "entry_point": "g", "suffix": "s"})
    packed = tmp_path / "x.jsonl.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert read_tasks(packed) == read_tasks(plain)
    assert read_tasks(packed)[1].entry_point == "g"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b'{"task_id": "A/0"}\nnot json\n', "line 2 is not JSON"),
        (b"[1]\n", "line 1 is not a JSON object"),
        (b"\xff\xfe\x00", "neither JSON lines nor gzipped"),
        (b"\x1f\x8b\x08 broken", "neither JSON lines nor gzipped"),
        (b"\n\n", "There are no tasks in"),
        (b'{"task_id": "A/0", "test": ""}\n', "task 1 has no prompt"),
        (b'{"task_id": "A/0", "prompt": "x = 1", "test": ""}\n', "has no entry_point"),
    ],
)
def test_a_file_that_holds_no_tasks_is_told_with_its_place(content: bytes, told: str, tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=told):
        read_tasks(path)


def test_a_file_that_is_not_there_is_told() -> None:
    with pytest.raises(ConfigError, match=r"no\.jsonl cannot be read"):
        read_rows(Path("no.jsonl"))


@given(st.integers(1, 60), st.integers(0, 60), st.integers(0, 60), st.integers())
def test_a_smaller_sample_lies_within_a_larger_in_the_same_order(count: int, one: int, other: int, seed: int) -> None:
    tasks = [Task(str(number), "", "", "f") for number in range(count)]
    small, large = (sampled(tasks, limit, seed) for limit in sorted((one, other)))
    assert len(small) == min(count, one, other)
    assert [task for task in large if task in small] == small
    assert sorted(large, key=lambda task: int(task.id)) == large
    assert sampled(tasks, None, seed) == tasks


def test_the_published_tasks_are_all_read() -> None:
    infilling = read_tasks(shared("HumanEval-SingleLineInfilling.jsonl.gz"))
    assert len(infilling) == 1033 and all(task.solution.endswith("\n") for task in infilling)
    assert len(read_tasks(shared("HumanEval.jsonl.gz"))) == 164
