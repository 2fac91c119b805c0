"""The signatures of what a document imports from its own workspace.

Input: a cursor, the workspace's folders, and the question whether a file may be read. Output: a snippet for each file
that something is imported from. Reads those files, in the thread of a source, and remembers their outlines until they
change. Python, JavaScript and TypeScript.
"""

from __future__ import annotations

import os
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from codefuse_lsp.context.imports import import_lines
from codefuse_lsp.context.languages import language_of
from codefuse_lsp.context.modules import PYTHON, SCRIPT, Asker, Imported, imported, module_files
from codefuse_lsp.context.outline import outline
from codefuse_lsp.context.snippets import MAX_LINE_CHARS, Cursor, Document, Snippet, text_of

MAX_FILE_BYTES = 400_000
MAX_FILES = 200  # outlines that are remembered
MAX_SNIPPETS = 12
MAX_HOPS = 3  # of names that a package takes from its own modules
MAX_NAMES = 12  # of a module that is imported whole
NEAR_LINES = 25
RECHECK_S = 2.0  # a change on disk is seen this late at most

_WORD = re.compile(r"\w+")
Stamp = tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class _Module:
    """What a file offers: signatures by name, and what it imports itself."""

    signatures: dict[str, str] = field(default_factory=dict)
    imports: tuple[Imported, ...] = ()
    stamp: Stamp = None


class Signatures:
    """The source; `may_read` is asked for every path before it is looked at."""

    name = "signatures"

    def __init__(self, folders: Sequence[Path], may_read: Callable[[Path], bool]) -> None:
        self._folders = [Path(folder) for folder in folders]
        self._may_read = may_read
        self._modules: OrderedDict[Path, _Module] = OrderedDict()
        self._question: object = None  # the imports that were last looked up
        self._asked_s = 0.0
        self._found: dict[Path, dict[str, str]] = {}  # and what they mean

    def find(self, cursor: Cursor, deadline: float) -> Sequence[Snippet]:
        """Return a snippet for each file of the workspace that the document imports from."""
        document = cursor.document
        if document.language not in PYTHON | SCRIPT:
            return []
        statements = [document.lines[i] for lines in import_lines(document.lines, document.language) for i in lines]
        question, now = (document.path, text_of(statements)), time.monotonic()
        if question != self._question or now - self._asked_s >= RECHECK_S:
            self._found = self._imported(document, text_of([line.lstrip() for line in statements]), deadline)
            is_whole = time.monotonic() <= deadline
            self._question, self._asked_s = (question if is_whole else None), now
        return self._snippets(cursor)

    def _imported(self, document: Document, statements: str, deadline: float) -> dict[Path, dict[str, str]]:
        found: dict[Path, dict[str, str]] = {}
        for one in imported(statements, document.language):
            if time.monotonic() > deadline or len(found) >= MAX_SNIPPETS:
                break
            for path, name, signature in self._resolved(one, Path(document.path), document.language, MAX_HOPS):
                found.setdefault(path, {})[name] = signature
        own = os.path.realpath(document.path)  # a link may lead to the document by another name
        return {path: signatures for path, signatures in found.items() if os.path.realpath(path) != own}

    def _snippets(self, cursor: Cursor) -> list[Snippet]:
        """Return a snippet for each file, those first whose names stand near the cursor, else in the imports' order."""
        lines, line = cursor.document.lines, cursor.line
        near = [*lines[max(0, line - NEAR_LINES) : line], *lines[line + 1 : line + 1 + NEAR_LINES]]
        used = set(_WORD.findall("".join(text[:MAX_LINE_CHARS] for text in near)))
        return [
            Snippet(
                self.name,
                str(path),
                language_of(path),
                0,
                "\n".join(signatures.values()) + "\n",
                1 / (1 + rank) + (not used.isdisjoint(signatures)),
            )
            for rank, (path, signatures) in enumerate(self._found.items())
        ]

    def _resolved(self, one: Imported, importer: Path, language: str, hops: int) -> list[tuple[Path, str, str]]:
        """Return file, name and signature of what one import names, following a package to its modules."""
        files = module_files(one, importer, self._folders, language, Asker(self._exists, self._read))
        wanted = [name for name in one.names if name != "*"]
        found: list[tuple[Path, str, str]] = []
        for path in files:
            module = self._module(path)
            itself = one.module.rpartition(".")[2]
            whole = not wanted or (language in PYTHON and _stem(path) in wanted and _stem(path) != itself)
            names = list(module.signatures)[:MAX_NAMES] if whole else [n for n in wanted if n in module.signatures]
            found += [(path, name, module.signatures[name]) for name in names]
            wanted = [name for name in wanted if name not in names and name != _stem(path)]
            if hops > 1 and wanted:
                for again in module.imports:
                    passed = tuple(n for n in wanted if n in again.names or "*" in again.names)
                    if passed:
                        found += self._resolved(Imported(again.module, passed), path, language, hops - 1)
            if not wanted:
                break
        return found

    def _module(self, path: Path) -> _Module:
        known, stamp = self._modules.get(path), _stamp(path)
        if known is None or known.stamp != stamp:
            text, language = self._read(path) or "", language_of(path)
            lines = text.splitlines(keepends=True)
            statements = "".join(lines[i].lstrip() for r in import_lines(lines, language) for i in r)
            known = _Module(outline(text, language), tuple(imported(statements, language)), stamp)
            self._modules[path] = known
        self._modules.move_to_end(path)
        if len(self._modules) > MAX_FILES:
            self._modules.popitem(last=False)
        return known

    def _exists(self, path: Path) -> bool:
        return _stamp(path) is not None and self._may_read(path)

    def _read(self, path: Path) -> str | None:
        try:
            with path.open("rb") as file:
                return file.read(MAX_FILE_BYTES).decode("utf-8", "replace").replace("\r\n", "\n")
        except (OSError, ValueError):
            return None


def _stem(path: Path) -> str:
    return path.parent.name if path.stem == "__init__" else path.stem


def _stamp(path: Path) -> Stamp:
    try:
        found = path.stat()
        return (found.st_mtime_ns, found.st_size) if path.is_file() else None
    except (OSError, ValueError):
        return None
