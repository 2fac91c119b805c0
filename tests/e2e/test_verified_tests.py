"""Write tests that have run: with the user's word for it, and a word to the user of what came of it."""

from __future__ import annotations

import re
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import pytest_asyncio

from codefuse_lsp.errors import SandboxUnavailable
from codefuse_lsp.execution.run import find_wall
from tests.e2e.conftest import OpenWindow
from tests.e2e.far_end import Completion, FarEnd
from tests.e2e.window import Window, hang_guard
from tests.verification.workspaces import digest, make_environment

pytestmark = pytest.mark.asyncio(loop_scope="module")

AREA = 'def area(width, height):\n    """Return width times height."""\n    return width * height\n'
BUGGY = AREA.replace("width * height\n", "width * height + (width == 7)\n")
START = {"line": 0, "character": 0}
RUN, SESSION, NOT_NOW = "Run it", "Run for this session", "Not now"
GOOD = "\n    assert area(2, 3) == 6\n"
ERRS = "\n\ndef test_area_of_words():\n    assert area('a') == 'a'\n"
MENDED = "def test_area_of_words():\n    assert area('ab', 2) == 'abab'\n"
HARMS = (
    "\n\ndef test_area_at_home():\n    import pathlib, shutil\n    shutil.rmtree(pathlib.Path.home())\n"
    "\n\ndef test_area_and_out():\n    import os\n    os._exit(0)\n"
)
SLEEPS = "\n    import time; time.sleep(1000)\n"
SEVENS = "\n\ndef test_area_of_seven():\n    assert area(7, 2) == 14\n"


class Model:
    """A far end's script: what it says first, when it is to mend, and what it puts into a gap."""

    def __init__(self, first: str, mended: str = "", gap: str = "") -> None:
        self._first, self._mended, self._gap = first, mended, gap
        self.prompts: list[str] = []

    async def __call__(self, completion: Completion) -> None:
        self.prompts.append(completion.prompt)
        is_gap, is_mending = "belongs in the place of" in completion.prompt, "do not work" in completion.prompt
        completion.head()
        completion.say(self._gap if is_gap else self._mended if is_mending else self._first)
        completion.end()


