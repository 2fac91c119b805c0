"""HumanEval-Infilling through the whole way of ghost text, as an editor drives it, beside raw prompts.

Tasks and settings in, one object of figures out. The document is a task's code with an empty line for each line that is
missing, the cursor at its margin. What is measured is what is shown, all of it: `exact_match` when it is the missing
code, white space at both ends ignored; `passed` when the tests hold with it in its place; `parse_ok` when Python can
read the file then. Bavarian et al. 2022 (arXiv 2207.14255) made the tasks.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from codefuse_lsp import config
from codefuse_lsp.config import Settings
from codefuse_lsp.evaluation.figures import latencies, percentile, ratio_of_counts
from codefuse_lsp.evaluation.forms import SHIPPED, Asker
from codefuse_lsp.evaluation.judging import judge_into
from codefuse_lsp.evaluation.plan import Count, Plan, Report, a_few_at_a_time, told
from codefuse_lsp.evaluation.programs import parses, tested
from codefuse_lsp.evaluation.results import Results, default_path
from codefuse_lsp.evaluation.tasks import Task
from codefuse_lsp.execution.run import find_wall
from codefuse_lsp.generation.connection import Connection
from codefuse_lsp.suggestions.asked import Asked, asked_at

FOLDER = "/no/such/folder"  # every task is a project of its own

Key = tuple[str, str]  # form, a task's id


async def infilling(
    tasks: Sequence[Task], forms: Sequence[str], settings: Settings, plan: Plan, connection: Connection, report: Report
) -> dict[str, Any]:
    """Return the figures of each form on these tasks; raises CodeFuseError, with what was found kept in the file."""
    if not plan.unsafe:
        await find_wall()
    card = (await connection.wait()).card
    chosen = {name: getattr(settings, name) for name in config.names() if name.startswith("completion")}
    depends_on = told(plan, settings, card, **chosen)
    path = plan.results or default_path("infilling", depends_on)
    asker = Asker(connection, card, settings)
    with Results(path, depends_on, fresh=plan.fresh) as results:
        try:
            await asker.suggester.calibrate(Path(__file__).read_text("utf-8"))  # every run has the same window
            budget_chars = asker.suggester.budget_chars
            for form in forms:  # one after the other, so that none finds its prompt read by another
                await _ask_all(form, tasks, asker, budget_chars, plan, results, report)
        finally:
            await asker.suggester.close()
        await _judge(forms, tasks, plan, results, report)
        return _figures(forms, tasks, results) | {"settings": depends_on | {"jobs": plan.jobs}}


def after_of(task: Task) -> str:
    """Return the code after the cursor: behind the line end of an empty line where a whole line is missing."""
    whole_line = task.prompt.endswith("\n") or not task.prompt
    return f"\n{task.suffix}" if whole_line else task.suffix


def place_of(task: Task, budget_chars: int) -> Asked:
    """Return the cursor of a task, as an editor tells it, in a folder without neighbours that could help."""
    lines = list(io.StringIO(task.prompt + after_of(task), newline=""))
    line = task.prompt.count("\n")
    path = f"{FOLDER}/{task.id.replace('/', '_')}.py"
    return asked_at(
        lines,
        line,
        len(task.prompt) - (task.prompt.rfind("\n") + 1),
        uri=f"file://{path}",
        path=path,
        language="python",
        version=0,
        budget_chars=budget_chars,
    )


def filled(task: Task, text: str, replaces: int) -> str:
    """Return the code of a task with a text in its gap."""
    return task.prompt + text + after_of(task)[replaces:]


def is_exact(task: Task, text: str) -> bool:
    """Return whether what is shown is what is missing, white space at both ends ignored."""
    return text.strip() == task.solution.strip()


def repeats_what_follows(task: Task, text: str) -> bool:
    """Return whether the last line shown is the next line of the file once more, where that is not the solution."""
    below = next((line.strip() for line in task.suffix.split("\n") if line.strip()), "")
    last = text.strip().rpartition("\n")[2].strip()
    return bool(last) and last == below and not is_exact(task, text)


async def _ask_all(
    form: str, tasks: Sequence[Task], asker: Asker, budget_chars: int, plan: Plan, results: Results, report: Report
) -> None:
    there = {row["task_id"] for row in results.of_kind("shown") if row["form"] == form}
    missing = [task for task in tasks if task.id not in there]
    count = Count(report, form, len(tasks), len(tasks) - len(missing))

    async def ask(task: Task) -> None:
        shown = await asker.ask(form, place_of(task, budget_chars))
        results.add({"kind": "shown", "form": form, "task_id": task.id} | asdict(shown))
        count.add()

    await a_few_at_a_time(missing, plan.jobs, ask)


async def _judge(forms: Sequence[str], tasks: Sequence[Task], plan: Plan, results: Results, report: Report) -> None:
    """Run the tests of what was shown; where nothing was, nothing can pass."""
    there = {(row["form"], row["task_id"]) for row in results.of_kind("verdict")}
    of_id = {task.id: task for task in tasks}
    programs: dict[Key, str] = {}
    for row in results.of_kind("shown"):
        key = (row["form"], row["task_id"])
        if key not in there and key[0] in forms and key[1] in of_id and row["text"]:
            task = of_id[key[1]]
            programs[key] = tested(task, filled(task, row["text"], row["replaces"]))
    await judge_into(results, programs, lambda key: {"form": key[0], "task_id": key[1]}, plan, report)


def _figures(forms: Sequence[str], tasks: Sequence[Task], results: Results) -> dict[str, Any]:
    shown = {(row["form"], row["task_id"]): row for row in results.of_kind("shown")}
    passed = {(row["form"], row["task_id"]) for row in results.of_kind("verdict") if row["status"] == "passed"}
    of_form = {form: [shown[form, task.id] for task in tasks] for form in forms}
    hits = {
        form: {
            "exact_match": [is_exact(task, row["text"]) for task, row in zip(tasks, rows, strict=True)],
            "passed": [(form, task.id) in passed for task in tasks],
        }
        for form, rows in of_form.items()
    }
    main = SHIPPED if SHIPPED in forms else forms[-1]
    return {
        "evaluation": "infilling",
        **_of_form(tasks, of_form[main], hits[main]),
        **_of_what_is_shown(tasks, of_form[main]),
        "form": main,
        "forms": {form: _of_form(tasks, rows, hits[form]) for form, rows in of_form.items()},
        "against": {
            form: {name: asdict(ratio_of_counts(hits[main][name], hits[form][name])) for name in hits[form]}
            for form in forms
            if form != main
        },
        "results": str(results.path),
    }


def _of_form(tasks: Sequence[Task], rows: Sequence[dict[str, Any]], hits: dict[str, list[bool]]) -> dict[str, Any]:
    """Return the counts of one form."""
    in_place = [
        filled(task, row["text"], row["replaces"]) for task, row in zip(tasks, rows, strict=True) if row["text"]
    ]
    return {
        "total": len(rows),
        "passed": sum(hits["passed"]),
        "exact_match": sum(hits["exact_match"]),
        "parse_ok": sum(map(parses, in_place)),
        "silent": sum(not row["text"] for row in rows),
        "p50_ms": percentile([row["ms"] for row in rows], 50),
    }


def _of_what_is_shown(tasks: Sequence[Task], rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return what must not be, and why there was silence; a file without what is shown is one with an empty line."""
    pairs = [(task, row) for task, row in zip(tasks, rows, strict=True) if row["text"]]
    return {
        "silence_rate": 1 - len(pairs) / len(rows),
        "duplicate_suffix": sum(repeats_what_follows(task, row["text"]) for task, row in pairs),
        "new_syntax_errors": sum(
            parses(filled(task, "", 0)) and not parses(filled(task, row["text"], row["replaces"]))
            for task, row in pairs
        ),
        "silences": dict(Counter(row["silence"] for row in rows if not row["text"]).most_common()),
        "latency_ms": latencies([row["ms"] for row in rows]),
    }
