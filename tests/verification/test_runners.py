"""Which runner a project has, what it is told to run, and how its report is read."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.verification.runners import NoRunner, Project, runner_for
from codefuse_lsp.verification.runners.go import GoTest
from codefuse_lsp.verification.runners.javascript import JestLike, NodeTest
from codefuse_lsp.verification.runners.python import Pytest, Unittest, interpreter_in
from codefuse_lsp.verification.runners.runner import Runner
from codefuse_lsp.verification.runners.rust import CargoTest
from tests.verification.workspaces import make_environment

UNITTEST = "import unittest\n\n\nclass TestArea(unittest.TestCase):\n    def test_area(self): ...\n"


def project(root: Path, language: str = "python", framework: str = "pytest", text: str = "", **places: str) -> Project:
    return Project(
        root, places.get("source", "area.py"), places.get("test", "tests/test_area.py"), language, framework, text
    )


@pytest.fixture(autouse=True)
def no_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the user's shell had no environment of its own."""
    for name in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("place", [".venv", "venv", "tests/.venv"])
def test_the_workspaces_own_environment_comes_first(tmp_path: Path, place: str) -> None:
    make_environment(tmp_path / place)
    runner = runner_for(project(tmp_path))
    assert runner.command[:3] == (str(tmp_path / place / "bin" / "python"), "-m", "pytest")
    assert runner.command[-1] == "tests/test_area.py" and tmp_path / place in runner.visible


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (".vscode/settings.json", '{"python.defaultInterpreterPath": "${workspaceFolder}/.envs/dev/bin/python"}'),
        ("pyrightconfig.json", '{"venv": ".envs/dev"}'),
    ],
)
def test_an_environment_that_the_editor_is_told_of_is_found(tmp_path: Path, name: str, text: str) -> None:
    make_environment(tmp_path / ".envs" / "dev")
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(text)
    assert runner_for(project(tmp_path)).command[0] == str(tmp_path / ".envs" / "dev" / "bin" / "python")


def test_the_users_shell_may_have_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIRTUAL_ENV", str(make_environment(tmp_path / "shell")))
    assert runner_for(project(tmp_path)).command[0] == str(tmp_path / "shell" / "bin" / "python")


def test_without_any_it_is_ours(tmp_path: Path) -> None:
    assert runner_for(project(tmp_path)).command[0] == sys.executable


def test_a_folder_of_somebodys_is_no_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    (home / "lib" / "python3.11").mkdir(parents=True)
    (home / "bin").mkdir()
    (home / "bin" / "python").write_text("")
    monkeypatch.setenv("HOME", str(home))
    venv = tmp_path / "venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").symlink_to(home / "bin" / "python")
    assert interpreter_in(venv) is None
    (venv / "pyvenv.cfg").touch()
    assert interpreter_in(venv) is None  # it would show all that is theirs
    assert interpreter_in(tmp_path / "none") is None


def test_it_starts_where_the_project_does(tmp_path: Path) -> None:
    make_environment(tmp_path / ".venv")
    (tmp_path / "packages" / "one" / "tests").mkdir(parents=True)
    (tmp_path / "packages" / "one" / "pyproject.toml").touch()
    runner = runner_for(project(tmp_path, test="packages/one/tests/test_area.py"))
    assert (runner.start, runner.command[-1]) == ("packages/one", "tests/test_area.py")


def test_plugins_that_would_spread_or_measure_tests_are_told_not_to(tmp_path: Path) -> None:
    make_environment(tmp_path / ".venv")
    site = next((tmp_path / ".venv").glob("lib/python3*/site-packages"))
    for name in ("xdist", "pytest_cov"):
        (site / name).mkdir()
    assert {"-n0", "--no-cov"} <= set(runner_for(project(tmp_path)).command)


def test_without_pytest_tests_of_unittest_run_all_the_same_and_others_are_refused(tmp_path: Path) -> None:
    make_environment(tmp_path / ".venv", "coverage")
    runner = runner_for(project(tmp_path, text=UNITTEST))
    assert isinstance(runner, Unittest) and runner.command[1:4] == ("-m", "unittest", "-v")
    with pytest.raises(NoRunner, match=r"pytest is not installed .* \.venv.*pip install pytest"):
        runner_for(project(tmp_path))


@pytest.mark.parametrize(
    ("language", "framework", "told"),
    [
        ("java", "JUnit", "No runner of tests is known here for java"),
        ("javascript", "mocha", "Tests of mocha are not run here"),
        ("javascript", "vitest", "npm install --save-dev vitest"),
        ("go", "go test", "go mod init"),
        ("rust", "cargo test", "no Cargo.toml"),
    ],
)
def test_what_is_missing_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, language: str, framework: str, told: str
) -> None:
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    with pytest.raises(NoRunner, match=told):
        runner_for(project(tmp_path, language, framework))


