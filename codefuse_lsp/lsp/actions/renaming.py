"""Better names for the one at the cursor: `codefuse/renameSuggestions`, and an action that lets the user choose.

The rename itself is the editor's, by the language server that knows where else the name is used.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from codefuse_lsp.context.identifiers import Identifier, fitting_names, identifier_at, names_in
from codefuse_lsp.errors import CodeFuseError
from codefuse_lsp.lsp.actions.asking import ask, fitting, model_of
from codefuse_lsp.lsp.actions.told import Told, told_about
from codefuse_lsp.lsp.document import Document
from codefuse_lsp.lsp.protocol.actions import RenameParams, RenameResult, Target
from codefuse_lsp.lsp.selection import text_of, unchanged
from codefuse_lsp.lsp.server import CodeFuseServer
from codefuse_lsp.prompts.formats import Prompt
from codefuse_lsp.prompts.renaming import names_proposed, rename_prompt

ANSWER_TOKENS = 96  # for a few names
MOST_SUGGESTIONS = 6


@dataclass(frozen=True, slots=True)
class _Named:
    told: Told
    identifier: Identifier
    taken: frozenset[str]


async def rename_suggestions(server: CodeFuseServer, params: RenameParams) -> RenameResult:
    """Return names for what stands at a position; none where the model had none that fits. Raises CodeFuseError."""
    document = server.document(params.text_document.uri)
    target = Target(document.uri, types.Range(params.position, params.position), document.version)
    document = document.frozen()
    named = await asyncio.to_thread(_named, server, document, target)
    name, subject = named.identifier.name, named.told.subject
    async with server.work_done.shown(f"Looking for a name for {name}") as report:
        model = await model_of(server)

        def build(code: str) -> Prompt:
            return rename_prompt(replace(subject, code=code), name, model, server.settings.system_prompt)

        prompt, _ = await fitting(server, build, subject.code, subject.language)
        written = await ask(server, prompt, model, named.told.restorations, ANSWER_TOKENS, report)
    found = fitting_names(names_proposed(written.text), name, named.taken, subject.language)
    unchanged(server, target)
    at = named.identifier
    where = types.Range(document.position(at.line, at.start), document.position(at.line, at.stop))
    return RenameResult(name, where, found[:MOST_SUGGESTIONS])


async def choose_name(server: CodeFuseServer, target: Target) -> str | None:
    """Return the name that the user has chosen among those found, to be given to the editor's own rename."""
    unchanged(server, target)
    document = types.TextDocumentIdentifier(target.uri)
    found = await rename_suggestions(server, RenameParams(document, target.range.start))
    if not found.suggestions:
        server.tell(f"The model has no better name for {found.name}.")
        return None
    params = types.ShowMessageRequestParams(
        types.MessageType.Info,
        f"Rename {found.name} to:",
        [types.MessageActionItem(name) for name in found.suggestions],
    )
    try:
        chosen = await server.window_show_message_request_async(params)
    except JsonRpcException:  # a client that asks nothing
        server.tell(f"Names for {found.name}: {', '.join(found.suggestions)}")
        return None
    if chosen is None:
        return None
    server.tell(
        f"Rename {found.name} to {chosen.title} with your editor's own rename, which knows where else it is used."
    )
    return chosen.title


def _named(server: CodeFuseServer, document: Document, target: Target) -> _Named:
    """Return the name at the target, the code round it, and the names that it must not become."""
    told = told_about(server, document, target)
    at, language, text = document.point(target.range.start), told.selection.language, text_of(document)
    found = identifier_at(text, language, at.line, at.column)
    if found is None:
        raise CodeFuseError("There is no name at the cursor.")
    return _Named(told, found, names_in(text, language))
