"""What is offered at a place: `textDocument/codeAction`, at once and without the model; the work is done later.

Most are edits that `codeAction/resolve` makes where the client resolves edits, else commands that apply them; the
others are commands. What there is stands in `actions/table.py`.
"""

from __future__ import annotations

import asyncio
from typing import Any

import attrs
from lsprotocol import types

from codefuse_lsp.lsp import chat_document
from codefuse_lsp.lsp.actions.new_files import target_languages
from codefuse_lsp.lsp.actions.offering import Offer, may_be_told, offers
from codefuse_lsp.lsp.actions.table import BY_NAME, KINDS
from codefuse_lsp.lsp.protocol.actions import Target
from codefuse_lsp.lsp.server import CodeFuseServer
from codefuse_lsp.lsp.workspace_edits import uri_of

SHOW = "codefuse.show"  # a file that an edit has made: editors write it without a word
WRITE_TESTS = "codefuse.writeTests"  # what data without an action's name is for


def register(server: CodeFuseServer) -> None:
    """Offer code actions."""
    options = types.CodeActionOptions(code_action_kinds=[*KINDS, chat_document.KIND], resolve_provider=True)

    @server.feature(types.TEXT_DOCUMENT_CODE_ACTION, options)
    async def code_action(ls: CodeFuseServer, params: types.CodeActionParams) -> list[types.CodeAction]:
        document, only = ls.document(params.text_document.uri).frozen(), params.context.only
        if chat_document.is_chat(document.uri):
            return chat_document.actions(ls, document, only)
        languages = target_languages(ls, document.language_id or "")
        found = await asyncio.to_thread(offers, ls, document, params.range, params.context, languages)
        actions = [_action(offer, ls) for offer in found]
        if await asyncio.to_thread(may_be_told, ls, document):
            actions += chat_document.opening_actions(ls, Target(document.uri, params.range, document.version), only)
        return actions

    @server.feature(types.CODE_ACTION_RESOLVE)
    async def resolve(ls: CodeFuseServer, action: types.CodeAction) -> types.CodeAction:
        target = _target_of(action.data, ls)
        made_by = BY_NAME.get(target.action or WRITE_TESTS) if target is not None else None
        if target is None or made_by is None or made_by.edit is None or action.edit is not None:
            return action
        edit = await made_by.edit(ls, target)
        return attrs.evolve(action, edit=edit, command=_showing(action.title, edit, target))


def _action(offer: Offer, server: CodeFuseServer) -> types.CodeAction:
    capabilities = _capabilities(server)
    wire: Any = server.protocol.to_wire(offer.target)
    known = capabilities.tag_support.value_set if capabilities and capabilities.tag_support else ()
    tags = [tag] if (tag := types.CodeActionTag.LlmGenerated) in known else None
    action = types.CodeAction(offer.title, kind=offer.action.kind, diagnostics=offer.target.diagnostics, tags=tags)
    if offer.makes_edit and _resolves_edits(capabilities):
        return attrs.evolve(action, data=wire)
    return attrs.evolve(action, command=types.Command(offer.title, offer.action.name, arguments=[wire]))


def _showing(title: str, edit: types.WorkspaceEdit | None, target: Target) -> types.Command | None:
    """Return the command that shows what was edited, where that is another document."""
    if edit is None or uri_of(edit) == target.uri:
        return None
    return types.Command(f"Show the result of {title}", SHOW, arguments=[uri_of(edit)])


def _target_of(data: Any, server: CodeFuseServer) -> Target | None:
    return server.protocol.from_wire(data, Target) if isinstance(data, dict) else None


def _capabilities(server: CodeFuseServer) -> types.CodeActionClientCapabilities | None:
    text_document = server.client_capabilities.text_document
    return text_document.code_action if text_document else None


def _resolves_edits(capabilities: types.CodeActionClientCapabilities | None) -> bool:
    support = capabilities.resolve_support if capabilities else None
    return bool(support and "edit" in support.properties and capabilities and capabilities.data_support)
