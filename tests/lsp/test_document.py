"""Documents follow every edit exactly, in every encoding, at the price of the edit."""

from __future__ import annotations

import logging
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lsprotocol import types

from codefuse_lsp.lsp import document as document_module
from codefuse_lsp.lsp.document import Codec, Document, Point, Workspace

URI = "file:///edited.py"
ENCODINGS = [types.PositionEncodingKind.Utf8, types.PositionEncodingKind.Utf16, types.PositionEncodingKind.Utf32]
CURSOR = "‸"

# terminators of LSP and of str.splitlines, one to four bytes a code point, halves of a surrogate pair
ALPHABET = "a\n\r\fé€😋\u2028\x85\x0b\ud83d\ude0b"
texts = st.text(ALPHABET, max_size=12)
positions = st.builds(types.Position, st.integers(0, 6), st.integers(0, 12))
edits = st.lists(st.tuples(positions, positions, texts), min_size=1, max_size=6)
encodings = st.sampled_from(ENCODINGS)


def opened(text: str, encoding: types.PositionEncodingKind = types.PositionEncodingKind.Utf16) -> Document:
    return Document(URI, text, 1, "python", Codec(encoding))


def partial(start: types.Position, end: types.Position, text: str) -> types.TextDocumentContentChangePartial:
    return types.TextDocumentContentChangePartial(types.Range(start, end), text)


def drawn(picture: str, encoding: types.PositionEncodingKind = types.PositionEncodingKind.Utf16) -> types.Position:
    """Return the client's position of the cursor in a picture of one line, for pictures that draw it."""
    before = picture.partition(CURSOR)[0]
    return types.Position(0, sum(oracle_units(char, encoding) for char in before))


def oracle_units(char: str, encoding: types.PositionEncodingKind) -> int:
    code = ord(char)
    if encoding == types.PositionEncodingKind.Utf8:
        return 1 + sum(code >= limit for limit in (0x80, 0x800, 0x10000))
    if encoding == types.PositionEncodingKind.Utf16:
        return 1 + (code >= 0x10000)
    return 1


def oracle_line_starts(text: str) -> list[int]:
    starts = [0]
    for offset, char in enumerate(text):
        if char == "\n" or (char == "\r" and text[offset + 1 : offset + 2] != "\n"):
            starts.append(offset + 1)
    return starts


def oracle_offset(text: str, position: types.Position, encoding: types.PositionEncodingKind) -> int:
    """Walk to a position one code point at a time, as the specification tells it."""
    starts = oracle_line_starts(text)
    if position.line >= len(starts):
        return len(text)
    offset, used = starts[position.line], 0
    while offset < len(text) and text[offset] not in "\r\n":
        used += oracle_units(text[offset], encoding)
        if used > position.character:
            break
        offset += 1
    return offset


def oracle_edit(
    text: str, edit: tuple[types.Position, types.Position, str], encoding: types.PositionEncodingKind
) -> str:
    start, end = sorted(oracle_offset(text, position, encoding) for position in edit[:2])
    return text[:start] + edit[2] + text[end:]


def oracle_lines(text: str) -> list[str]:
    starts = oracle_line_starts(text)
    return [text[start:stop] for start, stop in zip(starts, [*starts[1:], None], strict=True)]


@given(texts, edits, encodings)
@settings(max_examples=600, deadline=None)
def test_edits_do_what_the_specification_says(
    text: str, edits: list[tuple[types.Position, types.Position, str]], encoding: types.PositionEncodingKind
) -> None:
    document = opened(text, encoding)
    for edit in edits:
        document.apply_change(partial(*edit))
        text = oracle_edit(text, edit, encoding)
        assert list(document.lines) == oracle_lines(text)
    assert document.source == text


@given(texts, positions, encodings)
@settings(max_examples=300, deadline=None)
def test_positions_lead_to_points_and_back(
    text: str, position: types.Position, encoding: types.PositionEncodingKind
) -> None:
    document = opened(text, encoding)
    asked = types.Position(position.line, position.character)
    line, column = document.point(asked)
    offset = oracle_offset(text, position, encoding)
    assert asked == position, "the caller's position is its own"
    assert oracle_line_starts(text)[line] + column == offset
    assert document.point(document.position(line, column)) == (line, column)
    assert document.offset_at_position(position) == offset
    assert document.client_position_at_offset(offset) == document.position(line, column)


@pytest.mark.parametrize(
    ("picture", "encoding", "character"),
    [
        ("x = '😋‸'", types.PositionEncodingKind.Utf8, 9),
        ("x = '😋‸'", types.PositionEncodingKind.Utf16, 7),
        ("x = '😋‸'", types.PositionEncodingKind.Utf32, 6),
        ("é‸", types.PositionEncodingKind.Utf8, 2),
        ("é‸", types.PositionEncodingKind.Utf16, 1),
    ],
)
def test_a_character_counts_as_long_as_the_encoding_makes_it(
    picture: str, encoding: types.PositionEncodingKind, character: int
) -> None:
    before, _, after = picture.partition(CURSOR)
    document = opened(before + after, encoding)
    assert document.position(0, len(before)) == types.Position(0, character) == drawn(picture, encoding)
    assert document.point(types.Position(0, character)) == (0, len(before))


