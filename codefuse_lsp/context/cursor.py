r"""From the lines of a document and a place in them to the text round the cursor.

Input: lines with their ends, a line and a character column. Output: a frozen `CursorContext`, its text always with
'\n' as line end. Costs no more than the window, however large the document or the line. Knows nothing of prompts, of
tokens, or of the encodings in which editors count columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

PREFIX_PARTS, ALL_PARTS = 3, 4  # prefix : suffix = 3 : 1, as minuet-ai.nvim (lua/minuet/config.lua) divides it
BLOCKS_PER_PREFIX = 4  # the window's start moves by about a quarter of the prefix at a time


@dataclass(frozen=True, slots=True)
class CursorContext:
    r"""The text before and after a cursor, cut to a window; `line_end` is the document's own, the text has '\n'."""

    uri: str
    path: str
    language: str  # LSP language id
    version: int
    prefix: str
    suffix: str
    line_end: str = "\n"

    @property
    def line_prefix(self) -> str:
        """The text of the cursor's line before the cursor."""
        return self.prefix[self.prefix.rfind("\n") + 1 :]

    @property
    def line_suffix(self) -> str:
        """The text of the cursor's line after the cursor, without the line end."""
        return self.suffix.partition("\n")[0]

    @property
    def indent(self) -> str:
        """The white space that the cursor's line begins with, as far as it stands before the cursor."""
        line = self.line_prefix
        return line[: len(line) - len(line.lstrip())]

    @property
    def at_line_end(self) -> bool:
        """Whether nothing but white space follows on the cursor's line."""
        return not self.line_suffix.strip()

    @property
    def on_blank_line(self) -> bool:
        """Whether the cursor's line holds nothing but white space."""
        return self.at_line_end and not self.line_prefix.strip()


def cursor_context(
    lines: Sequence[str],
    line: int,
    column: int,
    *,
    uri: str,
    path: str,
    language: str,
    version: int,
    budget_chars: int,
) -> CursorContext:
    """Return a window of at most `budget_chars` round character `column` of `line`; places outside are moved inside.

    The start of the window depends on the lines above and on the cursor's column in whole blocks, so typing leaves
    it where it is and successive prompts begin alike. The end is a line end, unless the cursor's line is too long.
    """
    line = min(max(line, 0), len(lines) - 1)
    text = lines[line] if lines else ""
    column = min(max(column, 0), _length_without_end(text))
    prefix_chars = budget_chars * PREFIX_PARTS // ALL_PARTS
    return CursorContext(
        uri=uri,
        path=path,
        language=language,
        version=version,
        prefix=_with_newlines(_prefix(lines, line, column, prefix_chars)),
        suffix=_with_newlines(_suffix(lines, line, column, budget_chars - prefix_chars)),
        line_end=_line_end(lines, line),
    )


def _prefix(lines: Sequence[str], line: int, column: int, budget_chars: int) -> str:
    if not lines or budget_chars <= 0:
        return ""
    block_chars = max(1, budget_chars // BLOCKS_PER_PREFIX)
    blocks = max(1, -(-column // block_chars))  # whole blocks, so that a longer line seldom leaves less for those above
    room_chars = budget_chars - blocks * block_chars
    if column > budget_chars:
        start_column = -(-(column - budget_chars) // block_chars) * block_chars
        return lines[line][start_column:column]
    start = _start_line(lines, line, room_chars, block_chars) if room_chars > 0 else line
    return "".join(lines[start:line]) + lines[line][:column]


def _start_line(lines: Sequence[str], line: int, room_chars: int, block_chars: int) -> int:
    """Return the roundest line number (most factors of two) among those at which the window may start.

    They span at most one block, so little is lost; and as the cursor moves down, the roundest of a sliding range of
    n numbers changes once in n/2 lines or less often, with no memory of where the window was before.
    """
    earliest, total = line, 0
    while earliest > 0 and total + len(lines[earliest - 1]) <= room_chars:
        earliest -= 1
        total += len(lines[earliest])
    best, dropped = earliest, 0
    for number in range(earliest, line + 1):
        if _roundness(number) > _roundness(best):
            best = number
        dropped += len(lines[number])
        if dropped > block_chars:
            break
    return best


def _roundness(number: int) -> int:
    """Return the largest power of two that divides `number`; zero is rounder than any other."""
    return number & -number if number else 1 << 62


def _suffix(lines: Sequence[str], line: int, column: int, budget_chars: int) -> str:
    if not lines or budget_chars <= 0:
        return ""
    rest = lines[line][column : column + budget_chars]
    total, stop = len(lines[line]) - column, line + 1
    while stop < len(lines) and total + len(lines[stop]) <= budget_chars:
        total += len(lines[stop])
        stop += 1
    return rest + "".join(lines[line + 1 : stop])


def _length_without_end(text: str) -> int:
    return len(text) - len(text[-2:]) + len(text[-2:].rstrip("\r\n"))


def _line_end(lines: Sequence[str], line: int) -> str:
    for near in (line, line - 1):  # the last line of a document may have no end
        if 0 <= near < len(lines) and (end := lines[near][_length_without_end(lines[near]) :]):
            return end
    return "\n"


def _with_newlines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
