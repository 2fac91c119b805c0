"""What a client can have done: `workspace/executeCommand`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from lsprotocol import types

from codefuse_lsp.lsp.actions.own import own_action
from codefuse_lsp.lsp.actions.table import ACTIONS, Action, Where
from codefuse_lsp.lsp.code_actions import SHOW
from codefuse_lsp.lsp.inline_completion import asked_in
from codefuse_lsp.lsp.protocol.actions import Target
from codefuse_lsp.lsp.protocol.suggestions import (
    INSPECT_PROMPT,
    WHY_NO_SUGGESTION,
    Dropped,
    InspectParams,
    InspectResult,
    WhyParams,
    WhyRecord,
)
from codefuse_lsp.lsp.server import CodeFuseServer
from codefuse_lsp.lsp.workspace_edits import uri_of

CLEAR_REVIEW = "codefuse.clearReview"


def register(server: CodeFuseServer) -> None:
    """Offer the commands behind the code actions, and the reasons for silence."""
    for action in ACTIONS:
        _register(server, action)

    @server.command(CLEAR_REVIEW)
    async def clear_review(ls: CodeFuseServer, uri: str | None = None) -> int:
        return ls.findings.clear(uri)

    @server.command(SHOW)
    async def show_command(ls: CodeFuseServer, uri: str) -> bool:
        return await ls.shows(uri)

    @server.feature(WHY_NO_SUGGESTION)
    async def why(ls: CodeFuseServer, params: WhyParams | None) -> list[WhyRecord]:
        records = list(ls.suggester.trace.records)[-max(0, (params or WhyParams()).count) :]
        dropped = ls.suggester.records.dropped
        return [WhyRecord(**asdict(one), dropped=[Dropped(*cut) for cut in dropped(one.id)]) for one in records]

    @server.feature(INSPECT_PROMPT)
    async def inspect(ls: CodeFuseServer, params: InspectParams) -> InspectResult | None:
        document = ls.document(params.text_document.uri)
        request = await ls.suggester.inspect(asked_in(ls, document, params.position, invoked=True))
        return None if request is None else InspectResult(request.prompt, request.heal)


def _register(server: CodeFuseServer, action: Action) -> None:
    """Offer the command of an action: it does what the action does, or applies the edit that it makes."""

    @server.command(action.name)
    async def run(ls: CodeFuseServer, target: Target) -> Any:
        shows = action.where is Where.OWN and own_action(ls, target).action.answer == "show"
        if action.do is not None and (action.edit is None or shows):
            return await action.do(ls, target)
        assert action.edit is not None
        edit = await action.edit(ls, target)
        if edit is None:
            return False
        label = f"CodeFuse: {action.title or target.detail}"
        applied = await ls.applies(types.ApplyWorkspaceEditParams(edit, label=label))
        if applied and uri_of(edit) != target.uri:
            await ls.shows(uri_of(edit))
        return applied
