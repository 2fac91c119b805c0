"""The plugin in a real Neovim, with the real server and an engine whose words are the test's."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from codefuse_lsp.config import names
from tests.editors.neovim.driver import ROOT, Neovim
from tests.editors.neovim.fixtures import OpenNeovim, engine, env, home, open_neovim, program
from tests.editors.scripted_engine import ScriptedEngine

__all__ = ["engine", "env", "home", "open_neovim", "program"]  # fixtures

PLUGIN = ROOT / "editors" / "nvim"
READY = "return (require('codefuse').status() or {}).state == 'ready'"
ADD = "a, b):\n    return a + b\n"


@pytest.fixture(scope="module")
def shared(open_neovim: OpenNeovim, home: Path, engine: ScriptedEngine) -> Neovim:
    """An editor that the tests of this module share, with Neovim's own ghost text where it has one."""
    editor = open_neovim()
    editor.open(home / "first.py", "x = 1\n")
    editor.until(lambda: editor.lua(READY), "the model to be ready")
    return editor


def reset(editor: Neovim) -> None:
    """Leave one window with an empty buffer."""
    editor.keys("<C-\\><C-n>")
    editor.command("silent! tabonly! | only! | setlocal nowinfixbuf | enew! | silent! %bwipeout!")
    editor.lua(_FORGOTTEN)


_FORGOTTEN = """
_G.notes = {}
for _, client in ipairs(vim.lsp.get_clients()) do
  if not next(client.attached_buffers) then client:stop() end
end
"""


@pytest.fixture
def editor(shared: Neovim, engine: ScriptedEngine) -> Iterator[Neovim]:
    """The shared editor with one empty window, and an engine that says nothing."""
    engine.forget()
    reset(shared)
    yield shared
    shared.keys("<C-\\><C-n>")


@pytest.fixture(scope="module")
def own_one(open_neovim: OpenNeovim, home: Path) -> Neovim:
    """An editor whose ghost text is drawn by the plugin, as on Neovim 0.11."""
    editor = open_neovim(ghost_text={"renderer": "own"})
    editor.open(home / "second.py", "x = 1\n")
    editor.until(lambda: editor.lua(READY), "the model to be ready")
    return editor


@pytest.fixture(params=["native", "own"])
def drawn_by(request: pytest.FixtureRequest, engine: ScriptedEngine) -> Neovim:
    """Either of them."""
    editor: Neovim = request.getfixturevalue("shared" if request.param == "native" else "own_one")
    engine.forget()
    reset(editor)
    return editor


def suggested(editor: Neovim, engine: ScriptedEngine, path: Path, answer: str = ADD) -> list[str]:
    """Type the head of a function and wait for its ghost text."""
    engine.answers("", answer)
    editor.open(path, "import os\n\n\n")
    editor.keys("Godef add(")
    return editor.shows(answer.splitlines()[-1].strip())


# Ghost text


def test_ghost_text_is_drawn_where_it_would_stand_and_the_buffer_is_left_alone(
    drawn_by: Neovim, engine: ScriptedEngine, tmp_path: Path
) -> None:
    screen = suggested(drawn_by, engine, tmp_path / "a.py")
    assert screen[3:5] == ["def add(a, b):", "    return a + b"]
    assert drawn_by.text == "import os\n\n\ndef add("


def test_a_suggestion_is_taken_by_the_word_by_the_line_and_whole(
    drawn_by: Neovim, engine: ScriptedEngine, tmp_path: Path
) -> None:
    suggested(drawn_by, engine, tmp_path / "a.py")
    drawn_by.keys("<M-Right>")
    drawn_by.until(lambda: drawn_by.text.endswith("def add(a"), "a word")
    assert drawn_by.shows("return a + b")[3] == "def add(a, b):"  # the rest is still there
    drawn_by.keys("<M-C-Right>")
    drawn_by.until(lambda: drawn_by.text.endswith("def add(a, b):"), "a line")
    assert drawn_by.shows("return a + b")[4] == "    return a + b"
    drawn_by.keys("<Tab>")
    drawn_by.until(lambda: drawn_by.text.endswith("def add(a, b):\n    return a + b"), "the rest")


def test_what_was_taken_is_a_step_of_undo_of_its_own(drawn_by: Neovim, engine: ScriptedEngine, tmp_path: Path) -> None:
    suggested(drawn_by, engine, tmp_path / "a.py")
    drawn_by.keys("<Tab>")
    drawn_by.until(lambda: drawn_by.text.endswith("return a + b"), "the suggestion")
    drawn_by.keys("<Esc>u")
    drawn_by.until(lambda: drawn_by.text.endswith("\ndef add("), "what was typed to be left")


def test_the_server_hears_what_became_of_a_suggestion(drawn_by: Neovim, engine: ScriptedEngine, tmp_path: Path) -> None:
    def fates() -> list[tuple[str, int]]:
        return [tuple(one) for one in drawn_by.lua(_FATES)]

    suggested(drawn_by, engine, tmp_path / "a.py")
    drawn_by.until(lambda: fates()[-1][0] == "seen", "the server to hear that it was shown")
    drawn_by.keys("<M-Right>")
    drawn_by.until(lambda: ("partly", 1) in fates(), "the server to hear of a part")
    drawn_by.keys("<Tab>")
    drawn_by.until(lambda: any(fate == "accepted" for fate, _ in fates()), "the server to hear that it was taken")


