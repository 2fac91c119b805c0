"""What a message can begin with, and what it mentions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.prompts.commands import COMMANDS, Command, expanded, help_text
from codefuse_lsp.prompts.mentions import Mention, mentions


@pytest.mark.parametrize("command", COMMANDS, ids=lambda one: one.name)
def test_a_command_stands_for_a_question_and_says_what_it_is(command: Command) -> None:
    assert command.description and command.name == command.name.lower()
    if command.name != "help":
        assert expanded(f"/{command.name}").text == command.question
        asked = expanded(f"/{command.name} mind the gap\nand mend it\n")
        assert asked.text.startswith(command.question) and "mind the gap\nand mend it" in asked.text
        assert asked.argument == "mind the gap\nand mend it"


@pytest.mark.parametrize("message", ["/usr/bin is slow", "a /fix", "/", "//fix", "/9", "1/2", "why?", "/fix.", ""])
def test_what_only_looks_like_a_command_is_text(message: str) -> None:
    found = expanded(message)
    assert (found.text, found.command, found.unknown) == (message, None, "")


def test_an_unknown_command_is_text_and_named() -> None:
    found = expanded("/frobnicate this")
    assert (found.text, found.command, found.unknown) == ("/frobnicate this", None, "frobnicate")


def test_capital_letters_and_blanks_before_it_do_not_matter() -> None:
    assert expanded("  /FIX it").command == expanded("/fix it").command != None  # noqa: E711


def test_others_commands_can_stand_beside_ours() -> None:
    rhyme = Command("rhyme", "In rhyme", "", "Say it in rhyme.")
    assert expanded("/rhyme now", (*COMMANDS, rhyme)).text == "Say it in rhyme.\n\nnow"
    assert "- `/rhyme`: In rhyme" in help_text((*COMMANDS, rhyme))


def test_the_help_lists_all_of_them() -> None:
    assert all(f"`/{one.name}" in help_text() for one in COMMANDS)


@given(st.text("/fix help\n{}", max_size=40))
def test_no_message_is_lost(message: str) -> None:
    found = expanded(message)
    assert found.text.strip() or not message.strip()
    assert found.command or found.text == message


@pytest.mark.parametrize(
    ("message", "found"),
    [
        ("see @file:src/a.py, and @symbol:Shape.area.", [Mention("file", "src/a.py"), Mention("symbol", "Shape.area")]),
        ('read @file:"my notes/a b.md"!', [Mention("file", "my notes/a b.md")]),
        ("@diff is it good? @diff", [Mention("diff")]),
        (
            "@diagnostics of the @selection. In @terminal?",
            [Mention("diagnostics"), Mention("selection"), Mention("terminal")],
        ),
        ("mail me@file:x or a@diff.org", []),
        ("@terminal.command\n@selection-sort\n@diagnostics(level=1)", []),
        ("@property\ndef area(self): ...\n@diff(1)\n@differ", []),
        ("(@file:a.py)", [Mention("file", "a.py")]),
    ],
)
def test_what_a_message_mentions(message: str, found: list[Mention]) -> None:
    assert mentions(message) == found
