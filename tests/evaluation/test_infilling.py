from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from codefuse_lsp.config import Settings
from codefuse_lsp.evaluation.forms import NAMES, first_line
from codefuse_lsp.evaluation.infilling import gap_of, infilling
from codefuse_lsp.evaluation.plan import Plan
from codefuse_lsp.evaluation.tasks import Task, read_tasks, sampled
from codefuse_lsp.generation.connection import Connection
from tests.e2e.far_end import Completion, FarEnd
from tests.evaluation.conftest import write_rows

CALL = "def check(candidate):\n    assert candidate(2, 3) == 5\n"


def row(name: str) -> dict[str, str]:
    """A task with a line missing."""
    return {
        "task_id": name,
        "entry_point": name,
        "prompt": f"def {name}(a, b):\n    total = a\n",
        "canonical_solution": "    total += b\n",
        "suffix": "    return total\n",
        "test": CALL,
    }


def writes(far_end: FarEnd, **texts: str) -> None:
    """Let the far end go on at the cursor of each task with its text, and rightly where there is none."""

    async def script(completion: Completion) -> None:
        name = completion.prompt.split("def ")[-1].split("(")[0]
        completion.head()
        completion.say(completion.heal + texts.get(name, "    total += b\n") + "and more")
        completion.end()

    far_end.script = script


class Stand:
    """An evaluation of some tasks, run as often as a test likes."""

    def __init__(self, far_end: FarEnd, folder: Path, *names: str) -> None:
        self.settings = Settings(endpoint=far_end.endpoint)
        self.data = write_rows(folder / "tasks.jsonl", *map(row, names))
        self.results = folder / "results.jsonl"
        self.told: list[str] = []

    async def run(self, *forms: str, **plan: Any) -> dict[str, Any]:
        chosen = Plan(self.data, results=self.results, unsafe=True, **plan)
        connection = Connection(self.settings)
        tasks = sampled(read_tasks(self.data), chosen.limit, chosen.seed)
        try:
            return await infilling(tasks, forms, self.settings, chosen, connection, self.tell)
        finally:
            await connection.close()

    def tell(self, message: str, fraction: float | None) -> None:
        self.told.append(message)


def drawn(task: Task) -> str:
    asked = gap_of(task).asked(10_000)
    context = asked.context
    assert asked.line == context.prefix.count("\n")
    assert context.prefix.endswith(asked.lines[asked.line][: asked.column])
    return f"{context.prefix}│{context.suffix}"


def test_the_cursor_stands_on_an_empty_line_where_a_line_is_missing() -> None:
    task = Task("T/0", "def f():\n    x = 1\n", "", "f", "    x += 1\n", "    return x\n")
    assert drawn(task) == "def f():\n    x = 1\n│\n    return x\n"
    assert gap_of(task).filled("    x += 1", 0) == "def f():\n    x = 1\n    x += 1\n    return x\n"


def test_the_cursor_stands_in_the_line_where_a_part_of_it_is_missing() -> None:
    task = Task("T/0", "def f():\n    return [", "", "f", "1, 2", "]\n")
    assert drawn(task) == "def f():\n    return [│]\n"
    assert gap_of(task).filled("1, 2]", 1) == "def f():\n    return [1, 2]\n"


@pytest.mark.parametrize(
    ("prompt", "text", "line", "whole"),
    [
        ("x\n", "\n\n    y = 1\nz", "    y = 1", True),
        ("x\n", "  \n    y = 1", "    y = 1", False),
        ("x\n", "\n\n", "", False),
        ("x = ", "1\ny", "1", True),
        ("x = ", "\ny", "", True),
    ],
)
def test_the_first_line_is_past_blank_ones_only_where_the_cursors_is_blank(
    prompt: str, text: str, line: str, whole: bool
) -> None:
    asked = gap_of(Task("T/0", prompt, "", "f", "", "")).asked(1000)
    assert first_line(text, asked.context) == (line, whole)


async def test_each_form_is_asked_in_its_own_way(far_end: FarEnd, tmp_path: Path) -> None:
    writes(far_end)
    far_end.card["chat_template"] = "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}[assistant]"
    await Stand(far_end, tmp_path, "add").run(*NAMES)
    plain, healed, suffix_first, role_tags, chat_turn, shipped = far_end.asked
    code, after = "def add(a, b):\n    total = a", "    return total\n\n"
    assert (plain.prompt, plain.heal) == (f"{code}\n", "")
    assert (healed.prompt, healed.heal) == (code, "\n")
    assert (suffix_first.prompt, suffix_first.heal) == (f"{after}{code}", "\n")
    tagged = f"<|role_start|>human<|role_end|>{after.strip(chr(10))}<|role_start|>bot<|role_end|>{code}"
    assert (role_tags.prompt, role_tags.heal) == (tagged, "\n") and "<|role_end|>" in role_tags.body["stop"]
    assert (chat_turn.prompt, chat_turn.heal) == (f"[user]{after.strip(chr(10))}[assistant]{code}", "\n")
    assert shipped.prompt.startswith("<|role_start|>human<|role_end|>") and shipped.prompt.endswith(code)


