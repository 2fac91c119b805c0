"""Commit messages, names and reviews in the real VS Code, with the real language server and a scripted engine."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.editors.scripted_engine import ScriptedEngine
from tests.editors.vscode.fixtures import engine, nothing_said, opened, vsix
from tests.editors.workbench import CODE, TOAST, Workbench, eventually

__all__ = ["engine", "nothing_said", "vsix"]  # fixtures

BOX = ".scm-editor .view-line"
BUTTON = ".part.sidebar [aria-label='Write Commit Message']"
STOP = ".part.sidebar [aria-label='Stop Writing the Commit Message']"
NAMES = ".quick-input-list .monaco-list-row"
PROBLEMS = ".markers-panel .monaco-list-row"


@pytest.fixture(scope="module")
def window(engine: ScriptedEngine, vsix: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    """A window on a repository with one commit."""
    artifacts = tmp_path_factory.mktemp("artifacts")
    with opened(engine, vsix, artifacts, begin_repository, codefuse__verifyTests="off") as window:
        yield window


@pytest.fixture(autouse=True)
def nothing_told(window: Workbench) -> Iterator[None]:
    yield
    if window.do("count", selector=TOAST):
        window.run("Notifications: Clear All Notifications")
        window.wait(TOAST, state="detached")


def begin_repository(window: Workbench) -> None:
    window.settings(git__enabled=True, typescript__disableAutomaticTypeAcquisition=True)
    git(window, "init", "--quiet", "--initial-branch=main")
    git(window, "config", "user.name", "Ada")
    git(window, "config", "user.email", "ada@example.org")
    stage(window, "area.py", "def area(w, h):\n    return w * h\n")
    git(window, "commit", "--quiet", "--message", "Say what an area is")


def git(window: Workbench, *arguments: str) -> str:
    command = ["git", *arguments]
    done = subprocess.run(command, cwd=window.folder, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout


def stage(window: Workbench, name: str, text: str) -> None:
    window.folder.joinpath(name).write_text(text, "utf-8")
    git(window, "add", name)


def open_source_control(window: Workbench) -> None:
    window.do("focus")
    window.press("Control+Shift+g")
    window.wait(BUTTON)


def write_in_box(window: Workbench, text: str) -> None:
    """Have the box of source control hold a text."""
    window.do("click", selector=".scm-editor .view-lines")
    window.press("Control+a", "Delete")
    window.type(text)
    window.until(BOX, f"texts.join() == {text!r}")


# commit messages


def test_a_message_for_what_is_staged_is_written_into_the_box_and_committed(
    window: Workbench, engine: ScriptedEngine
) -> None:
    stage(window, "area.py", "def area(width, height):\n    return width * height\n")
    window.folder.joinpath("notes.txt").write_text("not staged\n", "utf-8")
    engine.answers("", "Name the sides", " of an area\n\n", "They were w and h.\n", pause_s=0.1)
    open_source_control(window)
    window.wait(".scm-view .monaco-list-row", "Staged Changes")  # or the editor would ask before it commits
    window.do("click", selector=BUTTON)
    window.until(BOX, "texts.join('|') == 'Name the sides of an area||They were w and h.'")
    window.wait(BUTTON)
    window.screenshot("commit-message")
    (prompt,) = engine.prompts
    assert "+    return width * height" in prompt and "Say what an area is" in prompt
    assert "not staged" not in prompt
    window.do("click", selector=".scm-editor .view-lines")
    window.press("Control+Enter")
    eventually(lambda: git(window, "log", "--format=%s").count("\n") == 2)
    assert git(window, "log", "-1", "--format=%B").strip() == "Name the sides of an area\n\nThey were w and h."


def test_where_the_message_is_going_to_stand_is_shown(window: Workbench, engine: ScriptedEngine) -> None:
    stage(window, "area.py", "def area(width, height):\n    return height * width\n")
    engine.answers("", "Turn it round\n")
    window.run("View: Show Explorer")
    window.wait(".explorer-folders-view")
    window.run("CodeFuse: Write Commit Message")
    window.until(BOX, "texts.join() == 'Turn it round'")


def test_one_that_is_stopped_leaves_what_stood_there(window: Workbench, engine: ScriptedEngine) -> None:
    stage(window, "area.py", "def area(width, height):\n    return abs(width * height)\n")
    engine.answers("", *["word "] * 2_000, pause_s=0.05)
    open_source_control(window)
    write_in_box(window, "mine")
    window.do("click", selector=BUTTON)
    window.until(BOX, "texts.join().includes('word word')")
    window.do("click", selector=STOP)
    window.until(BOX, "texts.join() == 'mine'")
    window.wait(BUTTON)
    assert not window.do("count", selector=TOAST)


def test_what_is_typed_while_it_is_written_is_the_users(window: Workbench, engine: ScriptedEngine) -> None:
    stage(window, "area.py", "def area(width, height):\n    return abs(width) * abs(height)\n")
    engine.answers("", *["word "] * 2_000, pause_s=0.2)
    open_source_control(window)
    write_in_box(window, "before")
    window.do("click", selector=BUTTON)
    window.until(BOX, "texts.join().includes('word')")
    window.do("click", selector=".scm-editor .view-lines")
    window.press("Control+a")
    window.type("No: I know what I have done.", delay_ms=50)
    window.wait(BUTTON)  # it is written no more
    assert window.do("texts", selector=BOX)[-1].endswith("done.")
    assert not window.do("count", selector=TOAST)


def test_without_anything_staged_a_sentence_says_so(window: Workbench, engine: ScriptedEngine) -> None:
    git(window, "reset", "--quiet", "--hard")
    window.run("CodeFuse: Write Commit Message")
    window.wait(TOAST, "Nothing is staged")
    assert not engine.prompts


# names


SHAPE = "function x│y(width, height) {\n  return 2 * (width + height)\n}\n\nconsole.log(xy(2, 3))\n"


def test_a_name_that_is_chosen_is_taken_wherever_the_old_one_is_used(window: Workbench, engine: ScriptedEngine) -> None:
    engine.answers("", "circumference\nperimeter\n")
    window.show("shape.js", SHAPE)
    window.run("CodeFuse: Find a Better Name")
    window.until(NAMES, "texts.join() == 'circumference,perimeter'")
    window.screenshot("names")
    window.type("peri")
    window.until(NAMES, "texts.join() == 'perimeter'")
    window.press("Enter")
    window.until(CODE, "texts.join().includes('log(perimeter(')")
    renamed = SHAPE.replace("│", "").replace("xy", "perimeter")
    assert window.saved("shape.js") == renamed
    window.press("Control+z")
    assert window.saved("shape.js") == SHAPE.replace("│", "")


def test_a_search_for_names_that_is_cancelled_is_told_as_nothing(window: Workbench, engine: ScriptedEngine) -> None:
    engine.answers("", *["word\n"] * 2_000, pause_s=0.05)
    window.show("cancelled.js", SHAPE)
    window.run("CodeFuse: Find a Better Name")
    window.wait(TOAST, "looking for a name")
    window.do("click", selector=f"{TOAST} .monaco-button", text="Cancel")
    window.wait(TOAST, state="detached")
    engine.answers("", "perimeter\n")
    window.run("CodeFuse: Find a Better Name")
    window.until(NAMES, "texts.join() == 'perimeter'")
    assert not window.do("count", selector=f"{TOAST} .codicon-error")
    window.press("Escape")


def test_a_name_can_be_copied_where_nothing_knows_how_to_rename(window: Workbench, engine: ScriptedEngine) -> None:
    engine.answers("", "perimeter\n")
    window.show("shape.py", "def x│y(width, height):\n    return 2 * (width + height)\n")
    window.run("CodeFuse: Find a Better Name")
    window.until(NAMES, "texts.join() == 'perimeter'")
    window.press("Enter")
    window.wait(TOAST, "can rename xy here")
    window.screenshot("names-copied")
    window.do("click", selector=f"{TOAST} .monaco-button", text="Copy perimeter")
    eventually(lambda: window.do("evaluate", body="return navigator.clipboard.readText()") == "perimeter")


# reviews


MEAN = "def mean(xs):\n    total = sum(xs)\n    return total / len(xs)\n│"


def test_what_a_review_finds_is_marked_and_listed_until_it_is_cleared(
    window: Workbench, engine: ScriptedEngine
) -> None:
    engine.answers("", "3: error: fails for an empty list\n2: hint: could be left out\n")
    window.show("mean.py", MEAN)
    window.run("CodeFuse: Review File or Selection")
    listed = window.until(PROBLEMS, "texts.length == 3")  # the file, and what was found in it
    assert "Fails for an empty list" in listed[1] and "Ln 3" in listed[1]
    assert "Could be left out" in listed[2] and "Ln 2" in listed[2]
    window.wait(".squiggly-error")
    window.wait(".squiggly-info")
    window.screenshot("review")
    window.run("CodeFuse: Clear Review")
    window.wait(PROBLEMS, state="detached")
    window.wait(".squiggly-error", state="detached")
    window.wait(".squiggly-info", state="detached")


def test_a_finding_goes_when_its_line_is_changed(window: Workbench, engine: ScriptedEngine) -> None:
    engine.answers("", "3: error: fails for an empty list\n2: hint: could be left out\n")
    window.show("changed.py", MEAN)
    window.run("CodeFuse: Review File or Selection")
    window.until(PROBLEMS, "texts.length == 3")
    window.go_to("changed.py", 3, 27)
    window.type(" if xs else 0")
    window.until(PROBLEMS, "texts.length == 2 && texts[1].includes('left out')")
    window.wait(".squiggly-error", state="detached")
    window.run("CodeFuse: Clear Review")
    window.wait(PROBLEMS, state="detached")


def test_a_review_that_finds_nothing_says_so_once(window: Workbench, engine: ScriptedEngine) -> None:
    engine.answers("", "none\n")
    window.show("nothing.py", MEAN)
    window.run("CodeFuse: Review File or Selection")
    window.wait(TOAST, "found nothing")
    window.run("CodeFuse: Clear Review")
    assert window.do("count", selector=TOAST, text="nothing") == 1