@pytest.mark.parametrize(
    ("encoding", "inside"),
    [(types.PositionEncodingKind.Utf16, [1]), (types.PositionEncodingKind.Utf8, [1, 2, 3])],
)
def test_a_position_inside_a_character_moves_back_to_its_start(
    encoding: types.PositionEncodingKind, inside: list[int]
) -> None:
    document = opened("😋", encoding)
    assert {document.point(types.Position(0, character)) for character in inside} == {Point(0, 0)}


@pytest.mark.parametrize("terminator", ["", "\n", "\r\n", "\r"])
def test_a_position_beyond_its_line_is_the_end_of_the_line(terminator: str) -> None:
    document = opened(f"abc{terminator}")
    assert document.point(types.Position(0, 99)) == (0, 3)


def test_a_position_beyond_the_text_is_the_end_of_the_text() -> None:
    document = opened("abc\nde")
    assert document.point(types.Position(7, 0)) == (1, 2)
    assert document.position(7, 0) == document.end() == types.Position(1, 2)


def test_a_text_that_ends_with_a_terminator_has_an_empty_last_line() -> None:
    assert list(opened("a\n").lines) == ["a\n", ""]
    assert list(opened("").lines) == [""]


@pytest.mark.parametrize("separator", ["\f", "\v", "\x1c", "\x85", "\u2028", "\u2029"])
def test_only_the_terminators_of_lsp_end_a_line(separator: str) -> None:
    assert list(opened(f"a{separator}b\nc").lines) == [f"a{separator}b\n", "c"]


def test_a_range_that_runs_backwards_is_turned_round() -> None:
    document = opened("abcd")
    document.apply_change(partial(drawn("abc‸d"), drawn("a‸bcd"), "-"))
    assert document.source == "a-d"


def test_a_newline_typed_after_a_carriage_return_makes_one_terminator_of_both() -> None:
    document = opened("a\rb")
    document.apply_change(partial(types.Position(1, 0), types.Position(1, 0), "\n"))
    assert list(document.lines) == ["a\r\n", "b"]


def test_a_whole_new_text_replaces_the_old() -> None:
    document = opened("a\nb\n")
    document.apply_change(partial(types.Position(0, 0), types.Position(0, 1), "x"))
    document.apply_change(types.TextDocumentContentChangeWholeDocument("new\n"))
    assert (document.source, list(document.lines)) == ("new\n", ["new\n", ""])


def test_the_source_is_joined_once_for_many_readers() -> None:
    document = opened("a\nb\n")
    document.apply_change(partial(types.Position(0, 0), types.Position(0, 1), "x"))
    assert document.source is document.source


def median_s(work: Callable[[int], object], times: int) -> float:
    def timed(number: int) -> float:
        start = time.process_time()
        work(number)
        return time.process_time() - start

    return statistics.median(timed(number) for number in range(times))


def test_an_edit_of_a_large_file_costs_a_small_part_of_reading_it() -> None:
    text = "    return the_same_value_as_before(every_time, without_end)  # line\n" * 50_000
    document = opened(text)
    untouched = document.lines[40_000]

    def edit(number: int) -> None:
        at = types.Position(25_000 + number % 100, 10)
        document.apply_change(partial(at, at, "x\n" if number % 10 == 0 else "x"))

    assert median_s(edit, 201) * 20 < median_s(lambda _: document_module.split_lines(text), 5)
    assert document.lines[40_021] is untouched


def workspace(encoding: types.PositionEncodingKind = types.PositionEncodingKind.Utf16) -> Workspace:
    return Workspace(None, position_encoding=encoding)


def item(text: str, version: int = 1, uri: str = URI) -> types.TextDocumentItem:
    return types.TextDocumentItem(uri, "python", version, text)


def whole(text: str) -> types.TextDocumentContentChangeWholeDocument:
    return types.TextDocumentContentChangeWholeDocument(text)


