"""The functions of the corpus, and answers about them such as models give: good ones in every shape, and bad ones.

The files in `files/` were written for this project: methods in classes, nested, decorated, generic and asynchronous
ones, tabs, two spaces, CRLF, long strings, comments, letters of all alphabets. They are read byte for byte.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from codefuse_lsp.context.definitions import LineSpan, definition, enclosing_definition
from codefuse_lsp.context.grammars import nodes, parse
from codefuse_lsp.context.languages import language_of
from codefuse_lsp.context.strings import long_strings
from codefuse_lsp.context.widening import CONTAINER
from codefuse_lsp.edits.replacement import Place
from codefuse_lsp.edits.restyling import indent_of, style_of
from codefuse_lsp.lsp.document import split_lines
from codefuse_lsp.prompts.languages import comment, fence_name

FILES = Path(__file__).parent / "files"
NOTE = "checked: nothing to add"


@dataclass(frozen=True)
class Function:
    """One function of a file, its lines, and the same with a comment more before its last statement."""

    path: Path
    name: str
    place: Place
    note_row: int  # of the file

    @property
    def id(self) -> str:
        return f"{self.path.name}:{self.place.span.start + 1}:{self.name}"

    @property
    def note(self) -> str:
        return indent_of(self.place.lines[self.note_row]) + comment(NOTE, self.place.language)

    @property
    def code(self) -> str:
        """The function as it stands, with line feeds."""
        return _plain("".join(self.place.own))

    @property
    def better(self) -> str:
        """The function as a good answer has it, at the indentation and in the style of its file."""
        lines = self.code.split("\n")
        at = self.note_row - self.place.span.start
        return "\n".join([*lines[:at], self.note, *lines[at:]])

    @property
    def expected(self) -> str:
        """The whole file once the good answer is applied, byte for byte."""
        lines = [*self.place.lines]
        return "".join([*lines[: self.note_row], self.note + self.place.line_end, *lines[self.note_row :]])


@cache
def functions() -> tuple[Function, ...]:
    """Return all functions and methods of the corpus."""
    return tuple(function for path in sorted(FILES.iterdir()) for function in _of(path))


def _of(path: Path) -> Iterator[Function]:
    lines, language = split_lines(path.read_bytes().decode("utf-8")), language_of(path)
    text, seen = _plain("".join(lines)), set[LineSpan]()
    for row in range(len(lines)):
        span = enclosing_definition(text, language, row)
        found = definition(text, language, span) if span is not None else None
        if span is None or found is None or found.is_class or span in seen:
            continue
        seen.add(span)
        note_row = _last_statement(text, language, span)
        if note_row is not None:
            yield Function(path, found.name, Place(lines, span, language), note_row)


def _last_statement(text: str, language: str, span: LineSpan) -> int | None:
    """Return the row of the last statement in a function that has lines of its own."""
    root, lines = parse(text, language), text.split("\n")
    assert root is not None
    rows = [
        child.start_point.row
        for node in nodes(root)
        if CONTAINER.fullmatch(node.type) and node.start_point.row >= span.start and node.end_point.row <= span.stop
        for child in node.named_children
        if child.start_point.row > span.start and child.end_point.row < span.stop
        and not lines[child.start_point.row][: child.start_point.column].strip()
    ]  # fmt: skip
    return max(rows, default=None)


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n")


def _fence(function: Function, code: str) -> str:
    return f"```{fence_name(function.place.language)}\n{code.rstrip()}\n```\n"


def _dedented(function: Function) -> str:
    return _from(function, "")


def _from(function: Function, step: str) -> str:
    """Return the better code at no indentation, each step of it as `step`; '' keeps the file's."""
    lines = function.better.split("\n")
    own = style_of(function.place.lines, function.place.language).step
    base = indent_of(lines[0])
    strings = long_strings("\n".join(lines), function.place.language)
    inside = {row for span in strings for row in range(span.start, span.stop)}
    return "\n".join(
        line if row in inside or not line.strip() else _restepped(line.removeprefix(base), own, step or own)
        for row, line in enumerate(lines)
    )


def _restepped(line: str, own: str, step: str) -> str:
    indent = indent_of(line)
    steps = (len(indent) - len(indent.replace(own, ""))) // len(own)
    return step * steps + line[steps * len(own) :]


# What a model says that does what it was asked, in the shapes in which models say it.
GOOD: dict[str, Callable[[Function], str]] = {
    "a block alone": lambda f: _fence(f, _dedented(f)),
    "prose round it": lambda f: f"Sure! Here is the code:\n\n{_fence(f, _dedented(f))}\nIt behaves as before.\n",
    "at its own indentation": lambda f: _fence(f, f.better),
    "in four spaces": lambda f: _fence(f, _from(f, "    ")),
    "no fence": _dedented,
    "no fence, prose round it": lambda f: (
        f"Here is the code:\n\n{_dedented(f).strip()}\n\nNote that nothing changed.\n"
    ),
    "behind an opened fence": lambda f: f"{_dedented(f).rstrip()}\n```\n",
    "the first line's indentation lost": lambda f: _fence(f, f.better.lstrip()),
    "two steps too deep": lambda f: _fence(f, textwrap.indent(_dedented(f), "        ", lambda line: True)),
    "never closed": lambda f: f"```\n{_dedented(f).rstrip()}",
    "another block before it": lambda f: f"Run it:\n```sh\nmake\n```\n{_fence(f, _dedented(f))}",
    "line ends of another system": lambda f: _fence(f, _dedented(f)).replace("\n", "\r\n"),
    "blanks at line ends": lambda f: _fence(f, "\n\n" + _dedented(f) + "\n   \n\n"),
}

# What a model says that cannot be used, or only by luck.
BAD: dict[str, Callable[[Function], str]] = {
    "nothing": lambda f: "",
    "prose": lambda f: "I am sorry, but as a language model I cannot do that. Please ask somebody else.",
    "an empty block": lambda f: "```\n```\n",
    "cut in the middle": lambda f: f"```\n{f.better[: len(f.better) // 2]}",
    "cut near the end": lambda f: f"```\n{f.better[: len(f.better) * 9 // 10]}",
    "a bracket too many": lambda f: _fence(f, f.better.rstrip() + "\n)}]"),
    "the rest left out": lambda f: _fence(
        f, "\n".join([*f.better.split("\n")[:2], comment("... rest of the code ...", f.place.language)])
    ),
    "a role in it": lambda f: _fence(f, f.better.rstrip() + "\n<|role_start|>human<|role_end|>Thanks"),
    "another function": lambda f: _fence(
        f, re.sub(rf"\b{re.escape(f.name.strip('~]?!'))}\b", "somethingElse", f.better)
    ),
    "the same as before": lambda f: _fence(f, f.code),
    "lines in another order": lambda f: _fence(f, "\n".join(reversed(f.better.split("\n")))),
}
