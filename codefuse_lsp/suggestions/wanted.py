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
from codefuse_lsp.context.undefined import MAX_CHARS, Undefined, has_untold_names, names_elsewhere, undefined_names
from codefuse_lsp.suggestions.asked import Asked
from codefuse_lsp.suggestions.filters.brackets import PAIRS, scan
from codefuse_lsp.suggestions.filters.indentation import Style, style_of
from codefuse_lsp.suggestions.filters.place import TAB_COLUMNS, depth, is_comment, line_above, lines_below, opens_block

MOST_BEGINNINGS = 2
MOST_ROWS = 60  # below the cursor that are looked at
MOST_NAMES = 4  # that one line is to define; where more are undefined, more than a line is missing
_FILLERS = ("pass_statement", "if_statement", "try_statement", "function_definition", "assignment")
_HANDLERS = ("except", "finally")
_HOLDERS = re.compile(r"module|ERROR|block|\w+_definition|\w+_clause|(?:if|for|while|with|try|match)_statement")
_COUNTERS = ("i", "j", "n", "idx", "index", "number", "k", "key", "name")  # stand before what they count or name
_FIRST_PARAMETERS = ("self", "cls")
_WORD = re.compile(r"\w+")
_ASYNC = re.compile(r"\bawait\b|\basync\s+(?:for|with)\b")
_LEAVES = re.compile(r"\s*(?:return|raise|break|continue)\b")  # nothing stands below it at its depth


@dataclass(frozen=True, slots=True)
class Wanted:
    """The names that the code below a cursor uses and nothing defines, and how an answer might define them."""

    beginnings: tuple[str, ...]  # of what follows the cursor, the likeliest first
    undefined: int  # names in the rows below, while the line is missing
    syntax: SyntaxAt
    elsewhere: frozenset[str]
    names: frozenset[str] = frozenset()  # that the rows below use

    @property
    def definition(self) -> str:
        """How an answer begins that defines one of the names; '' where there is none to define."""
        return next((text for text in self.beginnings if self.names.intersection(_WORD.findall(text))), "")

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
    if _is_amid_statement(syntax) or (around := _with_line(syntax, gap.indent + gap.filler)) is None:
        return None
    if not _is_whole(around, gap.filler):
        return None
    undefined = undefined_names(around.root, around.source, row, elsewhere, MOST_ROWS)
    told = set(_WORD.findall(context.suffix if readable is None else readable))
    below = [name for name in undefined if name.row > row and name.name in told]
    begun = context.line_prefix
    lines = [gap.indent + line for line in _lines(below, gap, row)] if len(below) <= MOST_NAMES else []
    beginnings = [line[len(begun) :] for line in lines if line.startswith(begun) and line != begun]
    names = frozenset(name.name for name in below)
    return Wanted(tuple(beginnings[:MOST_BEGINNINGS]), len(undefined), syntax, elsewhere, names)


def _elsewhere(asked: Asked, syntax: SyntaxAt) -> frozenset[str] | None:
    """Return the names that hold everywhere and stand outside of the tree; None where the tree begins amid a statement.

    Or amid a line, as where one is too long to be parsed whole.
    """
    lines, source = asked.lines, syntax.source
    if sum(map(len, lines)) > MAX_CHARS:
        return None
    first = asked.line - _row(syntax)
    blank = source[: len(source) - len(source.lstrip())]
    if first < 0 or has_untold_names(source.decode("utf-8", "replace")):
        return None
    if first != asked.line and blank and not blank.endswith(b"\n"):
        return None
    if not source.startswith("".join(lines[first : first + 1]).encode("utf-8", "surrogatepass")):
        return None
    stop = first + source.count(b"\n") + (not source.endswith(b"\n"))
    return names_elsewhere("".join((*lines[:first], *lines[stop:])), asked.context.language)


def _is_amid_statement(syntax: SyntaxAt) -> bool:
    """Return whether the cursor's line is one of the inner lines of a statement or a string."""
    start, source = syntax.source.rfind(b"\n", 0, syntax.cursor) + 1, syntax.source
    end = source.find(b"\n", syntax.cursor) + 1 or len(source)
    node = syntax.root.descendant_for_byte_range(syntax.cursor, syntax.cursor)
    while node is not None:
        if node.start_byte < start and node.end_byte > end and not _HOLDERS.fullmatch(node.type):
            return True
        node = node.parent
    return False


def _is_whole(around: SyntaxAt, filler: str) -> bool:
    """Return whether nothing is wrong with what stands in for the missing line, nor with the code round it."""
    start = around.cursor - len(filler)
    node = around.root.descendant_for_byte_range(start, start + 1)
    is_statement = node is not None and node.parent is not None and node.parent.type in _FILLERS
    return is_statement and not around.root.has_error


@dataclass(frozen=True, slots=True)
class _Gap:
    """Where the missing line stands, and what it has to open: so many rows below that stand deeper."""

    indent: str
    rows: int = 0
    brackets: str = ""  # that it opens and those rows close, the outermost first
    above: str = ""  # the word with which a statement begins that has its body between it and the cursor
    below: str = ""  # the word with which the line below those rows begins
    is_async: bool = False  # what is in those rows
    has_definitions: bool = False  # are in those rows, none of them deeper than the first
    is_decorated: bool = False
    is_function: bool = False  # whose body those rows must be
    is_among_imports: bool = False

    @property
    def filler(self) -> str:
        """Any line that leads on to what is below."""
        if self.brackets:
            return f"_ = {self.brackets.replace('(', '_(')}"
        if not self.rows:
            return "pass"
        return "try:" if self.below in _HANDLERS else "def _():" if self.is_decorated else "if True:"


