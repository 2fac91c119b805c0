"""Where an action works, and the methods of those that have one: commit message, rename suggestions, review."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
from lsprotocol import types

from codefuse_lsp.lsp.protocol.methods import Id, request

COMMIT_MESSAGE = "codefuse/commitMessage"
RENAME_SUGGESTIONS = "codefuse/renameSuggestions"
REVIEW = "codefuse/review"
CLEAR_REVIEW = "codefuse/review/clear"


@attrs.define
class Target:
    """The code that an action is about, and the version of the document in which it stood there."""

    uri: str
    range: types.Range
    version: int | None = None
    action: str | None = None  # the action's name, in the data of one that is resolved later
    detail: str | None = None  # what else it needs to know: the language to translate to, a user's own action
    diagnostics: Sequence[types.Diagnostic] | None = None


@attrs.define
class CommitMessageParams:
    """Whose staged changes: the repository of `uri`, or of the first folder; or `diff` itself.

    With `partialResultToken` the message streams as `$/progress` {kind: "delta", seq, text}.
    """

    uri: str | None = None
    diff: str | None = None
    partial_result_token: Id | None = None


@attrs.define
class CommitMessageResult:
    """The message; `leftOut` says in sentences what of the changes the model was not shown, and that it was cut."""

    message: str
    left_out: Sequence[str]


@attrs.define
class RenameParams:
    """A name in a document."""

    text_document: types.TextDocumentIdentifier
    position: types.Position


@attrs.define
class RenameResult:
    """The name, where it stands, and names in its style that the file does not use yet, the best first."""

    name: str
    range: types.Range
    suggestions: Sequence[str]


@attrs.define
class ReviewParams:
    """What to review: a range widened to whole statements, or the whole document."""

    text_document: types.TextDocumentIdentifier
    range: types.Range | None = None


@attrs.define
class Finding:
    """What is wrong, where, and how bad it is (a DiagnosticSeverity)."""

    range: types.Range
    severity: int
    message: str


@attrs.define
class ReviewResult:
    """The findings, which are published as diagnostics too."""

    findings: Sequence[Finding]


@attrs.define
class ClearReviewParams:
    """Whose findings to take away; without a uri, all."""

    uri: str | None = None


METHODS = {
    **request(COMMIT_MESSAGE, CommitMessageParams | None, CommitMessageResult),
    **request(RENAME_SUGGESTIONS, RenameParams, RenameResult),
    **request(REVIEW, ReviewParams, ReviewResult),
    **request(CLEAR_REVIEW, ClearReviewParams | None, int),
}
