"""The last requests with all that was said, so that a suggestion can be looked at afterwards.

On this disk, for its owner's eyes only, and only where the user has not turned it off. A ring of JSON lines: when the
file has become too large, the older half goes. Knows nothing of how prompts are made.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

FILE_NAME = "requests.jsonl"
LARGEST_FILE_BYTES = 4 << 20
KEPT_UNSAVED = 100

Dropped = tuple[tuple[str, str], ...]  # filter or gate, and the text that it took away


@dataclass(frozen=True, slots=True)
class Given:
    """An answer and the place where it was fitted in, secrets replaced: enough to do it once more."""

    language: str
    line_end: str
    prefix: str  # of the cursor; it ends with `typed`
    suffix: str
    block: bool  # whether more than one line was wanted
    typed: str  # of the answer, by then
    rest: str
    line_suffix: str  # what stood right of the cursor, on its line, that the answer was written for
    was_block: bool  # what was wanted there
    is_cut: bool
    opened: bool = False  # whether a line might open a block there


@dataclass(frozen=True, slots=True)
class Said:
    """One request: what the model was shown, what it wrote, and what each step took away."""

    id: str
    prompt: str
    heal: str
    written: str
    shown: str
    dropped: Dropped = ()
    origin: str = ""  # the request whose answer it is, or beside whose suggestion it was shown
    given: Given | None = None  # None where nothing was fitted in


class RequestLog:
    """Requests on their way to the file; `path` None keeps nothing."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._unsaved: list[Said] = []

    def add(self, said: Said) -> None:
        """Remember a request; `save` puts it into the file."""
        if self._path is not None:
            self._unsaved = [*self._unsaved[-KEPT_UNSAVED:], said]

    def save(self) -> None:
        """Append what is new; may wait for the disk. A disk that refuses is no reason to fail."""
        new, self._unsaved = self._unsaved, []
        if self._path is None or not new:
            return
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            with os.fdopen(descriptor, "ab") as file:
                file.write("".join(json.dumps(asdict(said)) + "\n" for said in new).encode())
                size = file.tell()
            if size > LARGEST_FILE_BYTES:
                _keep_newer_half(self._path)
        except OSError:
            self._path = None


def find(path: Path, name: str) -> Said | None:
    """Return the newest request whose id begins with `name`, None where there is none."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    return next((said for said in map(_read, reversed(lines)) if said and said.id.startswith(name)), None)


def dropped_by_id(path: Path) -> dict[str, Dropped]:
    """Return what the filters took away from each request that is kept."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return {}
    return {said.id: said.dropped for said in map(_read, lines) if said}


def _read(line: str) -> Said | None:
    try:
        fields = json.loads(line)
        dropped = tuple((name, text) for name, text in fields["dropped"])
        given = Given(**fields["given"]) if fields.get("given") else None
        return Said(**fields | {"dropped": dropped, "given": given})
    except (ValueError, TypeError, KeyError):
        return None


def _keep_newer_half(path: Path) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    kept, size = [], 0
    for line in reversed(lines):
        size += len(line)
        if size > LARGEST_FILE_BYTES // 2:
            break
        kept.append(line)
    new = path.with_suffix(".new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.writelines(reversed(kept))
    new.replace(path)
