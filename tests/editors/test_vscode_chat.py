"""The chat of the packed extension in the real workbench, with the real language server and a scripted engine."""

from __future__ import annotations

import json
import re

import pytest

from tests.editors.scripted_engine import ScriptedEngine
from tests.editors.vscode.fixtures import NEW_STACK, STACK, Chat, chat, engine, nothing_said, vsix, window
from tests.editors.workbench import CODE, DIFF, Workbench

__all__ = ["chat", "engine", "nothing_said", "vsix", "window"]  # fixtures

LONGEST_FRAME_MS = 100  # of the processor's time, while an answer is written


ANSWER = (
    "The function **adds** two numbers:\n\n",
    "1. it takes `a` and `b`\n2. it returns their sum\n\n",
    "```python add.py\ndef add(a: int, b: int) -> int:\n",
    '    """Return the sum."""\n    return a + b\n```\n\n',
    "See [the docs](https://docs.python.org) for more.\n",
)


def test_an_answer_streams_into_the_side_bar_and_is_drawn_as_what_it_means(
    window: Workbench, engine: ScriptedEngine, chat: Chat
) -> None:
    engine.answers("", *ANSWER, pause_s=0.3)
    chat.ask("What does add do?")
    chat.until(".turn.bot", "texts.at(-1).includes('adds two numbers') && !texts.at(-1).includes('the docs')")
    assert "it returns their sum" in chat.answered()
    assert chat.evaluate("return document.querySelector('.code .hljs-keyword').textContent") == "def"
    assert chat.evaluate("return document.querySelector('.turn.bot li code').textContent") == "a"
    window.screenshot("chat")


def test_an_answer_can_be_stopped_and_what_was_said_stays(engine: ScriptedEngine, chat: Chat) -> None:
    engine.answers("", *["word "] * 2_000, pause_s=0.05)
    chat.ask("Talk.")
    chat.until(".turn.bot", "texts.at(-1).includes('word word')")
    chat.window.press("Escape")
    chat.wait(".note", "Stopped")
    assert 1 < chat.answered().count("word") < 2_000


def test_a_question_knows_what_was_said_before(engine: ScriptedEngine, chat: Chat) -> None:
    engine.answers("", "Blue.")
    chat.ask("What is your favourite colour?")
    chat.answered()
    engine.answers("", "Because of the sky.")
    chat.ask("Why?")
    assert "sky" in chat.answered()
    assert "favourite colour" in engine.prompts[-1] and "Blue." in engine.prompts[-1]


def test_nothing_of_an_answer_runs_or_is_fetched(engine: ScriptedEngine, chat: Chat) -> None:
    engine.answers(
        "",
        "<img src=x onerror=\"document.title='taken'\"> <script>document.title='taken'</script>\n\n"
        "![a picture](https://example.invalid/a.png) [a link](javascript:alert(1))\n\n<b>bold</b>\n",
    )
    chat.ask("Attack.")
    assert "<b>bold</b>" in chat.answered()
    found = "document.querySelectorAll('.markdown img, .markdown script, .markdown b, a[href^=javascript]').length"
    assert chat.evaluate(f"return {found}") == 0
    assert chat.evaluate("return document.title") == "CodeFuse chat"
    policy = chat.evaluate("return document.querySelector('meta[http-equiv]').content")
    assert "default-src 'none'" in policy and re.search(r"script-src 'nonce-[^']{20,}'(;|$)", policy)
    assert "unsafe" not in policy


def test_code_of_an_answer_can_be_copied_and_inserted(window: Workbench, engine: ScriptedEngine, chat: Chat) -> None:
    engine.answers("", "```python\nanswer = 42\n```\n")
    window.show("target.py", "# here:\n│\n")
    window.run("CodeFuse: Open Chat")
    chat.wait("#question:focus")
    chat.ask("Code, please.")
    chat.answered()
    window.do("click", view=1, selector=".code [aria-label='Insert at the cursor']")
    window.until(CODE, "texts.some(text => text === 'answer = 42')")
    assert window.saved("target.py") == "# here:\nanswer = 42\n"