def _gap(context: CursorContext) -> _Gap:
    indent = context.indent if context.line_prefix else _indent_of_missing(context)
    if not body_below(context, indent + "."):
        near = (line_above(context), *lines_below(context))
        return _Gap(indent, is_among_imports=any(line.startswith(("import ", "from ")) for line in near))
    rows, own = context.suffix.split("\n")[1:], depth(indent + ".")
    count = next((n for n, row in enumerate(rows) if row.strip() and depth(row) <= own), len(rows))
    closed, inner = scan("\n".join(rows[: count + 1])).closed, depth(next(iter(lines_below(context)), ""))
    above, beside, outer = (_nearest_above(context, deep) for deep in (sys.maxsize, own, own - 1))
    is_decorated = beside == above and beside.lstrip().startswith("@")
    has_definitions = any(depth(row) == inner and _word(row) in ("def", "class", "async") for row in rows[:count])
    returns = not own and not has_definitions and any(_word(row) in ("return", "yield") for row in rows[:count])
    return _Gap(
        indent,
        count,
        brackets="".join(PAIRS[mark] for mark in reversed(closed) if mark in PAIRS),
        above=_word(beside) if depth(beside) == own < depth(above) else "",
        below=_word("".join(row for row in rows[count : count + 1] if depth(row) == own)),
        is_async=any(_ASYNC.search(row) for row in rows[:count]),
        has_definitions=has_definitions,
        is_decorated=is_decorated,
        is_function=is_decorated or returns or _word(outer) == "class",
    )


def _nearest_above(context: CursorContext, most_deep: int) -> str:
    """Return the nearest line of code above that stands no deeper; '' where there is none."""
    lines = (line for line in reversed(context.prefix.split("\n")[:-1]) if line.strip() and depth(line) <= most_deep)
    return next((line for line in lines if not is_comment(line, context.language)), "")


def _word(line: str) -> str:
    return "".join(re.findall(r"^\s*(\w+)", line))


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
    inside = [name.name for name in below if name.row <= row + gap.rows and not name.is_called]
    behind = [name for name in below if name.row > row + gap.rows and name.name not in _FIRST_PARAMETERS]
    values = [name.name for name in behind if not name.is_called]
    if gap.brackets:
        opener = gap.brackets[0] if gap.brackets[0] != "(" else ""  # a call's stands behind its function
        return [f"{name} = {opener}" for name in values]
    if not gap.rows:
        return _imports(behind) if gap.is_among_imports else _assignments(values, gap)
    if clauses := _clauses(gap):
        return clauses
    named = _definitions(inside, behind, gap)
    if gap.is_function or any(name in inside for name in _FIRST_PARAMETERS):
        return [*named[:1], "async def " if gap.is_async else "def "]
    others = ["class ", "if "] if gap.has_definitions else ["if ", "while "]
    return named + _loops(inside) or others


def _assignments(names: list[str], gap: _Gap) -> list[str]:
    modules = [name for name in names if name in sys.stdlib_module_names]
    classes = [name for name in names if name[0].isupper() and not name.isupper()]
    values = [name for name in names if name not in classes and (gap.indent or name not in modules)]
    return [f"import {name}" for name in modules] + _each(values, "{} = ") + ["from "] * bool(classes)


def _imports(names: list[Undefined]) -> list[str]:
    modules = [f"import {name.name}" for name in names if name.name in sys.stdlib_module_names]
    return [*modules, "from ", "import "] if names else []


def _clauses(gap: _Gap) -> list[str]:
    """Return how a line may begin that goes on with the statement above, or begins the one that goes on below."""
    if gap.above in ("try", "except"):
        return ["except ", "finally:" if gap.above == "try" else "else:"]
    if gap.below in _HANDLERS:
        return ["try:"]
    if gap.above in ("if", "elif"):
        return ["elif ", "if "] if gap.below in ("elif", "else") else ["else:", "if "]
    return []


def _definitions(inside: list[str], behind: list[Undefined], gap: _Gap) -> list[str]:
    """Return how a line may begin that names a body, which is used below, with the names that it uses as parameters."""
    begin = "async def" if gap.is_async else "def"
    parameters = f"({', '.join(inside)})" if inside else "("  # that are not used, or hide a name from round it
    return [
        f"class {name.name}" if name.name[0].isupper() else f"{begin} {name.name}{parameters}"
        for name in sorted(behind, key=lambda name: not name.is_called)
    ]


def _loops(inside: list[str]) -> list[str]:
    names = sorted(inside, key=lambda name: name not in _COUNTERS)
    return [*_each(names, "for {} in "), "with "] if names else []


def _each(names: list[str], line: str) -> list[str]:
    """Return a line for all names together, and one for each alone."""
    together = [", ".join(names)] if len(names) > 1 else []
    return [line.format(some) for some in together + names]


def _with_line(syntax: SyntaxAt, line: str) -> SyntaxAt | None:
    """Return the tree with another text in place of the cursor's line."""
    start = syntax.source.rfind(b"\n", 0, syntax.cursor) + 1
    end = syntax.source.find(b"\n", syntax.cursor)
    return syntax.edited(start, end if end >= 0 else len(syntax.source), line.encode("utf-8", "surrogatepass"))


def _row(syntax: SyntaxAt) -> int:
    return syntax.source.count(b"\n", 0, syntax.cursor)
