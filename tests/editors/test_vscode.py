"""VS Code: the packed extension in the real workbench, with the real language server and an engine that is scripted."""

from __future__ import annotations

from tests.editors.scripted_engine import ScriptedEngine
from tests.editors.vscode.fixtures import (
    NEW_STACK,
    STACK,
    asked_about,
    engine,
    fates,
    nothing_said,
    vsix,
    window,
)
from tests.editors.workbench import CODE, DIFF, STATUS, Workbench, eventually

__all__ = ["engine", "nothing_said", "vsix", "window"]  # fixtures


# ghost text


def test_what_is_typed_is_completed_in_ghost_text_and_tab_takes_it(window: Workbench, engine: ScriptedEngine) -> None:
    engine.answers("def area", "height):\n    return width * height")
    window.show("area.py", "# The area of a rectangle.\n│\n")
    window.type("def area(width, ", delay_ms=30)
    assert window.ghost().split() == ["height:", "return", "width", "*", "height"]  # round the bracket that is closed
    window.screenshot("ghost-text")
    window.press("Tab")
    body = "def area(width, height):\n    return width * height\n"
    assert window.saved("area.py") == f"# The area of a rectangle.\n{body}"
    eventually(lambda: any(fate == "accepted" for fate, _ in fates(window)))


def test_a_word_of_it_can_be_taken_and_the_server_hears_how_much(window: Workbench, engine: ScriptedEngine) -> None:
    engine.answers("def volume", "height, depth):")
    window.show("volume.py", "│\n")
    window.type("def volume(width, ", delay_ms=30)
    assert window.ghost().strip() == "height, depth:"
    window.press("Control+ArrowRight")
    window.until(CODE, "texts[0].startsWith('def volume(width, height')")
    assert window.saved("volume.py") == "def volume(width, height)\n"
    eventually(lambda: ("partly", len("height")) in fates(window))


def test_a_line_of_it_can_be_taken(window: Workbench, engine: ScriptedEngine) -> None:
    engine.answers("def total", "\n    result = 0\n    for item in items:\n        result += item\n    return result")
    window.show("total.py", "def total(items):│\n")
    window.run("Trigger Inline Suggestion")
    assert "result += item" in window.ghost()
    window.screenshot("ghost-text-lines")
    window.press("Control+Alt+ArrowRight")
    window.until(CODE, "texts[1] && texts[1].includes('result = 0')")
    assert window.saved("total.py").startswith("def total(items):\n    result = 0")
    assert "result += item" not in window.saved("total.py")
    eventually(lambda: any(fate == "partly" and length > 1 for fate, length in fates(window)))


def test_one_that_is_typed_away_counts_as_rejected(window: Workbench, engine: ScriptedEngine) -> None:
    engine.answers("colour =", '"red"')
    window.show("colour.py", "│\n")
    window.type("colour = ", delay_ms=30)
    assert "red" in window.ghost()
    engine.answers("", "")
    window.type("4")
    eventually(lambda: any(fate == "rejected" for fate, _ in fates(window)))


def test_a_file_of_20_000_lines_takes_keys_while_the_model_thinks(window: Workbench, engine: ScriptedEngine) -> None:
    lines = "".join(f"def function_{n}(x):\n    return x + {n}\n\n\n" for n in range(5_000))
    engine.answers("def last", "value):", pause_s=2.0)
    window.show("long.py", f"{lines}│\n")
    window.type("def last(")
    window.until(CODE, "texts.some(text => text.startsWith('def last('))")
    window.do("record")
    window.type("first, second, ", delay_ms=20)
    window.until(CODE, "texts.some(text => text.startsWith('def last(first, second, '))")
    longest = window.do("recorded")[0]
    assert longest < 500
    assert "value" in window.ghost()


# how the server and the model are


def test_an_engine_that_is_gone_is_told_of_and_taken_up_again_when_it_is_back(
    window: Workbench, engine: ScriptedEngine
) -> None:
    engine.end()
    try:
        window.show("gone.py", "│\n")
        window.type("x = ", delay_ms=30)
        window.run("Trigger Inline Suggestion")  # who does not ask does not find out
        window.wait(f"{STATUS}:not([aria-label*='ready' i])")
        window.screenshot("engine-gone")
    finally:
        engine.begin()
    engine.answers("back =", "again()")
    window.show("back.py", "back │\n")
    window.type("= ", delay_ms=30)  # whoever asks finds it again
    window.status("ready")
    assert "again()" in window.ghost()