def test_the_server_hears_that_a_suggestion_was_not_wanted(
    drawn_by: Neovim, engine: ScriptedEngine, tmp_path: Path
) -> None:
    suggested(drawn_by, engine, tmp_path / "a.py")
    assert drawn_by.lua(_FATES)[-1][0] == "seen"
    drawn_by.keys("<Esc>")
    drawn_by.until(lambda: drawn_by.lua(_FATES)[-1][0] == "rejected", "the server to hear of it")


_FATES = """
local client = vim.lsp.get_clients({ name = 'codefuse', bufnr = 0 })[1]
local answer = client:request_sync('codefuse/whyNoSuggestion', { count = 50 }, 20000, 0)
return vim.tbl_map(function(record) return { record.fate, record.acceptedLength } end, answer.result)
"""


def test_a_suggestion_that_is_dismissed_goes_and_the_buffer_stays(
    drawn_by: Neovim, engine: ScriptedEngine, tmp_path: Path
) -> None:
    suggested(drawn_by, engine, tmp_path / "a.py")
    drawn_by.keys("<C-]>")
    drawn_by.hides("return a + b")
    assert drawn_by.text.endswith("\ndef add(")


def test_typing_what_is_suggested_leaves_the_rest_of_it_standing(
    drawn_by: Neovim, engine: ScriptedEngine, tmp_path: Path
) -> None:
    suggested(drawn_by, engine, tmp_path / "a.py")
    drawn_by.keys("a, ")
    drawn_by.until(lambda: drawn_by.text.endswith("def add(a, "), "what is typed")
    assert drawn_by.shows("return a + b")[3] == "def add(a, b):"


def test_a_bracket_that_stands_there_already_is_not_put_in_twice(
    drawn_by: Neovim, engine: ScriptedEngine, tmp_path: Path
) -> None:
    engine.answers("", ADD)
    drawn_by.open(tmp_path / "a.py", "import os\n\n\n")
    drawn_by.keys("Godef add()<Left>")
    drawn_by.shows("def add(a, b)")
    drawn_by.keys("<M-Right><M-C-Right>")
    drawn_by.until(lambda: drawn_by.lua("return vim.api.nvim_get_current_line()") == "def add(a, b):", "one bracket")


def test_a_file_with_dos_line_ends_takes_suggestions_without_stray_signs(
    drawn_by: Neovim, engine: ScriptedEngine, tmp_path: Path
) -> None:
    engine.answers("", ADD)
    drawn_by.open(tmp_path / "a.py", "import os\r\n\r\n\r\n")
    drawn_by.keys("Godef add(")
    assert drawn_by.shows("return a + b")[3] == "def add(a, b):"
    drawn_by.keys("<M-C-Right>")
    drawn_by.until(lambda: drawn_by.text.endswith("def add(a, b):"), "a line")
    drawn_by.keys("<Tab>")
    drawn_by.until(lambda: drawn_by.text.endswith("def add(a, b):\n    return a + b"), "the rest")
    assert "\r" not in drawn_by.text


