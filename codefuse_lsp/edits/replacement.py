"""A model's answer made into the text that replaces some lines of a file, or a sentence that says why it cannot.

Input: the answer, and the `Place` it goes to. Output: the lines, in the file's indentation and with its line ends.
What is outside the place is not looked at but to tell that the file is no worse for the change. Knows nothing of
editors or models.

Of the pieces of an answer that may be the code, the first is taken that leaves nothing out, holds the definition that
it replaces, and brings no syntax error into the file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from codefuse_lsp.context.definitions import LineSpan, definition
from codefuse_lsp.context.flaws import flaws
from codefuse_lsp.context.strings import long_strings
from codefuse_lsp.context.widening import trimmed
from codefuse_lsp.edits.code_blocks import candidates
from codefuse_lsp.edits.elisions import left_out
from codefuse_lsp.edits.restyling import Style, indent_of, reindented, style_of
from codefuse_lsp.errors import CodeFuseError


class Unfit(CodeFuseError):
    """An answer that cannot be put into the file; the message says why."""


class Unchanged(Unfit):
    """An answer that is what stands there already."""


@dataclass(frozen=True)
class Place:
    """Whole lines of a file, with their ends, and which of them an answer replaces."""

    lines: Sequence[str]
    span: LineSpan
    language: str = ""
    base: str | None = None  # the indentation there; None is that of the lines that are replaced

    @cached_property
    def own(self) -> list[str]:
        """The lines that are replaced."""
        return list(self.lines[self.span.start : self.span.stop])

    @cached_property
    def line_end(self) -> str:
        """The line end of the place, else of the file."""
        return next((end for line in (*self.own, *self.lines) if (end := end_of(line))), "\n")

    @cached_property
    def text(self) -> str:
        """The whole file, with line feeds for line ends, as grammars count rows."""
        return "".join(map(with_line_feed, self.lines))

    @cached_property
    def strings(self) -> list[LineSpan]:
        """The rows of the file that lie inside strings."""
        return long_strings(self.text, self.language)

    @cached_property
    def style(self) -> Style:
        """How the file indents."""
        inside = {row for span in self.strings for row in range(span.start, span.stop)}
        return style_of(self.lines, self.language, inside)

    def with_lines(self, new: Sequence[str]) -> str:
        """Return the whole file with `new` in the place, as `text`."""
        kept = (*self.lines[: self.span.start], *new, *self.lines[self.span.stop :])
        return "".join(map(with_line_feed, kept))


def replacement(answer: str, place: Place) -> list[str]:
    """Return the lines, with their ends, that stand in the place once the answer is applied. Raises Unfit."""
    found = candidates(answer)
    if not found:
        raise Unfit("The model answered with no code.")
    reason: Unfit | None = None
    for code in found:
        try:
            return _fitted(code, place)
        except Unfit as error:
            reason = reason or error  # the likeliest piece's
    assert reason is not None
    raise reason


def changed(place: Place, new: Sequence[str]) -> tuple[LineSpan, list[str]]:
    """Return the lines that differ, and what replaces them: equal lines at both ends are left alone."""
    old, start, tail = place.own, 0, 0
    most = min(len(old), len(new))
    while start < most and old[start] == new[start]:
        start += 1
    while tail < most - start and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    span = LineSpan(place.span.start + start, place.span.stop - tail)
    return span, list(new[start : len(new) - tail])


def brings_no_flaw(new: Sequence[str], place: Place) -> None:
    """Raise Unfit where the file would have more syntax errors with `new` in the place than it has."""
    start, stop = place.span.start, place.span.stop
    before = flaws(place.text, place.language, LineSpan(start - 1, stop + 1))
    after = flaws(place.with_lines(new), place.language, LineSpan(start - 1, start + len(new) + 1))
    if before is not None and after is not None and after > before:
        raise Unfit("The model's code does not parse where it would go.")


def end_of(line: str) -> str:
    r"""Return what ends a line: \n, \r\n, \r or nothing."""
    return line[len(line.rstrip("\r\n")) :]


def with_line_feed(line: str) -> str:
    """Return a line that ends with a line feed if it ended at all."""
    return f"{line.rstrip(chr(13) + chr(10))}\n" if end_of(line) else line


def _fitted(code: str, place: Place) -> list[str]:
    """Return one piece of an answer as the lines of the place. Raises Unfit."""
    lines = code.split("\n")
    whole = trimmed(lines, LineSpan(0, len(lines)))
    lines = [line.rstrip(" \t") if not line.strip() else line for line in lines[whole.start : whole.stop]]
    old = [line.rstrip("\r\n") for line in place.own]
    if left_out(lines, old, place.language):
        raise Unfit("The model left some of the code out, so it cannot replace it.")
    new = _in_style(lines, old, place)
    if new == place.own:
        raise Unchanged("The model would change nothing here.")
    _holds_definition(new, place)
    brings_no_flaw(new, place)
    return new


def _in_style(lines: list[str], old: list[str], place: Place) -> list[str]:
    """Return the code at the indentation of the place, in the file's style and with its line ends."""
    strings = _strings_of(lines, place)
    inside = {row for span in strings for row in range(span.start, span.stop)}
    base = indent_of(next((line for line in old if line.strip()), "")) if place.base is None else place.base
    moved = reindented(lines, base, place.style, inside)
    known = {_said(old, span): old[span.start : span.stop] for span in _strings_in(place)}
    for span in strings:  # what was not changed is as it was, to the byte
        moved[span.start : span.stop] = known.get(_said(lines, span), moved[span.start : span.stop])
    ends = [place.line_end] * (len(moved) - 1) + [end_of(place.own[-1]) if place.own else place.line_end]
    return [line + end for line, end in zip(moved, ends, strict=True)]


def _strings_in(place: Place) -> list[LineSpan]:
    """Return the lines of the long strings that lie in the place, counted from its first line."""
    return _inside(place.strings, place.span)


def _strings_of(lines: Sequence[str], place: Place) -> list[LineSpan]:
    """Return the same of lines that would stand there: alone, a method or a piece of PHP may read as something else."""
    start = place.span.start
    text = place.with_lines([f"{line}\n" for line in lines])
    return _inside(long_strings(text, place.language), LineSpan(start, start + len(lines)))


def _inside(spans: Sequence[LineSpan], outer: LineSpan) -> list[LineSpan]:
    kept = [span for span in spans if span.start > outer.start and span.stop <= outer.stop]
    return [LineSpan(span.start - outer.start, span.stop - outer.start) for span in kept]


def _said(lines: Sequence[str], span: LineSpan) -> tuple[str, ...]:
    """Return the text of a string, and of the line that it begins on, without indentation."""
    return tuple(line.strip() for line in lines[span.start - 1 : span.stop])


def _holds_definition(new: Sequence[str], place: Place) -> None:
    """Raise Unfit where a whole definition would be replaced by something else."""
    old = definition(place.text, place.language, place.span)
    if old is None or not old.name or trimmed(place.text.split("\n"), place.span) != old.span:
        return
    start = place.span.start
    found = definition(place.with_lines(new), place.language, LineSpan(start, start + len(new)))
    if found is None or found.name != old.name:
        raise Unfit(f"The model's answer does not hold `{old.name}`.")
