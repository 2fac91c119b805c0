"""What tests are asked for, and where they go: the code that is meant, the place for its tests, what is there.

Output: a `Plan`. Knows no models.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from codefuse_lsp.context.ignore import may_read
from codefuse_lsp.context.secrets import Excerpt, Redacted
from codefuse_lsp.context.test_files import TestFile, module_of, test_file_for
from codefuse_lsp.errors import CodeFuseError
from codefuse_lsp.lsp.document import Document
from codefuse_lsp.lsp.protocol.actions import Target
from codefuse_lsp.lsp.selection import Selection, selection_of, unchanged
from codefuse_lsp.lsp.server import CodeFuseServer
from codefuse_lsp.prompts.heads import Subject

LARGEST_READ_BYTES = 1 << 20  # of project files that are looked at


@dataclass(frozen=True, slots=True)
class Plan:
    """What is tested, where the tests go, and the document that is there already."""

    source: Path
    root: Path | None  # of the workspace round it
    subject: Subject  # as the model may read it
    test_file: TestFile
    uri: str
    there: Document | None
    shown: Redacted  # of the text that is there

    @property
    def existing(self) -> str:
        """The text that the tests are appended to."""
        return self.there.source if self.there is not None else ""


async def tests_plan(server: CodeFuseServer, target: Target) -> Plan:
    """Find out what to test and where the tests go; threads look at the disk, and at documents as they were here.

    Raises CodeFuseError, DocumentChanged when the code was edited meanwhile.
    """
    document = unchanged(server, target).frozen()
    selection, root, test_file = await asyncio.to_thread(_chosen, server, document, target)
    uri = target.uri if test_file.in_source else Path(test_file.path).as_uri()
    is_there = test_file.exists or uri in server.workspace.text_documents
    there = server.document(uri).frozen() if is_there else None
    subject, shown = await asyncio.to_thread(_told, server, selection, root, test_file, there)
    return Plan(Path(document.path), root, subject, test_file, uri, there, shown)


def _chosen(server: CodeFuseServer, document: Document, target: Target) -> tuple[Selection, Path | None, TestFile]:
    """Return what is tested, the workspace's folder round it, and where the tests go."""
    selection, path = selection_of(server, document, target), document.path
    if server.notebook(document) is not None:
        raise CodeFuseError("Tests are written for code in files, since no test can import a notebook's cell.")
    if not path or not target.uri.startswith("file:"):
        raise CodeFuseError("Save the file first, so that there is a place for its tests.")
    root = server.workspace_root(target.uri)
    return selection, root, test_file_for(PurePath(path), root, selection.language, _exists, _read)


def _told(
    server: CodeFuseServer, selection: Selection, root: Path | None, test_file: TestFile, there: Document | None
) -> tuple[Subject, Redacted]:
    """Return what is tested, and the text that is there, as the model may read them."""
    if there is not None and (rule := server.rule_against(there)):
        raise CodeFuseError(rule)
    pieces = [selection.excerpt, selection.source_head, Excerpt(there.source if there is not None else "")]
    code, head, shown = server.suggester.surroundings.redacted(pieces)
    subject = _subject(selection, PurePath(selection.document.path), root, test_file)
    return replace(subject, code=code.text, source_head=head.text), shown


def _subject(selection: Selection, source: PurePath, root: Path | None, test_file: TestFile) -> Subject:
    found = selection.found
    return Subject(
        code=selection.code,
        language=selection.language,
        path=source.relative_to(root).as_posix() if root else source.name,
        name=found.name if found else "",
        owner=found.owner if found else "",
        module=module_of(source, test_file.path, root, selection.language, _exists),
    )


def _exists(path: PurePath) -> bool:
    return Path(path).exists()


def _read(path: PurePath) -> str | None:
    file = Path(path)
    try:
        if not may_read(file) or not file.is_file():  # a pipe may never end, nor a device
            return None
        with file.open("rb") as opened:
            content = opened.read(LARGEST_READ_BYTES + 1)
    except OSError:
        return None
    return None if len(content) > LARGEST_READ_BYTES else content.decode("utf-8", "replace").replace("\r\n", "\n")
