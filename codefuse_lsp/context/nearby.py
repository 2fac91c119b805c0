"""Files that lie near a document and are in its language, though nobody opened them.

Input: a cursor, and the question whether a file may be read. Output: documents, whose version is the time of their last
change. Reads folders and files in the thread of a source, some at a time, and remembers them until they change. Knows
nothing of what is done with them.
"""

from __future__ import annotations

import os
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from codefuse_lsp.context.languages import language_of
from codefuse_lsp.context.snippets import Cursor, Document

MAX_FILES = 16  # of a folder
MAX_ENTRIES = 2_000  # of a folder that are looked at
MAX_FILE_BYTES = 200_000
MAX_REMEMBERED = 64
RECHECK_S = 5.0  # a change on disk is seen this late at most


@dataclass(frozen=True, slots=True)
class _Listing:
    files: tuple[tuple[Path, int], ...]  # with the time of the last change, in ns
    at_s: float


class Nearby:
    """Reads siblings; `may_read` is asked for every path first. For one thread at a time."""

    def __init__(self, may_read: Callable[[Path], bool]) -> None:
        self._may_read = may_read
        self._listings: OrderedDict[tuple[Path, str], _Listing] = OrderedDict()
        self._documents: OrderedDict[Path, Document] = OrderedDict()

    def documents(self, cursor: Cursor, deadline: float) -> list[Document]:
        """Return the siblings that were read by the deadline; the others come next time."""
        own = Path(cursor.document.path)
        found = []
        for path, changed_ns in self._files(own.parent, cursor.document.language):
            known = self._documents.get(path)
            if known is None or known.version != changed_ns:
                if time.monotonic() > deadline:
                    break
                known = _document(path, cursor.document.language, changed_ns)
                self._documents[path] = known
            self._documents.move_to_end(path)
            if path != own:
                found.append(known)
        while len(self._documents) > MAX_REMEMBERED:
            self._documents.popitem(last=False)
        return found

    def _files(self, folder: Path, language: str) -> Sequence[tuple[Path, int]]:
        known, now = self._listings.get((folder, language)), time.monotonic()
        if known is None or now - known.at_s > RECHECK_S:
            known = _Listing(tuple(self._listed(folder, language)), now)
            self._listings[folder, language] = known
            self._listings.move_to_end((folder, language))
            if len(self._listings) > MAX_REMEMBERED:
                self._listings.popitem(last=False)
        return known.files

    def _listed(self, folder: Path, language: str) -> list[tuple[Path, int]]:
        """Return the files of a folder, those changed last first, in the order of their names."""
        found: list[tuple[int, str]] = []
        try:
            with os.scandir(folder) as entries:
                for entry, _ in zip(entries, range(MAX_ENTRIES), strict=False):
                    if language_of(entry.name) == language and entry.is_file():
                        stat = entry.stat()
                        if stat.st_size <= MAX_FILE_BYTES and self._may_read(Path(entry.path)):
                            found.append((stat.st_mtime_ns, entry.path))
        except (OSError, ValueError):
            return []
        newest = sorted(found, reverse=True)[:MAX_FILES]
        return sorted((Path(path), changed_ns) for changed_ns, path in newest)


def _document(path: Path, language: str, changed_ns: int) -> Document:
    try:
        with path.open("rb") as file:
            text = file.read(MAX_FILE_BYTES).decode("utf-8", "replace")
    except (OSError, ValueError):
        text = ""
    return Document(str(path), language, changed_ns, text.splitlines(keepends=True))
