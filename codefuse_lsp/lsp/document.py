r"""Documents that cost as much as an edit is long, not as the file is. Text and edits in; lines and positions out.

Lines end as LSP says, with \n, \r\n or \r (3.18, "Text Documents"); `str.splitlines` knows seven more, and each of
them in a file would shift all later edits. A point is a line and a column in code points; a position is the client's,
in units of the negotiated encoding. Knows nothing of what is in the text.
"""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from lsprotocol import types
from pygls.uris import to_fs_path
from pygls.workspace import PositionCodec, ServerTextPosition, TextDocument
from pygls.workspace import Workspace as PyglsWorkspace

log = logging.getLogger(__name__)

MAX_FILE_BYTES = 10 << 20  # read of a file that no editor has open; the rest is left out
_ASTRAL = re.compile("[\U00010000-\U0010ffff]")  # two UTF-16 units each


class Point(NamedTuple):
    """A place in the text; `column` counts code points from the start of the line."""

    line: int
    column: int


def split_lines(text: str) -> list[str]:
    """Return the lines of a text with their terminators; the last one has none and may be empty."""
    if "\r" not in text:  # five times faster where 10 MB stand on one line
        *ended, last = text.split("\n")
        return [*(line + "\n" for line in ended), last]
    lines = list(io.StringIO(text, newline=""))
    if not lines or lines[-1].endswith(("\n", "\r")):
        lines.append("")
    return lines


def column_at(line: str, character: int, encoding: str) -> int:
    """Return the column of a client's `character`, which may lie beyond the line's end or inside a code point."""
    body = line.rstrip("\r\n")
    if body.isascii() or encoding == types.PositionEncodingKind.Utf32:
        return min(character, len(body))
    if encoding == types.PositionEncodingKind.Utf8:
        return _column_from_utf8(body, character)
    return _column_from_utf16(body, character)


def _column_from_utf8(body: str, character: int) -> int:
    encoded = body.encode("utf-8", "surrogatepass")
    character = min(character, len(encoded))
    while character < len(encoded) and encoded[character] & 0xC0 == 0x80:  # a continuation byte
        character -= 1
    return len(encoded[:character].decode("utf-8", "surrogatepass"))


def _column_from_utf16(body: str, character: int) -> int:
    column = character
    for pairs_before, astral in enumerate(_ASTRAL.finditer(body)):
        unit = astral.start() + pairs_before
        if unit >= character:
            break
        if unit + 1 == character:
            return astral.start()
        column -= 1
    return min(column, len(body))


def units(text: str, encoding: str) -> int:
    """Return how long a text is for the client."""
    if text.isascii() or encoding == types.PositionEncodingKind.Utf32:
        return len(text)
    if encoding == types.PositionEncodingKind.Utf8:
        return len(text.encode("utf-8", "surrogatepass"))
    return len(text) + sum(1 for _ in _ASTRAL.finditer(text))


class Codec(PositionCodec):
    """Positions to points and back; unlike pygls' it clamps to the end of the line and changes nobody's Position."""

    def __init__(self, encoding: types.PositionEncodingKind | str | None = types.PositionEncodingKind.Utf16) -> None:
        super().__init__(encoding)
        self._name = str(types.PositionEncodingKind(encoding or types.PositionEncodingKind.Utf16).value)

    def client_num_units(self, string: str) -> int:
        """Return how long a text is for the client."""
        return units(string, self._name)

    def position_from_client_units(self, lines: Sequence[str], position: types.Position) -> ServerTextPosition:
        """Return the point of a position; one beyond the text is the text's end."""
        if position.line >= len(lines):
            return ServerTextPosition(len(lines) - 1, len(lines[-1].rstrip("\r\n")))
        column = column_at(lines[position.line], position.character, self._name)
        return ServerTextPosition(position.line, column)

    def position_to_client_units(
        self, lines: Sequence[str], position: ServerTextPosition | types.Position
    ) -> types.Position:
        """Return the position of a point; one beyond the text is the text's end."""
        if position.line >= len(lines):
            return types.Position(len(lines) - 1, units(lines[-1].rstrip("\r\n"), self._name))
        before = lines[position.line].rstrip("\r\n")[: position.character]
        return types.Position(position.line, units(before, self._name))


