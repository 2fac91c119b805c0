"""HumanEval: asks a model for functions, runs their tests, and tells how many hold (Chen et al. 2021).

Tasks and settings in, one object of figures out; every answer and verdict goes into a file as it comes, so that what
was stopped goes on. Answers first, tests after, so that the two do not slow each other down.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass
from typing import Any

from codefuse_lsp.config import Settings
from codefuse_lsp.errors import RequestRefused
from codefuse_lsp.evaluation.figures import latencies, pass_at_k
from codefuse_lsp.evaluation.judging import judge_into
from codefuse_lsp.evaluation.plan import Count, Plan, Report, a_few_at_a_time, digest_of, told
from codefuse_lsp.evaluation.programs import implementation, parses, tested
from codefuse_lsp.evaluation.results import Results, default_path
from codefuse_lsp.evaluation.tasks import Task
from codefuse_lsp.execution.run import find_wall
from codefuse_lsp.generation.connection import Connection
from codefuse_lsp.generation.request import GenerationRequest
from codefuse_lsp.prompts.formats import ModelFormat, restorer
from codefuse_lsp.prompts.functions import function_prompt
from codefuse_lsp.suggestions.requests import model_format

LANGUAGE = "python"
KS = (1, 10, 100)

Key = tuple[str, int]  # a task's id and the number of the sample


@dataclass(frozen=True, slots=True)
class Sampling:
    """How answers are drawn: greedily, or `samples` of each; the defaults are the model card's for pass@1."""

    samples: int = 1
    temperature: float = 0.0
    top_p: float = 0.95
    max_tokens: int = 512


async def humaneval(
    tasks: Sequence[Task], settings: Settings, plan: Plan, sampling: Sampling, connection: Connection, report: Report
) -> dict[str, Any]:
    """Return the figures of a model on these tasks; raises CodeFuseError, with what was found kept in the file."""
    if not plan.unsafe:
        await find_wall()  # before hours of answers that nothing could run
    card = (await connection.wait()).card
    depends_on = told(plan, digest_of(plan.data), settings, card, **asdict(sampling))
    path = plan.results or default_path("humaneval", depends_on)
    with Results(path, depends_on, fresh=plan.fresh) as results:
        await _answer_all(tasks, model_format(card, settings), plan, sampling, connection, results, report)
        await _judge_answers(tasks, plan, sampling, results, report)
        return _figures(tasks, sampling, results) | {"settings": depends_on | {"jobs": plan.jobs}}


async def _answer_all(
    tasks: Sequence[Task],
    model: ModelFormat,
    plan: Plan,
    sampling: Sampling,
    connection: Connection,
    results: Results,
    report: Report,
) -> None:
    there = {(row["task_id"], row["sample"]) for row in results.of_kind("answer")}
    wanted = [(task, sample) for task in tasks for sample in range(sampling.samples)]
    missing = [(task, sample) for task, sample in wanted if (task.id, sample) not in there]
    count = Count(report, "Answers", len(wanted), len(wanted) - len(missing))

    async def ask(item: tuple[Task, int]) -> None:
        task, sample = item
        row = await _answer(task, sample, model, plan, sampling, connection)
        results.add({"kind": "answer", "task_id": task.id, "sample": sample} | row)
        count.add()

    await a_few_at_a_time(missing, plan.jobs, ask)


async def _answer(
    task: Task, sample: int, model: ModelFormat, plan: Plan, sampling: Sampling, connection: Connection
) -> dict[str, Any]:
    """Return one answer with its times; a request that is refused, such as too long a one, is an empty answer."""
    asked = function_prompt(task.prompt, LANGUAGE, model)
    request = GenerationRequest(
        prompt=asked.prompt.text,
        heal=asked.prompt.heal,
        messages=asked.prompt.messages,
        stop=asked.prompt.stop,
        max_tokens=sampling.max_tokens,
        temperature=sampling.temperature,
        top_p=sampling.top_p,
        seed=zlib.crc32(f"{plan.seed} {task.id} {sample}".encode()) if sampling.temperature else None,
    )
    begun, restored, text, tokens = time.perf_counter(), restorer(model), "", None
    try:
        async with aclosing(connection.generate(request)) as chunks:
            async for chunk in chunks:
                text += restored.feed(chunk.text)
                tokens = chunk.usage.completion_tokens if chunk.usage else tokens
    except RequestRefused as error:
        if error.status >= 500:
            raise
        return {"answer": "", "refused": str(error), "ms": None, "tokens": None}
    text += restored.flush()
    ms = round(1e3 * (time.perf_counter() - begun), 1)
    return {"answer": asked.opening + text, "ms": ms, "tokens": tokens}


async def _judge_answers(
    tasks: Sequence[Task], plan: Plan, sampling: Sampling, results: Results, report: Report
) -> None:
    there = {(row["task_id"], row["sample"]) for row in results.of_kind("verdict")}
    of_id = {task.id: task for task in tasks}
    programs: dict[Key, str] = {}
    for row in _within(results.of_kind("answer"), of_id, sampling):
        key = (row["task_id"], row["sample"])
        if key not in there:
            programs[key] = tested(of_id[row["task_id"]], implementation(of_id[row["task_id"]], row["answer"]))
    await judge_into(results, programs, lambda key: {"task_id": key[0], "sample": key[1]}, plan, report)


def _figures(tasks: Sequence[Task], sampling: Sampling, results: Results) -> dict[str, Any]:
    of_id = {task.id: task for task in tasks}
    answers = _within(results.of_kind("answer"), of_id, sampling)
    verdicts = _within(results.of_kind("verdict"), of_id, sampling)
    passed = dict.fromkeys(of_id, 0)
    for row in verdicts:
        passed[row["task_id"]] += row["status"] == "passed"
    estimates = {
        str(k): sum(pass_at_k(sampling.samples, count, k) for count in passed.values()) / len(passed)
        for k in KS
        if k <= sampling.samples
    }
    parsed = [parses(implementation(of_id[row["task_id"]], row["answer"])) for row in answers]
    return {
        "evaluation": "humaneval",
        "passed": sum(passed.values()),
        "total": len(answers),
        "tasks": len(tasks),
        "pass_at": estimates,
        "exact_match": None,  # there are many right functions
        "parse_ok": sum(parsed),
        "silent": sum(not row["answer"].strip() for row in answers),
        "latency_ms": latencies([row["ms"] for row in answers if row["ms"] is not None]),
        "failed": [row for row in verdicts if row["status"] != "passed"],
        "results": str(results.path),
    }


def _within(rows: Sequence[dict[str, Any]], of_id: dict[str, Task], sampling: Sampling) -> list[dict[str, Any]]:
    """Return the rows of the tasks that were asked for: a file may hold more."""
    return [row for row in rows if row["task_id"] in of_id and row["sample"] < sampling.samples]
