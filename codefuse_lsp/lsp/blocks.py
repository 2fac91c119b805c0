"""The code blocks of an answer as the wire has them. Knows nothing of who asks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from codefuse_lsp.lsp.document import path_in
from codefuse_lsp.lsp.protocol.chat import CodeBlock
from codefuse_lsp.lsp.protocol.references import Reference
from codefuse_lsp.lsp.references import shown_path
from codefuse_lsp.lsp.server import CodeFuseServer
from codefuse_lsp.prompts.code_blocks import code_blocks


def blocks_of(server: CodeFuseServer, answer: str, references: Sequence[Reference]) -> list[CodeBlock]:
    """Return the blocks of an answer; `references` are its question's."""
    folders = tuple(map(Path, server.folders))
    paths = [shown_path(path_in(one.uri), folders) for one in references if one.uri and one.kind != "diff"]
    return [
        CodeBlock(block.index, block.language, block.path, block.code, block.start, block.end)
        for block in code_blocks(answer, paths)
    ]
