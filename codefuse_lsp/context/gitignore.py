r"""The rules of one `.gitignore` file, read as git reads them.

Input: the text of such a file; then paths relative to its folder, in parts. Output: the last rule that matches one.
Knows nothing of where files lie, nor of which rules outrank which.

The form is that of gitignore(5) and of `wildmatch.c` and `dir.c` in git, byte by byte. It is matched without regular
expressions and without going back over what was matched, since a stranger's repository brings its own rules: a name
of 60 letters against `*a*a*a*a*a*a*a*a*b` takes a backtracking matcher minutes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

Piece = bytes | tuple[frozenset[int], ...]  # what stands between two stars: bytes, or the bytes allowed at each place

_ANY_BYTE = frozenset(range(256)) - {ord("/")}
_LETTERS, _DIGITS = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"), frozenset(b"0123456789")
_PRINTABLE = frozenset(range(32, 127))
_CLASSES: dict[bytes, frozenset[int]] = {  # POSIX classes of the C locale, as git-compat-util.h defines them
    b"alnum": _LETTERS | _DIGITS,
    b"alpha": _LETTERS,
    b"blank": frozenset(b" \t"),
    b"cntrl": frozenset(range(32)) | {127},
    b"digit": _DIGITS,
    b"graph": _PRINTABLE - {32},
    b"lower": frozenset(range(ord("a"), ord("z") + 1)),
    b"print": _PRINTABLE,
    b"punct": _PRINTABLE - _LETTERS - _DIGITS - {32},
    b"space": frozenset(b" \t\n\r"),
    b"upper": frozenset(range(ord("A"), ord("Z") + 1)),
    b"xdigit": _DIGITS | frozenset(b"abcdefABCDEF"),
}


@dataclass(frozen=True, slots=True)
class Segment:
    """A pattern for one name of a path: pieces with a star between each two."""

    pieces: tuple[Piece, ...]

    def matches(self, name: bytes) -> bool:
        """Return whether the whole name fits. The leftmost place of each piece is as good as any other."""
        first, last = self.pieces[0], self.pieces[-1]
        if len(self.pieces) == 1:
            return len(name) == len(first) and _fits(first, name, 0)
        at, stop = len(first), len(name) - len(last)
        if stop < at or not _fits(first, name, 0) or not _fits(last, name, stop):
            return False
        for piece in self.pieces[1:-1]:
            found = _find(piece, name, at, stop)
            if found < 0:
                return False
            at = found + len(piece)
        return True


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of an ignore file; `segments` has None for any number of folders (`**`)."""

    text: str
    line: int  # from 1
    negated: bool  # a match brings the path back
    folders_only: bool
    name_only: bool  # matches in any folder below
    segments: tuple[Segment | None, ...]

    def matches(self, parts: Sequence[bytes], *, is_folder: bool) -> bool:
        """Return whether the rule is about the path that has these parts below the rule's own folder."""
        if self.folders_only and not is_folder:
            return False
        return _match(self.segments, parts[-1:] if self.name_only else parts)


def parse_rules(text: bytes, *, ignore_case: bool = False) -> tuple[Rule, ...]:
    """Return the rules of an ignore file in its order; lines that can match nothing are left out."""
    lines = text.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    rules = (_rule(line.removesuffix(b"\r"), number, ignore_case) for number, line in enumerate(lines, 1))
    return tuple(rule for rule in rules if rule is not None)


def path_parts(parts: Sequence[str], *, ignore_case: bool = False) -> tuple[bytes, ...]:
    """Return the parts of a path as the rules compare them."""
    encoded = (part.encode("utf-8", "surrogatepass") for part in parts)
    return tuple(part.lower() if ignore_case else part for part in encoded)


def last_match(rules: Sequence[Rule], parts: Sequence[bytes], *, is_folder: bool) -> Rule | None:
    """Return the last rule that matches, which is the one that decides."""
    return next((rule for rule in reversed(rules) if rule.matches(parts, is_folder=is_folder)), None)


def _rule(line: bytes, number: int, ignore_case: bool) -> Rule | None:
    if not line or line.startswith(b"#"):
        return None
    written = pattern = _without_trailing_spaces(line)
    negated = pattern.startswith(b"!")
    pattern = pattern[negated:]
    folders_only = pattern.endswith(b"/")
    pattern = pattern[: len(pattern) - folders_only]
    name_only = b"/" not in pattern
    segments = _segments(pattern.removeprefix(b"/"), ignore_case)
    if not pattern or segments is None:
        return None
    return Rule(written.decode("utf-8", "replace"), number, negated, folders_only, name_only, segments)


def _without_trailing_spaces(line: bytes) -> bytes:
    stripped = line.rstrip(b" ")
    backslashes = len(stripped) - len(stripped.rstrip(b"\\"))
    return stripped + b" " if backslashes % 2 and len(stripped) < len(line) else stripped