def test_a_key_of_the_buffers_own_means_the_same_after_the_server_has_begun_anew(
    drawn_by: Neovim, tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_text("", "utf-8")
    drawn_by.command("autocmd BufReadPre a.txt ++once inoremap <buffer> <Tab> TAB")
    drawn_by.open(tmp_path / "a.txt")
    killed = drawn_by.kill_servers()
    drawn_by.until(lambda: drawn_by.servers - killed and drawn_by.lua(_ATTACHED), "another server")
    drawn_by.keys("i<Tab><Esc>")
    drawn_by.until(lambda: drawn_by.text == "TAB", "the buffer's own key")


def test_tab_means_what_it_meant_where_no_suggestion_stands(drawn_by: Neovim, tmp_path: Path) -> None:
    drawn_by.open(tmp_path / "a.txt", "")
    drawn_by.command("set filetype=text expandtab shiftwidth=4 softtabstop=4")
    drawn_by.keys("ione<Tab>two<Esc>")
    drawn_by.until(lambda: drawn_by.text == "one two", "a tab in spaces")
    drawn_by.command("inoremap <Tab> TAB")
    drawn_by.keys("cc<Tab><Esc>")
    drawn_by.until(lambda: drawn_by.text == "TAB", "the user's own key")
    drawn_by.command("iunmap <Tab>")
    drawn_by.command("inoremap <expr> <Tab> 'x' .. 'y'")
    drawn_by.keys("cc<Tab><Esc>")
    drawn_by.until(lambda: drawn_by.text == "xy", "the user's own key with an expression")
    drawn_by.command("iunmap <Tab>")


def test_ghost_text_is_turned_off_and_on_again(drawn_by: Neovim, engine: ScriptedEngine, tmp_path: Path) -> None:
    engine.answers("", ADD)
    drawn_by.open(tmp_path / "a.py", "import os\n\n\n")
    drawn_by.command("CodeFuse toggle")
    assert "○" in drawn_by.lua("return require('codefuse').statusline()")
    drawn_by.keys("Godef add(")
    drawn_by.until(lambda: drawn_by.text.endswith("def add("), "what is typed")
    drawn_by.keys("<Esc>")
    drawn_by.command("CodeFuse toggle")
    drawn_by.keys("A")
    drawn_by.shows("return a + b")
    assert len([prompt for prompt in engine.prompts if "def add(" in prompt]) == 1


def test_a_change_of_settings_takes_effect_at_once(editor: Neovim, engine: ScriptedEngine, tmp_path: Path) -> None:
    editor.open(tmp_path / "a.py", "import os\n\n\n")
    editor.command("CodeFuse set completion false")
    engine.answers("", ADD)
    editor.keys("Godef add(")
    editor.until(lambda: "off" in str(editor.lua(_WHY)), "the server to say that it is off")
    editor.keys("<Esc>")
    editor.command("CodeFuse set completion true")
    editor.keys("A<BS>(")
    editor.shows("return a + b")


_WHY = """
local client = vim.lsp.get_clients({ name = 'codefuse', bufnr = 0 })[1]
local answer = client:request_sync('codefuse/whyNoSuggestion', { count = 1 }, 20000, 0)
local record = (answer.result or {})[1] or {}
return (record.outcome or '') .. ' ' .. (record.detail or '')
"""


def test_why_tells_what_became_of_the_last_requests(editor: Neovim, engine: ScriptedEngine, tmp_path: Path) -> None:
    suggested(editor, engine, tmp_path / "a.py")
    editor.keys("<Esc>")
    editor.command("CodeFuse why")
    editor.shows("Why no suggestion?")
    assert "a.py:4  **shown**" in editor.text


def test_the_prompt_that_would_be_sent_is_shown(editor: Neovim, tmp_path: Path) -> None:
    editor.open(tmp_path / "a.py", "import os\n\n\ndef walk(path):\n    return os.walk(path)\n")
    editor.command("4 | CodeFuse prompt")
    editor.until(lambda: "import os" in editor.text and "codefuse-prompt" in editor.rpc.current.buffer.name, "a prompt")


# Actions


def test_an_explanation_streams_into_a_window_beside_the_code(
    editor: Neovim, engine: ScriptedEngine, tmp_path: Path
) -> None:
    engine.answers("", "It adds ", "*two* numbers.", pause_s=0.2)
    editor.open(tmp_path / "a.py", "def add(a, b):\n    return a + b\n")
    editor.command("1 | CodeFuse explain")
    editor.shows("numbers.")
    assert editor.rpc.current.buffer.name.endswith("a.py")  # the cursor stays with the code
    assert len(editor.rpc.windows) == 2


def test_tests_are_written_into_a_file_of_their_own(editor: Neovim, engine: ScriptedEngine, tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    engine.answers("", "from a import add\n\n\ndef test_add():\n    assert add(1, 2) == 3\n```\n")
    editor.open(tmp_path / "a.py", "def add(a, b):\n    return a + b\n")
    editor.command("1 | CodeFuse tests")
    editor.shows("assert add(1, 2) == 3")
    written = editor.lua(_BUFFER_WITH, "def test_add")
    assert Path(written).name == "test_a.py"


_BUFFER_WITH = """
for _, bufnr in ipairs(vim.api.nvim_list_bufs()) do
  if table.concat(vim.api.nvim_buf_get_lines(bufnr, 0, -1, false), '\\n'):find(..., 1, true) then
    return vim.api.nvim_buf_get_name(bufnr)
  end
end
"""


RATIO = "import os\n\n\ndef ratio(a, b):\n    total = a + b\n    return a / total\n"


def test_an_action_edits_the_code_in_one_step_of_undo(editor: Neovim, engine: ScriptedEngine, tmp_path: Path) -> None:
    engine.answers("", "Return what part of the sum the first number is.")
    editor.open(tmp_path / "ratio.py", RATIO)
    editor.command("4 | CodeFuse doc")
    editor.until(lambda: "what part of the sum" in editor.text, "the documentation")
    editor.command("undo")
    assert editor.text == RATIO.rstrip("\n")


def test_a_review_marks_the_lines_and_lists_them_until_it_is_cleared(
    editor: Neovim, engine: ScriptedEngine, tmp_path: Path
) -> None:
    engine.answers("", "6: error: divides by zero where a + b is 0\n")
    editor.open(tmp_path / "ratio.py", RATIO)
    editor.command("CodeFuse review")
    editor.until(lambda: editor.lua("return #vim.fn.getloclist(0)") == 1, "the list")
    assert editor.lua("return vim.fn.getloclist(0)[1].lnum") == 6
    editor.until(lambda: editor.lua(_DIAGNOSED), "the line to be marked")
    editor.command("wincmd t | CodeFuse review clear")
    editor.until(lambda: not editor.lua(_DIAGNOSED), "the mark to be gone")


_DIAGNOSED = "return #vim.diagnostic.get(vim.fn.bufnr('ratio.py$')) > 0"


def test_names_are_suggested_and_taken(editor: Neovim, engine: ScriptedEngine, tmp_path: Path) -> None:
    engine.answers("", "1. `sum_of_both`\n2. whole\n")
    editor.open(tmp_path / "ratio.py", RATIO)
    editor.lua("vim.ui.select = function(items, _, choose) choose(items[1], 1) end")
    editor.command("call cursor(5, 6) | CodeFuse rename")
    editor.tells("sum_of_both is in the unnamed register")  # no other server renames here


def test_a_commit_message_is_written_for_what_is_staged(editor: Neovim, engine: ScriptedEngine, tmp_path: Path) -> None:
    (tmp_path / "ratio.py").write_text(RATIO, "utf-8")
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "Begin"]):
        subprocess.run([*git, *words], check=True)
    (tmp_path / "ratio.py").write_text(RATIO.replace("/", "//"), "utf-8")
    subprocess.run([*git, "add", "."], check=True)
    engine.answers("", "Divide ", "without a rest", pause_s=0.1)
    editor.open(tmp_path / "ratio.py")
    editor.command("CodeFuse commit")
    editor.shows("Divide without a rest")
    assert "a // total" in engine.prompts[-1]


