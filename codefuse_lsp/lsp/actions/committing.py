"""A commit message from the staged changes: `codefuse/commitMessage`, and an action in the editor of git's message."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lsprotocol import types
from pygls.uris import to_fs_path

from codefuse_lsp.context.secrets import Excerpt
from codefuse_lsp.context.staged import FileDiff, Staged, earlier_subjects, may_be_told, shortened, staged_diff
from codefuse_lsp.errors import CodeFuseError
from codefuse_lsp.lsp.actions.asking import TRIES_TO_FIT, ask, context_tokens, model_of, tokens_of
from codefuse_lsp.lsp.deltas import DeltaStream
from codefuse_lsp.lsp.protocol.actions import CommitMessageParams, CommitMessageResult, Target
from codefuse_lsp.lsp.selection import unchanged
from codefuse_lsp.lsp.server import CodeFuseServer
from codefuse_lsp.lsp.workspace_edits import versioned
from codefuse_lsp.prompts.committing import commit_prompt, message_in
from codefuse_lsp.prompts.formats import ModelFormat, Prompt

ANSWER_TOKENS = 256
LONGEST_SUBJECT_CHARS = 200  # of an earlier commit
LEAST_DIFF_CHARS = 200
LANGUAGES = frozenset({"git-commit", "gitcommit"})  # what editors call git's message


@dataclass(frozen=True, slots=True)
class _Told:
    files: tuple[FileDiff, ...]
    subjects: tuple[str, ...]
    left_out: list[str]
    restorations: Mapping[str, str]


async def commit_message(server: CodeFuseServer, params: CommitMessageParams) -> CommitMessageResult:
    """Return a message for what is staged. Raises CodeFuseError."""
    told = await _told(server, params)
    stream = DeltaStream(server, params.partial_result_token)
    async with server.work_done.shown("Writing a commit message") as report:
        model = await model_of(server)
        prompt, cut = await _fitting(server, told, model)
        left_out = [
            *told.left_out,
            *(f"The end of the changes of {path} did not fit the model's context." for path in cut),
        ]
        most = min(ANSWER_TOKENS, server.settings.chat_max_tokens)
        try:
            written = await ask(server, prompt, model, told.restorations, most, report, push=stream.push)
        finally:
            stream.flush()  # nothing is to come behind the answer to the request, not even to one that failed
    message = message_in(written.whole_lines)
    if not message:
        raise CodeFuseError("The model answered with no message; please ask again.")
    if written.is_cut:
        left_out.append(f"The message was cut after {most} tokens, and its last line was left out.")
    return CommitMessageResult(message, left_out)


async def message_edit(server: CodeFuseServer, target: Target) -> types.WorkspaceEdit:
    """Return the edit that puts the message at the top of git's message file. Raises CodeFuseError."""
    document = unchanged(server, target)
    found = await commit_message(server, CommitMessageParams(target.uri))
    unchanged(server, target)
    if found.left_out:
        server.tell(" ".join(found.left_out))
    start = types.Position(0, 0)
    gap = "" if not document.lines[0].strip() else "\n"
    change = types.TextEdit(types.Range(start, start), found.message + gap)
    return versioned(document.uri, document.version, [change], server.client_capabilities)


async def _told(server: CodeFuseServer, params: CommitMessageParams) -> _Told:
    """Return the changes as the model may read them; git and rules look at the disk."""
    rule_against: Callable[[Path], str | None] = server.suggester.surroundings.ignore.rule_against
    subjects: Sequence[str] = ()
    if params.diff is not None:
        root = next(map(Path, server.folders), Path())
        staged = await asyncio.to_thread(may_be_told, params.diff, root, rule_against)
    else:
        folder = _folder(server, params.uri)
        staged = await asyncio.to_thread(staged_diff, folder, rule_against)
        subjects = await asyncio.to_thread(earlier_subjects, folder)
    if not staged.files:
        raise CodeFuseError(" ".join(("Nothing is staged that a message could be about.", *staged.left_out)))
    return await asyncio.to_thread(_redacted, server, staged, subjects)


def _folder(server: CodeFuseServer, uri: str | None) -> Path:
    """Return where to look for a repository. Raises CodeFuseError."""
    path = to_fs_path(uri) if uri else next(iter(server.folders), None)
    if not path:
        raise CodeFuseError("There is no folder whose changes could be looked at.")
    return Path(path) if Path(path).is_dir() else Path(path).parent


def _redacted(server: CodeFuseServer, staged: Staged, earlier: Sequence[str]) -> _Told:
    subjects = [subject[:LONGEST_SUBJECT_CHARS] for subject in earlier]
    texts = [*(file.text for file in staged.files), *subjects]
    shown = server.suggester.surroundings.redacted([Excerpt(text) for text in texts])
    files = tuple(FileDiff(file.paths, text.text) for file, text in zip(staged.files, shown, strict=False))
    told = tuple(text.text for text in shown[len(files) :])
    return _Told(files, told, list(staged.left_out), shown[0].restorations)


async def _fitting(server: CodeFuseServer, told: _Told, model: ModelFormat) -> tuple[Prompt, Sequence[str]]:
    """Return the prompt with as much of the changes as fits, and the files whose end does not. Raises CodeFuseError."""
    room = await context_tokens(server) - ANSWER_TOKENS
    limit = sum(len(file.text) for file in told.files)
    for _ in range(TRIES_TO_FIT):
        diff, cut = shortened(told.files, limit)
        prompt = commit_prompt(diff, told.subjects, model, server.settings.system_prompt)
        tokens = await tokens_of(server, prompt.text)
        if tokens <= room:
            return prompt, cut
        limit = min(limit - 1, int(limit * max(room, 0) / tokens * 0.9))
        if limit < LEAST_DIFF_CHARS:
            break
    raise CodeFuseError("The staged changes do not fit the model's context, not even their beginning.")
