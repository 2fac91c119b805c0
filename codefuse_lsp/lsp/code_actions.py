"""What is offered at a place: `textDocument/codeAction`, at once and without the model; the work is done later.

"Explain" is a command. "Write tests" is an edit that `codeAction/resolve` makes where the client resolves edits, else
a command that applies it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import attrs
from lsprotocol import types

from codefuse_lsp.lsp import chat_document
from codefuse_lsp.lsp.protocol.actions import Target
from codefuse_lsp.lsp.server import CodeFuseServer
from codefuse_lsp.lsp.write_tests import edited_uri, tests_edit

EXPLAIN = "codefuse.explain"
WRITE_TESTS = "codefuse.writeTests"
SHOW = "codefuse.show"  # a file that an edit has made: editors write it without a word
KINDS = {EXPLAIN: "refactor.codefuse.explain", WRITE_TESTS: "refactor.codefuse.tests"}
TITLES = {EXPLAIN: "Explain", WRITE_TESTS: "Write tests"}


def register(server: CodeFuseServer) -> None:
    """Offer code actions."""
    options = types.CodeActionOptions(code_action_kinds=[*KINDS.values(), chat_document.KIND], resolve_provider=True)

    @server.feature(types.TEXT_DOCUMENT_CODE_ACTION, options)
    async def code_action(ls: CodeFuseServer, params: types.CodeActionParams) -> list[types.CodeAction]:
        document = ls.document(params.text_document.uri)
        if chat_document.is_chat(document.uri):
            return chat_document.actions(ls, document, params.context.only)
        target = Target(document.uri, params.range, document.version)
        if not any(line.strip() for line in document.lines):
            return []
        if await asyncio.to_thread(ls.rule_against, document) is not None:
            return []
        fitting = [EXPLAIN] if ls.notebook(document) is not None else list(TITLES)  # no test can import a cell
        wanted = [name for name in fitting if _is_wanted(KINDS[name], params.context.only)]
        return [_offer(name, target, ls) for name in wanted] + chat_document.opening_actions(
            ls, target, params.context.only
        )

    @server.feature(types.CODE_ACTION_RESOLVE)
    async def resolve(ls: CodeFuseServer, action: types.CodeAction) -> types.CodeAction:
        target = _target_of(action.data, ls)
        if target is not None and action.edit is None:
            edit = await tests_edit(ls, target)
            show = types.Command("Show the tests", SHOW, arguments=[edited_uri(edit)]) if edit else None
            return attrs.evolve(action, edit=edit, command=show)
        return action


def _offer(name: str, target: Target, server: CodeFuseServer) -> types.CodeAction:
    capabilities = _capabilities(server)
    kind, title = KINDS[name], f"CodeFuse: {TITLES[name]}"
    wire: Any = server.protocol.to_wire(target)
    tags = [types.CodeActionTag.LlmGenerated] if capabilities and capabilities.tag_support else None
    if name == WRITE_TESTS and _resolves_edits(capabilities):
        return types.CodeAction(title, kind=kind, data=wire, tags=tags)
    return types.CodeAction(title, kind=kind, command=types.Command(title, name, arguments=[wire]), tags=tags)


def _target_of(data: Any, server: CodeFuseServer) -> Target | None:
    return server.protocol.from_wire(data, Target) if isinstance(data, dict) else None


def _is_wanted(kind: str, only: Sequence[str] | None) -> bool:
    """Whether the client's filter lets a kind through: itself, or anything above it."""
    return only is None or any(f"{kind}.".startswith(f"{getattr(root, 'value', root)}.") or not root for root in only)


def _capabilities(server: CodeFuseServer) -> types.CodeActionClientCapabilities | None:
    text_document = server.client_capabilities.text_document
    return text_document.code_action if text_document else None


def _resolves_edits(capabilities: types.CodeActionClientCapabilities | None) -> bool:
    support = capabilities.resolve_support if capabilities else None
    return bool(support and "edit" in support.properties and capabilities and capabilities.data_support)