# Chat


def asked(editor: Neovim, question: str) -> None:
    """Ask in the chat and wait for the end of the answer."""
    editor.lua("_G.answered = false")
    editor.command("autocmd User CodeFuseAnswered ++once lua _G.answered = true")
    editor.command(f"CodeFuse chat {question}")
    editor.until(lambda: editor.lua("return _G.answered"), f"the answer to {question!r}")


def transcript(editor: Neovim) -> str:
    """What the chat holds."""
    return str(
        editor.lua(
            "local b = vim.fn.bufnr('codefuse-chat$') return b == -1 and '' or "
            "table.concat(vim.api.nvim_buf_get_lines(b, 0, -1, false), '\\n')"
        )
    )


def test_a_chat_streams_and_what_is_said_next_knows_what_was_said(
    editor: Neovim, engine: ScriptedEngine, tmp_path: Path
) -> None:
    engine.answers("slow", "Because ", "of the ", "loop.", pause_s=0.2)
    editor.open(tmp_path / "a.py", "for i in range(9): pass\n")
    editor.command("CodeFuse new")
    editor.command("CodeFuse chat why is it slow")
    editor.shows("Because of the")
    editor.until(lambda: "Because of the loop." in transcript(editor), "the whole answer")
    editor.shows("tokens read")
    engine.answers("faster", "Vectorise it.")
    asked(editor, "make it faster")
    assert "Vectorise it." in transcript(editor)
    assert "Because of the loop." in engine.prompts[-1] and "why is it slow" in engine.prompts[-1]


def test_a_chat_that_is_stopped_keeps_what_was_said(editor: Neovim, engine: ScriptedEngine, tmp_path: Path) -> None:
    engine.answers("tale", *(f"Once {number}. " for number in range(300)), pause_s=0.1)
    editor.open(tmp_path / "a.py", "x = 1\n")
    editor.command("CodeFuse new")
    editor.command("CodeFuse chat tell a tale")
    editor.shows("Once 1.")
    editor.command("CodeFuse stop")
    editor.shows("⏹ stopped")
    assert "Once 1." in transcript(editor) and "Once 299." not in transcript(editor)


def test_the_lines_that_are_selected_go_with_the_question(
    editor: Neovim, engine: ScriptedEngine, tmp_path: Path
) -> None:
    engine.answers("meaning", "It doubles.")
    editor.open(tmp_path / "a.py", "one = 1\ntwo = 2 * one\nthree = 3\n")
    editor.command("CodeFuse new")
    editor.keys("<C-\\><C-n><C-w>p")
    editor.command("wincmd t")
    editor.lua("vim.cmd('2CodeFuse chat')")
    editor.shows("About ")
    editor.keys("the meaning of this<C-s>")
    editor.until(lambda: "It doubles." in transcript(editor), "the answer")
    assert "two = 2 * one" in engine.prompts[-1] and "three = 3" not in engine.prompts[-1]


def test_an_answer_is_given_again_and_both_can_be_read(editor: Neovim, engine: ScriptedEngine, tmp_path: Path) -> None:
    editor.open(tmp_path / "a.py", "x = 1\n")
    editor.command("CodeFuse new")
    engine.answers("joke", "A first one.")
    asked(editor, "tell a joke")
    engine.answers("joke", "A second one.")
    editor.command("CodeFuse regenerate")
    editor.shows("2/2")
    assert "A second one." in transcript(editor) and "A first one." not in transcript(editor)
    editor.keys("<C-\\><C-n><C-w>kG<lt>")
    editor.shows("1/2")
    editor.until(lambda: "A first one." in transcript(editor), "the first answer")


