"""Actions that have a method of their own: the commit message, names for a rename, and the review."""

from __future__ import annotations

from codefuse_lsp.lsp.actions.committing import commit_message
from codefuse_lsp.lsp.actions.renaming import rename_suggestions
from codefuse_lsp.lsp.actions.reviewing import reviewed
from codefuse_lsp.lsp.protocol.actions import (
    CLEAR_REVIEW,
    COMMIT_MESSAGE,
    RENAME_SUGGESTIONS,
    REVIEW,
    ClearReviewParams,
    CommitMessageParams,
    CommitMessageResult,
    RenameParams,
    RenameResult,
    ReviewParams,
    ReviewResult,
)
from codefuse_lsp.lsp.server import CodeFuseServer


def register(server: CodeFuseServer) -> None:
    """Offer the methods."""

    @server.feature(COMMIT_MESSAGE)
    async def commit(ls: CodeFuseServer, params: CommitMessageParams | None) -> CommitMessageResult:
        return await commit_message(ls, params or CommitMessageParams())

    @server.feature(RENAME_SUGGESTIONS)
    async def rename(ls: CodeFuseServer, params: RenameParams) -> RenameResult:
        return await rename_suggestions(ls, params)

    @server.feature(REVIEW)
    async def review(ls: CodeFuseServer, params: ReviewParams) -> ReviewResult:
        return await reviewed(ls, params)

    @server.feature(CLEAR_REVIEW)
    async def clear(ls: CodeFuseServer, params: ClearReviewParams | None) -> int:
        return ls.findings.clear(params.uri if params else None)
