"""Code moved to the indentation of another place, in the style of the file that it goes to.

Input: lines of code, and the place's indentation and step. Output: the lines there. Lines inside a string that goes
over several lines move with the code and are not rewritten; nor are those of brackets that are lined up. Doing it
twice changes nothing more. Knows nothing of answers or edits.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise

DEFAULT_STEP = "    "
SAMPLE_LINES = 2_000  # of a file that are looked at for its style
WIDEST_STEP = 8
_COMMENT = re.compile(r"[ \t]*(?:#|//|/\*|\*|--|<!--|;)")  # may stand at columns of its own
_STRINGS = re.compile(r"""\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|`[^`]*`""")
_BRACKETS = re.compile(r"[(\[)\]]")


@dataclass(frozen=True, slots=True)
class Style:
    """How a file indents: `step` is a tab or a number of spaces."""

    step: str = DEFAULT_STEP

    @property
    def kind(self) -> str:
        """The character it is made of."""
        return self.step[0]


def style_of(lines: Sequence[str], language: str = "", inside: Collection[int] = ()) -> Style:
    """Return how a file indents, by how much deeper its lines get; where none does, as its language does.

    `inside` are the rows that lie inside a string.
    """
    steps: Counter[str] = Counter()
    before = ""
    for row, line in enumerate(lines[:SAMPLE_LINES]):
        if not line.strip() or row in inside or _COMMENT.match(line):
            continue
        indent = indent_of(line)
        if len(indent) > len(before) and indent.startswith(before) and len(set(step := indent[len(before) :])) == 1:
            steps["\t" if step[0] == "\t" else step[:WIDEST_STEP]] += 1
        before = indent
    likely = [(count, step) for step, count in steps.items() if step == "\t" or len(step) > 1]
    if likely:
        return Style(max(likely, key=lambda found: (found[0], -len(found[1])))[1])
    return Style("\t" if language in ("go", "makefile") else "  " if language in _NARROW else DEFAULT_STEP)


def reindented(
    lines: Sequence[str], base: str, style: Style, inside: Collection[int] = (), *, first: bool = True
) -> list[str]:
    """Return `lines` with `base` in place of what they are all indented by, each step of theirs as one of `style`.

    `inside` are the rows that lie inside a string. With `first`, the first line may have lost its indentation, as where
    an answer goes on from it.
    """
    lines = _with_first(lines, base, style, inside) if first else list(lines)
    measured = _measured(lines, inside)
    common = _shared([indent_of(lines[row]) for row in measured])
    step = _step(lines, measured, len(common), style)
    return [
        _moved(line, common, base, step if row not in inside else "", style) if line.strip() else ""
        for row, line in enumerate(lines)
    ]


def indent_of(line: str) -> str:
    """Return the blanks and tabs that a line begins with."""
    return line[: len(line) - len(line.lstrip(" \t"))]


_NARROW = frozenset({"javascript", "javascriptreact", "typescript", "typescriptreact", "ruby", "html", "css", "yaml"})


def _measured(lines: Sequence[str], inside: Collection[int]) -> list[int]:
    """Return the rows that tell how code is indented: no comment, nothing inside brackets or a string."""
    found, depth = list[int](), 0
    for row, line in enumerate(lines):
        if not line.strip() or row in inside:
            continue
        if depth <= 0 and not _COMMENT.match(line):
            found.append(row)
        marks = _BRACKETS.findall(_STRINGS.sub("", line))
        depth = max(0, depth + sum(1 if mark in "([" else -1 for mark in marks))
    return found or [row for row, line in enumerate(lines) if line.strip() and row not in inside]


def _step(lines: Sequence[str], measured: Sequence[int], common: int, style: Style) -> str:
    """Return by what the code gets deeper, '' where it is as in `style` or cannot be told."""
    indents = [indent_of(lines[row])[common:] for row in measured]
    if len(set("".join(indents))) != 1:
        return ""
    kind, widths = next(iter("".join(indents))), [len(indent) for indent in indents]
    step = _deeper(lines, measured)
    if not step or any(width % step for width in widths) or kind * step == style.step:
        return ""
    return "" if kind == " " and step == 1 else kind * step


def _is_bare(line: str) -> bool:
    return bool(line.strip()) and not indent_of(line)


def _deeper(lines: Sequence[str], rows: Sequence[int]) -> int:
    """Return by how many characters a line is at least deeper than the one before, 0 where none is."""
    widths = [len(indent_of(lines[row])) for row in rows]
    return min((b - a for a, b in pairwise(widths) if b > a), default=0)


def _moved(line: str, common: str, base: str, step: str, style: Style) -> str:
    body, indent = line.lstrip(" \t"), indent_of(line)
    if not indent.startswith(common):  # a label or a comment further left
        shared = _shared([indent, common])
        return base[: len(base) - (len(common) - len(shared))] + indent[len(shared) :] + body if shared else line
    rest = indent[len(common) :]
    if step:
        steps, over = divmod(len(rest), len(step))
        rest = style.step * steps + " " * over if set(rest) <= set(step) else rest
    return base + rest + body


def _with_first(lines: Sequence[str], base: str, style: Style, inside: Collection[int]) -> list[str]:
    """Return the lines with the indentation of the first one put back where it was lost."""
    rest = [row for row in _measured(lines, inside) if row > 0]
    under = _shared([indent_of(lines[row]) for row in rest])
    if not base or not rest or len(under) < len(base) or not _is_bare(lines[0]):
        return list(lines)
    code = (line for line in reversed(lines[: rest[0]]) if line.strip() and not _COMMENT.match(line))
    header = next(code, "")
    opens = header.rstrip().endswith(":")  # its body is deeper, and no line below comes back to its column
    if opens and (under != base + style.step or _deeper(lines, rest) not in (0, len(style.step))):
        return list(lines)
    return [(base if opens else under) + lines[0], *lines[1:]]


def _shared(texts: Sequence[str]) -> str:
    """Return the characters that all texts begin with."""
    low, high = min(texts, default=""), max(texts, default="")
    length = next((n for n, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), len(low))
    return low[:length]