def test_a_server_that_is_killed_is_started_again(window: Workbench, engine: ScriptedEngine) -> None:
    (server,) = window.servers()
    server.kill()
    eventually(lambda: [other for other in window.servers() if other.pid != server.pid])
    window.status("ready")
    engine.answers("after =", "the_fall")
    window.show("after.py", "│\n")
    window.type("after = ", delay_ms=30)
    assert "the_fall" in window.ghost()
    assert len(window.servers()) == 1


def test_settings_take_effect_at_once(window: Workbench, engine: ScriptedEngine) -> None:
    engine.answers("name =", '"Ada"')
    window.workspace_settings(codefuse__completion=False)
    window.status("off")
    window.show("name.py", "│\n")
    window.type("name = ", delay_ms=30)
    eventually(lambda: "name.py" in asked_about(window))  # the editor asks a moment later, if nothing takes the focus
    window.run("CodeFuse: Why No Suggestion?")
    window.until(".quick-input-list .monaco-list-row", "/off|completion/.test(texts[0])")
    window.screenshot("why")
    window.press("Escape")
    assert not any("name =" in prompt for prompt in engine.prompts)
    window.workspace_settings(codefuse__completion=None)
    window.status("ready")
    window.show("name2.py", "│\n")
    window.type("name = ", delay_ms=30)
    assert "Ada" in window.ghost()


def test_ghost_text_is_turned_off_and_on_by_a_command(window: Workbench) -> None:
    window.run("CodeFuse: Turn Ghost Text On or Off")
    window.status("off")
    window.run("CodeFuse: Turn Ghost Text On or Off")
    window.status("ready")


def test_what_only_the_user_may_set_makes_a_new_server(window: Workbench, engine: ScriptedEngine) -> None:
    (server,) = window.servers()
    with ScriptedEngine() as other:
        other.answers("city =", '"Paris"')
        window.machine_settings(codefuse__endpoint=other.endpoint)
        eventually(lambda: [one.pid for one in window.servers()] not in ([], [server.pid]))
        window.status("ready")
        window.show("city.py", "│\n")
        window.type("city = ", delay_ms=30)
        assert "Paris" in window.ghost()
        assert not engine.prompts
        window.machine_settings(codefuse__endpoint=engine.endpoint)
        eventually(lambda: not any("city =" in prompt for prompt in engine.prompts) and window.servers())
    window.status("ready")


def test_a_workspace_cannot_say_where_code_is_sent(window: Workbench, engine: ScriptedEngine) -> None:
    with ScriptedEngine() as elsewhere:
        window.workspace_settings(codefuse__endpoint=elsewhere.endpoint, codefuse__server__path="/bin/false")
        engine.answers("house =", '"mine"')
        window.run("CodeFuse: Restart Language Server")
        window.status("ready")
        window.show("house.py", "│\n")
        window.type("house = ", delay_ms=30)
        assert "mine" in window.ghost()
        assert not elsewhere.prompts
        window.workspace_settings(codefuse__endpoint=None, codefuse__server__path=None)


def test_the_menu_tells_of_the_model_and_what_can_be_done(window: Workbench) -> None:
    window.do("click", selector=STATUS)
    window.until(".quick-input-list .monaco-list-row", "texts.some(text => text.includes('Turn ghost text off'))")
    window.wait(".quick-input-title", "Ready")
    window.screenshot("menu")
    window.press("Escape")


def test_the_editor_tells_how_long_the_extension_took_to_be_up(window: Workbench) -> None:
    """Kept with the artifacts rather than held to a limit: a busy machine makes it long, and no behaviour wrong."""
    window.run("Developer: Show Running Extensions")
    rows = window.until(".extension", "texts.some(text => /CodeFuse/.test(text) && /\\d ?ms/.test(text))")
    window.screenshot("running-extensions")
    (row,) = [row for row in rows if "CodeFuse" in row]
    (window.artifacts / "activation.txt").write_text(row)
    window.press("Escape")
    window.wait(".extension", state="detached")


