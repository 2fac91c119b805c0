"""Chat history in SQLite: turns in, turns out. Knows nothing of prompts or editors.

With a turn goes what was known for a secret in its round. On disk are only those that the texts of the round show
anyway, the others in memory: what was read in a file is not written down for having been read.

A database that cannot be used is kept aside, never deleted, and the history goes on in memory; `problem` says so.
"""

from __future__ import annotations

import sqlite3
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCHEMA_VERSION = 2  # 1 had no secrets; a table of their own leaves its turns readable to both
MOST_UNWRITTEN = 500  # rounds whose secrets are kept in memory
SECRETS = """
CREATE TABLE IF NOT EXISTS secrets (
    turn TEXT NOT NULL,
    secret TEXT NOT NULL,
    PRIMARY KEY (turn, secret)
)
"""
SCHEMA = """
CREATE TABLE IF NOT EXISTS turns (
    conversation TEXT NOT NULL,
    position INTEGER NOT NULL,
    id TEXT NOT NULL,
    role TEXT NOT NULL,
    text TEXT NOT NULL,
    created REAL NOT NULL,
    PRIMARY KEY (conversation, position)
)
"""


@dataclass(frozen=True, slots=True)
class StoredTurn:
    """One side's part in a conversation; `role` is human or bot."""

    id: str
    role: str
    text: str
    secrets: tuple[str, ...] = ()  # of its round, which its own text may show and not tell
    references: Sequence[Mapping[str, Any]] = ()  # as the client named them


class Conversations:
    """All conversations of one user; safe to call from any thread, and slow disks are the caller's to wait for."""

    def __init__(self, path: Path | None) -> None:
        self.problem = ""
        self._lock = threading.Lock()
        self._unwritten: OrderedDict[str, tuple[str, ...]] = OrderedDict()  # secrets by turn
        self._database = self._open(path)

    def turns(self, conversation: str) -> list[StoredTurn]:
        """Return the turns of a conversation in their order; an unknown one has none."""
        query = "SELECT id, role, text FROM turns WHERE conversation = ? ORDER BY position"
        with self._lock:
            try:
                rows = self._database.execute(query, (conversation,)).fetchall()
                return [StoredTurn(turn, role, text, self._secrets_of(turn)) for turn, role, text in rows]
            except sqlite3.Error as error:
                self._fall_back(error)
                return []

    def add_round(self, conversation: str, question: str, answer: str, secrets: Collection[str] = ()) -> str:
        """Append a question and its answer together; return the answer's id.

        `secrets` are all that were known for one when the question was asked.
        """
        with self._lock:
            try:
                return self._append(conversation, question, answer, secrets)
            except sqlite3.Error as error:
                self._fall_back(error)
                return self._append(conversation, question, answer, secrets)

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._database.close()

    def _secrets_of(self, turn: str) -> tuple[str, ...]:
        rows = self._database.execute("SELECT secret FROM secrets WHERE turn = ? ORDER BY rowid", (turn,))
        return (*(secret for (secret,) in rows), *self._unwritten.get(turn, ()))

    def _append(self, conversation: str, question: str, answer: str, secrets: Collection[str]) -> str:
        query = "SELECT coalesce(max(position) + 1, 0) FROM turns WHERE conversation = ?"
        with self._database:
            self._database.execute("BEGIN IMMEDIATE")  # two editors may talk in the same conversation
            (position,) = self._database.execute(query, (conversation,)).fetchone()
            ids = [uuid.uuid4().hex for _ in range(2)]
            rows = [
                (conversation, position, ids[0], "human", question, time.time()),
                (conversation, position + 1, ids[1], "bot", answer, time.time()),
            ]
            self._database.executemany("INSERT INTO turns VALUES (?, ?, ?, ?, ?, ?)", rows)
            sides = ((ids[0], question), (ids[1], answer))
            shown = [(turn, secret) for turn, text in sides for secret in secrets if secret in text]
            self._database.executemany("INSERT OR IGNORE INTO secrets VALUES (?, ?)", shown)
        written = {secret for _, secret in shown}
        self._unwritten[ids[1]] = tuple(secret for secret in secrets if secret not in written)
        if len(self._unwritten) > MOST_UNWRITTEN:
            self._unwritten.popitem(last=False)
        return ids[1]

    def _open(self, path: Path | None) -> sqlite3.Connection:
        if path is None:
            return _connect(":memory:")
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.touch(mode=0o600)
            return _connect(str(path))
        except sqlite3.DatabaseError as error:
            return self._set_aside(path, error)
        except OSError as error:
            self._explain(error)
            return _connect(":memory:")

    def _set_aside(self, path: Path, error: sqlite3.Error) -> sqlite3.Connection:
        if isinstance(error, sqlite3.OperationalError):  # locked, full or read-only: the file itself is good
            self._explain(error)
            return _connect(":memory:")
        aside = path.with_suffix(f".unreadable-{int(time.time())}")
        path.replace(aside)
        self.problem = f"The chat history could not be read ({error}); it was kept as {aside}, and a new one begun."
        return _connect(str(path))

    def _fall_back(self, error: sqlite3.Error) -> None:
        self._explain(error)
        with closing(self._database):
            self._database = _connect(":memory:")

    def _explain(self, error: Exception) -> None:
        self.problem = (
            f"The chat history cannot be used ({error}); this chat is kept in memory until the editor closes."
        )


def _connect(target: str) -> sqlite3.Connection:
    database = sqlite3.connect(target, timeout=2.0, check_same_thread=False, isolation_level=None)
    try:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute(SCHEMA)
        database.execute(SECRETS)
        database.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    except sqlite3.Error:
        database.close()
        raise
    return database
