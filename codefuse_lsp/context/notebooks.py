"""The cells of a notebook before the one that is being edited, as one text in the language of its code.

Input: cells in their order. Output: lines to put before those of the cell, Markdown and other languages as comments.
Knows nothing of kernels or outputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

MAX_CHARS = 8_000  # of the cells before; the nearest are kept
MAX_MARKDOWN_LINES = 12  # of a cell: its heading and what it is about
_COMMENTS = {"sql": "-- ", "lua": "-- ", "haskell": "-- ", "latex": "% ", "matlab": "% ", "erlang": "% "}
_SLASHED = {
    *("javascript", "javascriptreact", "typescript", "typescriptreact", "java", "kotlin", "scala", "groovy", "csharp"),
    *("fsharp", "c", "cpp", "go", "rust", "swift", "dart", "php"),
}


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell; `language` is an LSP language id, 'markdown' for text."""

    language: str
    text: str


def cells_before(cells: Sequence[Cell], index: int, max_chars: int = MAX_CHARS) -> str:
    """Return the cells before `cells[index]`, nearest last, at most `max_chars` of whole cells; '' for the first.

    Cells are set apart by a comment as jupytext's percent format has it (`# %%`), which training data knows well.
    """
    if not 0 <= index < len(cells):
        return ""
    mark = comment_mark(cells[index].language)
    kept: list[str] = []
    room = max_chars
    for cell in reversed(cells[:index]):
        text = _written(cell, cells[index].language, mark)
        if not text:
            continue
        if len(text) > room:
            break
        kept.append(text)
        room -= len(text)
    return "".join([*reversed(kept), f"{mark}%%\n"]) if kept else ""


def comment_mark(language: str) -> str:
    """Return what begins a comment to the end of the line."""
    return "// " if language in _SLASHED else _COMMENTS.get(language, "# ")


def _written(cell: Cell, language: str, mark: str) -> str:
    lines = cell.text.strip("\r\n").splitlines()
    if not any(line.strip() for line in lines):
        return ""
    if cell.language == language:
        title = f"{mark}%%\n"
        body = "".join(_magic(line, mark) + "\n" for line in lines)
        return f"{title}{body}\n"
    kind = f" [{cell.language}]"
    body = "".join(f"{mark}{line}".rstrip() + "\n" for line in lines[:MAX_MARKDOWN_LINES])
    return f"{mark}%%{kind}\n{body}\n"


def _magic(line: str, mark: str) -> str:
    """Return a line of code; a command to IPython (`%matplotlib`, `!pip`) as a comment, since no parser knows it."""
    return f"{mark}{line}" if line.startswith(("%", "!")) else line
