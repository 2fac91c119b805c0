"""Words found in what was said, in any conversation and any language. Knows the tables, not who asks.

A turn is found when it holds all the words, each anywhere, capital letters like small ones (of ASCII): code and Chinese
have no word boundaries that an index could go by. Where SQLite has FTS5 and its trigrams (3.34), an index of these
names the turns that may hold the words, and nothing else of the text; `LIKE` decides, here as without the index.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3

MOST_WORDS = 12  # of a query; the rest is not looked for
WORD_CHARS = 100  # of a word
MOST_TRIGRAMS = 32  # that the index is asked for; FTS5 takes expressions of some depth only
SNIPPET_CHARS = 120
_LONG = 3  # characters, from which on the index helps

_FORM = "tokenize = 'trigram', detail = 'none'"  # without places in the text: a third of the size
_INDEX = f"CREATE VIRTUAL TABLE turn_index USING fts5(text, content = 'turns', content_rowid = 'serial', {_FORM})"
_ADD = "INSERT INTO turn_index (rowid, text) VALUES (new.serial, new.text);"
_TAKE = "INSERT INTO turn_index (turn_index, rowid, text) VALUES ('delete', old.serial, old.text);"
_TRIGGERS = {
    "turn_added": f"AFTER INSERT ON turns BEGIN {_ADD} END",
    "turn_changed": f"AFTER UPDATE OF text ON turns BEGIN {_TAKE} {_ADD} END",
    "turn_deleted": f"AFTER DELETE ON turns BEGIN {_TAKE} END",
}


def prepare(database: sqlite3.Connection) -> bool:
    """See that the index is there and whole, if this SQLite can have one; return whether it has.

    A database that another SQLite has written without the index gets it anew; one that this SQLite cannot keep the
    index of is written without.
    """
    names = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'trigger')")}
    if not is_available(database):
        for trigger in _TRIGGERS.keys() & names:
            database.execute(f"DROP TRIGGER {trigger}")
        return False
    if "turn_index" in names and names.issuperset(_TRIGGERS):
        return True
    if "turn_index" not in names:
        database.execute(_INDEX)
    for trigger, body in _TRIGGERS.items():
        database.execute(f"CREATE TRIGGER IF NOT EXISTS {trigger} {body}")
    database.execute("INSERT INTO turn_index (turn_index) VALUES ('rebuild')")
    return True


def is_available(database: sqlite3.Connection) -> bool:
    """Return whether this SQLite has FTS5 with trigrams."""
    with contextlib.suppress(sqlite3.OperationalError):
        database.execute(f"CREATE VIRTUAL TABLE temp.probe USING fts5(text, {_FORM})")
        database.execute("DROP TABLE temp.probe")
        return True
    return False


def words_of(query: str) -> list[str]:
    """Return the words of a query, as far as they are looked for."""
    words = query.replace("\0", " ").split()
    return list(dict.fromkeys(word[:WORD_CHARS] for word in words))[:MOST_WORDS]


def condition(words: list[str], column: str) -> tuple[str, list[str]]:
    """Return the SQL of a column that holds all words, and its parameters."""
    sql = " AND ".join([f"{column} LIKE ? ESCAPE '!'"] * len(words))
    return sql, ["%" + re.sub("([%_!])", r"!\1", word) + "%" for word in words]


def turns_condition(words: list[str], *, indexed: bool) -> tuple[str, list[str]]:
    """Return the SQL of a turn that holds all words, and its parameters."""
    sql, parameters = condition(words, "text")
    trigrams = sorted({word[at : at + _LONG] for word in words for at in range(len(word) - _LONG + 1)})
    if not indexed or not trigrams:
        return sql, parameters
    asked = " AND ".join('"' + trigram.replace('"', '""') + '"' for trigram in trigrams[:MOST_TRIGRAMS])
    return f"serial IN (SELECT rowid FROM turn_index WHERE turn_index MATCH ?) AND {sql}", [asked, *parameters]


def snippet(text: str, words: list[str]) -> str:
    """Return the place in a text where the first of the words stands, on one line."""
    lower = text.lower()
    at = min((place for word in words if (place := lower.find(word.lower())) >= 0), default=0)
    start = max(0, at - SNIPPET_CHARS // 3)
    stop = start + SNIPPET_CHARS
    line = " ".join(text[start:stop].split())
    return f"{'…' if start else ''}{line}{'…' if stop < len(text) else ''}"
