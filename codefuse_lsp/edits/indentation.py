"""How deep code stands: measured, and moved to where it belongs, in one piece or line by line as it is written.

Lines in, lines out. Knows nothing of languages.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from codefuse_lsp.edits.lines import is_blank

MOST_LINES = 2_000  # that are looked at for the unit


def indent_of(line: str) -> str:
    """Return the white space that a line begins with, '' for a blank one."""
    return line[: len(line) - len(line.lstrip())] if not is_blank(line) else ""


def base_of(lines: Iterable[str]) -> str:
    """Return the indentation of the least deep line."""
    return min((indent_of(line) for line in lines if not is_blank(line)), key=len, default="")


def unit_of(lines: Sequence[str]) -> str:
    """Return what one step of indentation is: a tab, or the most frequent step in spaces; '' where there is none."""
    steps: Counter[str] = Counter()
    before = ""
    for line in lines[:MOST_LINES]:
        if is_blank(line):
            continue
        indent = indent_of(line)
        if indent.startswith("\t"):
            steps["\t"] += 1
        elif len(indent) - len(before) in range(2, 9):
            steps[" " * (len(indent) - len(before))] += 1
        before = indent
    return max(steps, key=lambda step: (steps[step], -len(step))) if steps else ""


class Reindenter:
    """Moves lines that begin at `base` to `target`, and writes their steps as the place writes its own."""

    def __init__(self, base: str, target: str, unit: str = "", wanted: str = "") -> None:
        self._base, self._target = base, target
        self._unit, self._wanted = unit, wanted if unit else ""

    def line(self, line: str) -> str:
        """Return one line in its place; a blank one holds nothing but its end."""
        if is_blank(line):
            return line.lstrip(" \t")
        indent = indent_of(line)
        rest = indent.removeprefix(self._base) if indent.startswith(self._base) else ""
        lacking = len(self._base) - len(indent) if not rest and len(indent) < len(self._base) else 0
        target = self._target[: max(0, len(self._target) - lacking)]
        return target + self._steps(rest) + line[len(indent) :]

    def _steps(self, indent: str) -> str:
        if not self._wanted or self._unit == self._wanted:
            return indent
        steps, rest = 0, indent
        while rest.startswith(self._unit):
            steps, rest = steps + 1, rest[len(self._unit) :]
        return self._wanted * steps + rest


def reindented(lines: Sequence[str], target: str, wanted_unit: str = "", base: str | None = None) -> list[str]:
    """Return lines moved so that what stood at `base`, the least deep of them by default, stands at `target`.

    With `wanted_unit` the steps of indentation become those.
    """
    mover = Reindenter(base_of(lines) if base is None else base, target, unit_of(lines), wanted_unit)
    return [mover.line(line) for line in lines]