def test_a_conversation_is_found_by_its_words_and_goes_on(
    editor: Neovim, engine: ScriptedEngine, tmp_path: Path
) -> None:
    editor.open(tmp_path / "a.py", "x = 1\n")
    editor.command("CodeFuse new")
    engine.answers("zebra", "It has stripes.")
    asked(editor, "what is a zebra")
    editor.command("CodeFuse new")
    editor.until(lambda: "zebra" not in transcript(editor), "an empty chat")
    editor.lua(
        "vim.ui.select = function(items, options, choose) _G.offered = options.format_item(items[1]); "
        "choose(items[1], 1) end"
    )
    editor.command("CodeFuse conversations zebra")
    editor.until(lambda: "It has stripes." in transcript(editor), "the old conversation")
    assert "what is a zebra" in editor.lua("return _G.offered")
    engine.answers("legs", "Four.")
    asked(editor, "how many legs")
    assert "It has stripes." in engine.prompts[-1]


def test_a_conversation_that_is_opened_is_not_mixed_with_the_answer_that_is_written(
    editor: Neovim, engine: ScriptedEngine, tmp_path: Path
) -> None:
    editor.open(tmp_path / "a.py", "x = 1\n")
    editor.command("CodeFuse new")
    engine.answers("zebra", "It has stripes.")
    asked(editor, "what is a zebra")
    first = editor.lua("return require('codefuse.chat').current().id")
    editor.command("CodeFuse new")
    engine.answers("tale", *(f"Once {number}. " for number in range(300)), pause_s=0.1)
    editor.command("CodeFuse chat tell a tale")
    editor.shows("Once 1.")
    editor.lua("require('codefuse.chat').load(...)", first)
    editor.until(lambda: "It has stripes." in transcript(editor), "the first conversation")
    assert "Once" not in transcript(editor)
    engine.answers("legs", "Four.")
    asked(editor, "how many legs")
    assert "It has stripes." in engine.prompts[-1] and "tale" not in engine.prompts[-1]
    assert editor.lua("return require('codefuse.chat').current().id") == first


def test_a_question_that_nobody_can_take_stays_where_it_was_written(editor: Neovim, tmp_path: Path) -> None:
    editor.open(tmp_path / "a.py", "x = 1\n")
    editor.command("CodeFuse new")
    editor.command("CodeFuse! stop")
    editor.until(lambda: editor.lua("return #vim.lsp.get_clients({ name = 'codefuse' }) == 0"), "no server")
    try:
        editor.keys("is anybody there<C-s>")
        editor.tells("no language server is running")
        assert editor.text == "is anybody there"
        assert "anybody" not in transcript(editor)
    finally:
        editor.command("CodeFuse restart")


def test_commands_and_references_are_offered_as_they_are_typed(
    editor: Neovim, engine: ScriptedEngine, tmp_path: Path
) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "zoo.py").write_text("ANIMALS = ['zebra']\n", "utf-8")
    editor.open(tmp_path / "a.py", "x = 1\n")
    editor.command("CodeFuse new")
    editor.shows("Ask (/ or @)")
    editor.keys("/ex")
    editor.shows("/explain")
    editor.keys("<C-e><C-u>who lives in @zoo")
    editor.until(lambda: editor.lua(_OFFERED, "zoo.py"), "the file to be offered")
    editor.keys("<C-n><C-y>")
    editor.until(lambda: "zoo.py" in editor.text, "the file to be named")
    engine.answers("who lives", "A zebra.")
    editor.keys("<C-s>")
    editor.until(lambda: "A zebra." in transcript(editor), "the answer")
    assert "ANIMALS" in engine.prompts[-1]


_OFFERED = """
local wanted = ...
return vim.iter(vim.fn.complete_info({ 'items' }).items):any(function(item) return item.word:find(wanted, 1, true) end)
"""

AREA = "def area(w, h):\n    return w + h\n"


def test_the_code_of_an_answer_is_merged_into_its_file_once_it_was_seen(
    editor: Neovim, engine: ScriptedEngine, tmp_path: Path
) -> None:
    engine.answers("right", "Multiply:\n\n```python\ndef area(w, h):\n    return w * h\n```\n")
    editor.open(tmp_path / "a.py", AREA)
    editor.command("CodeFuse new")
    asked(editor, "make it right")
    editor.keys("<C-\\><C-n><C-w>kGm")
    editor.shows("CodeFuse proposes")
    assert editor.text == AREA.rstrip("\n")  # nothing is changed yet
    editor.keys("A")
    editor.until(lambda: "return w * h" in editor.text, "the change")
    assert "w + h" not in editor.text
    editor.keys("u")
    editor.until(lambda: editor.text == AREA.rstrip("\n"), "the change undone")


# Edits

THREE = "def one():\n    return 0\n\n\ndef two():\n    return 0\n\n\ndef three():\n    return 0\n"
BETTER = THREE.replace("one():\n    return 0", "one():\n    return 1").replace(
    "three():\n    return 0", "three():\n    return 3"
)


def proposed(editor: Neovim, engine: ScriptedEngine, path: Path, pause_s: float = 0.0) -> None:
    """Ask for an edit of three functions and wait for the proposal."""
    engine.answers("the right numbers", *BETTER.splitlines(keepends=True), pause_s=pause_s)
    editor.open(path, THREE)
    editor.command("%CodeFuse edit return the right numbers")
    editor.shows("CodeFuse proposes")


