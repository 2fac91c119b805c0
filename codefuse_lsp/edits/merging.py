"""A block's pieces put among a file's: what the file has by name is replaced, what is new goes beside its siblings.

Input: the pieces of both. Output: changes of the file's lines, so that all others stay as they are, and sentences for
the user. Raises NoAnchor where a place is not certain. Knows nothing of grammars.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from codefuse_lsp.edits.blocks import Block
from codefuse_lsp.edits.elisions import filled, segments_of
from codefuse_lsp.edits.import_merging import added_import
from codefuse_lsp.edits.indentation import indent_of, reindented, unit_of
from codefuse_lsp.edits.lines import is_blank, line_end_of, without_blank_edges
from codefuse_lsp.edits.partners import NoAnchor, normal, partners
from codefuse_lsp.edits.pieces import Piece, blank_between, head_lines


@dataclass(frozen=True, slots=True)
class Change:
    """Lines `start` up to `stop` of the file, and what comes in their place."""

    start: int
    stop: int
    lines: list[str]


@dataclass(slots=True)
class Merger:
    """One merge under way."""

    lines: Sequence[str]  # the file's
    block: Block
    language: str
    cursor: int | None  # the cursor's line
    changes: list[Change] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    imports: list[str] = field(default_factory=list)  # of a file that has had none

    def merge(self, old: Sequence[Piece]) -> None:
        """Put all of the block's pieces into a file of the pieces `old`."""
        self._scope(old, self.block.pieces or [], None)
        if self.imports:
            self._first_imports(head_lines(old, self.lines))

    def text(self) -> str:
        """Return the file with the changes made so far."""
        ordered = sorted(self.changes, key=lambda change: (change.start, change.stop))
        result, done = [], 0
        for change in ordered:
            result += [*self.lines[done : change.start], *self._joined(change)]
            done = change.stop
        return "".join([*result, *self.lines[done:]])

    def _joined(self, change: Change) -> list[str]:
        """Return the lines of a change; behind a last line without an end they begin with one, and have none."""
        if change.stop < len(self.lines) or not self.lines or self.lines[-1].endswith(("\n", "\r")):
            return change.lines
        end = line_end_of("".join(self.lines))
        lines = [end, *change.lines] if change.start == change.stop else list(change.lines)
        return [*lines[:-1], lines[-1].rstrip("\r\n")] if lines else []

    def _scope(self, old: Sequence[Piece], new: Sequence[Piece], around: Piece | None) -> None:
        """Merge the members of a file, or of the class `around`."""
        pairs = partners(self.lines, self.block.lines, old, new, self.cursor, is_file=around is None)
        for index, piece in enumerate(new):
            if piece.kind == "import":
                self._import(piece, old)
            elif index in pairs:
                self._replace(pairs[index], piece)
            elif piece.kind != "elision":
                self._insert(piece, _Siblings(self, old, new, pairs, index, around))

    def _replace(self, old: Piece, new: Piece) -> None:
        """Put a piece of the block in the place of one of the file."""
        inner = {member.name for member in new.members}
        lost = [m.name for m in old.members if m.kind == "definition" and m.name and m.name not in inner]
        is_part = len(lost) > len(old.members) / 2
        if old.members and new.members and (self.block.holds_mark(new) or is_part):
            if lost and not self.block.holds_mark(new):
                self.notes.append(f"What the block does not have of `{old.name}` stays as it is.")
            self._head(old, new)
            self._scope(old.members, new.members, old)
            return
        if lost and new.members:
            self.notes.append(f"The block has `{old.name}` without {_listed(lost)}.")
        start, base = (old.code if new.start == new.code else old.start), indent_of(self.lines[old.code])
        lines = self._placed(range(new.start, new.stop), base)
        if self.block.holds_mark(new):
            marks = [n - new.start for n in self.block.marks if new.start <= n < new.stop]
            whole = filled(self.lines[start : old.stop], segments_of(lines, marks), is_definition=True)
            if whole is None:
                raise NoAnchor(f"It is not certain which code the block leaves out of `{old.name}`.")
            lines = whole
        if lines != list(self.lines[start : old.stop]):
            self.changes.append(Change(start, old.stop, lines))

    def _head(self, old: Piece, new: Piece) -> None:
        """Take the head of a class from the block, where it says something else."""
        stop, new_stop = old.members[0].start, new.members[0].start
        there = without_blank_edges(self.lines[old.code : stop])
        come = without_blank_edges(self.block.lines[new.code : new_stop])
        if [normal(line) for line in there] != [normal(line) for line in come]:
            lines = self._placed(range(new.code, new.code + len(come)), indent_of(self.lines[old.code]))
            self.changes.append(Change(old.code, old.code + len(there), lines))

    def _import(self, piece: Piece, old: Sequence[Piece]) -> None:
        known = [one for one in old if one.kind == "import"]
        statement = "".join(self.block.lines[piece.code : piece.stop])
        texts = ["".join(self.lines[one.code : one.stop]) for one in known]
        found = added_import(statement, texts, self.language)
        if found is None:
            return
        number, text = found
        lines = text.splitlines(keepends=True)
        if number >= 0:
            self.changes.append(Change(known[number].code, known[number].stop, lines))
        elif known:
            first = "__future__" in statement
            place = known[0].start if first else known[-1].stop
            self.changes.append(Change(place, place, lines))
        else:
            self.imports += lines

    def _first_imports(self, place: int) -> None:
        """Put the block's imports into a file that has none."""
        blank = [line_end_of("".join(self.lines))]
        before = blank if place and not is_blank(self.lines[place - 1]) else []
        after = blank if place < len(self.lines) and not is_blank(self.lines[place]) else []
        self.changes.append(Change(place, place, [*before, *self.imports, *after]))

    def _insert(self, piece: Piece, beside: _Siblings) -> None:
        """Put in a piece that the file does not have."""
        place, gap_before, gap_after = beside.place()
        lines = self._placed(range(piece.start, piece.stop), beside.indent)
        if self.block.holds_mark(piece):
            raise NoAnchor(f"The file has no `{piece.name}` from which to fill in what the block leaves out.")
        blank = line_end_of("".join(self.lines))
        self.changes.append(Change(place, place, [blank] * gap_before + lines + [blank] * gap_after))

    def _placed(self, rows: range, indent: str) -> list[str]:
        """Return lines of the block as deep as `indent`, with the file's own steps where one of both has tabs."""
        lines = [self.block.lines[row] for row in rows]
        unit, wanted = unit_of(self.block.lines), unit_of(self.lines)
        return reindented(lines, indent, wanted if "\t" in (unit, wanted) else "")


