"""The popup of a chat document: `/` and `@` complete there as in the editors that have a chat of their own.

A chat document and a cursor in; items of `textDocument/completion` out, none outside of a question. Knows nothing of
what can be referred to.
"""

from __future__ import annotations

from lsprotocol import types

from codefuse_lsp.chat_document import parse
from codefuse_lsp.lsp.chat_completion import UTF16, choices
from codefuse_lsp.lsp.document import Document, column_at
from codefuse_lsp.lsp.protocol.references import CompletionChoice
from codefuse_lsp.lsp.server import CodeFuseServer

TRIGGERS = ["/", "@"]
KINDS = {
    "command": types.CompletionItemKind.Keyword,
    "file": types.CompletionItemKind.File,
    "symbol": types.CompletionItemKind.Function,
}


async def items_at(server: CodeFuseServer, document: Document, position: types.Position) -> list[types.CompletionItem]:
    """Return what can stand at a position of a chat; none for yesterday's text."""
    line, column = document.point(position)
    before = _question_before(document, line, column)
    if before is None:
        return []
    version, after = document.version, document.lines[line][column:].rstrip("\r\n")
    found = await choices(server, before + after, len(before), by_words=True)
    if server.document(document.uri).version != version:
        return []
    items, flat = [], before.replace("\n", " ")
    for number, choice in enumerate(found):
        begun = before[column_at(flat, choice.start, UTF16) :]
        where = types.Range(document.position(line, column - len(begun)), document.position(line, column))
        items.append(_item(number, choice, begun, where))
    return items


def _question_before(document: Document, line: int, column: int) -> str | None:
    """Return a question as far as it stands before the cursor; None where it is none, or has nothing to complete."""
    if not any(trigger in document.lines[line][:column] for trigger in TRIGGERS):
        return None
    lines = [one.rstrip("\r\n") for one in document.lines]
    for turn in parse("\n".join(lines)):
        if turn.role == "human" and turn.heading < line < turn.stop:
            return "\n".join([*lines[turn.heading + 1 : line], lines[line][:column]])
    return None


def _item(number: int, choice: CompletionChoice, begun: str, where: types.Range) -> types.CompletionItem:
    """Return an item that passes the client's filter whatever its label: it has been chosen by the letters already."""
    return types.CompletionItem(
        label=choice.label,
        kind=KINDS.get(choice.kind, types.CompletionItemKind.Reference),
        detail=choice.detail,
        filter_text=begun,
        sort_text=f"{number:03}",
        text_edit=types.TextEdit(where, choice.insert_text),
    )