def being_written(editor: Neovim, engine: ScriptedEngine, path: Path) -> None:
    """Ask for an edit of three functions and wait for its first line."""
    engine.answers("the right numbers", *BETTER.splitlines(keepends=True), pause_s=0.1)
    editor.open(path, THREE)
    editor.command("%CodeFuse edit return the right numbers")
    editor.shows("CodeFuse writes")


def test_an_edit_is_drawn_while_it_is_written_and_stands_as_a_proposal(
    editor: Neovim, engine: ScriptedEngine, tmp_path: Path
) -> None:
    being_written(editor, engine, tmp_path / "a.py")
    editor.shows("CodeFuse proposes")
    screen = editor.screen
    assert any("return 1" in line for line in screen) and any("return 3" in line for line in screen)
    assert editor.text == THREE.rstrip("\n")
    editor.keys("q")
    editor.hides("CodeFuse proposes")
    assert editor.text == THREE.rstrip("\n")


def test_hunks_are_accepted_and_rejected_one_by_one_in_one_step_of_undo(
    editor: Neovim, engine: ScriptedEngine, tmp_path: Path
) -> None:
    proposed(editor, engine, tmp_path / "a.py")
    editor.keys("ra")  # the first is not wanted, the second is
    editor.until(lambda: "return 3" in editor.text, "the second hunk")
    assert "return 1" not in editor.text
    editor.keys("u")
    editor.until(lambda: editor.text == THREE.rstrip("\n"), "all undone")


def test_a_proposal_is_accepted_whole_by_command(editor: Neovim, engine: ScriptedEngine, tmp_path: Path) -> None:
    proposed(editor, engine, tmp_path / "a.py")
    editor.command("CodeFuse accept")
    editor.until(lambda: editor.text == BETTER.rstrip("\n"), "all of it")
    editor.keys("u")
    editor.until(lambda: editor.text == THREE.rstrip("\n"), "all undone")


def test_code_that_was_changed_while_it_was_rewritten_is_left_alone(
    editor: Neovim, engine: ScriptedEngine, tmp_path: Path
) -> None:
    being_written(editor, engine, tmp_path / "a.py")
    editor.lua("vim.api.nvim_buf_set_lines(0, 0, 0, false, { '# new' })")
    editor.tells("changed meanwhile")
    assert editor.text == f"# new\n{THREE}".rstrip("\n")


def test_keys_of_the_buffers_own_are_back_after_a_proposal(
    editor: Neovim, engine: ScriptedEngine, tmp_path: Path
) -> None:
    editor.open(tmp_path / "a.py", "x = 1\n")
    engine.answers("the right numbers", BETTER)
    editor.open(tmp_path / "b.py", THREE)
    editor.command("nnoremap <buffer> ]c :let g:was_pressed = 1<CR>")
    editor.command("%CodeFuse edit return the right numbers")
    editor.shows("CodeFuse proposes")
    editor.keys("q")
    editor.hides("CodeFuse proposes")
    editor.keys("]c")
    editor.until(lambda: editor.lua("return vim.g.was_pressed"), "the buffer's own key")


# What goes wrong


def test_a_server_that_is_killed_comes_back_and_goes_on(
    drawn_by: Neovim, engine: ScriptedEngine, tmp_path: Path
) -> None:
    drawn_by.open(tmp_path / "a.py", "import os\n\n\n")
    killed = drawn_by.kill_servers()
    drawn_by.tells("it begins again")
    drawn_by.until(lambda: drawn_by.servers - killed and drawn_by.lua(READY), "another server")
    engine.answers("", ADD)
    drawn_by.keys("Godef add(")
    drawn_by.shows("return a + b")


def test_a_chat_that_loses_its_server_says_so(editor: Neovim, engine: ScriptedEngine, tmp_path: Path) -> None:
    engine.answers("tale", *(f"Once {number}. " for number in range(300)), pause_s=0.1)
    editor.open(tmp_path / "a.py", "x = 1\n")
    editor.command("CodeFuse new")
    editor.command("CodeFuse chat tell a tale")
    editor.shows("Once 1.")
    editor.kill_servers()
    editor.shows("✗ the language server ended")


def test_a_question_whose_server_ends_is_given_back(editor: Neovim, engine: ScriptedEngine, tmp_path: Path) -> None:
    engine.answers("tale", "Once.", pause_s=60)
    editor.open(tmp_path / "a.py", "x = 1\n")
    editor.command("CodeFuse new")
    editor.keys("tell a tale<C-s>")
    editor.until(lambda: any("tale" in prompt for prompt in engine.prompts), "the question")
    editor.kill_servers()
    editor.shows("✗ the language server ended")
    assert editor.text == "tell a tale"


def test_an_engine_that_is_gone_is_told_and_found_again(editor: Neovim, engine: ScriptedEngine, tmp_path: Path) -> None:
    editor.open(tmp_path / "a.py", "import os\n\n\n")
    editor.until(lambda: editor.lua(READY), "the model to be ready")
    engine.end()
    editor.command("CodeFuse new")
    editor.command("CodeFuse chat is anybody there")
    editor.shows("✗ ")
    editor.until(lambda: "✗" in editor.lua("return require('codefuse').statusline()"), "the status to tell")
    engine.begin()
    engine.answers("there", "Yes.")
    asked(editor, "are you there now")
    assert "Yes." in transcript(editor)
    assert editor.lua(READY)