class Desk:
    """A window on a trusted workspace with an environment, whose user says always the same when asked."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.window: Window
        self.says: str | None = RUN
        self.asked: list[dict[str, Any]] = []

    def answer(self, params: dict[str, Any]) -> dict[str, str] | None:
        self.asked.append(params)
        return None if self.says is None else {"title": self.says}

    def project(self, code: str = AREA) -> Path:
        """Make a project in the workspace, open its source, and forget what was asked and said before."""
        folder = Path(tempfile.mkdtemp(prefix="project-", dir=self.root))
        (folder / "tests").mkdir()
        (folder / "pyproject.toml").touch()
        (folder / "area.py").write_text("def area(*sides):\n    raise SystemExit('not saved yet')\n", "utf-8")
        self.window.open((folder / "area.py").as_uri(), "python", code)
        self.asked.clear()
        self.window.heard.clear()
        return folder

    def ask(self, folder: Path, action: dict[str, Any]) -> tuple[int, Any]:
        return self.window.ask("codeAction/resolve", action)

    async def action(self, folder: Path) -> dict[str, Any]:
        uri = (folder / "area.py").as_uri()
        (action,) = await self.window.actions(uri, START, only=["refactor.codefuse.tests"])
        return action

    async def offered(self, folder: Path) -> str | None:
        """Return the tests that are offered, None for no edit."""
        resolved = await self.window.result(self.ask(folder, await self.action(folder))[1])
        edit = resolved.get("edit")
        return None if edit is None else edit["documentChanges"][-1]["edits"][0]["newText"]

    async def view(self) -> str:
        shown = await self.window.told("window/showDocument")
        return Path(shown["uri"].removeprefix("file://")).read_text("utf-8")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(far_end_of_module: FarEnd, home: Path) -> AsyncIterator[Desk]:
    try:
        await find_wall()
    except SandboxUnavailable as error:
        pytest.skip(f"NO SANDBOX: {error}")
    root = home / "trusted"
    root.mkdir()
    make_environment(root / ".venv")
    desk = Desk(root)
    options = {"endpoint": far_end_of_module.endpoint, "completionAhead": "off", "trusted": True, "verifyRounds": 1}
    desk.window = await Window.opened(root, options, listeners={"window/showMessageRequest": desk.answer})
    await desk.window.told("codefuse/status", lambda status: status["state"] == "ready")
    yield desk
    assert await desk.window.close() == 0


def copies(home: Path) -> list[Path]:
    return [path for path in (home / "cache" / "codefuse-lsp" / "runs").glob("*") if path.is_dir()]


async def test_only_tests_that_ran_are_written_and_the_user_is_told(desk: Desk, far_end: FarEnd, home: Path) -> None:
    far_end.script = model = Model(GOOD + ERRS + HARMS, MENDED)
    folder = desk.project()
    before = digest(folder), digest(desk.root / ".venv")
    text = await desk.offered(folder)
    assert text is not None
    assert re.findall(r"def (\w+)", text) == ["test_area", "test_area_of_words"] and "'abab'" in text
    assert (digest(folder), digest(desk.root / ".venv")) == before and copies(home) == []
    (question,) = desk.asked
    assert f"The command is: {desk.root}/.venv/bin/python -m pytest" in question["message"]
    assert f"in a copy of {desk.root} (in {folder.name}), without network" in question["message"]
    assert [action["title"] for action in question["actions"]] == [RUN, SESSION, NOT_NOW]
    message = await desk.window.told("window/showMessage")
    assert message["message"].startswith("Ran 4 tests with pytest: 2 passed, 2 dropped (test_area_at_home: it changes")
    assert "area.py: 2 of 2 lines run, 1 of them by these tests alone" in message["message"]
    page = await desk.view()
    assert "the home folder" in page and "`test_area_and_out`: it had to be ended" in page and "os._exit(0)" in page
    assert len(model.prompts) == 2 and "missing 1 required positional argument" in model.prompts[1]


async def test_a_test_that_the_code_fails_against_its_promise_is_told_and_not_mended(
    desk: Desk, far_end: FarEnd
) -> None:
    far_end.script = model = Model(GOOD + SEVENS, gap=" 14\n\n")
    text = await desk.offered(desk.project(BUGGY))
    assert text is not None and "seven" not in text
    message = await desk.window.told("window/showMessage")
    told = "area.py is likely to have a bug: assert area(7, 2) == 14 expects 14 and gets 15."
    assert told in message["message"] and message["type"] == 2
    assert "Expected: `14`; the code gives: `15`." in await desk.view()
    assert len(model.prompts) == 2
    asked = model.prompts[1]
    assert "Return width times height" in asked and "width == 7" not in asked
    assert "area(7, 2)" in asked and "14" not in asked and "15" not in asked


async def test_a_secret_that_a_failure_quotes_is_not_told_to_the_model(desk: Desk, far_end: FarEnd) -> None:
    secret = "hunter2-is-long-enough"
    code = f"def area(width, height):\n    password = '{secret}'\n    return password\n"
    far_end.script = model = Model("\n    raise LookupError(area(2, 3))\n", "I cannot.")
    assert await desk.offered(desk.project(code)) is None
    assert "LookupError: REDACTED_" in model.prompts[1]
    assert not any(secret in prompt for prompt in model.prompts)
    assert secret in await desk.view()


async def test_what_is_asked_about_failures_fits_the_context(desk: Desk, far_end: FarEnd) -> None:
    steps = "".join(f"    height = height * 1  # step {n}\n" for n in range(260))
    bulk = "".join(f"    assert area({n}, 1) == {n}, 'area of {n} and one'\n" for n in range(80))
    model = Model(f"\n    pass\n\n\ndef test_area_of_words():\n{bulk}    assert area('a') == 'a'\n", MENDED)
    far_end.holds_to(4_096, model)
    folder = desk.project(f"def area(width, height):\n{steps}    return width * height\n")
    text = await desk.offered(folder)
    assert text is not None and "'abab'" in text
    assert len(model.prompts) == 2 and "do not work" in model.prompts[1]
    assert not any("could not be asked" in message for message in desk.window.messages())


async def test_a_far_end_that_fails_at_the_mending_is_told_of(desk: Desk, far_end: FarEnd) -> None:
    model = Model(GOOD + ERRS)

    async def fails(completion: Completion) -> None:
        if "do not work" not in completion.prompt:
            return await model(completion)
        completion.head("500 Internal Server Error")
        completion.raw(b'{"error": {"message": "The GPU fell off the bus."}}')
        completion.over.set()

    far_end.script = fails
    text = await desk.offered(desk.project())
    assert text is not None and "of_words" not in text
    told = [message for message in desk.window.messages() if "could not be asked about tests that fail" in message]
    assert len(told) == 1 and "fell off the bus" in told[0]


async def test_when_nothing_works_nothing_is_written(desk: Desk, far_end: FarEnd) -> None:
    far_end.script = Model("\n    assert area() == 6\n", "I cannot.")
    assert await desk.offered(desk.project()) is None
    message = await desk.window.told("window/showMessage")
    assert "1 dropped" in message["message"] and message["message"].endswith("No test is offered.")
    assert "missing 2 required positional arguments" in await desk.view()


@pytest.mark.parametrize("says", [NOT_NOW, None])
async def test_without_a_yes_they_are_offered_as_they_are_and_said_to_be(
    desk: Desk, far_end: FarEnd, says: str | None
) -> None:
    far_end.script = Model("\n    raise SystemExit\n")
    desk.says = says
    try:
        text = await desk.offered(desk.project())
    finally:
        desk.says = RUN
    assert text is not None and "raise SystemExit" in text
    assert "The tests were not run." in (await desk.window.told("window/showMessage"))["message"]


async def test_a_cancel_leaves_nothing_running_and_no_copy(desk: Desk, far_end: FarEnd, home: Path) -> None:
    far_end.script = Model(SLEEPS)
    folder = desk.project()
    request_id, answer = desk.ask(folder, await desk.action(folder))
    async with hang_guard():
        while not any(str(folder / "area.py") in place for place in started()):
            await desk.window.synchronise()
    desk.window.cancel(request_id)
    with pytest.raises(Exception, match=r"(?i)cancel"):
        await desk.window.result(answer)
    async with hang_guard():
        while copies(home) or started():
            await desk.window.synchronise()
    assert "window/showMessage" not in desk.window.heard


def started() -> list[str]:
    """Return what the probes of tests that run are told, as far as it is seen from here."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if "codefuse_pytest_probe" in (process.info["cmdline"] or ()):
            try:
                found.append(process.environ().get("CODEFUSE_SOURCE", ""))
            except psutil.Error:
                continue
    return found