async def test_a_model_without_a_chat_template_is_silent_in_a_chats_turn(far_end: FarEnd, tmp_path: Path) -> None:
    writes(far_end)
    found = await Stand(far_end, tmp_path, "add").run("chat_turn", "role_tags")
    assert found["forms"]["chat_turn"]["silent"] == 1 and found["forms"]["role_tags"]["exact_match"] == 1
    assert len(far_end.asked) == 1


async def test_what_is_shown_is_scored_and_run(far_end: FarEnd, tmp_path: Path) -> None:
    writes(far_end, other="    total = a + b\n", wrong="    total -= b\n", broken="    total += (\n", prose="\n\n")
    found = await Stand(far_end, tmp_path, "right", "other", "wrong", "broken", "prose").run("healed")
    counts = {"total": 5, "passed": 2, "exact_match": 1, "parse_ok": 3}
    assert {name: found[name] for name in counts} == counts
    assert found["new_syntax_errors"] == 2 and found["duplicate_suffix"] == 0
    assert found["forms"]["healed"].keys() == {*counts, "silent", "p50_ms"}
    assert found["latency_ms"]["p99"] >= found["latency_ms"]["p50"] > 0
    json.dumps(found)


async def test_the_settings_told_are_those_that_were_measured_with(far_end: FarEnd, tmp_path: Path) -> None:
    found = await Stand(far_end, tmp_path, "add").run("shipped")
    assert found["settings"]["completion_candidates"] == 4 and found["settings"]["completion_ahead"] == "off"


async def test_silence_is_counted_with_its_reason_and_never_passes(far_end: FarEnd, tmp_path: Path) -> None:
    writes(far_end, silent="    return total\n")
    found = await Stand(far_end, tmp_path, "silent", "right").run("shipped")
    assert (found["silent"], found["passed"], found["total"]) == (1, 1, 2)
    assert found["silence_rate"] == 0.5
    assert list(found["silences"].values()) == [1]


async def test_the_way_as_shipped_is_what_the_figures_are_of_and_is_compared_with_the_others(
    far_end: FarEnd, tmp_path: Path
) -> None:
    async def script(completion: Completion) -> None:
        completion.head()
        is_raw = not completion.prompt.startswith("<|role_start|>")
        completion.say(
            completion.heal + ("    total = 0\n" if is_raw and "f3" in completion.prompt else "    total += b\n")
        )
        completion.end()

    far_end.script = script
    found = await Stand(far_end, tmp_path, "f1", "f2", "f3").run("plain", "shipped")
    assert found["form"] == "shipped" and found["exact_match"] == 3
    assert found["forms"]["plain"]["exact_match"] == 2
    assert found["against"]["plain"]["exact_match"]["ratio"] == 1.5
    assert found["against"]["plain"]["passed"]["low"] >= 1.0


async def test_what_was_stopped_goes_on_and_forms_can_be_added(far_end: FarEnd, tmp_path: Path) -> None:
    writes(far_end)
    stand = Stand(far_end, tmp_path, "f1", "f2", "f3", "f4")
    assert (await stand.run("healed", limit=2))["total"] == 2
    assert len(far_end.asked) == 2
    assert (await stand.run("healed", jobs=3))["total"] == 4
    assert len(far_end.asked) == 4
    found = await stand.run("plain", "healed")
    assert len(far_end.asked) == 8
    assert found["forms"]["plain"]["passed"] == found["forms"]["healed"]["passed"] == 4


async def test_several_requests_go_at_once_and_none_replaces_another(far_end: FarEnd, tmp_path: Path) -> None:
    writes(far_end)
    found = await Stand(far_end, tmp_path, *(f"f{number}" for number in range(6))).run("shipped", jobs=6)
    assert (found["exact_match"], found["silent"]) == (6, 0)
    assert len({asked.body["document"] for asked in far_end.asked}) == 6


@pytest.mark.real_model
async def test_the_real_model_is_measured_from_document_to_verdict(
    smollm2: Path, tmp_path: Path, worker_home: Path
) -> None:
    tasks = [
        Task("T/0", 'def add(a, b):\n    """Return the sum of a and b."""\n', CALL, "add", "    return a + b\n", ""),
        Task("T/1", "def first(a, b):\n    return a\n\n\ndef second(a, b):\n", CALL, "second", "    return b\n", ""),
    ]
    plan = Plan(write_rows(tmp_path / "x.jsonl"), results=tmp_path / "results.jsonl", unsafe=True)
    settings = Settings(device="cpu", completion_timeout=120.0)
    connection = Connection(settings)
    try:
        found = await infilling(tasks, ("shipped",), settings, plan, connection, lambda message, part: None)
    finally:
        await connection.close()
    assert found["total"] == 2 and found["passed"] >= 1
    assert found["new_syntax_errors"] == 0 and found["latency_ms"]["p50"] > 0
    assert gap_of(tasks[0]).after == "\n"
