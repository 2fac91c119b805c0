"""A block of code from an answer, made ready to be merged: its marks found, its pieces known.

Input: the block's text. Output: a `Block` of lines with the file's line ends. Knows nothing of the file it goes into.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from codefuse_lsp.context.soundness import adds_flaws
from codefuse_lsp.edits.elisions import is_elision
from codefuse_lsp.edits.indentation import indent_of, reindented
from codefuse_lsp.edits.lines import is_blank, lines_of, with_line_ends, without_blank_edges
from codefuse_lsp.edits.pieces import Piece, pieces_of
from codefuse_lsp.prompts.languages import comment

MARK = "codefuse elision"
_PATH_LINE = re.compile(r"\s*(?:#|//|--|/\*|<!--|;)\s*(?:[Ff]ile(?:name)?:\s*)?[\w.\\/-]+\.\w+:?\s*(?:\*/|-->)?\s*")
_METHOD = re.compile(
    r"(?:(?:public|private|protected|static|async|get|set|readonly|override|abstract)\s+|\*\s*)*"
    r"(?!(?:if|for|while|switch|catch|function|return)\b)[\w$#]+\s*\([^;]*\)\s*(?::[^{;]+)?\{\s*"
)
# What a member of a class is parsed in, since it is no statement of its own.
_CLASS = ("class Block {\n", "}\n")
_AROUND = {
    **dict.fromkeys(("javascript", "javascriptreact", "typescript", "typescriptreact", "java", "csharp"), _CLASS),
    "cpp": ("struct Block {\n", "};\n"),
    "php": ("<?php\nclass Block {\n", "}\n"),
}


@dataclass(frozen=True, slots=True)
class Block:
    """Lines of a block, the numbers of those that are marks, and its pieces, None where no grammar tells them."""

    lines: list[str]
    marks: frozenset[int]
    pieces: list[Piece] | None

    def holds_mark(self, piece: Piece) -> bool:
        """Return whether something is left out of a piece."""
        return any(piece.start <= mark < piece.stop for mark in self.marks)


def block_of(text: str, language: str, line_end: str) -> Block:
    """Return a block ready to be merged; a first line that names its file is left out."""
    lines = without_blank_edges(lines_of(with_line_ends(text, line_end)))
    if len(lines) > 1 and _PATH_LINE.fullmatch(lines[0].rstrip("\r\n")):
        lines = without_blank_edges(lines[1:])
    if lines and not lines[-1].endswith(("\n", "\r")):
        lines[-1] += line_end
    lines = reindented(lines, "")
    marks = frozenset(number for number, line in enumerate(lines) if is_elision(line))
    return Block(lines, marks, _pieces(lines, marks, language, line_end))


def _pieces(lines: Sequence[str], marks: frozenset[int], language: str, line_end: str) -> list[Piece] | None:
    """Return the pieces of a block in the first form in which it parses, None where it parses in none."""
    for shown in _shown(lines, marks, language, line_end):
        if language == "php" and not lines[0].startswith("<?php"):
            whole = _read(shown, marks, language, ("<?php\n", ""))
        else:
            whole = None if _is_member(lines, language) else _read(shown, marks, language, ("", ""))
        found = whole or (_read(shown, marks, language, _AROUND[language]) if language in _AROUND else None)
        if found is not None:
            return found
    return None


def _shown(lines: Sequence[str], marks: frozenset[int], language: str, line_end: str) -> list[list[str]]:
    """Return the lines with each mark as something that the grammar lets stand there."""
    forms = [comment(MARK, language)]
    if language == "python":  # a comment is no body, and belongs to no block
        forms.insert(0, "...")
    depths = [_depth(lines, number) if number in marks else "" for number in range(len(lines))]
    return [[depths[n] + form + line_end if n in marks else line for n, line in enumerate(lines)] for form in forms]


def _depth(lines: Sequence[str], mark: int) -> str:
    """Return how deep a mark stands: as deep as the code that goes on behind it where that is deeper."""
    behind = next((indent_of(line) for line in lines[mark + 1 :] if not is_blank(line)), "")
    return max(indent_of(lines[mark]), behind, key=len)


def _read(lines: Sequence[str], marks: frozenset[int], language: str, around: tuple[str, str]) -> list[Piece] | None:
    before, after = around
    shift = before.count("\n")
    whole = [*before.splitlines(keepends=True), *lines, *after.splitlines(keepends=True)]
    read = pieces_of(whole, language, [mark + shift for mark in marks])
    if read is None or adds_flaws("", "".join(whole), language):
        return None
    pieces = read
    if after:
        pieces = [replace(piece, owner="") for piece in pieces[-1].members] if pieces else []
    elif before:
        pieces = pieces[1:]
    return [piece.moved(-shift) for piece in pieces] or None


def _is_member(lines: Sequence[str], language: str) -> bool:
    """Return whether a block begins with a method, which JavaScript reads as a call and a block."""
    first = next((line for line in lines if not is_blank(line) and not re.match(r"\s*(?://|/?\*|@)", line)), "")
    return language in _AROUND and language not in ("cpp", "php") and bool(_METHOD.fullmatch(first.rstrip()))