async def test_a_yes_for_the_session_is_not_asked_for_again(desk: Desk, far_end: FarEnd) -> None:
    far_end.script = Model(GOOD)
    desk.says = SESSION
    folder = desk.project()
    first, second = await desk.offered(folder), await desk.offered(folder)
    assert first == second and len(desk.asked) == 1
    desk.says = NOT_NOW
    await desk.offered(desk.project())
    desk.says = RUN
    assert len(desk.asked) == 1  # another project's is another command, and was not agreed to


async def test_with_the_setting_off_nobody_is_asked(open_window: OpenWindow, far_end: FarEnd, tmp_path: Path) -> None:
    far_end.script = Model(GOOD)
    make_environment(tmp_path / ".venv")
    (tmp_path / "area.py").write_text(AREA)
    says_yes = {"window/showMessageRequest": lambda _: {"title": RUN}}
    window = await open_window(trusted=True, verifyTests="off", listeners=says_yes)
    window.open((tmp_path / "area.py").as_uri(), "python", AREA)
    (action,) = await window.actions((tmp_path / "area.py").as_uri(), START, only=["refactor.codefuse.tests"])
    assert "edit" in await window.request("codeAction/resolve", action)
    await window.synchronise()
    assert "window/showMessageRequest" not in window.heard and window.messages() == []


async def test_where_the_projects_environment_has_no_pytest_nobody_is_asked(desk: Desk, far_end: FarEnd) -> None:
    far_end.script = Model(GOOD)
    folder = desk.project()
    make_environment(folder / ".venv", "coverage")
    assert await desk.offered(folder) is not None
    message = await desk.window.told("window/showMessage")
    told = "The tests were not run. pytest is not installed in the workspace's environment .venv."
    assert message["message"].startswith(told) and desk.asked == []


async def test_a_client_that_cannot_ask_runs_nothing(desk: Desk, far_end: FarEnd) -> None:
    far_end.script = Model(GOOD)
    listener = desk.window.listeners.pop("window/showMessageRequest")
    try:
        assert await desk.offered(desk.project()) is not None
    finally:
        desk.window.listeners["window/showMessageRequest"] = listener
    assert "The tests were not run." in (await desk.window.told("window/showMessage"))["message"]
