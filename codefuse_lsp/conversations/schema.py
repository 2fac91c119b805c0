"""The tables of the chat history, and how older ones become these. A connection in, and it is up to date.

Version 1 had turns by their place in a conversation; version 2 a table of secrets beside them; version 3, this one, has
conversations and a tree of turns.
"""

from __future__ import annotations

import sqlite3

from codefuse_lsp.conversations import search
from codefuse_lsp.conversations.turns import title_of

VERSION = 3

TABLES = (
    """
    CREATE TABLE conversations (
        id TEXT PRIMARY KEY,
        title TEXT NOT NULL,
        created REAL NOT NULL,
        updated REAL NOT NULL
    )
    """,
    # the text comes last, so that a turn can be looked at without it
    """
    CREATE TABLE turns (
        serial INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        conversation TEXT NOT NULL,
        parent TEXT,
        role TEXT NOT NULL,
        created REAL NOT NULL,
        finish_reason TEXT NOT NULL,
        writer TEXT NOT NULL,
        refs TEXT NOT NULL,
        text TEXT NOT NULL
    )
    """,
    # with all that a branch is found by, so that no text is read for it
    "CREATE INDEX turns_of_conversation ON turns (conversation, serial, id, parent)",
    "CREATE INDEX conversations_by_time ON conversations (updated)",
)
SECRETS = "CREATE TABLE IF NOT EXISTS secrets (turn TEXT NOT NULL, secret TEXT NOT NULL, PRIMARY KEY (turn, secret))"


def version_of(database: sqlite3.Connection) -> int:
    """Return the version of the tables; 0 where there are none."""
    said = int(database.execute("PRAGMA user_version").fetchone()[0])
    names = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if "turns" not in names:
        return said if said > VERSION else 0
    return max(said, 1, VERSION if "conversations" in names else 0)  # version 2 wrote its number over any other


def prepare(database: sqlite3.Connection) -> bool:
    """Make the tables, or bring older ones up to date, in one transaction; return whether there is an index.

    The caller has kept a copy of an older version. Raises sqlite3.Error, and then nothing has changed.
    """
    with database:
        database.execute("BEGIN IMMEDIATE")  # of two processes that open it at once, the second finds it done
        version = version_of(database)
        if version == 0:
            _create(database)
        elif version < VERSION:
            _migrate(database)
        indexed = search.prepare(database)
        database.execute(f"PRAGMA user_version = {VERSION}")
    return indexed


def _create(database: sqlite3.Connection) -> None:
    for statement in (*TABLES, SECRETS):
        database.execute(statement)


def _migrate(database: sqlite3.Connection) -> None:
    """Make a chain of the turns of each conversation."""
    database.execute("ALTER TABLE turns RENAME TO former_turns")
    _create(database)
    query = "SELECT conversation, id, role, text, created FROM former_turns ORDER BY conversation, position"
    last, parent = None, None
    for conversation, turn, role, text, created in database.execute(query).fetchall():
        if conversation != last:
            parent = None
            row = (conversation, title_of(text), created, created)
            database.execute("INSERT INTO conversations VALUES (?, ?, ?, ?)", row)
        reason = "stop" if role == "bot" else ""  # what ended it was not written down
        database.execute(
            "INSERT INTO turns (id, conversation, parent, role, created, finish_reason, writer, refs, text)"
            " VALUES (?, ?, ?, ?, ?, ?, '', '[]', ?)",
            (turn, conversation, parent, role, created, reason, text),
        )
        database.execute("UPDATE conversations SET updated = ? WHERE id = ?", (created, conversation))
        last, parent = conversation, turn
    database.execute("DROP TABLE former_turns")
