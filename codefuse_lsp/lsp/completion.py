"""The same text as ghost text, in the popup: `textDocument/completion`, for clients that have no inline completion.

In a chat document it is what `/` and `@` can mean.
"""

from __future__ import annotations

import re

from lsprotocol import types

from codefuse_lsp.lsp import chat_items
from codefuse_lsp.lsp.chat_document import is_chat
from codefuse_lsp.lsp.document import Document
from codefuse_lsp.lsp.inline_completion import ACCEPTED, Placed, suggestion_at
from codefuse_lsp.lsp.server import CodeFuseServer
from codefuse_lsp.prompts.fences import fenced

TRIGGERS = [".", "(", " ", ":"]
LONGEST_LABEL = 60  # characters

Documentation = str | types.MarkupContent


def register(server: CodeFuseServer) -> None:
    """Offer the suggestion as the one item of an incomplete list."""
    options = types.CompletionOptions(trigger_characters=[*TRIGGERS, *chat_items.TRIGGERS])

    @server.feature(types.TEXT_DOCUMENT_COMPLETION, options)
    async def completion(ls: CodeFuseServer, params: types.CompletionParams) -> types.CompletionList:
        document, context = ls.document(params.text_document.uri), params.context
        items = await chat_items.items_at(ls, document, params.position) if is_chat(document.uri) else []
        if not items and (context is None or context.trigger_character not in chat_items.TRIGGERS):
            items = await _suggested(ls, document, params.position)
        return types.CompletionList(is_incomplete=True, items=items)


async def _suggested(
    server: CodeFuseServer, document: Document, position: types.Position
) -> list[types.CompletionItem]:
    # Nobody can tell who asked: to clients, typing a letter is an invocation, too (LSP 3.17, CompletionTriggerKind)
    placed = await suggestion_at(server, document.uri, position, invoked=False)
    if not placed:
        return []
    document = server.document(document.uri)
    line, column = document.point(position)
    word = _word_before(document.lines[line][:column])
    text = word + placed[0].text
    shown = _documentation(text, document.language_id or "", server.client_capabilities)
    return [_item(placed[0], text, document.position(line, column - len(word)), shown)]


def _item(found: Placed, text: str, start: types.Position, documentation: Documentation) -> types.CompletionItem:
    """Return an item that replaces the word begun too: clients match items against it."""
    shown = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return types.CompletionItem(
        label=shown if len(shown) <= LONGEST_LABEL else shown[: LONGEST_LABEL - 1] + "…",
        kind=types.CompletionItemKind.Text,
        detail="codefuse",
        documentation=documentation,
        filter_text=text,
        sort_text="\uffff",  # behind what the language's own server knows for certain
        text_edit=types.TextEdit(types.Range(start, found.range.end), text),
        command=types.Command("Accepted", ACCEPTED, arguments=[found.suggestion.id]),
    )


def _documentation(text: str, language: str, capabilities: types.ClientCapabilities) -> Documentation:
    """Return the text as the client can show it beside the list."""
    completion = capabilities.text_document.completion if capabilities.text_document else None
    item = completion.completion_item if completion else None
    if item and types.MarkupKind.Markdown in (item.documentation_format or ()):
        return types.MarkupContent(types.MarkupKind.Markdown, fenced(text, language))
    return text


def _word_before(text: str) -> str:
    found = re.search(r"\w+$", text)
    return found.group() if found else ""
