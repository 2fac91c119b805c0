"""What the code below a cursor wants of the line that is missing: to define the names that it uses.

Input: a document, the window round the cursor and the tree. Output: what may stand at the cursor to define such names,
as beginnings of an answer, and of any text how many names it leaves undefined. A model that reads from left to right
cannot know which names are in use below; where they are told beforehand, it has only to say what they are.
Knows nothing of models.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass

from codefuse_lsp.context.blocks import body_below
from codefuse_lsp.context.cursor import CursorContext
from codefuse_lsp.context.trees import SyntaxAt
from codefuse_lsp.context.undefined import Undefined, has_untold_names, names_elsewhere, undefined_names
from codefuse_lsp.suggestions.asked import Asked
from codefuse_lsp.suggestions.filters.indentation import Style, style_of
from codefuse_lsp.suggestions.filters.place import TAB_COLUMNS, depth, line_above, lines_below, opens_block

MOST_BEGINNINGS = 2
MOST_ROWS = 60  # below the cursor that are looked at
MOST_NAMES = 4  # that one line is to define; where more are undefined, more than a line is missing
_ANY_HEADER, _ANY_STATEMENT = "if True:", "pass"  # stand for the missing line, so that what is below can be parsed
_FILLERS = ("pass_statement", "if_statement", "assignment")
_BRACKETS = {")": "(", "]": "[", "}": "{"}
_LEAVES = re.compile(r"\s*(?:return|raise|break|continue)\b")  # nothing stands below it at its depth


@dataclass(frozen=True, slots=True)
class Wanted:
    """The names that the code below a cursor uses and nothing defines, and how an answer might define them."""

    beginnings: tuple[str, ...]  # of what follows the cursor, the likeliest first
    undefined: int  # names in the rows below, while the line is missing
    syntax: SyntaxAt
    elsewhere: frozenset[str]

    def left_by(self, text: str, replaces: int = 0) -> int:
        """Return how many names are undefined in a text at the cursor and in the rows below it."""
        right = self.syntax.source[self.syntax.cursor :][: 4 * replaces].decode("utf-8", "ignore")[:replaces]
        stop = self.syntax.cursor + len(right.encode())
        new = self.syntax.edited(self.syntax.cursor, stop, text.encode("utf-8", "surrogatepass"))
        if new is None:
            return self.undefined
        rows = MOST_ROWS + text.count("\n")
        return len(undefined_names(new.root, new.source, _row(self.syntax), self.elsewhere, rows))


def wanted_at(asked: Asked, syntax: SyntaxAt | None, readable: str | None = None) -> Wanted | None:
    """Return what is wanted at a cursor with nothing right of it on its line; None where nobody can tell.

    `syntax` is the tree of as much of the document as was parsed, `readable` the code below the cursor as far as a
    model may read it, if that is not all: names of other code are not told.
    """
    context = asked.context
    if syntax is None or not context.at_line_end or (elsewhere := _elsewhere(asked, syntax)) is None:
        return None
    gap, row = _gap(context), _row(syntax)
    around = _with_line(syntax, gap.indent + gap.filler)
    if around is None or not _is_statement(around, gap.filler):
        return None
    undefined = undefined_names(around.root, around.source, row, elsewhere, MOST_ROWS)
    told = set(re.findall(r"\w+", context.suffix if readable is None else readable))
    below = [name for name in undefined if name.row > row and name.name in told]
    begun = context.line_prefix
    lines = [gap.indent + line for line in _lines(below, gap, row)] if len(below) <= MOST_NAMES else []
    beginnings = [line[len(begun) :] for line in lines if line.startswith(begun) and line != begun]
    return Wanted(tuple(beginnings[:MOST_BEGINNINGS]), len(undefined), syntax, elsewhere)


def _elsewhere(asked: Asked, syntax: SyntaxAt) -> frozenset[str] | None:
    """Return the names that hold everywhere and stand outside of the tree; None where the tree begins amid a statement.

    Or amid a line, as where one is too long to be parsed whole.
    """
    lines, source = asked.lines, syntax.source
    first = asked.line - _row(syntax)
    blank = source[: len(source) - len(source.lstrip())]
    if first < 0 or has_untold_names(source.decode("utf-8", "replace")) or (blank and not blank.endswith(b"\n")):
        return None
    if not source.startswith("".join(lines[first : first + 1]).encode("utf-8", "surrogatepass")):
        return None
    stop = first + source.count(b"\n") + (not source.endswith(b"\n"))
    return names_elsewhere("".join((*lines[:first], *lines[stop:])), asked.context.language)


def _is_statement(around: SyntaxAt, filler: str) -> bool:
    """Return whether what stands in for the missing line was read as a line of code, and not amid brackets or text."""
    start = around.cursor - len(filler)
    node = around.root.descendant_for_byte_range(start, start + 1)
    if node is None or node.parent is None or node.parent.type not in _FILLERS:
        return False
    while node is not None and node.type not in ("ERROR", "string"):
        node = node.parent
    return node is None


@dataclass(frozen=True, slots=True)
class _Gap:
    """Where the missing line stands, and what it has to open: so many rows below that stand deeper."""

    indent: str
    rows: int
    bracket: str = ""  # that it opens, where one is closed below those rows
    is_after_if: bool = False

    @property
    def filler(self) -> str:
        """Any line that leads on to what is below."""
        return f"_ = {self.bracket}" if self.bracket else _ANY_HEADER if self.rows else _ANY_STATEMENT


def _gap(context: CursorContext) -> _Gap:
    indent = context.indent if context.line_prefix else _indent_of_missing(context)
    if not body_below(context, indent + "."):
        return _Gap(indent, 0)
    rows = context.suffix.split("\n")[1:]
    ends = (n for n, row in enumerate(rows) if row.strip() and depth(row) <= depth(indent + "."))
    count = next(ends, len(rows))
    bracket = _BRACKETS.get(rows[count].strip()[:1], "") if count < len(rows) else ""
    return _Gap(indent, count, bracket, _is_after_if(context, indent))


def _is_after_if(context: CursorContext, indent: str) -> bool:
    """Return whether the nearest line above that stands no deeper is an `if` at the same depth, with its body below."""
    lines = [line for line in context.prefix.split("\n")[:-1] if line.strip()]
    while lines and depth(lines[-1]) > depth(indent + "."):
        lines.pop()
    return bool(lines) and lines[-1] != line_above(context) and bool(re.match(rf"{indent}(?:if|elif)\b", lines[-1]))


def _indent_of_missing(context: CursorContext) -> str:
    """Return the indentation of a line that is missing between the line above and the one below."""
    above, below = line_above(context), next(iter(lines_below(context)), "")
    style = style_of(context) or Style(tabs=above.startswith("\t"), width=TAB_COLUMNS)
    columns = depth(above)
    if opens_block(above, context.language):
        inside = columns + style.width
        return style.blank(min(inside, depth(below)) if depth(below) > columns else inside)
    if _LEAVES.match(above) and depth(below) == columns:
        columns -= style.width  # a header is missing: what is below would never be reached
    return style.blank(max(0, min(columns, depth(below))))


def _lines(below: list[Undefined], gap: _Gap, row: int) -> list[str]:
    """Return how lines may begin that define names, the likeliest first."""
    names = [name.name for name in below if not name.is_called]
    if gap.bracket:
        return [f"{name} = {gap.bracket}" for name in names]
    if not gap.rows:
        imports = [f"import {name}" for name in names if name in sys.stdlib_module_names]
        return imports + _each([name for name in names if name not in sys.stdlib_module_names], "{} = ")
    inside = [name.name for name in below if name.row <= row + gap.rows and not name.is_called]
    called = [name.name for name in below if name.is_called and name.row > row + gap.rows]
    return [f"def {name}({', '.join(inside)})" for name in called] + _each(inside, "for {} in ") or _headers(gap)


def _headers(gap: _Gap) -> list[str]:
    """Return how a line may begin that opens a body and defines nothing."""
    return ["else:", "if "] if gap.is_after_if else ["if ", "while "]


def _each(names: list[str], line: str) -> list[str]:
    """Return a line for the first two names together, where there are two, and one for each alone."""
    both = [", ".join(names[:2])] if len(names) > 1 else []
    return [line.format(some) for some in both + names]


def _with_line(syntax: SyntaxAt, line: str) -> SyntaxAt | None:
    """Return the tree with another text in place of the cursor's line."""
    start = syntax.source.rfind(b"\n", 0, syntax.cursor) + 1
    end = syntax.source.find(b"\n", syntax.cursor)
    return syntax.edited(start, end if end >= 0 else len(syntax.source), line.encode("utf-8", "surrogatepass"))


def _row(syntax: SyntaxAt) -> int:
    return syntax.source.count(b"\n", 0, syntax.cursor)
