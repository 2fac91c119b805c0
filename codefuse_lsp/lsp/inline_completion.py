"""Ghost text: `textDocument/inlineCompletion` (LSP 3.18). Never an error: null when there is nothing to show."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

from lsprotocol import types

from codefuse_lsp.lsp.document import Document
from codefuse_lsp.lsp.server import CodeFuseServer
from codefuse_lsp.lsp.snapshots import refresh, seen_from
from codefuse_lsp.suggestions.asked import Asked, asked_at
from codefuse_lsp.suggestions.outcome import Suggestion, silence_of

SAMPLE_LINES, SAMPLE_CHARS = 80, 8_000
VIEW_LINES = 20  # on either side of a place that the editor asks about, which the user will see
ACCEPTED = "codefuse.accepted"  # command that a client runs when a suggestion was taken


def is_supported(capabilities: types.ClientCapabilities) -> bool:
    """Whether the client can show ghost text."""
    return bool(capabilities.text_document and capabilities.text_document.inline_completion)


def register(server: CodeFuseServer) -> None:
    """Offer ghost text."""

    @server.feature(types.TEXT_DOCUMENT_INLINE_COMPLETION, types.InlineCompletionOptions())
    async def inline_completion(
        ls: CodeFuseServer, params: types.InlineCompletionParams
    ) -> types.InlineCompletionList | None:
        chosen = params.context.selected_completion_info
        invoked = params.context.trigger_kind is types.InlineCompletionTriggerKind.Invoked
        found = await suggestion_at(ls, params.text_document.uri, params.position, invoked=invoked, chosen=chosen)
        return None if not found else types.InlineCompletionList([_item(placed) for placed in found])


@dataclass(frozen=True, slots=True)
class Placed:
    """A suggestion and the range of the document that it replaces."""

    suggestion: Suggestion
    text: str
    range: types.Range


async def suggestion_at(
    server: CodeFuseServer,
    uri: str,
    position: types.Position,
    *,
    invoked: bool,
    chosen: types.SelectedCompletionInfo | None = None,
) -> list[Placed]:
    """Return suggestions for a position of the document as it is now; none when silent, superseded or outdated.

    With `chosen`, the popup's item counts as typed and the suggestion goes on from there.
    """
    try:
        return await _suggestion_at(server, uri, position, chosen, invoked=invoked)
    except Exception as error:  # of what the editor asks, or of ours: who types gets silence
        server.suggester.records.failed(PurePath(uri).name, position.line + 1, silence_of(error))
        return []


async def _suggestion_at(
    server: CodeFuseServer,
    uri: str,
    position: types.Position,
    chosen: types.SelectedCompletionInfo | None,
    *,
    invoked: bool,
) -> list[Placed]:
    document = server.document(uri)
    version = document.version
    await server.suggester.calibrate(lambda: _sample(server, document, position.line))
    if document.version != version:
        return []
    asked = asked_in(server, document, position, chosen, invoked=invoked)
    found = await server.latest.run(uri, server.suggester.suggest(asked))
    if not isinstance(found, Suggestion) or server.document(uri).version != version:
        return []  # a suggestion for yesterday's text is worse than none
    return [_placed(one, document, position, chosen) for one in (found, *found.alternatives)]


def _placed(
    found: Suggestion, document: Document, position: types.Position, chosen: types.SelectedCompletionInfo | None
) -> Placed:
    line, column = document.point(position if chosen is None else chosen.range.end)
    end = document.position(line, column + found.replaces)
    if chosen is not None:
        return Placed(found, chosen.text + found.text, types.Range(chosen.range.start, end))
    return Placed(found, found.text, types.Range(position, end))


def _sample(server: CodeFuseServer, document: Document, line: int) -> str:
    """Return code round a line, from which to learn how long tokens are."""
    seen = seen_from(server, document)
    line += seen.first_line
    return "".join(seen.text.lines[max(0, line - SAMPLE_LINES) : line + SAMPLE_LINES])[:SAMPLE_CHARS]


def asked_in(
    server: CodeFuseServer,
    document: Document,
    position: types.Position,
    chosen: types.SelectedCompletionInfo | None = None,
    *,
    invoked: bool = False,
) -> Asked:
    """Return the question at a position, with the window that the settings allow."""
    seen = seen_from(server, document)  # first: a notebook is then not read from another cell, too
    refresh(server)
    lines: Sequence[str] = seen.text.lines
    line, column = document.point(position)
    path = seen.text.path
    if not seen.is_cell:  # their lines come and go with other cells
        server.suggester.surroundings.views.touched(path, line - VIEW_LINES, line + VIEW_LINES, time.monotonic())
    line += seen.first_line
    if chosen is not None:
        (_, start), (_, stop) = document.point(chosen.range.start), document.point(chosen.range.end)
        text = lines[line]
        lines = [*lines[:line], text[:start] + chosen.text + text[stop:], *lines[line + 1 :]]
        column = start + len(chosen.text)
    return asked_at(
        lines,
        line,
        column,
        uri=document.uri,
        path=path,
        language=document.language_id or "",
        version=document.version or 0,
        budget_chars=server.suggester.budget_chars,
        invoked=invoked,
        extends_popup=chosen is not None,
        first_line=seen.first_line,
    )


def _item(found: Placed) -> types.InlineCompletionItem:
    accepted = types.Command("Accepted", ACCEPTED, arguments=[found.suggestion.id])
    return types.InlineCompletionItem(insert_text=found.text, range=found.range, command=accepted)