def _segments(pattern: bytes, ignore_case: bool) -> tuple[Segment | None, ...] | None:
    """Return the segments of a pattern; None for a pattern that git never matches, such as one with an open `[`."""
    segments: list[Segment | None] = []
    allowed: list[frozenset[int]] = []
    pieces: list[Piece] = []
    try:
        for token in _tokens(pattern, ignore_case):
            if isinstance(token, frozenset):
                allowed.append(token)
                continue
            if token in ("*", "/"):
                pieces.append(_piece(allowed))
                allowed = []
            if token == "/":
                segments.append(Segment(tuple(pieces)))
                pieces = []
            elif token == "**/":
                segments.append(None)
    except ValueError:
        return None
    return (*segments, Segment((*pieces, _piece(allowed))))


def _tokens(pattern: bytes, ignore_case: bool) -> Iterator[str | frozenset[int]]:
    """Yield '/', '*', '**/' and sets of the bytes allowed at a place; raises ValueError where git gives up."""
    at = 0
    while at < len(pattern):
        char = pattern[at : at + 1]
        if char == b"*":
            stop = at + len(pattern[at:]) - len(pattern[at:].lstrip(b"*"))
            whole = (at == 0 or pattern[at - 1 : at] == b"/") and stop - at > 1
            if whole and stop == len(pattern):
                yield from ("**/", "*")  # everything inside: any folders, then any name
            elif whole and pattern[stop:].startswith((b"/", b"\\/")):
                yield "**/"
                stop += 1 + (pattern[stop : stop + 1] == b"\\")
            else:
                yield "*"
            at = stop
        elif char == b"[":
            allowed, at = _bracket(pattern, at + 1, ignore_case)
            yield allowed - {ord("/")}
        else:
            escaped = char == b"\\"
            if escaped and at + 1 == len(pattern):
                raise ValueError("a backslash before nothing")
            byte = pattern[at + escaped]
            at += 1 + escaped
            yield "/" if byte == ord("/") else _ANY_BYTE if char == b"?" else _cased(frozenset((byte,)), ignore_case)


def _bracket(pattern: bytes, at: int, ignore_case: bool) -> tuple[frozenset[int], int]:
    """Return the bytes that a bracket allows and where it ends; a `]` that comes first stands for itself."""
    negated = pattern[at : at + 1] in (b"!", b"^")
    at += negated
    start, allowed, before = at, set[int](), -1  # before: the byte that a range may begin with
    while at == start or pattern[at : at + 1] != b"]":
        char = pattern[at : at + 1]
        if not char:
            raise ValueError("an open bracket")
        if char == b"-" and before >= 0 and pattern[at + 1 : at + 2] not in (b"", b"]"):
            last, at = _literal(pattern, at + 1)
            allowed.update(range(before, last + 1))
            before = -1
        elif (
            pattern.startswith(b"[:", at)
            and (named := pattern.find(b"]", at + 2)) > 0
            and named > at + 2
            and (pattern[named - 1 : named] == b":")
        ):
            if (name := pattern[at + 2 : named - 1]) not in _CLASSES:
                raise ValueError("an unknown class")
            allowed |= _CLASSES[name]
            before, at = -1, named + 1
        else:
            before, at = _literal(pattern, at)
            allowed.add(before)
    cased = _cased(frozenset(allowed), ignore_case)
    return (_ANY_BYTE - cased if negated else cased), at + 1


def _literal(pattern: bytes, at: int) -> tuple[int, int]:
    at += pattern[at : at + 1] == b"\\"
    if at >= len(pattern):
        raise ValueError("a backslash before nothing")
    return pattern[at], at + 1


def _cased(allowed: frozenset[int], ignore_case: bool) -> frozenset[int]:
    return allowed | frozenset(bytes(allowed).lower()) | frozenset(bytes(allowed).upper()) if ignore_case else allowed


def _piece(allowed: Sequence[frozenset[int]]) -> Piece:
    folded = [frozenset(bytes(one).lower()) if len(one) == 2 else one for one in allowed]  # a letter in either case
    if all(len(one) == 1 for one in folded):
        return bytes(next(iter(one)) for one in folded)
    return tuple(allowed)


def _fits(piece: Piece, name: bytes, at: int) -> bool:
    if isinstance(piece, bytes):
        return name.startswith(piece, at)
    return len(name) - at >= len(piece) and all(name[at + i] in allowed for i, allowed in enumerate(piece))


def _find(piece: Piece, name: bytes, at: int, stop: int) -> int:
    if isinstance(piece, bytes):
        return name.find(piece, at, stop)
    return next((place for place in range(at, stop - len(piece) + 1) if _fits(piece, name, place)), -1)


def _match(segments: Sequence[Segment | None], parts: Sequence[bytes]) -> bool:
    """Return whether the parts fit; after a `**` only the last one met need ever be tried further on."""
    at = place = 0
    retry: tuple[int, int] | None = None
    while place < len(parts):
        segment = segments[at] if at < len(segments) else None
        if at < len(segments) and segment is None:
            at += 1
            retry = (at, place)
        elif segment is not None and segment.matches(parts[place]):
            at, place = at + 1, place + 1
        elif retry is not None:
            retry = (retry[0], retry[1] + 1)
            at, place = retry
        else:
            return False
    return at == len(segments)