NAMELESS = """
const named = (element) => element.getAttribute('aria-label') || element.title || element.textContent.trim()
const seen = document.querySelectorAll('button, textarea, a, article, pre, [role=toolbar], [role=log], [role=listbox]')
return [...seen].filter((element) => !named(element)).map((element) => element.outerHTML)
"""


def test_all_of_the_chat_has_a_name_and_is_done_by_keys_alone(
    window: Workbench, engine: ScriptedEngine, chat: Chat
) -> None:
    engine.answers("", *ANSWER)
    chat.ask("What does add do?")
    chat.answered()
    assert chat.evaluate(NAMELESS) == []
    focused = "return document.activeElement.getAttribute('aria-label')"
    seen: list[str] = []
    while (name := chat.evaluate(focused)) != "Copy" and len(seen) < 20:
        seen.append(name)
        window.press("Shift+Tab")
    assert name == "Copy", seen
    window.press("Enter")
    chat.wait(".code .codicon-check")
    engine.answers("", *["word "] * 2_000, pause_s=0.05)
    window.run("CodeFuse: Open Chat")
    chat.wait("#question:focus")
    chat.ask("Talk.")
    chat.until(".turn.bot", "texts.at(-1).includes('word word')")
    window.press("Control+ArrowUp", "Escape")  # from where it is read, too
    chat.wait(".note", "Stopped")


def test_a_selection_becomes_a_chip_and_is_told_to_the_model(
    window: Workbench, engine: ScriptedEngine, chat: Chat
) -> None:
    engine.answers("", "It doubles.")
    window.show("chip.py", "│def twice(x):\n    return 2 * x\n")
    window.press("Shift+ArrowDown", "Shift+ArrowDown")
    window.run("CodeFuse: Add Selection to Chat")
    chat.wait(".composer .chip", "chip.py:1-2")
    window.screenshot("chip")
    chat.ask("What is this?")
    assert "doubles" in chat.answered()
    assert "return 2 * x" in engine.prompts[-1]
    chat.wait(".turn.human .chip", "chip.py")


def test_code_of_an_answer_is_applied_after_a_look_at_the_difference(
    window: Workbench, engine: ScriptedEngine, chat: Chat
) -> None:
    engine.answers("", f"```python queue.py\n{NEW_STACK}```\n")
    window.show("queue.py", f"{STACK}│")
    window.run("CodeFuse: Open Chat")
    chat.wait("#question:focus")
    chat.ask("Make it safe.")
    chat.answered()
    window.do("click", view=1, selector=".code .wide", text="Apply")
    window.wait(f"{DIFF} .modified .view-line", "raise IndexError")
    window.screenshot("apply")
    window.run("CodeFuse: Accept All Changes")
    window.wait(DIFF, state="detached")
    assert window.saved("queue.py") == NEW_STACK


def test_files_and_commands_are_completed_while_a_question_is_typed(
    window: Workbench, engine: ScriptedEngine, chat: Chat
) -> None:
    window.show("wheel.py", "│def turn():\n    return 1\n")
    window.run("CodeFuse: Open Chat")
    chat.wait("#question:focus")
    window.type("/")
    commands = chat.until(".suggestion .label", "texts.length > 3")
    assert any("explain" in command for command in commands)
    window.screenshot("commands")
    window.press("Escape", "Backspace")
    window.type("What does @whe")
    chat.until(".suggestion", "texts[0] && texts[0].includes('wheel.py')")
    window.press("Tab")
    chat.wait(".composer .chip", "wheel.py")
    engine.answers("", "It turns.")
    chat.ask("do?")
    assert "It turns." in chat.answered()
    assert "return 1" in engine.prompts[-1]


