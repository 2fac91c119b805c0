"""What is offered while a message is written: `codefuse/chat/commands`, and `codefuse/chat/complete` for `/` and `@`.

A message and a cursor in; choices out, each with the reference that goes with the message. The workspace's files are
looked through in a thread, until a deadline; what is there by then is offered. Knows nothing of models.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePath
from typing import Any

import attrs
from lsprotocol import types

from codefuse_lsp.context.paths import matching
from codefuse_lsp.context.snippets import Document as Snapshot
from codefuse_lsp.context.symbols import symbols_in
from codefuse_lsp.lsp import snapshots
from codefuse_lsp.lsp.document import column_at, units
from codefuse_lsp.lsp.protocol.references import (
    COMMANDS,
    COMPLETE,
    ChatCommand,
    CompleteParams,
    CompleteResult,
    CompletionChoice,
    Reference,
)
from codefuse_lsp.lsp.references import shown_path
from codefuse_lsp.lsp.server import CodeFuseServer
from codefuse_lsp.prompts import commands

UTF16 = types.PositionEncodingKind.Utf16.value
DEADLINE_S = 0.15
MOST_FILES, MOST_SYMBOLS = 20, 15
MOST_TEXT_CHARS = 100_000  # of a message
_COMMAND = re.compile(r"\s*(/[\w-]*)\Z")
_MENTION = re.compile(r"(?:^|(?<=[\s(\[{,;:]))@(?:(file|symbol):)?(\"[^\"\n]*|[^\s\"@]*)\Z")
_SPECIAL = (
    ("selection", "The lines that are selected"),
    ("diagnostics", "The problems of the open file"),
    ("diff", "What is staged in git"),
    ("terminal", "What the terminal shows"),
)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is written behind an `@`, and where it stands; `only` is file or symbol where the user says which."""

    letters: str
    only: str
    start: int  # in UTF-16 units
    end: int


@dataclass(frozen=True, slots=True)
class _Before:
    """What the user has before them."""

    uri: str
    range: types.Range | None
    opened: tuple[tuple[str, Snapshot], ...]  # uri and text, the document in front first
    folders: tuple[Path, ...]
    by_words: bool


def register(server: CodeFuseServer) -> None:
    """Offer commands and references."""

    @server.feature(COMMANDS)
    async def chat_commands(ls: CodeFuseServer, params: Any) -> list[ChatCommand]:
        return [ChatCommand(one.name, one.description, one.argument) for one in commands.COMMANDS]

    @server.feature(COMPLETE)
    async def complete(ls: CodeFuseServer, params: CompleteParams) -> CompleteResult:
        text = params.text[:MOST_TEXT_CHARS]
        cursor = column_at(text.replace("\n", " ").replace("\r", " "), max(0, params.offset), UTF16)
        uri = params.text_document.uri if params.text_document else ""
        return CompleteResult(await choices(ls, text, cursor, uri, params.range))


async def choices(
    server: CodeFuseServer,
    text: str,
    cursor: int,
    uri: str = "",
    selected: types.Range | None = None,
    *,
    by_words: bool = False,
) -> list[CompletionChoice]:
    """Return what can stand at the cursor, a column of a message; the user has `uri` before them.

    With `by_words`, a message goes without its references, so that only what words can refer to is offered.
    """
    before, after = text[:cursor], text[cursor:]
    if command := _COMMAND.match(before):
        return _spaced(_commands(command[1], _units(before) - len(command[1]), _units(before)), after)
    found = _MENTION.search(before)
    if found is None:
        return []
    asked = _Asked(found[2].strip('"'), found[1] or "", _units(before[: found.start()]), _units(before))
    seen = _before(server, uri, selected, by_words=by_words)
    return _spaced(await asyncio.to_thread(_choices, server, asked, seen), after)


def _spaced(choices: list[CompletionChoice], after: str) -> list[CompletionChoice]:
    """Return the choices without the blank at their end where one follows already."""
    if not after[:1].isspace():
        return choices
    return [attrs.evolve(one, insert_text=one.insert_text.rstrip()) for one in choices]


def _commands(typed: str, start: int, end: int) -> list[CompletionChoice]:
    letters = typed[1:].lower()
    fitting = [one for one in commands.COMMANDS if one.name.startswith(letters)]
    fitting += [one for one in commands.COMMANDS if letters in one.name and one not in fitting]
    return [
        CompletionChoice(f"/{one.name}", one.description, "command", f"/{one.name} ", start, end) for one in fitting
    ]


