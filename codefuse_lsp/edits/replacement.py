"""A model's answer made into the text that replaces some lines of a file, or a sentence that says why it cannot.

Input: the answer, and the `Place` it goes to. Output: the lines, in the file's indentation and with its line ends, and
the imports that they need. What else is outside the place is not looked at but to tell that the file is no worse for
the change. Knows nothing of editors or models.

Of the pieces of an answer that may be the code, the first is taken that leaves nothing out, holds the definition that
it replaces and no statements beside it, and brings no syntax error into the file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from codefuse_lsp.context.definitions import Definition, LineSpan, definition, definitions
from codefuse_lsp.context.flaws import flaws
from codefuse_lsp.context.soundness import adds_flaws
from codefuse_lsp.context.strings import long_strings
from codefuse_lsp.context.widening import trimmed
from codefuse_lsp.edits.blocks import block_of
from codefuse_lsp.edits.code_blocks import candidates
from codefuse_lsp.edits.elisions import left_out
from codefuse_lsp.edits.lines import without_blank_edges
from codefuse_lsp.edits.merging import Change, Merger
from codefuse_lsp.edits.pieces import pieces_of
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


@dataclass(frozen=True, slots=True)
class Replacement:
    """The lines, with their ends, that come to stand in a place, and the changes that import what they need."""

    lines: list[str]
    imports: tuple[Change, ...] = ()


def replacement(answer: str, place: Place) -> Replacement:
    """Return what stands in the place once the answer is applied. Raises Unfit."""
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


def changed(place: Place, found: Replacement) -> list[Change]:
    """Return the changes of the file: equal lines at both ends of the place are left alone."""
    old, new, start, tail = place.own, found.lines, 0, 0
    most = min(len(old), len(new))
    while start < most and old[start] == new[start]:
        start += 1
    while tail < most - start and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    change = Change(place.span.start + start, place.span.stop - tail, new[start : len(new) - tail])
    return [*found.imports, *([change] if change.lines or change.start < change.stop else [])]


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


def _fitted(code: str, place: Place) -> Replacement:
    """Return one piece of an answer as the lines of the place. Raises Unfit."""
    lines = [line if line.strip() else "" for line in without_blank_edges(code.split("\n"))]
    old = [line.rstrip("\r\n") for line in place.own]
    if left_out(lines, old, place.language):
        raise Unfit("The model left some of the code out, so it cannot replace it.")
    imports: list[Change] = []
    if (replaced := _definition_of(place)) is not None:
        lines, imports = _parted(lines, place, replaced.name)
    new = _in_style(lines, old, place)
    if new == place.own and not imports:
        raise Unchanged("The model would change nothing here.")
    if replaced is not None:
        _holds(replaced.name, new, place)
    brings_no_flaw(new, place)
    return Replacement(new, tuple(imports))


def _parted(lines: list[str], place: Place, name: str) -> tuple[list[str], list[Change]]:
    """Return the lines of a definition without the imports beside it, and what puts those among the file's.

    Raises Unfit where statements stand beside it, but for the values that stand before one at the top of a file.
    """
    block = block_of("\n".join(lines), place.language, place.line_end)
    pieces, is_inner = block.pieces or [], any(map(indent_of, place.own[:1]))
    at = next((piece.start for piece in pieces if piece.kind == "definition" and piece.name == name), 0)
    beside = [one for one in pieces if one.kind == "statement" and not (one.name and one.start < at and not is_inner)]
    known = block_of("".join(place.own), place.language, place.line_end).pieces or []
    if beside and all(one.kind != "statement" for one in known):  # else the definition itself reads as statements
        raise Unfit(f"The model's answer has statements beside `{name}`.")
    above = len(lines) - len(block.lines)  # a line with the file's name
    rows = {above + row for piece in pieces if piece.kind == "import" for row in range(piece.start, piece.stop)}
    kept = without_blank_edges([line for row, line in enumerate(lines) if row not in rows])
    return kept, _importing([lines[row] for row in sorted(rows)], place) if rows else []


def _importing(statements: Sequence[str], place: Place) -> list[Change]:
    """Return the changes that put import statements among those of the file. Raises Unfit."""
    block, file = (
        block_of("\n".join(statements), place.language, place.line_end),
        pieces_of(place.lines, place.language),
    )
    if block.pieces is None or file is None:
        raise Unfit("It is not certain where the imports of the model's answer go.")
    merger = Merger(place.lines, block, place.language, None)
    merger.merge(file)
    if adds_flaws(place.text, merger.text(), place.language):
        raise Unfit("The imports of the model's answer do not parse where they would go.")
    return merger.changes


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


def _definition_of(place: Place) -> Definition | None:
    """Return the definition that is the place, None where that is something else."""
    found = definition(place.text, place.language, place.span)
    is_whole = found is not None and found.name and trimmed(place.text.split("\n"), place.span) == found.span
    return found if is_whole else None


def _holds(name: str, new: Sequence[str], place: Place) -> None:
    """Raise Unfit where a definition would be replaced by something else."""
    start, stop = place.span.start, place.span.start + len(new)
    for found in definitions(place.with_lines(new), place.language):
        if found.span.start >= start and found.span.stop <= stop:
            if found.name == name:
                return
            start = found.span.stop  # what stands in another is not meant
    raise Unfit(f"The model's answer does not hold `{name}`.")