class Document(TextDocument):
    """One text, open in the editor or on disk."""

    def __init__(
        self,
        uri: str,
        source: str | None = None,
        version: int | None = None,
        language_id: str | None = None,
        position_codec: PositionCodec | None = None,
    ) -> None:
        super().__init__(uri, source, version, language_id, position_codec=position_codec or Codec())
        self._split: list[str] | None = None

    @property
    def lines(self) -> Sequence[str]:
        """The lines with their terminators, the last one without; later edits change this very list."""
        return self._lines()

    @property
    def source(self) -> str:
        """The whole text, joined anew after an edit: prefer `lines`."""
        if self._source is None:
            self._source = _read_file(self.uri) if self._split is None else "".join(self._split)
        return self._source

    def frozen(self) -> Document:
        """Return the text as it is now, for a thread to read: no later edit shows in it. A file is not read by that."""
        copy = Document(self.uri, self._source, self.version, self.language_id, self.position_codec)
        copy._split = None if self._split is None else list(self._split)
        return copy

    def point(self, position: types.Position) -> Point:
        """Return where a client's position is; one beyond its line or the text is moved back to the end of it."""
        found = self.position_codec.position_from_client_units(self.lines, position)
        return Point(found.line, found.character)

    def position(self, line: int, column: int) -> types.Position:
        """Return a point as the client counts it."""
        return self.position_codec.position_to_client_units(self.lines, ServerTextPosition(line, column))

    def end(self) -> types.Position:
        """Return the position after the last character, as the client counts it."""
        lines = self.lines
        return self.position(len(lines) - 1, len(lines[-1]))

    def apply_change(self, change: types.TextDocumentContentChangeEvent) -> None:
        """Apply an edit in time proportional to the lines it touches, or take a whole new text."""
        if isinstance(change, types.TextDocumentContentChangePartial):
            self._splice(change.range, change.text)
        else:
            self._source, self._split = change.text, None

    def server_position_at_offset(self, offset: int) -> ServerTextPosition:
        """Return the point of an offset in code points; one beyond the text is the text's end."""
        for number, line in enumerate(self.lines):
            if offset < len(line):
                return ServerTextPosition(number, offset)
            offset -= len(line)
        return ServerTextPosition(number, len(line))

    def _lines(self) -> list[str]:
        if self._split is None:
            self._split = split_lines(self.source)
        return self._split

    def _splice(self, changed: types.Range, text: str) -> None:
        lines = self._lines()
        start, end = sorted((self.point(changed.start), self.point(changed.end)))
        first, last = start.line, end.line
        text = lines[first][: start.column] + text + lines[last][end.column :]
        if first > 0 and text.startswith("\n") and lines[first - 1].endswith("\r"):
            first -= 1  # the two have met and are one terminator now
            text = lines[first] + text
        parts = split_lines(text)
        if last + 1 < len(lines):
            parts.pop()  # the text ends with a terminator, and the line after it is there already
        lines[first : last + 1] = parts
        self._source = None


class Workspace(PyglsWorkspace):
    """The documents of one client."""

    def __init__(
        self,
        root_uri: str | None,
        sync_kind: types.TextDocumentSyncKind = types.TextDocumentSyncKind.Incremental,
        workspace_folders: Sequence[types.WorkspaceFolder] | None = None,
        position_encoding: types.PositionEncodingKind | str | None = types.PositionEncodingKind.Utf16,
    ) -> None:
        super().__init__(root_uri, sync_kind, workspace_folders, position_encoding)
        self._position_codec = Codec(position_encoding)

    @classmethod
    def replacing(cls, other: PyglsWorkspace) -> Workspace:
        """Return a workspace with the folders and the encoding of one in which nothing is open yet."""
        return cls(other.root_uri, other._sync_kind, list(other.folders.values()), other.position_encoding)

    def _create_text_document(
        self, doc_uri: str, source: str | None = None, version: int | None = None, language_id: str | None = None
    ) -> Document:
        return Document(doc_uri, source, version, language_id, self._position_codec)

    def update_text_document(
        self, text_doc: types.VersionedTextDocumentIdentifier, change: types.TextDocumentContentChangeEvent
    ) -> None:
        """Apply a change; one to a document that is not open is ignored."""
        document = self._text_documents.get(unquote(text_doc.uri))
        if document is None:
            log.warning("a change to a document that is not open was ignored")
            log.debug("not open: %s", text_doc.uri)
            return
        if document.version is not None and text_doc.version < document.version:
            log.warning("a document went back from version %d to %d", document.version, text_doc.version)
        document.apply_change(change)
        document.version = text_doc.version

    def update_notebook_document(self, params: types.DidChangeNotebookDocumentParams) -> None:
        """Apply a change to a notebook's cells; one to a notebook that is not open is ignored."""
        if unquote(params.notebook_document.uri) not in self._notebook_documents:
            log.warning("a change to a notebook that is not open was ignored")
            return
        super().update_notebook_document(params)

    def remove_notebook_document(self, params: types.DidCloseNotebookDocumentParams) -> None:
        """Forget a notebook and all its cells, those too that the client does not name."""
        notebook = self._notebook_documents.get(unquote(params.notebook_document.uri))
        super().remove_notebook_document(params)
        for cell in notebook.cells if notebook is not None else ():
            self.remove_text_document(cell.document)


def path_in(uri: str) -> str:
    """Return the path that a uri names, on disk or elsewhere; '' where it names none.

    Never its authority, query or fragment, which may hold a password.
    """
    return to_fs_path(uri) or unquote(urlsplit(uri).path)


def _read_file(uri: str) -> str:
    """Return the start of the file behind a uri; what cannot be read, or is no regular file, is empty."""
    path = to_fs_path(uri)
    try:
        if path is None or not Path(path).is_file():
            return ""
        with Path(path).open("rb") as file:
            return file.read(MAX_FILE_BYTES).decode("utf-8-sig", "replace")  # editors hide the byte order mark too
    except (OSError, ValueError) as error:
        log.debug("a file could not be read: %s", type(error).__name__)
        return ""