def test_a_server_that_always_dies_is_left_alone_in_the_end(open_neovim: OpenNeovim, tmp_path: Path) -> None:
    editor = open_neovim(cmd=["false"])
    (tmp_path / "a.py").write_text("x = 1\n", "utf-8")
    editor.lua("local at_once = vim.defer_fn; vim.defer_fn = function(fn) return at_once(fn, 0) end")
    editor.command(f"edit {tmp_path / 'a.py'}")
    editor.tells("is left alone now")


def test_a_program_that_is_not_there_is_told_once_with_what_mends_it(open_neovim: OpenNeovim, tmp_path: Path) -> None:
    editor = open_neovim(cmd=["/nowhere/codefuse-lsp"])
    for name in ("a.py", "b.py"):
        editor.command(f"edit {tmp_path / name}")
    editor.tells("there is no program")
    assert len(editor.notes) == 1


def test_nothing_of_a_workspace_is_trusted_before_the_user_says_so(
    open_neovim: OpenNeovim, engine: ScriptedEngine, tmp_path: Path
) -> None:
    (tmp_path / ".git").mkdir()
    editor = open_neovim()
    editor.open(tmp_path / "a.py", "x = 1\n")
    first = editor.servers
    assert editor.lua(_TRUSTED) is False
    editor.keys(":CodeFuse trust<CR>")
    editor.shows("DIRECTORY trust is decided only")
    editor.keys("a")
    editor.until(lambda: editor.servers - first and editor.lua(_ATTACHED), "another server")
    assert editor.lua(_TRUSTED) is True


_ATTACHED = "return vim.lsp.get_clients({ name = 'codefuse', bufnr = 0 })[1] ~= nil"
_TRUSTED = "return vim.lsp.get_clients({ name = 'codefuse', bufnr = 0 })[1].config.init_options.trusted"


# How it feels


def test_setup_takes_less_than_ten_milliseconds(program: str, env: dict[str, str], tmp_path: Path) -> None:
    script = tmp_path / "time.lua"
    script.write_text(_TIMED, "utf-8")
    command = ["env", *(f"{name}={value}" for name, value in env.items()), f"CODEFUSE_PLUGIN={PLUGIN}"]
    command += [program, "--clean", "--headless", "-l", str(script)]
    took = [float(subprocess.run(command, capture_output=True, text=True, check=True).stderr) for _ in range(15)]
    assert min(took) < 10  # the least: what else the machine does takes time, too


_TIMED = """
vim.opt.runtimepath:prepend(vim.env.CODEFUSE_PLUGIN)
local begun = vim.uv.hrtime()
vim.cmd.runtime('plugin/codefuse.lua')
require('codefuse').setup({})
print((vim.uv.hrtime() - begun) / 1e6)
"""


def test_typing_in_a_file_of_20000_lines_is_as_smooth_as_without_us(
    editor: Neovim, engine: ScriptedEngine, tmp_path: Path
) -> None:
    text = "".join(f"value_{number} = compute({number})\n" for number in range(20_000))
    engine.answers("", "wide, high)\n")
    (tmp_path / "plain.py").write_text(text, "utf-8")
    editor.command(f"noautocmd edit {tmp_path / 'plain.py'}")
    alone = _longest_gap_ms(editor)
    editor.open(tmp_path / "large.py", text)
    with_us = min(_longest_gap_ms(editor) for _ in range(3))  # what holds it up does so each time, a busy machine once
    assert with_us < 2 * alone + 150
    editor.keys("<Esc>ccresult = area(")
    editor.shows("wide, high)")


def _longest_gap_ms(editor: Neovim) -> float:
    """Type in the middle of the file, and return the longest time in which the editor did nothing else."""
    editor.lua(_WATCH)
    editor.keys("10000Go" + "total = one + two" + "<Esc>")
    editor.until(lambda: editor.lua("return vim.fn.mode() == 'n' and vim.fn.getline('.') ~= ''"), "all that was typed")
    return float(editor.lua("_G.watch:stop(); return _G.gap"))


_WATCH = """
local last = vim.uv.hrtime()
_G.gap, _G.watch = 0, vim.uv.new_timer()
_G.watch:start(0, 1, function()
  local now = vim.uv.hrtime()
  _G.gap, last = math.max(_G.gap, (now - last) / 1e6), now
end)
"""


# What is told


def test_the_health_report_finds_nothing_wrong_where_nothing_is(editor: Neovim, tmp_path: Path) -> None:
    editor.open(tmp_path / "a.py", "x = 1\n")
    editor.lua("package.loaded['codefuse.config'].current.cmd = { 'true' }")  # the doctor has tests of its own
    editor.command("checkhealth codefuse")
    report = editor.until(lambda: "Keys" in editor.text and editor.text, "the report")
    editor.lua("package.loaded['codefuse.config'].current.cmd = ...", [sys.executable, "-m", "codefuse_lsp"])
    assert "OK" in report and "ERROR" not in report


