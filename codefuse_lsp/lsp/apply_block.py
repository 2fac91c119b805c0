"""`codefuse/applyCodeBlock`: a block of an answer as an edit of a file, which the client shows before it applies it.

The file is one that the editor names, or a path inside the workspace. Nothing is written here.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from lsprotocol import types
from pygls.uris import to_fs_path

from codefuse_lsp.context.languages import PLAIN, language_of
from codefuse_lsp.edits.hunks import Hunk, hunks
from codefuse_lsp.edits.indentation import indent_of, reindented
from codefuse_lsp.edits.lines import is_blank, line_end_of, lines_of, with_line_ends
from codefuse_lsp.errors import CodeFuseError
from codefuse_lsp.lsp.document import MAX_FILE_BYTES, Document
from codefuse_lsp.lsp.protocol.actions import Target
from codefuse_lsp.lsp.protocol.edit import APPLY_CODE_BLOCK, ApplyCodeBlockParams, ApplyCodeBlockResult
from codefuse_lsp.lsp.selection import unchanged
from codefuse_lsp.lsp.server import CodeFuseServer
from codefuse_lsp.lsp.workspace_edits import hunk_item, range_of, versioned

MODES = ("insert", "replace", "merge")
NOWHERE = "No file is named that the block could go to."
NOTHING_TO_DO = "The file has all of the block already."
_ORIGIN = types.Range(types.Position(0, 0), types.Position(0, 0))


@dataclass(frozen=True, slots=True)
class _Plan:
    """What becomes of the file."""

    document: Document
    hunks: list[Hunk]
    note: str
    is_new: bool


def register(server: CodeFuseServer) -> None:
    """Offer to put blocks of code into files."""

    @server.feature(APPLY_CODE_BLOCK)
    async def apply_code_block(ls: CodeFuseServer, params: ApplyCodeBlockParams) -> ApplyCodeBlockResult:
        if params.mode not in MODES:
            raise CodeFuseError(f"The mode is one of {', '.join(MODES)}, not '{params.mode}'.")
        document, is_new = await _document(ls, params)
        capabilities = ls.client_capabilities
        return await asyncio.to_thread(lambda: _result(params, _plan(params, document, is_new), capabilities))


async def _document(server: CodeFuseServer, params: ApplyCodeBlockParams) -> tuple[Document, bool]:
    """Return the file that is meant, frozen, and whether there is none yet. Raises CodeFuseError."""
    given = params.text_document
    if given is not None and unquote(given.uri) in server.workspace.text_documents:
        return unchanged(server, Target(given.uri, _ORIGIN, given.version)).frozen(), False
    named = to_fs_path(given.uri) if given is not None else params.path
    if not named:
        raise CodeFuseError(NOWHERE)
    opened = [one.uri for one in server.workspace.text_documents.values() if one.uri.startswith("file:")]
    uri, is_new = await asyncio.to_thread(_file, server, named, opened)
    return server.document(uri).frozen(), is_new


def _file(server: CodeFuseServer, named: str, opened: Sequence[str]) -> tuple[str, bool]:
    """Return the uri of the file that a path means, as the editor calls it where it is open, and whether it is new."""
    path = path_inside(server, named)
    real = os.path.realpath(path)
    for uri in opened:
        name = to_fs_path(uri) or ""
        if "\0" not in name and os.path.realpath(name) == real:
            return uri, False
    return path.as_uri(), not _is_there(path)


def path_inside(server: CodeFuseServer, named: str) -> Path:
    """Return the file of the workspace that a path means, below its folder as the client calls that; reads the disk.

    No path leads out of the workspace's folders, by dots or by links, nor to what must not be read. Raises
    CodeFuseError.
    """
    folders = {Path(folder): Path(folder).resolve() for folder in server.folders}
    if not folders:
        raise CodeFuseError(f"Open a folder first, so that there is a place for {named}.")
    relative = named.replace("\\", "/")  # a model may write a Windows path anywhere
    try:
        found = [
            folder / path.relative_to(real)
            for folder, real in folders.items()
            if (path := (real / relative).resolve()).is_relative_to(real)
        ]
    except (OSError, ValueError, RuntimeError) as error:  # a link that leads to itself, a character that none may have
        raise CodeFuseError("The path of the block cannot be a file's.") from error
    inside = [path for path in found if path not in folders and ".git" not in path.parts]
    if not inside:
        raise CodeFuseError(f"{named} is outside of the workspace's folders, so nothing is put there.")
    path = next((path for path in inside if path.exists()), inside[0])
    if rule := server.suggester.surroundings.ignore.rule_against(path):
        raise CodeFuseError(rule)
    return path


def _is_there(path: Path) -> bool:
    """Return whether a file is there; raises CodeFuseError for what is no text file."""
    try:
        if not path.exists():
            return False
        if path.is_file() and path.stat().st_size <= MAX_FILE_BYTES:
            with path.open("rb") as file:
                if b"\0" not in file.read(1 << 13):
                    return True
    except OSError as error:
        raise CodeFuseError(f"{path.name} cannot be read: {error.strerror}.") from error
    raise CodeFuseError(f"{path.name} is no text file that a block could go to.")


def _plan(params: ApplyCodeBlockParams, document: Document, is_new: bool) -> _Plan:
    """Return what becomes of a file; may take a while, so it runs in a thread. Raises CodeFuseError."""
    from codefuse_lsp.edits.anchors import merged  # as much again as all else that edits import

    text = "" if is_new else document.source
    where = params.range
    note = ""
    if is_new or params.mode == "merge":
        line = None if where is None else document.point(where.start).line
        found = merged(text, params.code, _language(params, document), line)
        new, note = found.text, found.note
    elif where is None:
        raise CodeFuseError(f"Say where to {params.mode} the block.")
    else:
        start, stop = sorted((document.point(where.start), document.point(where.end)))
        if params.mode == "insert":
            stop = start
        new = _put(text, params.code, tuple(start), tuple(stop))
    found_hunks = hunks(text, new)
    return _Plan(document, found_hunks, note or ("" if found_hunks else NOTHING_TO_DO), is_new)


def _language(params: ApplyCodeBlockParams, document: Document) -> str:
    known = document.language_id or language_of(document.path or document.uri)
    return params.language or known if known == PLAIN else known


def _put(text: str, code: str, start: tuple[int, ...], stop: tuple[int, ...]) -> str:
    """Return a text with code in the place of a range, as whole lines where that is whole lines, else as it is."""
    from codefuse_lsp.edits.anchors import at_line

    lines = lines_of(text)
    first = lines[start[0]] if start[0] < len(lines) else ""
    code = with_line_ends(code, line_end_of(text)).strip("\r\n")
    is_one_line = len(lines_of(code)) == 1
    if start == stop and (is_blank(first) or not is_one_line):
        return at_line(text, code, start[0])
    before = "".join(lines[: start[0]]) + first[: start[1]]
    last = lines[stop[0]] if stop[0] < len(lines) else ""
    after = last[stop[1] :] + "".join(lines[stop[0] + 1 :])
    if is_blank(first[: start[1]]) and (is_blank(last[stop[1] :]) or stop[1] == 0):
        placed = reindented(lines_of(code), indent_of(first))
        code = "".join(placed)[len(first[: start[1]]) if not is_blank(first) else 0 :]
        ends_line = stop[1] == 0 and stop[0] > start[0]
        return before + code + (line_end_of(text) if ends_line else "") + after
    return before + code + after


def _result(params: ApplyCodeBlockParams, plan: _Plan, capabilities: types.ClientCapabilities) -> ApplyCodeBlockResult:
    document = plan.document
    name = (document.path or document.uri).replace("\\", "/").rpartition("/")[2]
    doing = "New file" if plan.is_new else {"merge": "Merge into", "insert": "Insert into"}.get(params.mode, "Change")
    label = f"CodeFuse: {doing} {name}"
    items = [types.TextEdit(range_of(document, hunk.start, hunk.stop), hunk.new) for hunk in plan.hunks]
    confirm = label if params.preview or params.text_document is None else ""
    edit = versioned(document.uri, document.version, items, capabilities, confirm, create=plan.is_new)
    return ApplyCodeBlockResult(
        edit=edit,
        label=label,
        uri=document.uri,
        hunks=[hunk_item(document, hunk) for hunk in plan.hunks],
        note=plan.note,
    )
