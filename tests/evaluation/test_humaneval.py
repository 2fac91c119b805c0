from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from codefuse_lsp.config import Settings
from codefuse_lsp.errors import CodeFuseError, ConfigError
from codefuse_lsp.evaluation.humaneval import Sampling, humaneval
from codefuse_lsp.evaluation.plan import Plan
from codefuse_lsp.evaluation.replay import replay
from codefuse_lsp.evaluation.tasks import read_tasks, sampled
from codefuse_lsp.generation.connection import Connection
from tests.e2e.far_end import Completion, FarEnd
from tests.evaluation.conftest import write_rows


def row(number: int) -> dict[str, str]:
    """A task that wants its argument times `number`."""
    return {
        "task_id": f"T/{number}",
        "prompt": f"def times_{number}(x):\n",
        "test": f"def check(candidate):\n    assert candidate(7) == {7 * number}\n",
        "entry_point": f"times_{number}",
    }


def answers(far_end: FarEnd, **texts: str) -> None:
    """Let the far end answer the task of each name with its text, and others rightly."""

    async def script(completion: Completion) -> None:
        name = completion.prompt.split("def ")[1].split("(")[0]
        completion.head()
        completion.say(completion.heal + texts.get(name, f"    return x * {name.removeprefix('times_')}\n"))
        completion.end()

    far_end.script = script


class Stand:
    """An evaluation of some tasks, run as often as a test likes."""

    def __init__(self, far_end: FarEnd, folder: Path, count: int) -> None:
        self.settings = Settings(endpoint=far_end.endpoint)
        self.data = write_rows(folder / "tasks.jsonl", *map(row, range(count)))
        self.results = folder / "results.jsonl"
        self.told: list[tuple[str, float | None]] = []

    async def run(self, sampling: Sampling = Sampling(), **plan: Any) -> dict[str, Any]:  # noqa: B008
        chosen = Plan(self.data, results=self.results, unsafe=True, **plan)
        connection = Connection(self.settings)
        tasks = sampled(read_tasks(self.data), chosen.limit, chosen.seed)
        try:
            return await humaneval(tasks, self.settings, chosen, sampling, connection, self.tell)
        finally:
            await connection.close()

    def tell(self, message: str, fraction: float | None) -> None:
        self.told.append((message, fraction))


async def test_answers_are_run_and_counted(far_end: FarEnd, tmp_path: Path) -> None:
    answers(far_end, times_1="    return x + 1\n", times_2="", times_3="    return (\n", times_4="    exit(0)\n")
    stand = Stand(far_end, tmp_path, 6)
    found = await stand.run(jobs=2)
    assert (found["passed"], found["total"], found["parse_ok"], found["silent"]) == (2, 6, 4, 1)
    assert found["exact_match"] is None
    assert found["pass_at"] == {"1": pytest.approx(2 / 6)}
    assert found["latency_ms"]["p50"] > 0
    assert {failed["task_id"]: failed["why"].partition(":")[0] for failed in found["failed"]} == {
        "T/1": "AssertionError",
        "T/2": "IndentationError",
        "T/3": "SyntaxError",
        "T/4": "It left before its tests had ended.",
    }
    assert stand.told[-1] == ("Tests: 6 of 6", 1.0)
    json.dumps(found)


async def test_greedy_answers_are_asked_without_chance_and_sampled_ones_with_seeds_of_their_own(
    far_end: FarEnd, tmp_path: Path
) -> None:
    answers(far_end)
    stand = Stand(far_end, tmp_path, 2)
    await stand.run()
    assert all(asked.body["temperature"] == 0 and "seed" not in asked.body for asked in far_end.asked)
    far_end.asked.clear()
    found = await stand.run(Sampling(samples=10, temperature=0.8), fresh=True)
    seeds = [asked.body["seed"] for asked in far_end.asked]
    assert len(set(seeds)) == 20
    assert (found["total"], found["tasks"], found["pass_at"]) == (20, 2, {"1": 1.0, "10": 1.0})
    far_end.asked.clear()
    await stand.run(Sampling(samples=10, temperature=0.8), fresh=True)
    assert [asked.body["seed"] for asked in far_end.asked] == seeds


async def test_what_was_stopped_goes_on_where_it_was(far_end: FarEnd, tmp_path: Path) -> None:
    answers(far_end, times_1="    return 0\n")
    stand = Stand(far_end, tmp_path, 4)
    whole = await stand.run()
    lines = stand.results.read_text().splitlines(keepends=True)
    far_end.asked.clear()
    stand.results.write_text("".join(lines[:3]) + lines[3][:20])  # settings, two answers, and half a third
    again = await stand.run()
    assert len(far_end.asked) == 2
    assert {**again, "latency_ms": None} == {**whole, "latency_ms": None}
    far_end.asked.clear()
    assert (await stand.run())["passed"] == whole["passed"]
    assert far_end.asked == []


async def test_a_larger_sample_goes_on_from_a_smaller(far_end: FarEnd, tmp_path: Path) -> None:
    answers(far_end)
    stand = Stand(far_end, tmp_path, 6)
    assert (await stand.run(limit=2))["total"] == 2
    assert (await stand.run(limit=4))["total"] == 4
    assert len(far_end.asked) == 4
    assert (await stand.run(limit=2))["total"] == 2


async def test_results_of_another_model_are_not_mixed_in(far_end: FarEnd, tmp_path: Path) -> None:
    answers(far_end)
    stand = Stand(far_end, tmp_path, 1)
    await stand.run()
    far_end.card = {**far_end.card, "id": "other"}
    with pytest.raises(ConfigError, match="made with another model"):
        await stand.run()


async def test_a_far_end_that_breaks_down_ends_it_and_what_was_answered_is_kept(
    far_end: FarEnd, tmp_path: Path
) -> None:
    answers(far_end)
    stand = Stand(far_end, tmp_path, 3)
    good, count = far_end.script, 0

    async def script(completion: Completion) -> None:
        nonlocal count
        count += 1
        if count == 2:
            completion.head("500 Internal Server Error")
            completion.raw(b'{"error": {"message": "Out of paper."}}')
            completion.over.set()
        else:
            await good(completion)

    far_end.script = script
    with pytest.raises(CodeFuseError, match="Out of paper"):
        await stand.run()
    assert (await stand.run())["passed"] == 3
    assert len(far_end.asked) == 4


async def test_a_task_that_is_refused_is_an_empty_answer(far_end: FarEnd, tmp_path: Path) -> None:
    far_end.refuses("400 Bad Request", "The prompt is too long.")
    found = await Stand(far_end, tmp_path, 2).run()
    assert (found["passed"], found["total"], found["silent"]) == (0, 2, 2)
    assert found["latency_ms"]["p50"] is None


async def test_kept_results_can_be_replayed(far_end: FarEnd, tmp_path: Path) -> None:
    answers(far_end, times_1="    return ceil(x)\n", times_2="    return 0\n", times_3="    while True: pass\n")
    stand = Stand(far_end, tmp_path, 4)
    await stand.run(timeout_s=0.5)
    plan = Plan(stand.results, unsafe=True, timeout_s=0.5)
    found = await replay(stand.results, plan, stand.tell, stand.data)
    assert (found["passed"], found["total"], found["timed_out"]) == (1, 4, ["T/3"])
    assert found["with_imports"] == {"passed": 2, "tasks": {"T/1": "from math import ceil"}}
