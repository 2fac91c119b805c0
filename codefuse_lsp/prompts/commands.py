"""Slash commands: what a message can begin with, and the question that each stands for.

Input: a message. Output: the message as the model reads it, what it brings along, or an answer that needs no model. A
table; whoever has commands of their own gives a longer one. A command stands for the same words whenever it is told,
so that a conversation reads the same from question to question. Knows nothing of editors.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Command:
    """A command and its question; `{}` in `behind` stands for what the user writes behind the command."""

    name: str
    description: str
    argument: str  # a hint at what may stand behind it
    question: str
    behind: str = "{}"
    brings: str = ""  # the kind of reference that it is about, where the user gives none
    needs_code: bool = True


@dataclass(frozen=True, slots=True)
class Expanded:
    """A message as the model reads it."""

    text: str
    command: Command | None = None
    argument: str = ""
    unknown: str = ""  # what looks like a command and is none


COMMANDS = (
    Command(
        "explain",
        "Explain code, step by step",
        "what to explain",
        "Explain this code: what it is for, how it works step by step, and what may surprise its reader.",
        "Explain in particular: {}",
    ),
    Command(
        "tests",
        "Write unit tests",
        "what to test, or the framework",
        "Write unit tests for this code, in the framework that it is tested with so far: ordinary cases first, "
        "then edge cases and errors. Answer with one block of code, then say in a sentence or two what is not "
        "covered.",
        "Mind this: {}",
    ),
    Command(
        "fix",
        "Find the bug, and mend it",
        "what goes wrong",
        "Find out what is wrong with this code and mend it. Say in a sentence what the mistake is, then give the "
        "mended code whole, changed no more than needed.",
        "What goes wrong: {}",
        brings="diagnostics",
    ),
    Command(
        "doc",
        "Write documentation comments",
        "the style",
        "Write the documentation comments of this code, in the style that is usual in its language and file: what "
        "it is for, parameters, result, errors. Answer with the code whole, otherwise unchanged.",
        "Style: {}",
    ),
    Command(
        "review",
        "Review code, worst findings first",
        "what to look for",
        "Review this code. List what is wrong or risky, the worst first: bugs, unhandled cases, security, and "
        "what is hard to read. For each name the line, say why it matters, and what to do. Say nothing of what is "
        "fine.",
        "Look for: {}",
    ),
    Command(
        "simplify",
        "Make code simpler, without changing what it does",
        "what to keep in mind",
        "Rewrite this code so that it is simpler and easier to read and does exactly the same. Give the code "
        "whole, then say in a few words what has changed.",
        "Keep in mind: {}",
    ),
    Command(
        "optimize",
        "Make code faster, without changing what it does",
        "what is slow",
        "Rewrite this code so that it is faster or needs less memory and does exactly the same. Say first what "
        "costs most and how the cost grows, then give the code whole.",
        "What is slow: {}",
    ),
    Command(
        "translate",
        "Write code in another language",
        "the language",
        "Write this code in another language, as its own programmers would write it. Give the code whole, then "
        "name what could not be carried over.",
        "Into: {}",
    ),
    Command(
        "commit",
        "Write the commit message for what is staged",
        "what it is about",
        "Write the commit message for these staged changes: a subject of at most 72 characters in the imperative "
        "mood, a blank line, and a body that says why, where that is not plain. Answer with the message alone.",
        "What it is about: {}",
        brings="diff",
    ),
    Command(
        "new",
        "Write new code",
        "what it shall do",
        "Write the code for this. Give it whole, with the imports it needs, then say in a sentence how to use it.",
        needs_code=False,
    ),
    Command("help", "List the commands", "", "", needs_code=False),
)
_COMMAND = re.compile(r"\s*/([A-Za-z][\w-]*)(?=\s|$)\s*(.*)\Z", re.S)


def expanded(message: str, commands: Sequence[Command] = COMMANDS) -> Expanded:
    """Return a message with the question that its command stands for; one without a command as it is."""
    found = _COMMAND.match(message)
    if found is None:
        return Expanded(message)
    name, argument = found[1].lower(), found[2].rstrip()
    command = next((one for one in commands if one.name == name), None)
    if command is None:
        return Expanded(message, unknown=found[1])
    text = f"{command.question}\n\n{command.behind.replace('{}', argument)}" if argument else command.question
    return Expanded(text or message.strip(), command, argument)


def help_text(commands: Sequence[Command] = COMMANDS) -> str:
    """Return the list of commands, as Markdown."""
    lines = [f"- `/{one.name}{f' [{one.argument}]' if one.argument else ''}`: {one.description}" for one in commands]
    return "\n".join(
        [
            "What a message can begin with:\n",
            *lines,
            "\nWrite `@` to refer to a file, a symbol, the selection, its problems, the staged changes or a terminal.",
        ]
    )
