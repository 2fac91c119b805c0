r"""The turns of a chat document: a heading for each. Text in, turns out, and back again.

    ## You

    Why is this slow?

    ## CodeFuse

    Because it reads the file twice.

A turn is what stands below its heading, up to the next heading of a turn; what stands above the first one, such as a
title, belongs to nobody. Headings in fences are text. A line of a turn that looks like one of ours is written with a
backslash before it, which Markdown does not show, so that `parse` finds again what `print_turns` was given. While an
answer is being written, `WRITING` stands below it: what comes is put before that line, and what the user types
meanwhile is safe anywhere. Knows nothing of editors or models.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from codefuse_lsp.markdown import Fences, closing_line

Role = Literal["human", "bot"]

SUFFIX = ".codefuse-chat.md"
HEADINGS: dict[Role, str] = {"human": "## You", "bot": "## CodeFuse"}
WRITING = "<!-- CodeFuse is writing; delete this line to stop it -->"
_ROLES: dict[str, Role] = {"you": "human", "codefuse": "bot"}
_HEADING = re.compile(r"\\*##[ \t]+(you|codefuse)[ \t]*#*[ \t]*$", re.I)
_WRITING = re.compile(rf"\\*{re.escape(WRITING)}[ \t]*$")
_LINE_END = re.compile(r"\r\n?|\n")  # LSP's, which `splitlines` has more of


@dataclass(frozen=True, slots=True)
class DocumentTurn:
    """One turn: its text without blank lines at its ends, its heading's line, and the line behind its last one."""

    role: Role
    text: str
    heading: int
    stop: int


def parse(text: str) -> list[DocumentTurn]:
    """Return the turns of a document, in any state of being edited."""
    lines = _LINE_END.split(text)
    headings = [(number, role) for number, line, fenced in _walk(lines) if not fenced and (role := _role_of(line))]
    stops = [*(number for number, _ in headings), len(lines)][1:]
    return [
        DocumentTurn(role, _text_of(lines[number + 1 : stop]), number, stop)
        for (number, role), stop in zip(headings, stops, strict=True)
    ]


def print_turns(turns: Iterable[tuple[Role, str]], title: str = "") -> str:
    """Return the document of these turns."""
    parts = [f"# {' '.join(title.split())}"] if title.strip() else []
    parts += [f"{HEADINGS[role]}\n\n{print_text(text)}" for role, text in turns]
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def print_text(text: str) -> str:
    """Return the text of a turn as it stands in a document, with the fence closed that it leaves open."""
    lines = escaped(_LINE_END.split(text))
    closing = closing_line("\n".join(lines))
    return "\n".join([*lines, closing] if closing else lines)


def escaped(lines: Sequence[str]) -> list[str]:
    """Return lines of a turn, from its first one on, so that none of them is taken for one of ours."""
    return [f"\\{line}" if _is_alike(line, fenced) else line for _, line, fenced in _walk(lines)]


def writing_line(lines: Sequence[str]) -> int | None:
    """Return the number of the line before which an answer is being written; None where there is none."""
    return next((number for number in range(len(lines) - 1, -1, -1) if _is_writing(lines[number])), None)


def _walk(lines: Iterable[str]) -> Iterator[tuple[int, str, bool]]:
    """Yield each line with its number, and whether it belongs to a fence."""
    fences = Fences()
    for number, line in enumerate(lines):
        yield number, line, fences.feed(line)


def _text_of(lines: Sequence[str]) -> str:
    kept = [
        line[1:] if line.startswith("\\") and _is_alike(line, fenced) else line
        for _, line, fenced in _walk(lines)
        if not _is_writing(line)
    ]
    return "\n".join(kept).strip("\n")


def _is_alike(line: str, fenced: bool) -> bool:
    """Whether a line is one of ours, or would be without the backslashes before it."""
    return bool(_WRITING.match(line)) or (not fenced and bool(_HEADING.match(line)))


def _role_of(line: str) -> Role | None:
    match = None if line.startswith("\\") else _HEADING.match(line)
    return _ROLES[match[1].lower()] if match else None


def _is_writing(line: str) -> bool:
    return line.rstrip() == WRITING
