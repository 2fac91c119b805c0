"""Which piece of a file a piece of a block is, by name, and by its head where several have the name.

Pieces in, pairs out. Raises NoAnchor where there is more than one answer.
"""

from __future__ import annotations

from collections.abc import Sequence

from codefuse_lsp.edits.pieces import Piece
from codefuse_lsp.errors import CodeFuseError


class NoAnchor(CodeFuseError):
    """A place in the file is not certain; the message says which."""


def normal(line: str) -> str:
    """Return a line with its white space made alike."""
    return " ".join(line.split())


def partners(
    old_lines: Sequence[str],
    new_lines: Sequence[str],
    old: Sequence[Piece],
    new: Sequence[Piece],
    cursor: int | None,
    *,
    is_file: bool,
) -> dict[int, Piece]:
    """Return index in `new` -> the piece of the file that it is; in a file, members of its classes count too.

    Raises NoAnchor.
    """
    pairs: dict[int, Piece] = {}
    for index, piece in enumerate(new):
        if piece.kind in ("import", "elision"):
            continue
        if not piece.name:
            same = [o for o in old if o.kind == piece.kind and _text(old_lines, o) == _text(new_lines, piece)]
        else:
            same = [one for one in old if one.name == piece.name and piece.owner in ("", one.owner, one.name)]
            if not same and is_file and piece.kind == "definition":
                same = _held(old, piece, cursor)
        free = [one for one in same if not any(one is taken for taken in pairs.values())]
        if free:
            rivals = [one for one in new if one.name == piece.name and one.kind == piece.kind and piece.name]
            found = free[0] if not piece.name else _one(old_lines, new_lines, free, piece, len(rivals))
            if found is not None:
                pairs[index] = found
    return pairs


def _held(old: Sequence[Piece], piece: Piece, cursor: int | None) -> list[Piece]:
    """Return the members of the file's classes with a piece's name; where several have one, those at the cursor."""
    around = [one for one in old if any(_is_like(member, piece) for member in one.all_members)]
    if len(around) > 1:
        here = [one for one in around if cursor is not None and one.start <= cursor < one.stop]
        if not here:
            names = " and ".join(f"`{one.name}`" for one in around[:3])
            raise NoAnchor(f"`{piece.name}` is in {names}, and the block does not say which is meant.")
        around = here
    return [member for one in around for member in one.all_members if _is_like(member, piece)]


def _is_like(member: Piece, piece: Piece) -> bool:
    return member.name == piece.name and member.kind == "definition" and piece.owner in ("", member.owner)


def _one(
    old_lines: Sequence[str], new_lines: Sequence[str], found: Sequence[Piece], piece: Piece, rivals: int
) -> Piece | None:
    """Return the one of several pieces of a name whose head is the most like, None for a further one of the name.

    Raises NoAnchor where that is not certain.
    """
    if len(found) == 1 and rivals == 1:
        return found[0]
    head = _head(new_lines, piece)
    same = [one for one in found if _head(old_lines, one) == head]
    if len(same) == 1:
        return same[0]
    marks = _attributes(new_lines, piece)
    alike = [one for one in found if _attributes(old_lines, one) == marks]
    shaped = [one for one in alike if _parameters(old_lines, one) == _parameters(new_lines, piece)]
    if len(shaped) == 1 or (len(alike) == 1 and marks):
        return (shaped or alike)[0]
    if not shaped:
        return None
    raise NoAnchor(f"The file has `{piece.name}` more than once, and the block does not say which is meant.")


def _head(lines: Sequence[str], piece: Piece) -> str:
    rows = [lines[row] for row in range(piece.code, piece.stop)]
    stop = next((n for n, line in enumerate(rows) if line.rstrip().endswith(("{", ":", ";"))), 0)
    return normal(" ".join(rows[: stop + 1]).partition("{")[0])


def _attributes(lines: Sequence[str], piece: Piece) -> list[str]:
    rows = (lines[row].strip() for row in range(piece.code, piece.stop))
    return [normal(row) for row in rows if row.startswith(("@", "#[", "["))]


def _parameters(lines: Sequence[str], piece: Piece) -> int:
    inside = _head(lines, piece).partition("(")[2].rpartition(")")[0]
    return inside.count(",") + bool(inside.strip())


def _text(lines: Sequence[str], piece: Piece) -> str:
    return normal(" ".join(lines[piece.code : piece.stop]))
