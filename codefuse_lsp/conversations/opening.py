"""The file of the chat history, opened whatever is wrong with it: there is always somewhere to write.

A path in; a connection and a sentence for the user out. A file that is no database is kept aside, never deleted; one of
a newer version is left alone; where nothing can be written, the history goes on in memory. Before the tables of an
older version are changed, the file is copied.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from codefuse_lsp.conversations import schema

BUSY_S = 5.0  # another process may write meanwhile
IN_MEMORY = "this chat is kept in memory until the editor closes"


@dataclass(frozen=True, slots=True)
class Opened:
    """A database that can be written, whether words can be looked up in an index, and what the user should know."""

    database: sqlite3.Connection
    indexed: bool
    problem: str = ""
    path: Path | None = None  # None in memory


def open_history(path: Path | None) -> Opened:
    """Open the history at `path`, None for one in memory; never raises for what is on the disk."""
    if path is None:
        return in_memory("")
    try:
        return _on_disk(path)
    except sqlite3.DatabaseError as error:
        if is_unreadable(error):
            return set_aside(path, error)
        return in_memory(unusable(error))  # locked, full or read-only: the file itself is good
    except OSError as error:
        return in_memory(unusable(error))


def in_memory(problem: str) -> Opened:
    """Open an empty history that nobody else sees."""
    database = _connect(":memory:")
    return Opened(database, schema.prepare(database), problem)


def set_aside(path: Path, error: sqlite3.Error) -> Opened:
    """Keep an unreadable file under another name, with what belongs to it, and begin a new one."""
    aside = path.with_suffix(f".unreadable-{int(time.time())}")
    try:
        for part in ("", "-wal", "-shm"):
            if (found := path.with_name(path.name + part)).exists():
                found.replace(aside.with_name(aside.name + part))
        opened = _on_disk(path)
    except (OSError, sqlite3.Error) as second:
        return in_memory(unusable(second))
    told = f"The chat history could not be read ({error}); it was kept as {aside}, and a new one begun."
    return Opened(opened.database, opened.indexed, told, path)


def is_unreadable(error: sqlite3.Error) -> bool:
    """Return whether the file itself is broken, and not only out of reach."""
    return type(error) is sqlite3.DatabaseError


def empty_log(database: sqlite3.Connection) -> None:
    """Empty the write-ahead log, unless others read it: what was deleted stands in it, too."""
    database.execute("PRAGMA busy_timeout = 100")
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.execute(f"PRAGMA busy_timeout = {int(1e3 * BUSY_S)}")


def unusable(error: Exception) -> str:
    """Return the sentence for a history that cannot be used."""
    return f"The chat history cannot be used ({error}); {IN_MEMORY}."


def _on_disk(path: Path) -> Opened:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)
    database = _connect(str(path))
    try:
        version = schema.version_of(database)
        if version > schema.VERSION:
            database.close()
            return in_memory(
                f"The chat history was written by a newer codefuse-lsp (its version {version}, this one reads"
                f" {schema.VERSION}) and was left as it is; {IN_MEMORY}. Update codefuse-lsp to see it."
            )
        if 0 < version < schema.VERSION:
            _copy(database, path.with_suffix(f".version-{version}{path.suffix}"))
        _write_ahead(database)
        return Opened(database, schema.prepare(database), path=path)
    except BaseException:
        database.close()
        raise


def _connect(target: str) -> sqlite3.Connection:
    database = sqlite3.connect(target, timeout=BUSY_S, check_same_thread=False, isolation_level=None)
    database.execute("PRAGMA synchronous = NORMAL")  # with WAL, what a killed process has written stays
    database.execute("PRAGMA secure_delete = ON")  # what a user deletes is not to be read in the file
    return database


def _write_ahead(database: sqlite3.Connection) -> None:
    """Switch to a write-ahead log; SQLite waits for nobody there, so of two that begin a file, one has to try again."""
    for pause_s in (0.02, 0.05, 0.1, 0.2, 0.5, None):
        try:
            database.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError:
            if pause_s is None:
                raise
            time.sleep(pause_s)


def _copy(database: sqlite3.Connection, target: Path) -> None:
    """Copy a database for its owner alone, unless there is a copy."""
    if target.exists():
        return
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f"{target.name}.")
    os.close(handle)
    try:
        with closing(sqlite3.connect(name)) as copy:
            database.backup(copy)
        Path(name).replace(target)
    finally:
        Path(name).unlink(missing_ok=True)