@dataclass(frozen=True, slots=True)
class _Siblings:
    """What stands beside a new piece, in the block and in the file."""

    merger: Merger
    old: Sequence[Piece]
    new: Sequence[Piece]
    pairs: dict[int, Piece]
    index: int
    around: Piece | None

    @property
    def indent(self) -> str:
        """How deep the piece stands in the file."""
        lines = self.merger.lines
        return indent_of(lines[self.old[0].code]) if self.around is not None and self.old else ""

    def place(self) -> tuple[int, int, int]:
        """Return the line to put the piece at, and how many blank lines stand before and behind it."""
        before, after = self._neighbour(-1), self._neighbour(1)
        if isinstance(before, int):
            return self._behind(self.pairs[before].stop, before)
        if isinstance(after, int):
            return self._before(self.pairs[after].start, after)
        if before == "elision" and after == "elision":
            raise NoAnchor("The block does not tell between which parts of the file its new code goes.")
        if after == "elision":
            imports = [piece.stop for piece in self.old if piece.kind == "import"]
            first = max([*imports, head_lines(self.old, self.merger.lines)] if self.around is None else [0])
            following = next((piece for piece in self.old if piece.start >= first), None)
            return self._before(following.start, None) if following else self._behind(first, None)
        if before == "elision" or self.around is not None:
            return self._last()
        return self._at_cursor()

    def _neighbour(self, step: int) -> int | str:
        """Return the index of the nearest piece that the file has, or what comes first: an elision, or nothing."""
        index = self.index + step
        while 0 <= index < len(self.new):
            piece = self.new[index]
            if piece.kind == "elision":
                return "elision"
            if index in self.pairs and self._is_here(self.pairs[index]):
                return index
            index += step
        return ""

    def _is_here(self, piece: Piece) -> bool:
        return any(one is piece for one in self.old)

    def _behind(self, line: int, sibling: int | None) -> tuple[int, int, int]:
        gap = self._gap(sibling, -1)
        is_met = any(piece.start == line for piece in self.old)
        return line, gap, gap if is_met else 0

    def _before(self, line: int, sibling: int | None) -> tuple[int, int, int]:
        gap = self._gap(sibling, 1)
        is_met = any(piece.stop == line for piece in self.old)
        return line, gap if is_met else 0, gap

    def _last(self) -> tuple[int, int, int]:
        """Return the place behind all that is there, but before what ends a file by custom: its tests, its start."""
        last = self.old[-1] if self.old else None
        if last is None:
            return len(self.merger.lines), 0, 0
        text = "".join(self.merger.lines[last.start : last.stop])
        ends_file = "__main__" in text.partition("\n")[0] or "#[cfg(test)]" in text or text.startswith("module.exports")
        is_lua_end = self.merger.language == "lua" and text.startswith("return ")
        if self.around is None and len(self.old) > 1 and (ends_file or is_lua_end):
            return self._before(last.start, None)
        return self._behind(last.stop, None)

    def _at_cursor(self) -> tuple[int, int, int]:
        line = self.merger.cursor
        if line is None:
            self._note("behind all else")
            return self._last()
        held = next((piece for piece in self.old if piece.start <= line < piece.stop), None)
        above = [piece for piece in self.old if piece.stop <= line]
        self._note("behind the part of the file at the cursor" if held or above else "at the beginning")
        if held is None and not above:
            return self._before(self.old[0].start, None) if self.old else (0, 0, 0)
        return self._behind((held or above[-1]).stop, None)

    def _note(self, where: str) -> None:
        sentence = f"The file has nothing that the block's code stands beside, so it was put {where}."
        if sentence not in self.merger.notes:
            self.merger.notes.append(sentence)

    def _gap(self, sibling: int | None, step: int) -> int:
        """Return how many blank lines part the piece from its neighbour on one side."""
        piece = self.new[self.index]
        nearest = self.index + step
        if piece.kind != "definition" and sibling is not None and 0 <= nearest < len(self.new):
            first, second = sorted((piece, self.new[nearest]), key=lambda one: one.start)
            return blank_between(self.merger.block.lines, first.stop, second.start)
        is_definition = piece.kind == "definition"
        gaps = Counter(
            blank_between(self.merger.lines, one.stop, two.start)
            for one, two in itertools.pairwise(self.old)
            if (two.kind == "definition") == is_definition
        )
        usual = 0 if not is_definition and self.around else 2 if self._is_python_file else 1
        return gaps.most_common(1)[0][0] if gaps else usual

    @property
    def _is_python_file(self) -> bool:
        return self.merger.language == "python" and self.around is None


def _listed(names: Sequence[str]) -> str:
    quoted = [f"`{name}`" for name in names]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} and {quoted[-1]}"