def test_every_option_and_every_command_stands_in_the_help(editor: Neovim) -> None:
    text = (PLUGIN / "doc" / "codefuse.txt").read_text("utf-8")
    options = editor.lua("return vim.tbl_keys(require('codefuse.config').defaults)")
    keys = editor.lua("return vim.tbl_keys(require('codefuse.config').defaults.keymaps)")
    for name in [*options, *keys, "trust", "filetypes"]:
        assert f"{name} =" in text, name
    for word in editor.lua("return require('codefuse.command').complete('', 'CodeFuse ')"):
        assert f"CodeFuse {word}" in text or f"CodeFuse! {word}" in text, word


def test_the_help_has_no_mistakes_in_its_tags(editor: Neovim, tmp_path: Path) -> None:
    (tmp_path / "codefuse.txt").write_bytes((PLUGIN / "doc" / "codefuse.txt").read_bytes())
    editor.command(f"helptags {tmp_path}")
    assert "codefuse-options" in (tmp_path / "tags").read_text("utf-8")


def test_the_plugin_knows_no_setting_of_the_server() -> None:
    code = "".join(path.read_text("utf-8") for path in sorted(PLUGIN.rglob("*.lua")))
    assert [name for name in names() if "_" in name and re.search(rf"\b{name}\b", code)] == []


def test_commands_are_completed(editor: Neovim) -> None:
    assert editor.rpc.funcs.getcompletion("CodeFuse re", "cmdline") == [
        "regenerate", "reject", "rename", "restart", "review",
    ]  # fmt: skip


def test_another_suggestion_is_shown_where_there_are_several(
    own_one: Neovim, engine: ScriptedEngine, tmp_path: Path
) -> None:
    engine.forget()
    reset(own_one)
    own_one.open(tmp_path / "a.py", "")
    own_one.lua(_SEVERAL, ["a, b):", "*numbers):"])
    try:
        own_one.keys("idef add(")
        own_one.shows("def add(a, b):")
        own_one.keys("<M-]>")
        own_one.shows("def add(*numbers): (2/2)")
        own_one.keys("<M-]>")
        own_one.shows("def add(a, b): (1/2)")
        own_one.keys("<M-[><Tab>")
        own_one.until(lambda: own_one.text == "def add(*numbers):", "the one that is shown")
    finally:
        own_one.lua("require('codefuse.client').call = _G.call")


_SEVERAL = """
local texts, client = ..., require('codefuse.client')
_G.call = client.call
client.call = function(server, method, params, asked)
  if method ~= 'textDocument/inlineCompletion' then return _G.call(server, method, params, asked) end
  local range = { start = params.position, ['end'] = params.position }
  asked.on_result({ items = vim.tbl_map(function(text) return { insertText = text, range = range } end, texts) })
  return { cancel = function() end }
end
"""


@pytest.mark.real_model
def test_a_real_model_writes_talks_and_comes_back_when_its_worker_is_killed(
    program: str, env: dict[str, str], smollm2: Path, tmp_path: Path
) -> None:
    settings = {"model": "smollm2", "chat_max_tokens": 400, "completion_timeout": 120}
    env = {**env, "XDG_CACHE_HOME": str(smollm2.parents[2])}
    with Neovim(program, {"settings": settings}, env, (110, 32)) as editor:
        try:
            editor.open(tmp_path / "a.py", "import os\n\n\ndef add(a, b):\n    return a + b\n\n\n")
            editor.until(lambda: editor.lua(READY), "the model to be loaded")
            editor.keys("Godef multiply(a, b):<CR>return ")
            editor.until(lambda: editor.lua(_GHOST), "a suggestion of the model's own")
            before = editor.text
            editor.keys("<Tab>")
            editor.until(lambda: len(editor.text) > len(before), "it to be taken")
            editor.keys("<Esc>")
            editor.command("CodeFuse chat Tell me all about Python.")
            editor.until(lambda: len(transcript(editor).split()) > 8, "the model to talk")
            os.kill(_worker_pid(env), signal.SIGKILL)
            editor.shows("✗ ")
            editor.until(lambda: not editor.lua(READY), "the status to tell")
            editor.command("CodeFuse chat And what is Lua?")
            before = transcript(editor)
            editor.until(lambda: len(transcript(editor)) > len(before), "another worker to talk")
            assert editor.lua(READY)
            editor.command("CodeFuse stop")
            editor.shows("⏹ stopped")
        finally:
            command = [sys.executable, "-m", "codefuse_lsp", "stop"]
            subprocess.run(command, env={**os.environ, **env}, check=False, capture_output=True)


_GHOST = """
for name, id in pairs(vim.api.nvim_get_namespaces()) do
  if name:find('inline_completion') or name == 'codefuse.ghost' then
    if #vim.api.nvim_buf_get_extmarks(0, id, 0, -1, {}) > 0 then return true end
  end
end
return false
"""


def _worker_pid(env: dict[str, str]) -> int:
    folder = Path(env["XDG_RUNTIME_DIR"])
    announced = [json.loads(path.read_text("utf-8")) for path in folder.rglob("*.json")]
    return next(int(one["pid"]) for one in announced if "pid" in one)
