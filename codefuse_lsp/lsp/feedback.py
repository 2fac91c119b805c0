"""What the user did with ghost text, as far as the editor tells. It is counted here, and never sent anywhere."""

from __future__ import annotations

from codefuse_lsp.lsp.inline_completion import ACCEPTED
from codefuse_lsp.lsp.protocol.suggestions import (
    DID_ACCEPT_PART,
    DID_REJECT,
    DID_SHOW,
    CompletionParams,
    PartParams,
)
from codefuse_lsp.lsp.server import CodeFuseServer


def register(server: CodeFuseServer) -> None:
    """Listen to what becomes of suggestions; what is told of unknown ones is ignored."""

    @server.command(ACCEPTED)
    async def accepted(ls: CodeFuseServer, suggestion_id: str) -> None:
        ls.suggester.records.met(suggestion_id, "accepted")

    @server.feature(DID_SHOW)
    async def shown(ls: CodeFuseServer, params: CompletionParams) -> None:
        ls.suggester.records.met(params.id, "seen")

    @server.feature(DID_ACCEPT_PART)
    async def partly_accepted(ls: CodeFuseServer, params: PartParams) -> None:
        ls.suggester.records.met(params.id, "partly", params.accepted_length)

    @server.feature(DID_REJECT)
    async def rejected(ls: CodeFuseServer, params: CompletionParams) -> None:
        ls.suggester.records.met(params.id, "rejected")