def test_another_answer_and_another_question_are_branches(
    window: Workbench, engine: ScriptedEngine, chat: Chat
) -> None:
    engine.answers("", "First answer.")
    chat.ask("Which one?")
    chat.answered()
    engine.answers("", "Second answer.")
    window.do("click", view=1, selector=".turn.bot [aria-label='Answer again']")
    chat.wait(".branches", "2/2")
    assert "Second answer." in chat.answered()
    window.do("click", view=1, selector=".turn.bot [aria-label='The one before']")
    chat.until(".turn.bot", "texts.at(-1).includes('First answer.')")
    window.do("hover", view=1, selector=".turn.human")
    window.do("click", view=1, selector=".turn.human [aria-label='Ask something else here']")
    engine.answers("", "Third answer.")
    window.do("fill", view=1, selector=".turn.human textarea", value="Which other one?")
    window.press("Enter")
    chat.until(".turn.bot", "texts.at(-1) && texts.at(-1).includes('Third answer.')")
    chat.wait(".turn.human .branches", "2/2")
    assert "Which other one?" in engine.prompts[-1] and "Which one?" not in engine.prompts[-1]


def test_ten_thousand_words_are_drawn_without_a_long_frame(
    window: Workbench, engine: ScriptedEngine, chat: Chat
) -> None:
    words = "Some **words** of a `paragraph` that goes on " + "word " * 150 + "\n\n"
    code = "```python\n" + "".join(f"def f{n}(x):\n    return x + {n}\n\n" for n in range(40)) + "```\n\n"
    engine.answers("", *[words + (code if n % 10 == 0 else "") for n in range(66)], pause_s=1 / 60)
    window.do("record")
    chat.ask("Tell me everything.")
    said = chat.answered()
    assert len(said.split()) > 10_000
    longest = window.do("recorded")
    (window.artifacts / "frames.json").write_text(json.dumps(longest))
    assert longest[0] < LONGEST_FRAME_MS


def test_what_fails_is_said_in_a_sentence_and_can_be_asked_again(engine: ScriptedEngine, chat: Chat) -> None:
    engine.end()
    try:
        chat.ask("Are you there?")
        chat.wait(".error", "Nothing answers")
    finally:
        engine.begin()
    engine.answers("", "Now I am.")
    chat.window.do("click", view=1, selector=".turn.bot [aria-label='Answer again']")
    chat.until(".turn.bot", "texts.length == 1 && texts[0].includes('Now I am.')")


THEMES = ("Default Light Modern", "Default Dark Modern", "Default High Contrast", "Default High Contrast Light")
READABLE = 4.5  # contrast of text, WCAG 2.2, 1.4.3
CONTRASTS = """
const channels = (colour) => colour.match(/[\\d.]+/g).map(Number)
const luminance = ([r, g, b]) => {
  const linear = [r, g, b].map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
  return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
}
const behind = (element) => {
  for (let one = element; one; one = one.parentElement) {
    const found = channels(getComputedStyle(one).backgroundColor)
    if (found.length < 4 || found[3] > 0.9) return found
  }
  return document.body.className.includes('light') ? [255, 255, 255] : [0, 0, 0]
}
const seen = [...document.querySelectorAll('.markdown p, .code code, .code code span, .who span, .human .text')]
return seen.map((element) => {
  const pair = [luminance(channels(getComputedStyle(element).color)), luminance(behind(element))].sort((a, b) => b - a)
  return [(pair[0] + 0.05) / (pair[1] + 0.05), element.textContent.slice(0, 20)]
}).sort((a, b) => a[0] - b[0])[0]
"""


@pytest.mark.parametrize("theme", THEMES)
def test_every_word_can_be_read_in_each_theme(
    window: Workbench, engine: ScriptedEngine, chat: Chat, theme: str
) -> None:
    engine.answers("", *ANSWER)
    window.workspace_settings(workbench__colorTheme=theme)
    window.show("add.py", "def add(a, b):\n    return a + b│\n")
    window.run("CodeFuse: Open Chat")
    chat.wait("#question:focus")
    chat.ask("What does add do, and how would you write it?")
    chat.answered()
    kind = {"Light Modern": "vscode-light", "Dark Modern": "vscode-dark"}.get(theme.removeprefix("Default "))
    chat.wait(f"xpath=//body[contains(@class, '{kind or 'vscode-high-contrast'}')]")
    lowest, word = chat.evaluate(CONTRASTS)
    window.screenshot(f"chat-{theme.removeprefix('Default ').lower().replace(' ', '-')}")
    window.workspace_settings(workbench__colorTheme=None)
    assert lowest >= READABLE, word
