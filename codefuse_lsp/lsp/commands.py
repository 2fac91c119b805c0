"""What a client can have done: `workspace/executeCommand`."""

from __future__ import annotations

from lsprotocol import types

from codefuse_lsp.lsp.code_actions import EXPLAIN, SHOW, WRITE_TESTS
from codefuse_lsp.lsp.explain import explain
from codefuse_lsp.lsp.inline_completion import asked_in
from codefuse_lsp.lsp.protocol.actions import Target
from codefuse_lsp.lsp.protocol.suggestions import (
    INSPECT_PROMPT,
    WHY_NO_SUGGESTION,
    InspectParams,
    InspectResult,
    WhyParams,
    WhyRecord,
)
from codefuse_lsp.lsp.server import CodeFuseServer
from codefuse_lsp.lsp.write_tests import edited_uri, tests_edit


def register(server: CodeFuseServer) -> None:
    """Offer the commands behind the code actions, and the reasons for silence."""

    @server.command(EXPLAIN)
    async def explain_command(ls: CodeFuseServer, target: Target) -> None:
        await explain(ls, target)

    @server.command(WRITE_TESTS)
    async def write_tests_command(ls: CodeFuseServer, target: Target) -> bool:
        edit = await tests_edit(ls, target)
        if edit is None:
            return False
        params = types.ApplyWorkspaceEditParams(edit, label="CodeFuse: Write tests")
        applied = await ls.applies(params)
        if applied:
            await ls.shows(edited_uri(edit))
        return applied

    @server.command(SHOW)
    async def show_command(ls: CodeFuseServer, uri: str) -> bool:
        return await ls.shows(uri)

    @server.feature(WHY_NO_SUGGESTION)
    async def why(ls: CodeFuseServer, params: WhyParams | None) -> list[WhyRecord]:
        records = list(ls.suggester.trace.records)[-max(0, (params or WhyParams()).count) :]
        return [WhyRecord(**{name: getattr(record, name) for name in _WHY_FIELDS}) for record in records]

    @server.feature(INSPECT_PROMPT)
    async def inspect(ls: CodeFuseServer, params: InspectParams) -> InspectResult | None:
        document = ls.document(params.text_document.uri)
        request = await ls.suggester.inspect(asked_in(ls, document, params.position, invoked=True))
        return None if request is None else InspectResult(request.prompt, request.heal)


_WHY_FIELDS = [attribute.name for attribute in WhyRecord.__attrs_attrs__]
