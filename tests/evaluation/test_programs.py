from __future__ import annotations

import pytest

from codefuse_lsp.evaluation.programs import implementation, parses, program_of, stripped_import
from codefuse_lsp.evaluation.tasks import Task, read_tasks
from tests.evaluation.conftest import shared

PROMPT = 'import math\n\n\ndef half(x):\n    return x / 2\n\n\ndef f(x):\n    """Return x doubled."""\n'
TEST = "def check(candidate):\n    assert candidate(2) == 4\n"
TASK = Task("T/0", PROMPT, TEST, "f")


def f_of(answer: str) -> object:
    """Return what the function makes of 2, written as an answer has it."""
    names: dict[str, object] = {}
    exec(implementation(TASK, answer), names)
    return names["f"](2)  # type: ignore[operator]


@pytest.mark.parametrize(
    "answer",
    [
        "    return 2 * x\n",
        "    return 2 * x",
        "return 2 * x\n",
        "\n    # doubled\n    return 2 * x\n",
        "if x:\n    return 2 * x\nreturn 0\n",
        "if x:\n        return 2 * x\n    return 0\n",
        "    return 2 * x\n\n\nprint(f(input()))\n",
        "    return 2 * x\n\n\ndef g(y):\n    return",
        "```python\n    return 2 * x\n```\n",
        "Here it is:\n```python\ndef f(x):\n    return 2 * x\n```\nIt doubles x.",
        "```python\nfrom typing import Any\n\ndef f(x: Any) -> Any:\n    return half(4 * x)\n```",
        "def f(x):\n    return 2 * x\n",
        "def f(x):\n    return 2 * x\n\n\ndef test_f():\n    assert f(",
        f"```python\n{PROMPT}    return 2 * x\n\n\nprint(f(2)",
        "```\nimport functools\n\nTWO = 2\n\n\n@functools.cache\ndef f(x):\n    return TWO * x\n\n\nprint(1 / 0)\n```",
        "```python\ndef f(x):\n    return 2 * x\n\n\ndef main():\n    1 / 0\n\n\nmain()\nif f(1):\n    main()\n```",
    ],
    ids=range(16),
)
def test_an_answer_is_understood_in_every_form(answer: str) -> None:
    assert f_of(answer) == 4


@pytest.mark.parametrize("answer", ["", "I cannot do that.", "```\n```", "    return (((", "\0", "    '\\d'"])
def test_an_answer_that_is_none_makes_a_program_all_the_same(answer: str) -> None:
    assert program_of(TASK, answer).startswith("import math")


def test_the_tests_are_called_once() -> None:
    assert program_of(TASK, "    return x").count("check(f)") == 1
    called = Task("T/0", PROMPT, f"{TEST}\ncheck(f)", "f")
    assert program_of(called, "    return x").count("check(f)") == 1


def test_what_runs_only_as_a_script_does_not_run() -> None:
    names: dict[str, object] = {}
    exec(program_of(TASK, "```\ndef f(x):\n    return 2 * x\n\nif __name__ == '__main__':\n    f(1 / 0)\n```"), names)


@pytest.mark.parametrize(
    ("why", "line"),
    [
        ("NameError: name 'ceil' is not defined", "from math import ceil"),
        ("NameError: name 'deque' is not defined. Did you mean: 'd'?", "from collections import deque"),
        ("NameError: name 'no_such_thing' is not defined", ""),
        ("AssertionError", ""),
    ],
)
def test_a_name_that_a_usual_module_has_may_have_been_imported(why: str, line: str) -> None:
    assert stripped_import(why) == line


@pytest.mark.parametrize(
    ("source", "does"), [("x = 1", True), ("x = ", False), ("'\\d'", True), ("\0", False), ("(" * 999, False)]
)
def test_python_itself_says_what_parses(source: str, does: bool) -> None:
    assert parses(source) is does


def test_every_published_solution_makes_the_file_whole() -> None:
    for task in read_tasks(shared("HumanEval.jsonl.gz")):
        assert implementation(task, task.solution).rstrip() == (task.prompt + task.solution).rstrip(), task.id
        whole = implementation(task, f"Sure!\n```python\n{task.prompt}{task.solution}```")
        assert parses(whole) and task.solution.rstrip() in whole, task.id
