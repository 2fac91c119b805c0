"""All conversations of one user: begun, written while they are answered, read, found and deleted.

With a turn goes what was known for a secret in its round. On disk are only those that the texts of the round show
anyway, the others in memory: what was read in a file is not written down for having been read.

A database that cannot be used is kept aside, never deleted, and the history goes on in memory; `problem` says so.
"""

from __future__ import annotations

import json
import re
import sqlite3
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TypeVar

from codefuse_lsp.conversations import opening, reading
from codefuse_lsp.conversations.turns import (
    ConversationError,
    FinishReason,
    References,
    Round,
    StoredTurn,
    Summary,
    title_of,
)
from codefuse_lsp.conversations.writers import this_process

MOST_UNWRITTEN = 500  # answers whose secrets are kept in memory
MOST_CARRIED = 50  # conversations that go along where the history has to go on in memory
_INSERT = (
    "INSERT INTO turns (id, conversation, parent, role, created, finish_reason, writer, refs, text)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_LONE = re.compile("[\ud800-\udfff]")  # halves of surrogate pairs, which UTF-8 has no place for

T = TypeVar("T")


class Conversations:
    """The history; safe to call from any thread, and slow disks are the caller's to wait for."""

    def __init__(self, path: Path | None) -> None:
        self._lock = threading.Lock()
        self._unwritten: OrderedDict[str, tuple[str, ...]] = OrderedDict()  # secrets by answer
        self._opened = opening.open_history(path)
        self.problem = self._opened.problem

    def begin(self, conversation: str, question: str, parent: str | None = None, references: References = ()) -> Round:
        """Append a question behind the answer `parent`, None for the newest that is whole, with an empty answer.

        An unknown conversation begins. Raises ConversationError where a parent is no answer of the conversation.
        """
        return self._done(lambda database: self._begin(database, conversation, question, parent, references))

    def ask_beside(self, conversation: str, turn: str, question: str, references: References = ()) -> Round:
        """Put a question beside another: what was asked said otherwise; raises ConversationError."""

        def work(database: sqlite3.Connection) -> Round:
            with _writing(database):
                role, parent = reading.place_of(database, conversation, turn)
                if role != "human":
                    raise ConversationError("Only a question can be edited, not an answer.")
                return self._insert_round(database, conversation, question, parent, references)

        return self._done(work)

    def answer_again(self, conversation: str, turn: str) -> Round:
        """Put an empty answer beside those to a question, which `turn` is or answers; raises ConversationError."""

        def work(database: sqlite3.Connection) -> Round:
            with _writing(database):
                role, parent = reading.place_of(database, conversation, turn)
                question = turn if role == "human" else parent
                if question is None:
                    raise ConversationError("The question of this answer has been deleted.")
                return Round(conversation, question, _insert_answer(database, conversation, question))

        return self._done(work)

    def write(self, answer: str, text: str, reason: FinishReason = "", secrets: Collection[str] = ()) -> None:
        """Write an answer as far as it goes, '' for `reason` while more comes; one that was deleted stays so.

        `secrets` are all that were known for one when the question was asked.
        """
        self._done(lambda database: self._write(database, answer, _storable(text), reason, secrets))

    def add_round(self, conversation: str, question: str, answer: str, secrets: Collection[str] = ()) -> str:
        """Append a question and its whole answer; return the answer's id."""
        begun = self.begin(conversation, question)
        self.write(begun.answer, answer, "stop", secrets)
        return begun.answer

    def turns(self, conversation: str, through: str | None = None, limit: int | None = None) -> list[StoredTurn]:
        """Return the last turns of the branch that holds `through`, to its newest end; None is the newest of all.

        An unknown conversation has no turns. Raises ConversationError for an unknown turn.
        """
        return self.page(conversation, through, None, limit)[0]

    def turns_to(self, conversation: str, end: str, limit: int | None = None) -> list[StoredTurn]:
        """Return the last turns up to `end`; raises ConversationError where it is unknown."""
        wanted = reading.Wanted(conversation, end=end, limit=limit)
        return self._done(lambda database: reading.turns(database, wanted, self._unwritten))[0]

    def page(
        self, conversation: str, through: str | None = None, before: str | None = None, limit: int | None = None
    ) -> tuple[list[StoredTurn], int]:
        """Return the last turns of a branch, or the last before one of them, and how many there are before these.

        Raises ConversationError for an unknown turn.
        """
        wanted = reading.Wanted(conversation, through, before, limit=limit)
        return self._done(lambda database: reading.turns(database, wanted, self._unwritten))

    def summary(self, conversation: str) -> Summary:
        """Return what a list shows of a conversation; raises ConversationError where it is unknown."""
        return self._done(lambda database: reading.summary(database, conversation))

    def summaries(self, query: str = "", limit: int = 50, offset: int = 0) -> tuple[list[Summary], int]:
        """Return conversations, the newest first, and how many there are; `query` has to stand in a turn or title."""
        query = _storable(query)
        indexed = self._opened.indexed
        return self._done(lambda database: reading.summaries(database, query, limit, offset, indexed=indexed))

    def rename(self, conversation: str, title: str) -> None:
        """Give a conversation another title; raises ConversationError where it is unknown."""

        def work(database: sqlite3.Connection) -> None:
            query = "UPDATE conversations SET title = ? WHERE id = ?"
            if not database.execute(query, (_storable(title), conversation)).rowcount:
                raise reading.unknown_conversation()

        self._done(work)

    def delete(self, conversation: str, turn: str | None = None) -> None:
        """Delete a conversation, or a turn with all behind it; raises ConversationError where it is unknown."""
        self._done(lambda database: _delete(database, conversation, turn))

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._opened.database.close()

    def _done(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do what cannot fail for the disk: where it does, the history goes on elsewhere, and it is done there."""
        with self._lock:
            try:
                return work(self._opened.database)
            except sqlite3.Error as error:
                self._fall_back(error)
                return work(self._opened.database)

    def _fall_back(self, error: sqlite3.Error) -> None:
        path = self._opened.path
        with closing(self._opened.database) as former:
            if path is not None and opening.is_unreadable(error):
                former.close()
                self._opened = opening.set_aside(path, error)
            else:
                self._opened = opening.in_memory(opening.unusable(error))
                reading.carry_over(former, self._opened.database, MOST_CARRIED)
        self.problem = self._opened.problem

    def _begin(
        self,
        database: sqlite3.Connection,
        conversation: str,
        question: str,
        parent: str | None,
        references: References,
    ) -> Round:
        with _writing(database):
            if parent is None:
                parent = reading.newest_answer(database, conversation)
            elif reading.place_of(database, conversation, parent)[0] != "bot":
                raise ConversationError("A question follows an answer; this turn is a question. Edit it instead.")
            row = (conversation, title_of(_storable(question)), time.time(), time.time())
            database.execute("INSERT OR IGNORE INTO conversations VALUES (?, ?, ?, ?)", row)
            return self._insert_round(database, conversation, question, parent, references)

    def _insert_round(
        self,
        database: sqlite3.Connection,
        conversation: str,
        question: str,
        parent: str | None,
        references: References,
    ) -> Round:
        asked = uuid.uuid4().hex
        refs = json.dumps([*references], ensure_ascii=True)
        row = (asked, conversation, parent, "human", time.time(), "", "", refs, _storable(question))
        database.execute(_INSERT, row)
        return Round(conversation, asked, _insert_answer(database, conversation, asked))

    def _write(
        self,
        database: sqlite3.Connection,
        answer: str,
        text: str,
        reason: FinishReason,
        secrets: Collection[str],
    ) -> None:
        with _writing(database):
            query = "UPDATE turns SET text = ?, finish_reason = ? WHERE id = ?"
            if not database.execute(query, (text, reason, answer)).rowcount:
                return
            written = _write_secrets(database, answer, text, secrets)
            if reason:
                query = "UPDATE conversations SET updated = ? WHERE id = (SELECT conversation FROM turns WHERE id = ?)"
                database.execute(query, (time.time(), answer))
        self._unwritten[answer] = tuple(secret for secret in secrets if secret not in written)
        while len(self._unwritten) > MOST_UNWRITTEN:
            self._unwritten.popitem(last=False)


def _insert_answer(database: sqlite3.Connection, conversation: str, question: str) -> str:
    answer = uuid.uuid4().hex
    row = (answer, conversation, question, "bot", time.time(), "", this_process(), "[]", "")
    database.execute(_INSERT, row)
    database.execute("UPDATE conversations SET updated = ? WHERE id = ?", (time.time(), conversation))
    return answer


def _write_secrets(database: sqlite3.Connection, answer: str, text: str, secrets: Collection[str]) -> set[str]:
    """Write down the secrets that an answer or its question shows, each with the turn that shows it."""
    if not secrets:
        return set()
    query = "SELECT id, text FROM turns WHERE id = (SELECT parent FROM turns WHERE id = ?)"
    sides = [*database.execute(query, (answer,)), (answer, text)]
    shown = [(turn, secret) for turn, said in sides for secret in secrets if secret in said]
    database.executemany("INSERT OR IGNORE INTO secrets VALUES (?, ?)", shown)
    return {secret for _, secret in shown}


def _delete(database: sqlite3.Connection, conversation: str, turn: str | None) -> None:
    with _writing(database):
        if turn is None:
            reading.summary(database, conversation)
            doomed = "SELECT id FROM turns WHERE conversation = ?"
            where = conversation
        else:
            reading.place_of(database, conversation, turn)
            doomed = (
                "WITH RECURSIVE behind(id) AS (SELECT ? UNION SELECT turns.id FROM turns JOIN behind"
                " ON turns.parent = behind.id) SELECT id FROM behind"
            )
            where = turn
        ids = database.execute(doomed, (where,)).fetchall()
        database.executemany("DELETE FROM secrets WHERE turn = ?", ids)
        database.executemany("DELETE FROM turns WHERE id = ?", ids)
        database.execute(
            "DELETE FROM conversations WHERE id = ?"
            " AND NOT EXISTS (SELECT 1 FROM turns WHERE conversation = conversations.id)",
            (conversation,),
        )
    opening.empty_log(database)


@contextmanager
def _writing(database: sqlite3.Connection) -> Iterator[None]:
    """Hold a transaction that nobody writes beside; it is undone where its block, or its own end, raises."""
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
        database.execute("COMMIT")
    except BaseException:
        if database.in_transaction:  # a full disk has ended it already
            database.execute("ROLLBACK")
        raise


def _storable(text: str) -> str:
    return text if text.isascii() else _LONE.sub("\ufffd", text)
