"""Chat history in SQLite: turns in, turns out. Knows nothing of prompts or editors.

A database that cannot be used is kept aside, never deleted, and the history goes on in memory; `problem` says so.
"""

from __future__ import annotations

import sqlite3
import threading
import time
import uuid
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

SCHEMA_VERSION = 1
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


class Conversations:
    """All conversations of one user; safe to call from any thread, and slow disks are the caller's to wait for."""

    def __init__(self, path: Path | None) -> None:
        self.problem = ""
        self._lock = threading.Lock()
        self._database = self._open(path)

    def turns(self, conversation: str) -> list[StoredTurn]:
        """Return the turns of a conversation in their order; an unknown one has none."""
        query = "SELECT id, role, text FROM turns WHERE conversation = ? ORDER BY position"
        with self._lock:
            try:
                return [StoredTurn(*row) for row in self._database.execute(query, (conversation,))]
            except sqlite3.Error as error:
                self._fall_back(error)
                return []

    def add_round(self, conversation: str, question: str, answer: str) -> str:
        """Append a question and its answer together; return the answer's id."""
        with self._lock:
            try:
                return self._append(conversation, question, answer)
            except sqlite3.Error as error:
                self._fall_back(error)
                return self._append(conversation, question, answer)

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._database.close()

    def _append(self, conversation: str, question: str, answer: str) -> str:
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
        database.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    except sqlite3.Error:
        database.close()
        raise
    return database
