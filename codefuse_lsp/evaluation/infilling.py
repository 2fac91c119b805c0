"""HumanEval-Infilling through the whole way of ghost text, as an editor drives it, beside raw prompts.

Tasks and settings in, one object of figures out. The document is a task's code with an empty line for each line that is
missing, the cursor at its margin. What is measured is what is shown, all of it: `exact_match` when it is the missing
code, white space at both ends ignored; `passed` when the tests hold with it in its place; `parse_ok` when Python can
read the file then. Bavarian et al. 2022 (arXiv 2207.14255) made the tasks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from codefuse_lsp import config
from codefuse_lsp.config import Settings
from codefuse_lsp.evaluation.figures import ratio_of_counts
from codefuse_lsp.evaluation.filling import ask_all, counted, flaws, rows_of
from codefuse_lsp.evaluation.forms import SHIPPED, Asker, Shown, measured_with
from codefuse_lsp.evaluation.gaps import Gap
from codefuse_lsp.evaluation.judging import judge_into
from codefuse_lsp.evaluation.plan import Plan, Report, digest_of, told
from codefuse_lsp.evaluation.programs import parses, tested
from codefuse_lsp.evaluation.results import Results, default_path
from codefuse_lsp.evaluation.tasks import Task
from codefuse_lsp.execution.run import find_wall
from codefuse_lsp.generation.connection import Connection

FOLDER = "/no/such/folder"  # every task is a project of its own

Key = tuple[str, str]  # form, a task's id


async def infilling(
    tasks: Sequence[Task], forms: Sequence[str], settings: Settings, plan: Plan, connection: Connection, report: Report
) -> dict[str, Any]:
    """Return the figures of each form on these tasks; raises CodeFuseError, with what was found kept in the file."""
    if not plan.unsafe:
        await find_wall()
    card = (await connection.wait()).card
    measured = measured_with(settings, card)
    chosen = {name: getattr(measured, name) for name in config.names() if name.startswith("completion")}
    depends_on = told(plan, digest_of(plan.data), settings, card, **chosen)
    path = plan.results or default_path("infilling", depends_on)
    asker, gaps = Asker(connection, card, settings), [gap_of(task) for task in tasks]
    with Results(path, depends_on, fresh=plan.fresh) as results:
        try:
            await asker.suggester.calibrate(lambda: Path(__file__).read_text("utf-8"))  # every run has the same window
            budget_chars = asker.suggester.budget_chars

            async def ask(form: str, gap: Gap) -> Shown:
                return await asker.ask(form, gap.asked(budget_chars))

            for form in forms:  # one after the other, so that none finds its prompt read by another
                await ask_all(form, [form], gaps, ask, plan, results, report)
        finally:
            await asker.suggester.close()
        await _judge(forms, tasks, plan, results, report)
        return _figures(forms, tasks, results) | {"settings": depends_on | {"jobs": plan.jobs}}


def gap_of(task: Task) -> Gap:
    """Return a task as a gap in a file of a folder without neighbours that could help.

    Where a whole line is missing, an empty one stands in its place.
    """
    whole_line = task.prompt.endswith("\n") or not task.prompt
    after = f"\n{task.suffix}" if whole_line else task.suffix
    path = f"{FOLDER}/{task.id.replace('/', '_')}.py"
    return Gap(task.id, path, "python", task.prompt, task.solution, after)


async def _judge(forms: Sequence[str], tasks: Sequence[Task], plan: Plan, results: Results, report: Report) -> None:
    """Run the tests of what was shown; where nothing was, nothing can pass."""
    there = {(row["form"], row["task_id"]) for row in results.of_kind("verdict")}
    of_id = {task.id: task for task in tasks}
    programs: dict[Key, str] = {}
    for row in results.of_kind("shown"):
        key = (row["form"], row["task_id"])
        if key not in there and key[0] in forms and key[1] in of_id and row["text"]:
            task = of_id[key[1]]
            programs[key] = tested(task, gap_of(task).filled(row["text"], row["replaces"]))
    await judge_into(results, programs, lambda key: {"form": key[0], "task_id": key[1]}, plan, report)


def _figures(forms: Sequence[str], tasks: Sequence[Task], results: Results) -> dict[str, Any]:
    gaps = [gap_of(task) for task in tasks]
    passed = {(row["form"], row["task_id"]) for row in results.of_kind("verdict") if row["status"] == "passed"}
    rows_by_form = {form: rows_of(form, gaps, results) for form in forms}
    hits = {
        form: {
            "exact_match": [gap.is_exact(row["text"]) for gap, row in zip(gaps, rows, strict=True)],
            "passed": [(form, gap.id) in passed for gap in gaps],
        }
        for form, rows in rows_by_form.items()
    }
    counts = {
        form: counted(gaps, rows, _parses) | {"passed": sum(hits[form]["passed"])}
        for form, rows in rows_by_form.items()
    }
    main = SHIPPED if SHIPPED in forms else forms[-1]
    return {
        "evaluation": "infilling",
        **counts[main],
        **flaws(gaps, rows_by_form[main], _parses),
        "form": main,
        "forms": counts,
        "against": {
            form: {name: asdict(ratio_of_counts(hits[main][name], hits[form][name])) for name in hits[form]}
            for form in forms
            if form != main
        },
        "results": str(results.path),
    }


def _parses(gap: Gap, text: str, replaces: int) -> bool:
    return parses(gap.filled(text, replaces))
