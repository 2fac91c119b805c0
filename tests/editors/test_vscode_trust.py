"""VS Code in a workspace that is not trusted, until it is; and the first steps that a new user is shown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.editors.scripted_engine import ScriptedEngine
from tests.editors.test_vscode_manifest import FOLDER, manifest
from tests.editors.vscode.fixtures import Chat, engine, nothing_said, opened, vsix
from tests.editors.workbench import STATUS, TOAST, Workbench, eventually

__all__ = ["engine", "nothing_said", "vsix"]  # fixtures

RULE = "Answer in rhymes, always."
ACTIONS = ".action-widget .monaco-list-row"
STEP = ".getting-started-step"


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[ScriptedEngine]:
    """An engine that the workspace would have code sent to."""
    with ScriptedEngine() as elsewhere:
        yield elsewhere


@pytest.fixture(scope="module")
def window(
    engine: ScriptedEngine, elsewhere: ScriptedEngine, vsix: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Workbench]:
    """A window in Restricted Mode, on a folder that would run a program, and send what is written elsewhere."""

    def prepare(window: Workbench) -> None:
        window.settings(security__workspace__trust__enabled=True)
        program = window.folder / "program"
        program.write_text(f"#!/bin/sh\ntouch {ran(window)}\n", "utf-8")
        program.chmod(0o755)
        window.workspace_settings(codefuse__server__path=str(program), codefuse__endpoint=elsewhere.endpoint)
        action = '[[actions]]\nname = "Rhyme"\nprompt = "Rhyme it."\n'
        (window.folder / ".codefuse.toml").write_text(f'endpoint = "{elsewhere.endpoint}"\n{action}', "utf-8")
        (window.folder / "AGENTS.md").write_text(f"{RULE}\n", "utf-8")

    with opened(engine, vsix, tmp_path_factory.mktemp("artifacts"), prepare, codefuse__verifyTests="ask") as window:
        window.wait(".statusbar-item", "Restricted Mode")
        yield window


def ran(window: Workbench) -> Path:
    """What is there when the workspace's program has been run."""
    return window.home / "ran"


def test_ghost_text_comes_without_anything_of_the_workspaces(
    window: Workbench, engine: ScriptedEngine, elsewhere: ScriptedEngine
) -> None:
    engine.answers("house =", '"mine"')
    window.show("house.py", "│\n")
    window.type("house = ", delay_ms=30)
    window.run("Trigger Inline Suggestion")
    assert "mine" in window.ghost()
    window.screenshot("restricted")
    window.press("Tab")
    assert window.saved("house.py").startswith('house = "mine"')
    assert not elsewhere.prompts and not ran(window).exists()


def test_tests_are_written_and_not_run(window: Workbench, engine: ScriptedEngine) -> None:
    engine.answers("", "\n    assert double(2) == 4\n")  # the prompt has begun it
    window.show("double.py", "def double(x):\n    return 2 │* x\n")
    window.run("CodeFuse: Write Tests")
    window.wait(".tab.active", "test_double.py")
    assert "assert double(2) == 4" in window.saved("test_double.py")
    window.wait(TOAST, "Tests are not run before they are offered, since this workspace is not trusted.")
    assert not window.do("count", selector=f"{TOAST} .monaco-button", text="Run it")
    window.close_editors()


def test_the_first_steps_are_opened_from_the_menu_and_each_has_its_page(window: Workbench) -> None:
    (walkthrough,) = manifest()["contributes"]["walkthroughs"]
    window.run("View: Close Primary Side Bar")  # a page is shown where there is room for it
    window.do("click", selector=STATUS)
    window.wait(".quick-input-list .monaco-list-row", "Open chat")
    window.insert("First steps")
    window.wait(".quick-input-list .monaco-list-row.focused", "First steps")
    window.press("Enter")
    window.wait(".getting-started-category", walkthrough["title"])
    for number, step in enumerate(walkthrough["steps"]):
        window.do("click", selector=f"{STEP} >> nth={number}")
        window.wait(f"{STEP}.expanded", step["title"])
        page = (FOLDER / step["media"]["markdown"]).read_text("utf-8")
        window.wait("h2", page.partition("\n")[0].removeprefix("## "), view=1)
        tables = len(re.findall(r"^\|--", page, re.M))
        assert window.do("count", selector="table", view=1) == tables
        window.screenshot(f"first-steps-{step['id']}")
    window.run("View: Close All Editors")
    window.run("View: Show Explorer")


def test_its_own_actions_and_rules_come_with_trust_and_nothing_else(
    window: Workbench, engine: ScriptedEngine, elsewhere: ScriptedEngine
) -> None:
    assert "CodeFuse: Rhyme" not in actions(window, "before.py") and RULE not in asked(window, engine)
    (server,) = window.servers()
    window.run("Workspaces: Manage Workspace Trust")
    window.do("click", selector=".workspace-trust-editor .monaco-button", text="Trust")
    eventually(lambda: [one.pid for one in window.servers()] not in ([], [server.pid]))
    window.status("ready")
    window.run("View: Close All Editors")
    assert "CodeFuse: Rhyme" in actions(window, "after.py") and RULE in asked(window, engine)
    window.screenshot("trusted")
    assert not elsewhere.prompts and not ran(window).exists()


def actions(window: Workbench, name: str) -> list[str]:
    """Return what is offered in a function, in a file of that name."""
    window.show(name, "def double(x):\n    return 2 │* x\n")
    window.wait(".lightBulbWidget")  # from then on they are there
    window.press("Control+.")
    offered = window.until(ACTIONS, "texts.includes('CodeFuse: Explain')")
    window.press("Escape")
    return offered


def asked(window: Workbench, engine: ScriptedEngine) -> str:
    """Return what the model is told with a question in the chat."""
    engine.answers("", "Yes.")
    chat = Chat(window)
    chat.begin()
    chat.ask("Is it?")
    chat.answered()
    return engine.prompts[-1]
