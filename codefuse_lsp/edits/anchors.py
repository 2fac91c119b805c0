"""A block of code merged into a file, at the places that are certain.

Where its parts belong is told by names, by marks for what it leaves out, by lines that it shares with the file, and
where none of them tells, by the cursor, with a word to the user.

Input: two texts, a language and the cursor's line. Output: a `Merge`; what the block does not touch stays byte for
byte. Knows nothing of editors.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from codefuse_lsp.context.soundness import adds_flaws
from codefuse_lsp.edits.blocks import Block, block_of
from codefuse_lsp.edits.elisions import Segments, filled, segments_of
from codefuse_lsp.edits.indentation import indent_of, reindented
from codefuse_lsp.edits.lines import is_blank, line_end_of, lines_of
from codefuse_lsp.edits.merging import Merger
from codefuse_lsp.edits.partners import NoAnchor, partners
from codefuse_lsp.edits.pieces import Piece, pieces_of
from codefuse_lsp.edits.ranges import insertion
from codefuse_lsp.errors import CodeFuseError

WHOLE = 0.75  # part of what a file is made of that a block has, when it is the file
LEAST_WHOLE = 2  # definitions of a file that a block may be; of one with fewer the parts are replaced one by one
WHOLE_LINES = 0.5  # the same in lines, where no grammar tells what a file is made of
MOST_GROWN = 3  # times as long as the block may be what stands between its first and its last line
NO_PLACE = "No place in the file is certain for this block, so it was put {where}."
LEFT_OUT = "It leaves out code, which is not filled in."
_WORD = re.compile(r"\w")


class MergeRefused(CodeFuseError):
    """The merged file would not be one; the message says why."""


@dataclass(frozen=True, slots=True)
class Merge:
    """The file with the block in it, and what the user should know, '' for nothing."""

    text: str
    note: str = ""


def merged(text: str, block: str, language: str, cursor: int | None = None) -> Merge:
    """Return a file with a block merged into it; `cursor` is a line, counted from 0. Raises MergeRefused."""
    new = block_of(block, language, line_end_of(text))
    if not any(not is_blank(line) for line in new.lines):
        raise MergeRefused("The block is empty.")
    if not text.strip():
        return _into_nothing(new, language)
    lines = lines_of(text)
    found = _found(lines, new, language, cursor)
    if adds_flaws(text, found.text, language):
        raise MergeRefused(
            "With this block the file would have a syntax error that it has not now; the block may be incomplete."
        )
    return found


def at_line(text: str, block: str, line: int) -> str:
    """Return a file with a block put in at a line, as deep as that is."""
    return _inserted(lines_of(text), block_of(block, "", line_end_of(text)), line)


def _into_nothing(block: Block, language: str) -> Merge:
    if block.marks:
        raise MergeRefused("The block leaves out code of a file that is empty.")
    text = "".join(block.lines)
    return Merge(text, "The block has a syntax error." if adds_flaws("", text, language) else "")


def _found(lines: Sequence[str], block: Block, language: str, cursor: int | None) -> Merge:
    reason = ""
    for way in (_by_pieces, _by_lines):
        try:
            if (found := way(lines, block, language, cursor)) is not None:
                return found
        except NoAnchor as missing:
            reason = reason or str(missing)
    where = "at the cursor" if cursor is not None else "at the end"
    note = f"{reason} So it was put {where}." if reason else NO_PLACE.format(where=where)
    return Merge(_inserted(lines, block, cursor), f"{note} {LEFT_OUT}" if block.marks else note)


def _by_pieces(lines: Sequence[str], block: Block, language: str, cursor: int | None) -> Merge | None:
    """Merge by what the file and the block are made of; None where the block has nothing by which to tell."""
    old, new = pieces_of(lines, language), block.pieces
    if old is None or new is None:
        return None
    if not any(piece.kind in ("definition", "import") for piece in new):
        pairs = partners(lines, block.lines, old, new, cursor, is_file=True)
        named = [index for index, piece in enumerate(new) if piece.name]
        if not pairs or not all(index in pairs for index in named) or not named:
            return None
    elif _is_whole(lines, block, old, new):
        return Merge("".join(block.lines))
    merger = Merger(lines, block, language, cursor)
    merger.merge(old)
    return Merge(merger.text(), " ".join(merger.notes))


def _is_whole(lines: Sequence[str], block: Block, old: Sequence[Piece], new: Sequence[Piece]) -> bool:
    """Return whether a block is the file: it leaves nothing out, and has every definition and most of the rest."""
    if block.marks or sum(piece.kind == "definition" for piece in old) < LEAST_WHOLE:
        return False
    pairs = partners(lines, block.lines, old, new, None, is_file=False)
    there = [piece for piece in old if any(piece is found for found in pairs.values())]
    imports = [piece for piece in old if piece.kind == "import"]
    if imports and any(piece.kind == "import" for piece in new):
        there += imports
    has_all = all(piece in there for piece in old if piece.kind == "definition")
    return has_all and len(there) >= WHOLE * len(old)


def _by_lines(lines: Sequence[str], block: Block, language: str, cursor: int | None) -> Merge | None:
    """Merge by lines that the file and the block share; None where they share none that tells a place."""
    if block.marks:
        placed = _placed(lines, block)
        whole = filled(lines, _within(lines, segments_of(placed, sorted(block.marks))))
        if whole is None:
            raise NoAnchor("It is not certain which code the block leaves out.")
        return Merge("".join(whole))
    if _shares_most(lines, block.lines):
        return Merge("".join(block.lines))
    worded = [line for line in block.lines if _WORD.search(line)]
    counts = Counter(line.strip() for line in lines)
    if len(worded) < 2 or any(counts[line.strip()] != 1 for line in (worded[0], worded[-1])):
        return None
    stripped = [line.strip() for line in lines]
    first, last = stripped.index(worded[0].strip()), stripped.index(worded[-1].strip())
    if not 0 < last - first <= MOST_GROWN * len(block.lines):
        return None
    tail = block.lines[len(block.lines) - 1 - block.lines[::-1].index(worded[-1]) + 1 :]
    while tail and last + 1 < len(lines) and lines[last + 1].strip() == tail[0].strip():
        last, tail = last + 1, tail[1:]
    come = reindented(block.lines, indent_of(lines[first]), base=indent_of(worded[0]))
    return Merge("".join([*lines[:first], *come, *lines[last + 1 :]]))


def _placed(lines: Sequence[str], block: Block) -> list[str]:
    """Return the lines of a block as deep as the first of them that the file has once."""
    counts = Counter(line.strip() for line in lines)
    shared = (line for line in block.lines if _WORD.search(line) and counts[line.strip()] == 1)
    first = next(shared, None)
    if first is None:
        return block.lines
    there = next(line for line in lines if line.strip() == first.strip())
    return reindented(block.lines, indent_of(there), base=indent_of(first))


def _within(lines: Sequence[str], new: Segments) -> Segments:
    """Return parts of a file with a mark at each end at which they do not begin or end as the file does.

    A bracket tells that only where the other end agrees too: any part of a file may end with one.
    """
    first, last = _first(lines), _first(lines[::-1])
    begins, ends = _first(new.lines) == first, _first(new.lines[::-1]) == last
    is_head = begins and (ends or bool(_WORD.search(first)))
    is_tail = ends and (begins or bool(_WORD.search(last)))
    edges = {mark for mark, is_edge in ((0, is_head), (len(new.lines), is_tail)) if not is_edge}
    return Segments(new.lines, new.marks | edges)


def _first(lines: Sequence[str]) -> str:
    return next((line.strip() for line in lines if not is_blank(line)), "")


def _shares_most(lines: Sequence[str], block: Sequence[str]) -> bool:
    """Return whether a block has most lines of a file, the first among them."""
    worded = [line.strip().rstrip(",;") for line in lines if _WORD.search(line)]
    there = {line.strip().rstrip(",;") for line in block}
    shared = sum(line in there for line in worded)
    return len(worded) > 1 and shared >= WHOLE_LINES * len(worded) and worded[0] in there


def _inserted(lines: Sequence[str], block: Block, cursor: int | None) -> str:
    if cursor is None:
        ended = bool(lines) and not lines[-1].endswith(("\n", "\r"))
        end = line_end_of("".join(lines))
        return "".join([*lines, end if ended else "", end if lines else "", *block.lines])
    span, indent = insertion(lines, cursor)
    come = reindented(block.lines, indent)
    ended = span.start > 0 and not lines[span.start - 1].endswith(("\n", "\r"))
    return "".join([*lines[: span.start], line_end_of("".join(lines)) if ended else "", *come, *lines[span.stop :]])
