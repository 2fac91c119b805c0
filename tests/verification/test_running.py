"""One run in a copy: how it is read, and what is said where it cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from codefuse_lsp.errors import SandboxUnavailable
from codefuse_lsp.execution import run
from codefuse_lsp.execution.run import find_wall
from codefuse_lsp.verification.copies import copies_of
from codefuse_lsp.verification.reports import Report
from codefuse_lsp.verification.runners import NoRunner, Project, runner_for
from codefuse_lsp.verification.runners.python import Pytest
from codefuse_lsp.verification.running import Runs, limits_of, must_be_walled
from tests.verification.workspaces import make_environment

UNITTEST = """\
import os
import unittest

from area import area


class TestArea(unittest.TestCase):
    def test_area(self):
        self.assertEqual(area(2, 3), 6)

    def test_wrong(self):
        self.assertEqual(area(2, 2), 5)

    def test_secrets(self):
        self.assertFalse({"PATH_OF_MINE", "CODEFUSE_MARK"} & set(os.environ))
        self.assertTrue(os.path.exists("area.py") and not os.path.exists(".git"))
"""


@pytest.fixture
async def wall() -> str:
    try:
        return await find_wall()
    except SandboxUnavailable as error:
        pytest.skip(f"NO SANDBOX: {error}")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "workspace"
    (root / ".git").mkdir(parents=True)
    (root / "area.py").write_text("def area(w, h):\n    return w * h\n")
    return root


async def once(root: Path, runner: Pytest | None = None, text: str = UNITTEST) -> Report:
    project = Project(root, "area.py", "test_area.py", "python", "pytest", text)
    async with copies_of(root, root.parent / "copies") as copies:
        return await Runs(runner or runner_for(project), copies, {}).run(text, None)


async def test_unittest_runs_where_there_is_no_pytest(wall: str, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH_OF_MINE", "x")
    make_environment(root / ".venv", "coverage")
    report = await once(root)
    endings = {name: result.ending for name, result in report.results.items()}
    assert endings == {
        "TestArea::test_area": "passed",
        "TestArea::test_wrong": "failed",
        "TestArea::test_secrets": "passed",
    }
    assert report.results["TestArea::test_wrong"].sides == ("4", "5") and report.changed == ()


async def test_a_runner_that_cannot_be_started_is_told_and_no_test_is_blamed(wall: str, root: Path) -> None:
    project = Project(root, "area.py", "test_area.py", "python", "pytest")
    with pytest.raises(NoRunner, match=r"no-such-program -m pytest cannot be run here: .*No such file"):
        await once(root, Pytest(project, ".", ("no-such-program", "-m", "pytest")))
    assert list((root.parent / "copies").iterdir()) == []


async def test_where_there_are_no_walls_nothing_runs(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "candidates", lambda: ["namespaces"])
    monkeypatch.setattr(run, "_refusals", {"namespaces": "unshare: Operation not permitted"})
    for attempt in (must_be_walled, lambda: once(root)):
        with pytest.raises(NoRunner, match=r"cannot be walled in on this system.*not permitted") as refusal:
            await attempt()
        assert "--unsafe" not in str(refusal.value)


@pytest.mark.parametrize(("seconds", "cpu_s"), [(5.0, 120), (120.5, 121), (1800.0, 1800)])
def test_a_run_may_compute_for_as_long_as_the_user_lets_it_take(seconds: float, cpu_s: int) -> None:
    assert (limits_of(seconds).wall_s, limits_of(seconds).cpu_s) == (seconds, cpu_s)