def _before(server: CodeFuseServer, uri: str, selected: types.Range | None, *, by_words: bool) -> _Before:
    snapshots.refresh(server)
    opened = [(key, text) for key, text in server.snapshots.items() if key.startswith("file:")]
    front = server.path_of(server.document(uri)) if uri else ""
    opened.sort(key=lambda one: one[1].path != front)  # stable
    return _Before(uri, selected, tuple(opened), tuple(map(Path, server.folders)), by_words)


def _choices(server: CodeFuseServer, asked: _Asked, before: _Before) -> list[CompletionChoice]:
    """Return what letters behind an `@` may mean; looks through the workspace, so it runs in a thread."""
    deadline = time.monotonic() + DEADLINE_S
    found: list[CompletionChoice] = []
    if not asked.only:
        found += _special(asked, before)
    if asked.only != "symbol":
        found += islice(_files(server, asked, before, deadline), MOST_FILES)
    if asked.only != "file" and (asked.letters or asked.only):
        found += islice(_symbols(server, asked, before, deadline), MOST_SYMBOLS)
    return found


def _special(asked: _Asked, before: _Before) -> Iterator[CompletionChoice]:
    uri = before.uri or None
    references = {
        "selection": Reference(uri, before.range, "selection") if uri and before.range else None,
        "diagnostics": Reference(uri, kind="diagnostics") if uri or before.by_words else None,
        "diff": Reference(uri, kind="diff"),
        "terminal": None if before.by_words else Reference(kind="terminal"),
    }
    for kind, detail in _SPECIAL:
        if kind.startswith(asked.letters.lower()) and (reference := references[kind]) is not None:
            yield _choice(asked, f"@{kind}", detail, kind, f"@{kind} ", reference)


def _files(server: CodeFuseServer, asked: _Asked, before: _Before, deadline: float) -> Iterator[CompletionChoice]:
    """Yield the open files, then those of the workspace, as far as they may be read."""
    ignore = server.suggester.surroundings.ignore
    letters = asked.letters.lower()
    seen: set[str] = set()
    for uri, text in before.opened:
        shown = shown_path(text.path, before.folders)
        if letters in shown.lower() and ignore.rule_against(text.path) is None:
            seen.add(text.path)
            yield _file(asked, shown, uri)
    chunks = server.remembered.paths.chunks(before.folders, ignore.ignores_folder, deadline)
    for place in matching(chunks, asked.letters, 3 * MOST_FILES, deadline):
        path = str(place.path)
        if path not in seen and ignore.reason_unasked(path) is None:
            seen.add(path)
            yield _file(asked, shown_path(path, before.folders), place.path.as_uri())


def _file(asked: _Asked, shown: str, uri: str) -> CompletionChoice:
    pure = PurePath(shown)
    folder = pure.parent.as_posix()
    name = f'"{shown}"' if " " in shown else shown
    return _choice(
        asked, pure.name, "" if folder == "." else folder, "file", f"@file:{name} ", Reference(uri, kind="file")
    )


def _symbols(server: CodeFuseServer, asked: _Asked, before: _Before, deadline: float) -> Iterator[CompletionChoice]:
    """Yield the definitions in the open documents whose names begin with the letters, or have them."""
    ignore, letters = server.suggester.surroundings.ignore, asked.letters.lower()
    for uri, text in before.opened:
        if time.monotonic() > deadline:
            return
        if letters in "".join(text.lines).lower() and ignore.rule_against(text.path) is None:
            fitting = [symbol for symbol in symbols_in(text) if letters in symbol.name.lower()]
            for symbol in sorted(fitting, key=lambda one: not one.found.name.lower().startswith(letters)):
                detail = f"{shown_path(text.path, before.folders)}, line {symbol.found.head + 1}"
                reference = Reference(uri, kind="symbol", name=symbol.name)
                yield _choice(asked, symbol.name, detail, "symbol", f"@symbol:{symbol.name} ", reference)


def _choice(asked: _Asked, label: str, detail: str, kind: str, insert: str, reference: Reference) -> CompletionChoice:
    return CompletionChoice(label, detail, kind, insert, asked.start, asked.end, reference)


def _units(text: str) -> int:
    return units(text, UTF16)