def test_a_change_to_a_document_that_is_not_open_is_ignored(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    documents = workspace()
    documents.update_text_document(types.VersionedTextDocumentIdentifier(2, URI), whole("secret"))
    assert not documents.text_documents
    assert "not open" in caplog.text
    assert URI not in caplog.text
    assert "secret" not in caplog.text


def test_opening_an_open_document_replaces_it() -> None:
    documents = workspace()
    documents.put_text_document(item("old", 7))
    documents.put_text_document(item("new", 1))
    found = documents.get_text_document(URI)
    assert (found.source, found.version) == ("new", 1)


def test_a_version_that_goes_back_is_believed_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    documents = workspace()
    documents.put_text_document(item("old", 7))
    documents.update_text_document(types.VersionedTextDocumentIdentifier(5, URI), whole("new"))
    found = documents.get_text_document(URI)
    assert (found.source, found.version) == ("new", 5)
    assert "from version 7 to 5" in caplog.text


def test_a_uri_is_found_however_it_is_quoted() -> None:
    documents = workspace()
    documents.put_text_document(item("a", uri="file:///c%3A/a%20b.py"))
    documents.update_text_document(types.VersionedTextDocumentIdentifier(2, "file:///c:/a b.py"), whole("b"))
    assert documents.get_text_document("file:///c%3A/a b.py").source == "b"


def test_a_workspace_takes_over_folders_and_encoding() -> None:
    folder = types.WorkspaceFolder("file:///project", "project")
    stock = Workspace("file:///project", workspace_folders=[folder], position_encoding=types.PositionEncodingKind.Utf8)
    taken = Workspace.replacing(stock)
    taken.put_text_document(item("é"))
    assert taken.folders == {"file:///project": folder}
    assert taken.root_path == "/project"
    assert taken.get_text_document(URI).position_codec.client_num_units("é") == 2


NOTEBOOK, CELL = "file:///n.ipynb", "vscode-notebook-cell:/n.ipynb#1"


def notebook_change(uri: str) -> types.DidChangeNotebookDocumentParams:
    change = types.NotebookDocumentCellContentChanges(
        types.VersionedTextDocumentIdentifier(2, CELL), [partial(types.Position(0, 4), types.Position(0, 6), "é")]
    )
    cells = types.NotebookDocumentCellChanges(text_content=[change])
    return types.DidChangeNotebookDocumentParams(
        types.VersionedNotebookDocumentIdentifier(2, uri), types.NotebookDocumentChangeEvent(cells=cells)
    )


def test_a_cell_of_a_notebook_is_a_document_like_any_other() -> None:
    documents = workspace()
    cell = types.NotebookCell(types.NotebookCellKind.Code, CELL)
    notebook = types.NotebookDocument(NOTEBOOK, "jupyter-notebook", 1, [cell])
    documents.put_notebook_document(types.DidOpenNotebookDocumentParams(notebook, [item("x = 😋\n", uri=CELL)]))
    documents.update_notebook_document(notebook_change(NOTEBOOK))
    found = documents.get_text_document(CELL)
    assert isinstance(found, Document)
    assert list(found.lines) == ["x = é\n", ""]


def test_a_change_to_a_notebook_that_is_not_open_is_ignored() -> None:
    workspace().update_notebook_document(notebook_change(NOTEBOOK))


def test_a_file_that_was_never_opened_is_read_from_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "a file.py"
    path.write_bytes(b"\xef\xbb\xbfx = 1\r\ny = '\xff'\n")
    found = workspace().get_text_document(path.as_uri())
    assert list(found.lines) == ["x = 1\r\n", "y = '\ufffd'\n", ""]


def test_only_the_start_of_a_huge_file_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document_module, "MAX_FILE_BYTES", 10)
    path = tmp_path / "huge.txt"
    path.write_text("0123456789abc")
    assert workspace().get_text_document(path.as_uri()).source == "0123456789"


@pytest.mark.parametrize("make", ["missing", "folder", "pipe"])
def test_what_is_no_file_reads_as_empty(tmp_path: Path, make: str) -> None:
    path = tmp_path / "thing"
    if make == "folder":
        path.mkdir()
    elif make == "pipe":
        os.mkfifo(path)
    assert workspace().get_text_document(path.as_uri()).source == ""


@pytest.mark.parametrize("uri", ["untitled:pyproject.toml", "pyproject.toml", "file:///a%00b"])
def test_a_uri_that_names_no_file_is_never_looked_up_on_the_disk(uri: str) -> None:
    assert workspace().get_text_document(uri).source == ""


def test_a_frozen_document_is_read_while_the_other_goes_on() -> None:
    document = Document("file:///a.py", "a = 1\nb = 2\n", 1, "python")
    document.lines  # noqa: B018  # from here on, an edit changes the list
    frozen = document.frozen()
    at = types.Range(types.Position(0, 0), types.Position(1, 0))
    document.apply_change(types.TextDocumentContentChangePartial(at, "", 0))
    document.version = 2
    assert (frozen.source, list(frozen.lines), frozen.version) == ("a = 1\nb = 2\n", ["a = 1\n", "b = 2\n", ""], 1)
    assert (document.source, frozen.language_id, frozen.uri) == ("b = 2\n", "python", "file:///a.py")


def test_to_freeze_a_document_that_is_not_open_reads_no_file(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    frozen = Document(path.as_uri()).frozen()
    path.write_text("later = 1\n", "utf-8")
    assert frozen.source == "later = 1\n"