# actions


def test_an_explanation_is_shown_beside_the_code(window: Workbench, engine: ScriptedEngine) -> None:
    engine.answers("", "It multiplies.\n\n- `width`: how wide\n- `height`: how high\n")
    window.show("explained.py", "def area(width, height):\n    return width │* height\n")
    window.run("CodeFuse: Explain")
    seen = window.until(".markdown-body", "texts.join().includes('how high')", view=1)
    assert "explained.py" in seen[0] and "return width * height" in seen[0]
    window.screenshot("explanation")
    window.close_editors()


def test_tests_are_written_into_a_new_file_which_is_shown(window: Workbench, engine: ScriptedEngine) -> None:
    engine.answers("", "\n    assert double(2) == 4\n")  # the prompt has begun it
    window.show("double.py", "def double(x):\n    return 2 │* x\n")
    window.press("Control+.")
    window.wait(".action-widget .monaco-list-row", "CodeFuse: Write tests")
    window.screenshot("code-actions")
    window.press("Escape")
    window.run("CodeFuse: Write Tests")
    window.wait(".tab.active", "test_double.py")
    window.screenshot("tests-written")
    assert "assert double(2) == 4" in window.saved("test_double.py")
    window.close_editors()


def test_an_action_changes_the_code_in_one_step(window: Workbench, engine: ScriptedEngine) -> None:
    engine.answers("", "def simple(x):\n    return bool(x)\n")
    before = "def simple(x):\n    if x:\n        return True\n    return False\n"
    window.show("simple.py", before.replace("simple", "│simple", 1))
    window.press("Control+.")
    window.wait(".action-widget .monaco-list-row", "CodeFuse: Simplify")
    window.press("Escape")
    window.run("CodeFuse: Simplify")
    window.until(CODE, "texts.join().includes('bool(x)')")
    assert window.saved("simple.py") == "def simple(x):\n    return bool(x)\n"
    window.press("Control+z")
    assert window.saved("simple.py") == before


def propose_edit(window: Workbench, name: str) -> None:
    """Have the stack rewritten, and wait for the difference."""
    window.show(name, f"│{STACK}")
    window.press("Control+Shift+End")
    window.run("CodeFuse: Edit Selection")
    window.wait(".quick-input-widget input:focus")
    window.type("Say what it is, and refuse to pop nothing.")
    window.press("Enter")
    window.wait(f"{DIFF} .modified .view-line", "raise IndexError")
    window.wait(".editor-actions [aria-label^='Accept All Changes']")


def test_an_edit_is_shown_as_a_difference_and_accepted_in_one_step(window: Workbench, engine: ScriptedEngine) -> None:
    engine.answers("", *NEW_STACK.splitlines(keepends=True), pause_s=0.05)
    propose_edit(window, "stack.py")
    window.screenshot("edit")
    assert window.folder.joinpath("stack.py").read_text("utf-8") == STACK
    window.press("Control+Enter")
    window.wait(DIFF, state="detached")
    assert window.saved("stack.py") == NEW_STACK
    window.press("Control+z")
    assert window.saved("stack.py") == STACK


def test_a_change_can_be_taken_out_of_an_edit(window: Workbench, engine: ScriptedEngine) -> None:
    engine.answers("", NEW_STACK)
    propose_edit(window, "part.py")
    window.do("click", selector=f"{DIFF} .modified .view-line", text="raise IndexError")
    window.press("Control+Backspace")
    window.until(f"{DIFF} .modified .view-line", "!texts.join().includes('raise IndexError')")
    window.press("Control+Enter")
    window.wait(DIFF, state="detached")
    saved = window.saved("part.py")
    assert "Last in, first out" in saved and "raise IndexError" not in saved


def test_an_edit_that_is_discarded_changes_nothing(window: Workbench, engine: ScriptedEngine) -> None:
    engine.answers("", NEW_STACK)
    propose_edit(window, "same.py")
    window.run("CodeFuse: Discard All Changes")
    window.wait(DIFF, state="detached")
    window.wait(".tab.active", "same.py")
    assert window.saved("same.py") == STACK
