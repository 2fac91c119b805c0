"""What is asked of the tables of the chat history: branches, lists, places. A connection and ids in, values out."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from codefuse_lsp.conversations import search
from codefuse_lsp.conversations.turns import (
    ConversationError,
    FinishReason,
    StoredTurn,
    Summary,
    branch,
    path_to,
    unknown_turn,
)
from codefuse_lsp.conversations.writers import is_running

MOST_IDS = 500  # in one query
_COUNT = "(SELECT count(*) FROM turns WHERE conversation = conversations.id)"
_SUMMARY = f"conversations.id, title, updated, {_COUNT}"


def unknown_conversation() -> ConversationError:
    """Return the error for a conversation that is not there."""
    return ConversationError("There is no such conversation; it may have been deleted.")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Turns of a branch: the last `limit` of the one that holds `through`, or of those before, or up to, a turn."""

    conversation: str
    through: str | None = None
    before: str | None = None
    end: str | None = None
    limit: int | None = None


def turns(
    database: sqlite3.Connection, wanted: Wanted, unwritten: Mapping[str, tuple[str, ...]]
) -> tuple[list[StoredTurn], int]:
    """Return turns of a branch and how many there are before them; `unwritten` are secrets beside the table's."""
    query = "SELECT id, parent FROM turns WHERE conversation = ? ORDER BY serial"
    parents: dict[str, str | None] = dict(database.execute(query, (wanted.conversation,)))
    if not parents and (wanted.through or wanted.before or wanted.end):
        raise unknown_conversation()
    path = _path(parents, wanted)
    earlier = 0 if wanted.limit is None else max(0, len(path) - wanted.limit)
    path = path[earlier:]
    places: dict[str | None, list[str]] = {}
    for turn, parent in parents.items():
        places.setdefault(parent, []).append(turn)
    columns = "id, role, created, finish_reason, writer, refs, text"
    rows = {row[0]: row[1:] for row in _each(database, f"SELECT {columns} FROM turns WHERE id IN", path)}
    known: dict[str, list[str]] = {}
    written = _each(database, "SELECT rowid, turn, secret FROM secrets WHERE turn IN", path)
    for _, turn, secret in sorted(written):
        known.setdefault(turn, []).append(secret)
    found = []
    for turn in path:
        role, created, reason, writer, refs, text = rows[turn]
        secrets = (*known.get(turn, ()), *unwritten.get(turn, ()))
        parent, siblings = parents[turn], tuple(places[parents[turn]])
        reason = _reason(role, reason, writer)
        found.append(StoredTurn(turn, role, text, secrets, parent, created, reason, _references(refs), siblings))
    return found, earlier


def _path(parents: dict[str, str | None], wanted: Wanted) -> list[str]:
    last = wanted.end or wanted.before
    if last is None:
        return branch(parents, wanted.through)
    if last not in parents:
        raise unknown_turn()
    path = path_to(parents, last)
    return path if wanted.end else path[:-1]


def _each(database: sqlite3.Connection, query: str, ids: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a query that ends with a list of ids; SQLite takes a limited number of them at once."""
    for start in range(0, len(ids), MOST_IDS):
        some = ids[start : start + MOST_IDS]
        yield from database.execute(f"{query} ({','.join('?' * len(some))})", some)


def _reason(role: str, reason: FinishReason, writer: str) -> FinishReason:
    """Return how a turn has ended: an answer whose writer is gone will not be written to its end."""
    if role != "bot" or reason:
        return reason
    return "running" if is_running(writer) else "interrupted"


def _references(refs: str) -> tuple[Mapping[str, object], ...]:
    return tuple(item for item in json.loads(refs) if isinstance(item, dict))


def place_of(database: sqlite3.Connection, conversation: str, turn: str) -> tuple[str, str | None]:
    """Return the role of a turn and what it follows; raises ConversationError where it is not there."""
    query = "SELECT role, parent FROM turns WHERE id = ? AND conversation = ?"
    if row := database.execute(query, (turn, conversation)).fetchone():
        return row[0], row[1]
    summary(database, conversation)
    raise unknown_turn()


def newest_answer(database: sqlite3.Connection, conversation: str) -> str | None:
    """Return the newest answer that nobody is writing; None where there is none."""
    query = "SELECT id, finish_reason, writer FROM turns WHERE conversation = ? AND role = 'bot' ORDER BY serial DESC"
    for turn, reason, writer in database.execute(query, (conversation,)):
        if _reason("bot", reason, writer) != "running":
            return str(turn)
    return None


def summary(database: sqlite3.Connection, conversation: str) -> Summary:
    """Return what a list shows of a conversation; raises ConversationError where it is not there."""
    query = f"SELECT {_SUMMARY} FROM conversations WHERE id = ?"
    if row := database.execute(query, (conversation,)).fetchone():
        return Summary(*row)
    raise unknown_conversation()


def summaries(
    database: sqlite3.Connection, query: str, limit: int, offset: int, *, indexed: bool
) -> tuple[list[Summary], int]:
    """Return conversations, the newest first, and how many there are in all."""
    words = search.words_of(query)
    if not words:
        (total,) = database.execute("SELECT count(*) FROM conversations").fetchone()
        sql = f"SELECT {_SUMMARY} FROM conversations ORDER BY updated DESC, rowid DESC LIMIT ? OFFSET ?"
        return [Summary(*row) for row in database.execute(sql, (limit, offset))], total
    in_turn, parameters = search.turns_condition(words, indexed=indexed)
    in_title, more = search.condition(words, "title")
    found = (
        f"WITH found AS (SELECT conversation, max(serial) AS serial FROM turns WHERE {in_turn} GROUP BY conversation)"
        " SELECT {} FROM conversations LEFT JOIN found ON found.conversation = conversations.id"
        f" WHERE found.serial IS NOT NULL OR ({in_title})"
    )
    parameters += more
    (total,) = database.execute(found.format("count(*)"), parameters).fetchone()
    order = " ORDER BY updated DESC, conversations.rowid DESC LIMIT ? OFFSET ?"
    rows = database.execute(found.format(f"found.serial, {_SUMMARY}") + order, [*parameters, limit, offset]).fetchall()
    found_in = [replace(Summary(*row[1:]), snippet=_snippet(database, row[0], words)) for row in rows]
    return found_in, total


def _snippet(database: sqlite3.Connection, serial: int | None, words: list[str]) -> str:
    row = database.execute("SELECT text FROM turns WHERE serial = ?", (serial,)).fetchone()
    return search.snippet(row[0], words) if row else ""  # only the title holds the words


def carry_over(former: sqlite3.Connection, database: sqlite3.Connection, most: int) -> None:
    """Copy the newest conversations from a database that cannot be written, as far as it can be read."""
    newest = "SELECT id FROM conversations ORDER BY updated DESC LIMIT ?"
    of_turns = f"SELECT id FROM turns WHERE conversation IN ({newest})"
    copied = (
        (f"SELECT * FROM conversations WHERE id IN ({newest})", "INSERT INTO conversations VALUES (?, ?, ?, ?)"),
        (
            f"SELECT * FROM turns WHERE conversation IN ({newest})",
            "INSERT INTO turns VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        ),
        (f"SELECT * FROM secrets WHERE turn IN ({of_turns})", "INSERT INTO secrets VALUES (?, ?)"),
    )
    for query, insert in copied:
        with contextlib.suppress(sqlite3.Error):
            database.executemany(insert, former.execute(query, (most,)).fetchall())