@pytest.mark.parametrize(("language", "framework"), [("javascript", "node:test"), ("go", ""), ("rust", "")])
def test_a_language_that_is_not_installed_is_said_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, language: str, framework: str
) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(NoRunner, match="is not installed, so the tests were not run"):
        runner_for(project(tmp_path, language, framework))


def test_vitest_is_found_as_node_finds_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    (tmp_path / "node_modules" / "vitest").mkdir(parents=True)
    (tmp_path / "node_modules" / "vitest" / "vitest.mjs").touch()
    (tmp_path / "packages" / "one").mkdir(parents=True)
    (tmp_path / "packages" / "one" / "package.json").write_text("{}")
    runner = runner_for(project(tmp_path, "typescript", "vitest", test="packages/one/area.test.ts"))
    assert runner.start == "packages/one" and runner.command[1] == "../../node_modules/vitest/vitest.mjs"
    order = runner.order(["area > is (very) large"], "@@")
    assert order.argv[-2:] == ("-t", r"^(area\ is\ \(very\)\ large)$")


def test_single_tests_are_asked_for_in_each_runners_way(tmp_path: Path) -> None:
    one = project(tmp_path)
    pytest_order = Pytest(one, ".", ("pytest",)).order(["T::a"], "@@")
    assert json.loads(pytest_order.environment["CODEFUSE_ONLY"]) == ["T::a"]
    assert Unittest(one, ".", ("p", "-v", "t.py")).order(["T::a"], "").argv[2:] == ("-k", "*T.a", "t.py")
    assert GoTest(one, ".", ("go", "test", ".")).order(["TestA"], "").argv[2] == "-run=^(TestA)$"
    assert CargoTest(one, ".", ("cargo", "--")).order(["tests::a"], "").argv[2:] == ("tests::a",)
    node = NodeTest(one, ".", ("node", "a.js")).order(["one > two.three"], "")
    assert node.argv[1] == r"--test-name-pattern=(^|\s)(two\.three)$"


UNITTEST_OUTPUT = """\
test_area (tests.test_area.TestArea.test_area) ... ok
test_old (tests.test_area.TestArea)
Its first line. ... ok
test_wrong (tests.test_area.TestArea.test_wrong) ... FAIL
test_errs (tests.test_area.TestArea.test_errs) ... ERROR
test_later (tests.test_area.TestArea.test_later) ... skipped 'later'

======================================================================
ERROR: test_errs (tests.test_area.TestArea.test_errs)
----------------------------------------------------------------------
Traceback (most recent call last):
  File "/w/tests/test_area.py", line 20, in test_errs
    nothing
NameError: name 'nothing' is not defined

======================================================================
FAIL: test_wrong (tests.test_area.TestArea.test_wrong)
----------------------------------------------------------------------
Traceback (most recent call last):
  File "/w/tests/test_area.py", line 12, in test_wrong
    self.assertEqual(area(2, 3), 7)
AssertionError: 6 != 7

----------------------------------------------------------------------
Ran 5 tests in 0.001s
"""


def test_unittest_is_read_as_it_prints(tmp_path: Path) -> None:
    runner = Unittest(project(tmp_path), ".", ("python", "-m", "unittest", "-v", "x"))
    report = runner.read(UNITTEST_OUTPUT, None, "")
    endings = {name: result.ending for name, result in report.results.items()}
    assert endings == {
        "TestArea::test_area": "passed",
        "TestArea::test_old": "passed",
        "TestArea::test_wrong": "failed",
        "TestArea::test_errs": "error",
        "TestArea::test_later": "skipped",
    }
    wrong = report.results["TestArea::test_wrong"]
    assert (wrong.row, wrong.sides) == (11, ("6", "7"))
    hung = runner.read(UNITTEST_OUTPUT.partition("test_errs")[0] + "test_errs (t.TestArea.test_errs) ... ", None, "")
    assert hung.running == "TestArea::test_errs" and "TestArea::test_wrong" not in hung.results


RUNNERS: list[type[Runner]] = [Pytest, Unittest, NodeTest, JestLike, GoTest, CargoTest]
PIECES = (
    *("@@", '{"event": "end", "test": "a", "ending": "passed"}', '{"Action": "run", "Test": "a"}', "test a ... "),
    *('{"testResults": [{"assertionResults": [{}]}]}', "test_a (x.T) ... FAIL", "---- a stdout ----", "\n"),
)


@pytest.mark.parametrize("kind", RUNNERS)
@given(st.text(max_size=200) | st.lists(st.sampled_from(PIECES)).map("".join))
def test_no_output_is_too_strange_to_be_read(kind: type[Runner], output: str) -> None:
    report = kind(project(Path("/w")), ".", ("run", "file")).read(output, ["a"], "@@")
    assert all(name == result.name for name, result in report.results.items())
