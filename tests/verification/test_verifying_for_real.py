"""Tests for twenty functions, half of which do harm: each is really run, and nothing but the copy changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from codefuse_lsp.errors import SandboxUnavailable
from codefuse_lsp.execution.limits import MIB
from codefuse_lsp.execution.run import find_wall
from codefuse_lsp.verification.claims import Claim
from codefuse_lsp.verification.copies import copies_of
from codefuse_lsp.verification.drafts import Draft, Failure, Verdict
from codefuse_lsp.verification.runners import Project, runner_for
from codefuse_lsp.verification.running import LIMITS, Runs
from codefuse_lsp.verification.verifying import verified
from tests.verification.functions import FUNCTIONS, HOSTILE, good_test, hostile_test, module_of
from tests.verification.workspaces import digest, make_environment

TEST = "tests/test_functions.py"
NAMES = list(FUNCTIONS)
LIMITED = replace(LIMITS, memory_bytes=256 * MIB, disk_bytes=64 * MIB, processes=24)
TEST_S = 2.0
# five functions each; the kinds of harm that spoil a run for the others are spread, since each costs a run
GROUPS = (
    (NAMES[:5], ("fails", "errs", "hangs", "calls the network", "imports")),
    (NAMES[5:10], ("bombs", "fails", "eats memory", "ends the run", "errs")),
    (NAMES[10:15], ("fills the disk", "crashes", "fails", "errs", "imports")),
    (NAMES[15:], ("deletes the home", "deletes the workspace", "rewrites the code", "fails", "errs")),
)
MENDED = ("fails", "errs", "imports", "calls the network")
GONE = {
    "hangs": "did not end in time",
    "bombs": "had to be ended",
    "eats memory": "had to be ended (memory)",
    "ends the run": "had to be ended (it ended the whole run)",
    "fills the disk": "had to be ended",
    "crashes": "had to be ended (SIGSEGV)",
    "deletes the home": "changes or deletes what is not its own: the home folder",
    "deletes the workspace": "changes or deletes what is not its own: ",
    "rewrites the code": "changes or deletes what is not its own: functions/",
}


@pytest.fixture
async def wall() -> str:
    try:
        return await find_wall()
    except SandboxUnavailable as error:
        pytest.skip(f"NO SANDBOX: {error}")


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """The twenty functions with an environment, beside a folder that is somebody else's."""
    root = tmp_path / "workspace"
    (root / "functions").mkdir(parents=True)
    (root / "tests").mkdir()
    (root / "functions" / "__init__.py").touch()
    for name, (code, _, _) in FUNCTIONS.items():
        (root / module_of(name)).write_text(code)
    make_environment(root / ".venv")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "letter.txt").write_text("precious")
    return root


async def verdict_on(root: Path, text: str, mend: dict[str, str], expects: str = "nothing of the kind") -> Verdict:
    """Return what becomes of tests, with a model that mends by name and expects always the same."""
    project = Project(root, module_of(NAMES[0]), TEST, "python", "pytest", text)
    runner = replace(runner_for(project), test_s=TEST_S)

    async def mended(tests: str, failures: Sequence[Failure], trouble: str) -> str:
        return "\n\n".join(mend[failure.name] for failure in failures if failure.name in mend)

    async def expected(masked: str, claim: Claim) -> str:
        return expects

    async with copies_of(root, root.parent / "copies") as copies:
        return await verified(Draft("", text, "python"), Runs(runner, copies, {}, LIMITED).run, mended, expected, 2)


@pytest.mark.parametrize(("names", "harms"), GROUPS, ids=["faults", "bombs", "crashes", "deletes"])
async def test_of_harmful_tests_the_good_ones_are_left_and_nothing_else_has_changed(
    wall: str, workspace: Path, names: list[str], harms: tuple[str, ...]
) -> None:
    pairs = list(zip(names, harms, strict=True))
    imports = "".join(f"from functions.{name} import {name}\n" for name in names)
    tests = [test for name, harm in pairs for test in (good_test(name), hostile_test(name, harm))]
    titles = {f"test_{name}_{harm.replace(' ', '_')}": (name, harm) for name, harm in pairs}
    good = {
        title: good_test(name).replace(f"test_{name}(", f"{title}(")
        for title, (name, harm) in titles.items()
        if harm in MENDED
    }
    before = digest(workspace), digest(workspace.parent / "elsewhere"), Path.home().stat().st_mtime_ns
    verdict = await verdict_on(workspace, "\n\n".join([imports, *tests]), good)
    assert (digest(workspace), digest(workspace.parent / "elsewhere"), Path.home().stat().st_mtime_ns) == before
    assert {f"test_{name}" for name in names} | set(good) == set(verdict.passed)
    reasons = {dropped.name: dropped.reason for dropped in verdict.dropped}
    assert reasons.keys() == titles.keys() - good.keys()
    for title, reason in reasons.items():
        assert GONE[titles[title][1]] in reason, (title, reason)
    assert list((workspace.parent / "copies").iterdir()) == []
    assert not [
        one for one in psutil.process_iter(["cmdline"]) if str(workspace) in " ".join(one.info["cmdline"] or ())
    ]


def test_every_kind_of_harm_is_tried() -> None:
    assert {harm for _, harms in GROUPS for harm in harms} >= HOSTILE.keys() - {"sleeps"}
    assert sum(len(names) for names, _ in GROUPS) >= 20
