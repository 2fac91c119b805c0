"""Emacs as it is drawn: ghost text on a real screen, beside the popups of company and corfu, and the chat."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.editors.emacs.door import Door
from tests.editors.emacs.editor import Emacs, engine_door, for_driver, installed_emacs  # noqa: F401
from tests.editors.emacs.terminal import Terminal, tmux_of

AREA = "def area(width, height):\n    return "
OpenTerminal = Callable[..., Terminal]


@pytest.fixture
def open_terminal(
    emacs: Emacs,
    door: Door,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> Iterator[OpenTerminal]:
    """Open Emacs on a terminal with a file of a text in it; what is drawn last is kept with the artifacts."""
    tmux = tmux_of(emacs.prefix)
    if tmux is None:
        pytest.skip("NO TMUX: tests/editors/emacs/install.sh brings one")
    terminals: list[Terminal] = []
    door.obey({"do": "forget"})

    def open_it(text: str, popup: str = "") -> Terminal:
        env = {**for_driver(door, "own", tmp_path), "CODEFUSE_TEST_POPUP": popup}
        (tmp_path / "project" / ".root").touch()
        file = tmp_path / "project" / "area.py"
        file.write_text(text, "utf-8")
        command = [emacs.program, "-nw", "-Q", *emacs.load_path, "-l", "terminal-init", str(file)]
        terminal = Terminal(tmux, tmp_path, command, env).__enter__()
        terminals.append(terminal)
        terminal.waits(lambda screen: " CF" in screen and ":off" not in screen, "a server in the mode line")
        terminal.keys("M->")
        return terminal

    yield open_it
    artifacts = Path(os.environ.get("CODEFUSE_ARTIFACTS") or tmp_path / "artifacts")
    for terminal in terminals:
        terminal.keep(f"emacs-{request.node.name}", artifacts)
        terminal.__exit__()


def line_at(terminal: Terminal) -> str:
    """Return the line of the screen that the cursor is in, with the cursor drawn."""
    line, column = terminal.cursor
    text = terminal.screen.split("\n")[line].ljust(column)
    return text[:column] + "│" + text[column:]


def test_ghost_text_is_drawn_behind_the_cursor_and_taken_by_tab(
    open_terminal: OpenTerminal,
    door: Door,
    tmp_path: Path,
) -> None:
    door.engine.answers("return w", "idth * height\n")
    terminal = open_terminal(AREA)
    terminal.types("w")
    terminal.shows("return width * height")
    assert line_at(terminal).rstrip() == "    return w│idth * height"
    terminal.keys("Tab")
    terminal.waits(lambda screen: line_at(terminal).rstrip() == "    return width * height│", "the cursor behind it")
    terminal.keys("C-x", "C-s")
    terminal.shows("Wrote")
    assert (tmp_path / "project" / "area.py").read_text("utf-8").startswith(AREA + "width * height")


def test_several_lines_are_drawn_under_each_other_and_taken_in_parts(open_terminal: OpenTerminal, door: Door) -> None:
    door.engine.answers("def volume(", "width, height, depth):\n    return width * height * depth\n")
    terminal = open_terminal("\n# the end\n")
    terminal.keys("M-<")
    terminal.types("def volume(")
    screen = terminal.shows("def volume(width, height, depth):\n    return width * height * depth", "# the end")
    assert screen.index("* depth") < screen.index("# the end")
    assert line_at(terminal).startswith("def volume(│width")
    terminal.keys("M-f")
    terminal.waits(lambda screen: line_at(terminal).startswith("def volume(width│, height"), "one word taken")
    terminal.keys("C-e")
    terminal.waits(lambda screen: line_at(terminal).startswith("def volume(width, height, depth):│"), "a line taken")
    terminal.shows("return width * height * depth")
    terminal.keys("C-g")
    terminal.waits(lambda screen: "return width" not in screen, "no ghost text")


def test_a_bracket_that_is_swallowed_is_not_drawn_twice(open_terminal: OpenTerminal, door: Door) -> None:
    door.engine.answers("area = (", "width * height)")
    terminal = open_terminal("area = )")
    terminal.keys("C-b")
    terminal.types("(")
    terminal.waits(lambda screen: line_at(terminal).rstrip() == "area = (│width * height)", "the ghost text")


@pytest.mark.parametrize("popup", ["company", "corfu"])
def test_ghost_text_goes_on_from_what_a_popup_has_chosen(popup: str, open_terminal: OpenTerminal, door: Door) -> None:
    for name, rest in (("all", " - 2"), ("both", " + 1"), ("every", " * 3")):
        door.engine.answers(f"width * height_of_{name}", f"{rest}\n")
    terminal = open_terminal(AREA + "width * ", popup)
    terminal.types("hei")
    screen = terminal.waits(
        lambda screen: "height_of_every" in screen and "    return width * height_of_all - 2" in screen,
        "ghost text that goes on from the popup's first candidate",
    )
    assert screen.count("- 2") == 1
    terminal.keys("C-n" if popup == "company" else "Down")
    terminal.shows("    return width * height_of_both + 1")
    terminal.keys("Enter")
    terminal.waits(
        lambda screen: "every" not in screen and line_at(terminal).startswith("    return width * height_of_both│ + 1"),
        "the rest as ghost text, and no popup",
    )
    terminal.keys("Tab")
    terminal.waits(lambda screen: line_at(terminal).startswith("    return width * height_of_both + 1│"), "all of it")


def test_a_chat_is_drawn_as_it_is_written(open_terminal: OpenTerminal, door: Door) -> None:
    words = [f"word{number} " for number in range(16)]
    door.engine.answers("How big", *words, "\n\n```python\nside * side\n```\n\nSo it is.", pause_s=0.05)
    terminal = open_terminal(AREA)
    terminal.keys("C-c", "f", "c")
    terminal.shows("New chat", "Ask")
    terminal.types("How big is it?")
    terminal.keys("C-c", "C-c")
    terminal.shows("word3 ", "writing")
    screen = terminal.shows("So it is.", "Ask")
    assert screen.index("You") < screen.index("How big is it?") < screen.index("CodeFuse") < screen.index("So it is.")
    assert screen.index("So it is.") < screen.index("Ask")
