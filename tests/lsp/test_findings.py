"""Findings of a review, while the document is edited: each stands on the line it is about, or nowhere."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from lsprotocol import types

from codefuse_lsp.lsp.actions.findings import MOST_DOCUMENTS, Findings, placed
from codefuse_lsp.lsp.document import Document

WARNING = types.DiagnosticSeverity.Warning
URI = "file:///a.py"


class Client:
    """What was published last, by uri."""

    def __init__(self) -> None:
        self.shown: dict[str, list[types.Diagnostic]] = {}
        publish: Any = lambda params: self.shown.update({params.uri: list(params.diagnostics)})  # noqa: E731
        server: Any = SimpleNamespace(text_document_publish_diagnostics=publish)
        self.findings = Findings(server)


def reviewed(text: str, rows: list[int], uri: str = URI) -> tuple[Client, Document]:
    client, document = Client(), Document(uri, text, 1, "python")
    found = [placed(document, row, row, WARNING, document.lines[row].strip()) for row in rows]
    client.findings.replace(document, 0, len(document.lines), found)
    return client, document


def change(start: tuple[int, int], end: tuple[int, int], text: str) -> types.TextDocumentContentChangePartial:
    return types.TextDocumentContentChangePartial(types.Range(types.Position(*start), types.Position(*end)), text)


def test_a_finding_underlines_its_code_without_the_blanks_round_it() -> None:
    client, _ = reviewed("if '🍕':\n    a = '🍕'  \n", [1])
    assert client.shown[URI][0].range == types.Range(types.Position(1, 4), types.Position(1, 12))


def test_another_review_of_a_part_keeps_what_was_found_elsewhere() -> None:
    client, document = reviewed("a\nb\nc\n", [0, 2])
    client.findings.replace(document, 0, 1, [placed(document, 1, 1, WARNING, "b")])
    assert [one.message for one in client.shown[URI]] == ["c", "b"]


def test_the_number_of_documents_with_findings_is_bounded() -> None:
    client, _ = reviewed("a\n", [0])
    for number in range(MOST_DOCUMENTS):
        document = Document(f"file:///{number}.py", "a\n", 1, "python")
        client.findings.replace(document, 0, 1, [placed(document, 0, 0, WARNING, "a")])
    assert client.shown[URI] == [] and client.findings.clear() == MOST_DOCUMENTS


def test_a_document_without_findings_is_told_nothing() -> None:
    client = Client()
    client.findings.changed(Document(URI, "a\n", 1, "python"), [change((0, 0), (0, 0), "b")])
    assert client.findings.clear(URI) == 0 and client.shown == {}


LINES = [f"line{n} = {n}" for n in range(12)]
PLACE = st.tuples(st.integers(0, 13), st.integers(0, 12))
CHANGES = st.lists(
    st.tuples(PLACE, PLACE, st.sampled_from(["", "x", "\n", "new\n", "\r\nnew", "a\nb\nc\n"])), max_size=6
)


@given(st.sets(st.integers(0, 11), min_size=1), CHANGES)
def test_after_any_edits_a_finding_stands_on_its_line_or_is_gone(rows: set[int], edits: list[Any]) -> None:
    client, document = reviewed("\n".join(LINES) + "\n", sorted(rows))
    for start, end, text in edits:
        one = change(min(start, end), max(start, end), text)
        document.apply_change(one)
        client.findings.changed(document, [one])
    for diagnostic in client.shown[URI]:
        assert document.lines[diagnostic.range.start.line].strip() == diagnostic.message


@given(st.integers(0, 12), st.integers(1, 5))
def test_whole_lines_put_in_anywhere_take_no_finding_away(row: int, count: int) -> None:
    client, document = reviewed("\n".join(LINES) + "\n", list(range(12)))
    one = change((row, 0), (row, 0), "new\n" * count)
    document.apply_change(one)
    client.findings.changed(document, [one])
    assert len(client.shown[URI]) == 12
