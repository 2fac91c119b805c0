"""A notebook as one text, read from one of its cells: the others round it, in the language of that cell.

Input: cells in their order, and which one is being edited. Output: lines in which that cell stands to the character as
it is, and where it begins. The cells nearest to it are kept. Knows nothing of kernels or outputs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

MAX_CHARS_BEFORE, MAX_CHARS_AFTER = 24_000, 8_000  # of the other cells: what the window of a large context holds
MAX_MARKDOWN_LINES = 12  # of a cell: its heading and what it is about
MARKDOWN = "markdown"
_COMMENTS = {"sql": "-- ", "lua": "-- ", "haskell": "-- ", "latex": "% ", "matlab": "% ", "erlang": "% "}
_SLASHED = {
    *("javascript", "javascriptreact", "typescript", "typescriptreact", "java", "kotlin", "scala", "groovy", "csharp"),
    *("fsharp", "c", "cpp", "go", "rust", "swift", "dart", "php"),
}
# Cell magics whose cell is Python all the same (IPython's manual, "Built-in magic commands"); behind any other, such as
# `%%bash`, stands something else.
_PYTHON_MAGICS = ("%%time", "%%timeit", "%%capture", "%%prun")


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell; `language` is an LSP language id, 'markdown' for text. Its lines have their ends, the last may not."""

    language: str
    lines: Sequence[str]


@dataclass(frozen=True, slots=True)
class Joined:
    """The notebook as one text; the cell that it is read from begins at line `first`."""

    lines: tuple[str, ...]
    first: int


def joined(
    cells: Sequence[Cell], index: int, before_chars: int = MAX_CHARS_BEFORE, after_chars: int = MAX_CHARS_AFTER
) -> Joined:
    """Return the notebook as it reads from `cells[index]`, with whole cells round it, as many as the characters allow.

    Code is parted by a comment as jupytext's percent format has it (`# %%`), which training data knows well.
    """
    own = cells[index]
    before = _nearest(reversed(cells[:index]), own.language, before_chars)[::-1]
    after = _nearest(cells[index + 1 :], own.language, after_chars)
    head = [line for lines in before for line in lines]
    if head and own.language != MARKDOWN:
        head.append(f"{comment_mark(own.language)}%%\n")
    tail = [line for lines in after for line in lines]
    body = list(own.lines)
    if tail:
        end = "\r\n" if body[0].endswith("\r\n") else "\n"
        body[-1:] = [body[-1] + end, end]  # the editor's last line has no end of its own
    return Joined((*head, *body, *tail), len(head))


def comment_mark(language: str) -> str:
    """Return what begins a comment to the end of the line."""
    return "// " if language in _SLASHED else _COMMENTS.get(language, "# ")


def _nearest(cells: Iterable[Cell], language: str, room_chars: int) -> list[list[str]]:
    """Return the lines of the first cells that fit; of one that does not, no more is read than shows it."""
    kept: list[list[str]] = []
    for cell in cells:
        if language not in (MARKDOWN, cell.language):
            cell = Cell(cell.language, cell.lines[:MAX_MARKDOWN_LINES])
        if _is_longer(cell.lines, room_chars):
            break
        if not any(line.strip() for line in cell.lines):
            continue
        lines = _in_markdown(cell) if language == MARKDOWN else _in_code(cell, language)
        room_chars -= sum(map(len, lines))
        if room_chars < 0:
            break
        kept.append(lines)
    return kept


def _is_longer(lines: Sequence[str], chars: int) -> bool:
    """Return whether lines have more characters; counts no further than that."""
    return any(total > chars for total in accumulate(map(len, lines)))


def _in_markdown(cell: Cell) -> list[str]:
    """Return a cell as it stands round text: text as it is, code in a fence."""
    lines = _plain(cell.lines)
    if cell.language == MARKDOWN:
        return [*lines, "\n"]
    fence = "```" if not any(line.lstrip().startswith("```") for line in lines) else "`````"
    return [f"{fence}{cell.language}\n", *lines, f"{fence}\n", "\n"]


def _in_code(cell: Cell, language: str) -> list[str]:
    """Return a cell as it stands round code: code as it is, text and other languages as comments."""
    mark, lines = comment_mark(language), _plain(cell.lines)
    if cell.language != language:
        comments = [f"{mark}{line}".rstrip() + "\n" for line in lines]
        return [f"{mark}%% [{cell.language}]\n", *comments, "\n"]
    if language == "python":
        lines = _without_magic(lines)
    return [f"{mark}%%\n", *lines, "\n"]


def _plain(lines: Sequence[str]) -> list[str]:
    r"""Return lines with '\n' as line end, without blank ones at the end."""
    plain = [line.rstrip("\r\n") + "\n" for line in lines]
    while plain and not plain[-1].strip():
        plain.pop()
    return plain


def _without_magic(lines: list[str]) -> list[str]:
    """Return Python with commands to IPython (`%matplotlib`, `!pip`, `len?`) as comments: no parser knows them."""
    first = next((line for line in lines if line.strip()), "")
    if first.startswith("%%") and not first.startswith(_PYTHON_MAGICS):
        return [f"# {line}" for line in lines]
    return [f"# {line}" if line.startswith(("%", "!", "?")) or line.endswith("?\n") else line for line in lines]
