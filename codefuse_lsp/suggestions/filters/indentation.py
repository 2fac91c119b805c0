"""Indentation as the file has it: tabs or spaces, of its width, beginning where the cursor stands.

Filters: text and its place in, text out. Each line's indentation depends on that line and those before it only, so a
text that grows keeps what it had. Knows nothing of what the lines say, but for whether they open a block.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from codefuse_lsp.context.cursor import CursorContext
from codefuse_lsp.suggestions.filters.place import (
    TAB_COLUMNS,
    Place,
    depth,
    line_above,
    literal_lines,
    opens_block,
    statement_depth,
)

SAMPLE_CHARS = 8192  # on each side of the cursor, from which the style is read
MIXED_SHARE = 0.1  # of the indented lines: then a file has no one style
CLEAR_SHARE = 0.75  # of the steps are of one width, or the file has none of its own
WIDTHS = (2, 3, 4, 8)
TAB_LANGUAGES = frozenset({"go", "makefile"})  # gofmt and make leave no choice
_BLANK_START = re.compile(r"\A(?:[ \t]*\n)+")


@dataclass(frozen=True, slots=True)
class Style:
    """How a file is indented: by tabs, or by `width` spaces."""

    tabs: bool
    width: int

    def blank(self, columns: int) -> str:
        """Return the white space that leads to a column."""
        if not self.tabs:
            return " " * columns
        return "\t" * (columns // TAB_COLUMNS) + " " * (columns % TAB_COLUMNS)


@lru_cache(maxsize=8)
def style_of(context: CursorContext) -> Style | None:
    """Return how the file is indented; None where nothing in it shows that."""
    sample = _sample(context).split("\n")
    in_text = literal_lines(sample, context.language)
    lines = [(line, is_text) for line, is_text in zip(sample, in_text, strict=True) if line.strip()]
    tabs, spaces = (sum(line.startswith(blank) for line, _ in lines) for blank in ("\t", "  "))
    if min(tabs, spaces) > MIXED_SHARE * (tabs + spaces):
        return None  # such as GNU's, where eight columns are a tab and two are a step
    if tabs > spaces or (not tabs and context.language in TAB_LANGUAGES):
        return Style(tabs=True, width=TAB_COLUMNS)
    code, text = _steps(lines, in_text=False, context=context), _steps(lines, in_text=True, context=context)
    if not code or text.total() > code.total():
        return None  # the window begins in a text, and what looks like code is none
    width, times = code.most_common(1)[0]
    return Style(tabs=False, width=width) if times >= CLEAR_SHARE * code.total() else None


def _steps(lines: list[tuple[str, bool]], *, in_text: bool, context: CursorContext) -> Counter[int]:
    """Count by how much the lines below opened ones stand deeper, in code or in strings over several lines."""
    return Counter(
        step
        for (before, _), (line, is_text) in pairwise(lines)
        if is_text is in_text
        and (step := depth(line) - depth(before)) in WIDTHS
        and _shows_step(before, context.language)
    )


def _shows_step(line: str, language: str) -> bool:
    """Whether the next line stands one step deeper: arguments and literals are aligned as their writer likes."""
    literal = ("(", "[", "{") if language == "python" else ("(", "[")
    return opens_block(line, language) and not line.rstrip().endswith(literal)


def _sample(context: CursorContext) -> str:
    here = "." if context.on_blank_line and context.indent else ""  # the cursor's own indentation counts too
    return f"{context.prefix[-SAMPLE_CHARS:]}{here}{context.suffix[:SAMPLE_CHARS]}"


def begin_at_cursor(text: str, place: Place) -> str:
    """Begin where the cursor stands: indentation and blanks that are there already are not written again.

    Lines below that were pushed in together with the first one move back with it (CodeLlama begins with two spaces too
    many: Continue's fixCodeLlamaFirstLineIndentation).
    """
    context = place.context
    if not context.on_blank_line:
        return text.lstrip(" \t") if context.line_prefix[-1:].isspace() and text.lstrip(" \t") else text
    text = _BLANK_START.sub("", text)
    first, line_end, rest = text.partition("\n")
    if not first.strip() or not first[0].isspace():
        return text
    room = _room(context, depth(first))
    surplus = depth(first) - room
    if surplus <= 0:
        return text
    style = style_of(context) or Style(tabs="\t" in first[: len(first) - len(first.lstrip())], width=TAB_COLUMNS)
    first = style.blank(room) + first.lstrip()
    here = depth(context.line_prefix + ".")
    if surplus != here or here == 0:
        rest = "\n".join(_moved(line, here + surplus, surplus, style) for line in rest.split("\n"))
    return first + line_end + rest


def _room(context: CursorContext, wanted: int) -> int:
    """Return how many of the wanted columns right of the cursor lead to a depth at which a line may begin there."""
    above = line_above(context)
    if re.search(r"[,+\-*/&|=.(\\]$", above.rstrip()):
        return wanted  # a line that goes on below is aligned as its writer likes
    style = style_of(context)
    opened = opens_block(above, context.language) or above.lstrip().startswith("- ")
    here = depth(context.line_prefix + ".")
    depths = {depth(line) for line in context.prefix[-SAMPLE_CHARS:].split("\n")[:-1] if line.strip()}
    levels = {level for level in depths if level <= depth(above)}
    if opened:
        levels.add(depth(above) + style.width if style else max(depth(above), here + wanted))
    return max((level - here for level in levels if here <= level <= here + wanted), default=0)


def _moved(line: str, least: int, columns: int, style: Style) -> str:
    return style.blank(depth(line) - columns) + line.lstrip() if line.strip() and depth(line) >= least else line


def use_file_style(text: str, place: Place) -> str:
    """Indent as the file does: with its tabs or spaces, and by its width."""
    context, style = place.context, style_of(place.context)
    if style is None or "\n" not in text:
        return text
    here = statement_depth(context) if context.line_prefix.strip() else depth(context.line_prefix + ".")
    scale = _scale(text, context, here, style)
    lines = text.split("\n")
    for number, line in enumerate(lines[1:], 1):
        body = line.lstrip()
        if body:
            columns = len(line[: len(line) - len(body)].expandtabs(style.width))
            if scale is not None and number >= scale.line:
                columns = scale.fit(columns, style.width)
            lines[number] = style.blank(columns) + body
    return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class _Scale:
    """From `line` on, columns right of `base` come in steps of `step` instead of the file's own."""

    line: int
    base: int
    step: int

    def fit(self, columns: int, width: int) -> int:
        if columns <= self.base:
            return columns
        steps, rest = divmod(columns - self.base, self.step)
        return self.base + steps * width + rest


def _scale(text: str, context: CursorContext, here: int, style: Style) -> _Scale | None:
    """Return the model's own steps, as the first line below an opened block shows them; None if they are the file's."""
    lines = text.split("\n")
    parent, parent_depth = context.line_prefix + lines[0], here
    if not context.line_prefix.strip():
        parent_depth = depth(parent)
    for number, line in enumerate(lines[1:], 1):
        if not line.strip():
            continue
        blank = line[: len(line) - len(line.lstrip())]
        columns = len(blank.expandtabs(style.width))
        if _shows_step(parent, context.language):
            if "\t" in blank:
                return None  # a tab is one step wherever it stands
            return _judged(columns, parent_depth, number, style)
        parent, parent_depth = line, columns
    return None


def _judged(columns: int, parent: int, line: int, style: Style) -> _Scale | None:
    """Return the scale of a line below an opened one: counted from that, or else from the margin."""
    step = columns - parent
    if step == style.width or parent % style.width or (step == 0 and not style.tabs):
        return None  # as the file has it, or a place that has it otherwise than the file
    if step in WIDTHS:
        return _Scale(line, parent, step)
    level = parent // style.width + 1
    if columns % level == 0 and columns // level in WIDTHS:
        return _Scale(line, 0, columns // level)
    return None
