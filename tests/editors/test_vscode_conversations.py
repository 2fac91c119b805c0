"""Conversations in the real VS Code: found again, named, taken out as Markdown, and deleted."""

from __future__ import annotations

from tests.editors.scripted_engine import ScriptedEngine
from tests.editors.vscode.fixtures import Chat, chat, engine, nothing_said, vsix, window
from tests.editors.workbench import CODE, Workbench

__all__ = ["chat", "engine", "nothing_said", "vsix", "window"]  # fixtures

ROW = ".quick-input-list .monaco-list-row"


def said(chat: Chat, engine: ScriptedEngine, question: str, answer: str) -> None:
    """Have a conversation of one question."""
    engine.answers(question, answer)
    chat.begin()
    chat.ask(question)
    chat.answered()


def look_up(window: Workbench, words: str) -> None:
    """Open the list of conversations, and wait for the one in which words were said."""
    window.run("CodeFuse: Conversations")
    window.wait(".quick-input-widget input:focus")
    window.insert(words)
    window.until(ROW, "texts.length == 1")


def click(window: Workbench, button: str) -> None:
    """Click a button of the conversation in the list, which shows its buttons under the mouse."""
    window.do("hover", selector=ROW)
    window.do("click", selector=f"{ROW} [aria-label='{button}']")


def test_conversations_are_found_by_what_was_said_and_survive_a_reload(
    window: Workbench, engine: ScriptedEngine, chat: Chat
) -> None:
    engine.answers("", "The walrus operator assigns.")
    chat.ask("What is a walrus?")
    chat.answered()
    window.do("reload")
    window.status("ready")
    window.run("CodeFuse: Open Chat")
    chat.wait("#question:focus")
    chat.until(".turn.bot", "texts.join().includes('walrus operator')")
    chat.begin()
    window.run("CodeFuse: Conversations")
    window.wait(".quick-input-widget input:focus")
    window.type("operator")
    window.until(".quick-input-list .monaco-list-row", "texts.length == 1 && texts[0].includes('walrus')")
    window.screenshot("conversations")
    window.press("ArrowDown", "Enter")
    chat.until(".turn.bot", "texts.join().includes('walrus operator')")


def test_one_can_be_called_otherwise_and_is_found_by_its_new_name(
    window: Workbench, engine: ScriptedEngine, chat: Chat
) -> None:
    said(chat, engine, "How deep is the sea?", "Eleven kilometres at the most.")
    look_up(window, "kilometres")
    click(window, "Rename")
    window.wait(".quick-input-title", "Rename the conversation")
    window.insert("Depths of oceans")  # in place of the old name, which is selected
    window.press("Enter")
    window.until(ROW, "texts.length == 1 && texts[0].includes('Depths of oceans')")  # still what was searched for
    window.press("Escape")
    look_up(window, "Depths of oceans")
    window.screenshot("conversation-renamed")
    window.press("Escape")


def test_one_that_is_deleted_is_gone_from_the_list_and_from_the_chat(
    window: Workbench, engine: ScriptedEngine, chat: Chat
) -> None:
    said(chat, engine, "What is a zeugma?", "A yoke of words.")
    look_up(window, "zeugma")
    click(window, "Delete")
    window.wait(".monaco-dialog-box", 'Delete "What is a zeugma?" for good?')
    window.screenshot("conversation-deleting")
    window.press("Escape")  # thought better of it
    window.until(ROW, "texts.length == 1 && texts[0].includes('zeugma')")
    chat.until(".turn.bot", "texts.join().includes('A yoke of words.')")
    click(window, "Delete")
    window.do("click", selector=".monaco-dialog-box .monaco-button", text="Delete")
    window.until(ROW, "!texts.join().includes('zeugma')")
    chat.wait(".welcome")
    window.press("Escape")


def test_one_is_taken_out_as_markdown_from_the_list_and_from_the_chat(
    window: Workbench, engine: ScriptedEngine, chat: Chat
) -> None:
    said(chat, engine, "How do I add?", "By a sign:\n\n```python\n1 + 1\n```\n\nThat is all.")
    window.run("CodeFuse: Export Conversation as Markdown")
    whole = "# How do I add? ## You How do I add? ## CodeFuse By a sign: ```python 1 + 1 ``` That is all."
    assert exported(window, "How do I add?") == whole
    said(chat, engine, "Another question?", "Another answer.")
    look_up(window, "by a sign")
    click(window, "Export as Markdown")
    assert exported(window, "How do I add?") == whole


def exported(window: Workbench, title: str) -> str:
    """Wait for the document that holds a conversation, and return its words; it is closed."""
    window.wait(".tab.active", title)
    window.wait(".statusbar-item[id='status.editor.mode']", "Markdown")
    words = " ".join(window.until(CODE, "texts.join().includes('That is all.')")).split()
    window.screenshot("conversation-exported")
    window.run("View: Revert and Close Editor")
    window.wait(".tab", title, state="detached")
    return " ".join(words)
