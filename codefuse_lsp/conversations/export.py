"""A branch of a conversation as a Markdown document, of the form that `chat_document` reads: it can be gone on with.

Turns in, text out. Knows no database.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from codefuse_lsp.chat_document import print_turns
from codefuse_lsp.conversations.turns import StoredTurn
from codefuse_lsp.markdown import closing_line

_ENDS = {
    "length": "cut off at the longest answer that is allowed",
    "cancelled": "stopped",
    "error": "ended by an error",
    "interrupted": "interrupted",
    "running": "still being written",
}


def markdown(title: str, turns: Sequence[StoredTurn]) -> str:
    """Return the document: a heading for each turn, what it refers to below it, and how it ended if not by itself."""
    return print_turns([("bot" if turn.role == "bot" else "human", _text(turn)) for turn in turns], title)


def _text(turn: StoredTurn) -> str:
    text = turn.text.strip("\n")
    if closing := closing_line(text):
        text = f"{text}\n{closing}"
    notes = [f"- {_reference(one)}" for one in turn.references]
    parts = [text, "Refers to:\n\n" + "\n".join(notes) if notes else ""]
    if turn.finish_reason in _ENDS:
        parts.append(f"*({_ENDS[turn.finish_reason]})*")
    return "\n\n".join(part for part in parts if part)


def _reference(one: Any) -> str:
    """Return a line for what a client named: the file's name, the lines of a range, or the kind."""
    uri = str(one.get("uri") or "")
    path = unquote(urlsplit(uri).path)
    name = f"`{PurePosixPath(path).name}`" if path else str(one.get("kind") or "a reference")
    if path and one.get("kind") not in (None, "file", "selection"):
        name = f"{one['kind']} of {name}"
    if one.get("name"):
        name = f"`{one['name']}` in {name}" if path else f"`{one['name']}`"
    try:
        first, last = one["range"]["start"]["line"] + 1, one["range"]["end"]["line"] + 1
    except (KeyError, TypeError):
        return name
    return f"{name}, lines {first}–{last}" if last > first else f"{name}, line {first}"
