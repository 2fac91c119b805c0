"""What we offer: every capability registered on one server, and the process that serves it."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from typing import NoReturn

from lsprotocol import types

from codefuse_lsp.config import Settings
from codefuse_lsp.lsp import (
    action_methods,
    apply_block,
    chat,
    chat_completion,
    chat_document,
    code_actions,
    commands,
    completion,
    conversations,
    edit,
    feedback,
    inline_completion,
    notebooks,
    open_documents,
    transport,
)
from codefuse_lsp.lsp.server import SECTION, CodeFuseServer

CAPABILITIES = (
    open_documents,
    notebooks,
    inline_completion,
    feedback,
    code_actions,
    commands,
    action_methods,
    edit,
    apply_block,
    chat,
    chat_completion,
    chat_document,
    conversations,
)


def build(settings: Settings) -> CodeFuseServer:
    """Return a server with all its capabilities registered."""
    server = CodeFuseServer(settings)

    @server.feature(types.INITIALIZE)
    def initialize(ls: CodeFuseServer, params: types.InitializeParams) -> None:
        ls.configure(params)
        if not inline_completion.is_supported(params.capabilities):
            completion.register(ls)

    @server.feature(types.INITIALIZED)
    async def initialized(ls: CodeFuseServer, params: types.InitializedParams) -> None:
        await ls.begin()

    @server.feature(types.WORKSPACE_DID_CHANGE_CONFIGURATION)
    async def configuration_changed(ls: CodeFuseServer, params: types.DidChangeConfigurationParams) -> None:
        settings = params.settings
        if isinstance(settings, Mapping) and isinstance(section := settings.get(SECTION), Mapping):
            ls.take_client_settings(section)
        else:
            await ls.read_client_settings()

    @server.feature(types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS)
    async def folders_changed(ls: CodeFuseServer, params: types.DidChangeWorkspaceFoldersParams) -> None:
        await ls.folders_changed()

    for capability in CAPABILITIES:
        capability.register(server)
    for shared in (server.status, server.views, server.work_done):
        shared.register()
    return server


def run(settings: Settings) -> NoReturn:
    """Serve on stdin and stdout until the editor leaves, and end the process."""
    stdio = transport.claim_stdio()
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    server = build(settings)
    transport.leave(transport.run_stdio(server, server.end, stdio))
