"""What the server has published itself is known, and reads as compilers write it."""

from __future__ import annotations

import pytest
from lsprotocol import types
from pygls.lsp.server import LanguageServer

from codefuse_lsp.lsp.published import MOST_DOCUMENTS, Publishing, as_text


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Publishing:
    monkeypatch.setattr(LanguageServer, "text_document_publish_diagnostics", lambda self, params: None)
    return Publishing("test", "1")


def found(line: int, message: str, severity: types.DiagnosticSeverity | None = None) -> types.Diagnostic:
    return types.Diagnostic(types.Range(types.Position(line, 4), types.Position(line, 9)), message, severity=severity)


def publish(server: Publishing, uri: str, *diagnostics: types.Diagnostic) -> None:
    server.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, list(diagnostics)))


def test_the_last_ones_of_a_document_are_known_until_they_are_taken_away(server: Publishing) -> None:
    publish(server, "file:///a%20b.py", found(1, "old"))
    publish(server, "file:///a%20b.py", found(2, "new"))
    assert [one.message for one in server.published["file:///a b.py"]] == ["new"]
    publish(server, "file:///a%20b.py")
    assert not server.published


def test_the_memory_is_bounded(server: Publishing) -> None:
    for number in range(MOST_DOCUMENTS + 5):
        publish(server, f"file:///{number}.py", found(1, "x"))
    assert len(server.published) == MOST_DOCUMENTS and "file:///0.py" not in server.published


def test_they_are_told_in_the_order_of_the_lines() -> None:
    text = as_text([found(8, "second\nline", types.DiagnosticSeverity.Warning), found(2, "first")])
    assert text == "3:5: error: first\n9:5: warning: second line\n"
