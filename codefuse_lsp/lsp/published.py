"""The diagnostics that the server has published itself, remembered for those who ask about them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote

from lsprotocol import types
from pygls.lsp.server import LanguageServer

MOST_DOCUMENTS = 100
MOST_OF_A_DOCUMENT = 100


class Publishing(LanguageServer):
    """A server that knows what it has published: `published` is by uri, unquoted."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.published: OrderedDict[str, Sequence[types.Diagnostic]] = OrderedDict()

    @property
    def troubled(self) -> list[str]:
        """The uris of the open documents that have diagnostics, as the client writes them."""
        return [one.uri for name, one in self.workspace.text_documents.items() if name in self.published]

    def text_document_publish_diagnostics(self, params: types.PublishDiagnosticsParams) -> None:
        """Publish diagnostics, in place of those of the document before."""
        known = self.published
        known.pop(unquote(params.uri), None)
        if params.diagnostics:
            known[unquote(params.uri)] = params.diagnostics[:MOST_OF_A_DOCUMENT]
        if len(known) > MOST_DOCUMENTS:
            known.popitem(last=False)
        super().text_document_publish_diagnostics(params)


def as_text(diagnostics: Sequence[types.Diagnostic]) -> str:
    """Return diagnostics as compilers write them, a line each."""
    kinds = {1: "error", 2: "warning", 3: "information", 4: "hint"}
    lines = []
    for one in sorted(diagnostics, key=lambda d: (d.range.start.line, d.range.start.character)):
        kind = kinds.get(int(one.severity or 1), "error")
        message = " ".join(str(one.message).split())
        lines.append(f"{one.range.start.line + 1}:{one.range.start.character + 1}: {kind}: {message}\n")
    return "".join(lines)
