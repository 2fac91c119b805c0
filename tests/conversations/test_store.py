from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from codefuse_lsp.conversations import ConversationError, Conversations, StoredTurn, writers


def texts(conversations: Conversations, name: str) -> list[tuple[str, str]]:
    return [(turn.role, turn.text) for turn in conversations.turns(name)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "chat.sqlite3"


def test_a_conversation_survives_a_restart(path: Path) -> None:
    first = Conversations(path)
    first.add_round("a", "what is 😋?", "food")
    first.add_round("a", "and 🙂?", "a face")
    first.close()
    again = Conversations(path)
    assert texts(again, "a") == [("human", "what is 😋?"), ("bot", "food"), ("human", "and 🙂?"), ("bot", "a face")]
    assert again.problem == ""
    again.close()


def test_the_history_is_for_its_owner_only(path: Path) -> None:
    conversations = Conversations(path)
    conversations.add_round("a", "q", "a")
    assert {file.stat().st_mode & 0o077 for file in path.parent.iterdir()} == {0}
    conversations.close()


def test_an_unknown_conversation_is_empty_and_has_no_turn(path: Path) -> None:
    conversations = Conversations(None)
    assert conversations.turns("nobody") == []
    for ask in (
        lambda: conversations.turns("nobody", "turn"),
        lambda: conversations.summary("nobody"),
        lambda: conversations.rename("nobody", "x"),
        lambda: conversations.delete("nobody"),
        lambda: conversations.delete("nobody", "turn"),
        lambda: conversations.answer_again("nobody", "turn"),
        lambda: conversations.ask_beside("nobody", "turn", "q"),
        lambda: conversations.begin("nobody", "q", "turn"),
    ):
        with pytest.raises(ConversationError, match=r"no such conversation; it may have been deleted\.$"):
            ask()
    assert conversations.summaries() == ([], 0)
    conversations.close()


def test_a_second_answer_stands_beside_the_first_and_the_newest_is_gone_on_with() -> None:
    conversations = Conversations(None)
    first = conversations.begin("a", "why?", references=[{"uri": "file:///a.py"}])
    conversations.write(first.answer, "because", "stop")
    again = conversations.answer_again("a", first.answer)
    conversations.write(again.answer, "therefore", "length")
    assert again.question == first.question and conversations.answer_again("a", first.question) != again
    question, answer = conversations.turns("a", again.answer)
    assert question == StoredTurn(
        first.question, "human", "why?", (), None, question.created, "", ({"uri": "file:///a.py"},), (first.question,)
    )
    assert (answer.text, answer.parent, answer.finish_reason) == ("therefore", first.question, "length")
    assert answer.siblings[:2] == (first.answer, again.answer)
    assert conversations.turns("a", first.answer)[-1].text == "because"


def test_a_question_asked_otherwise_begins_a_branch_of_its_own() -> None:
    conversations = Conversations(None)
    conversations.add_round("a", "one?", "1")
    conversations.add_round("a", "two?", "2")
    one, _, two, answer = conversations.turns("a")
    other = conversations.ask_beside("a", two.id, "three?")
    conversations.write(other.answer, "3", "stop")
    assert texts(conversations, "a") == [("human", "one?"), ("bot", "1"), ("human", "three?"), ("bot", "3")]
    assert [turn.text for turn in conversations.turns("a", two.id)] == ["one?", "1", "two?", "2"]
    whole = conversations.ask_beside("a", one.id, "zero?")
    assert conversations.turns("a")[0].siblings == (one.id, whole.question)
    with pytest.raises(ConversationError, match="Only a question can be edited"):
        conversations.ask_beside("a", answer.id, "no")


def test_a_question_can_follow_any_answer_but_no_question() -> None:
    conversations = Conversations(None)
    conversations.add_round("a", "one?", "1")
    conversations.add_round("a", "two?", "2")
    one, first, *_ = conversations.turns("a")
    begun = conversations.begin("a", "and?", first.id)
    conversations.write(begun.answer, "3", "stop")
    assert [turn.text for turn in conversations.turns("a")] == ["one?", "1", "and?", "3"]
    assert [turn.text for turn in conversations.turns("a", first.id)] == ["one?", "1", "and?", "3"]
    assert [turn.text for turn in conversations.turns_to("a", first.id)] == ["one?", "1"]
    with pytest.raises(ConversationError, match="this turn is a question"):
        conversations.begin("a", "and?", one.id)


def test_a_turn_goes_with_all_behind_it_and_the_last_takes_the_conversation_along() -> None:
    conversations = Conversations(None)
    for number in range(1200):  # deeper than SQLite's triggers would go
        conversations.add_round("a", f"{number}?", f"{number}")
    turns = conversations.turns("a")
    conversations.delete("a", turns[3].id)
    assert [turn.text for turn in conversations.turns("a")] == ["0?", "0", "1?"]
    conversations.add_round("a", "other?", "1")
    assert [turn.text for turn in conversations.turns("a")] == ["0?", "0", "other?", "1"]
    conversations.delete("a", turns[0].id)
    assert conversations.turns("a") == [] and conversations.summaries() == ([], 0)


def test_what_is_deleted_while_it_is_written_stays_deleted() -> None:
    conversations = Conversations(None)
    begun = conversations.begin("a", "why?")
    conversations.delete("a")
    conversations.write(begun.answer, "because", "stop")
    assert conversations.summaries() == ([], 0)


def test_what_is_deleted_is_not_to_be_read_in_the_file_either(path: Path) -> None:
    conversations = Conversations(path)
    conversations.add_round("a", "keep this", "one")
    conversations.add_round("b", "embarrassing-question", "embarrassing-answer", ["embarrassing-answer"])
    conversations.delete("b")
    assert b"embarrassing" not in b"".join(file.read_bytes() for file in path.parent.iterdir())
    conversations.close()


def test_the_title_is_the_first_words_of_the_first_question_until_it_is_renamed() -> None:
    conversations = Conversations(None)
    conversations.add_round("a", "  Why is\n this so slow? " + "very " * 30, "because")
    conversations.add_round("a", "and?", "so")
    (summary,), total = conversations.summaries()
    assert summary.title == "Why is this so slow? very very very very very very very…" and len(summary.title) <= 60
    assert (summary.turns, total) == (4, 1)
    conversations.rename("a", "Speed")
    assert conversations.summary("a").title == "Speed"


def test_what_a_killed_process_was_writing_is_there_and_interrupted(path: Path) -> None:
    code = """
import os, sys
from codefuse_lsp.conversations import Conversations
conversations = Conversations(__import__("pathlib").Path(sys.argv[1]))
begun = conversations.begin("a", "why?")
conversations.write(begun.answer, "because it")
print("written", flush=True)
sys.stdin.read()
"""
    process = subprocess.Popen([sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout and process.stdin
    assert process.stdout.readline() == b"written\n"
    conversations = Conversations(path)
    answer = conversations.turns("a")[-1]
    assert (answer.text, answer.finish_reason) == ("because it", "running")
    beside = conversations.begin("a", "me too")  # nothing can follow what is not whole yet
    conversations.write(beside.answer, "yes", "stop")
    assert [turn.text for turn in conversations.turns("a")] == ["me too", "yes"]
    process.kill()
    process.communicate()
    assert conversations.turns("a", answer.id)[-1].finish_reason == "interrupted"
    conversations.close()


def test_a_process_that_got_the_id_of_a_dead_one_does_not_write_for_it() -> None:
    pid, began = writers.this_process().split()
    assert writers.is_running(f"{pid} {began}")
    assert not writers.is_running(f"{pid} {float(began) - 1000}")
    assert not writers.is_running("")


def test_two_editors_in_one_conversation_lose_nothing(path: Path) -> None:
    editors = [Conversations(path) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda n: editors[n % 2].add_round("a", f"question {n}", f"answer {n}"), range(20)))
    found = {turn.text for end in ends(editors[0], "a") for turn in editors[1].turns("a", end)}
    assert found == {f"{what} {n}" for what in ("question", "answer") for n in range(20)}
    for editor in editors:
        editor.close()


def ends(conversations: Conversations, name: str) -> list[str]:
    """Return the last turn of each branch."""
    database = conversations._opened.database
    query = "SELECT id FROM turns t WHERE conversation = ? AND NOT EXISTS (SELECT 1 FROM turns WHERE parent = t.id)"
    return [turn for (turn,) in database.execute(query, (name,))]


HAMMER = """
import sys
from pathlib import Path
from codefuse_lsp.conversations import Conversations
path, name = Path(sys.argv[1]), sys.argv[2]
conversations = Conversations(path)
print("ready", flush=True)
sys.stdin.readline()
for number in range(40):
    begun = conversations.begin("shared", f"{name} {number}?")
    for length in range(1, 6):
        conversations.write(begun.answer, f"{name} {number}. " * length)
    conversations.write(begun.answer, f"{name} {number}. " * 6, "stop")
    if number % 10 == 9:
        conversations.write(conversations.answer_again("shared", begun.question).answer, f"{name} {number}!", "stop")
print(conversations.problem or "done", flush=True)
"""


def test_two_processes_that_hammer_one_conversation_do_not_corrupt_it(path: Path) -> None:
    """Both begin a file that is not there yet, and write as fast as they can."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", HAMMER, str(path), name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for name in ("left", "right")
    ]
    for process in processes:
        assert process.stdout and process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    assert [process.communicate()[0] for process in processes] == ["done\n", "done\n"]
    conversations = Conversations(path)
    branches = [conversations.turns("shared", end) for end in ends(conversations, "shared")]
    found = {turn.id: turn for turns in branches for turn in turns}
    for name in ("left", "right"):
        for number in range(40):
            (question,) = [turn for turn in found.values() if turn.text == f"{name} {number}?"]
            answers = [turn.text for turn in found.values() if turn.parent == question.id]
            again = [f"{name} {number}!"] if number % 10 == 9 else []
            assert sorted(answers) == sorted([f"{name} {number}. " * 6, *again])
    for turns in branches:
        assert [turn.role for turn in turns] == ["human", "bot"] * (len(turns) // 2)
    assert conversations._opened.database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert conversations.summaries("left 39!")[1] == 1
    conversations.close()


def test_an_unreadable_file_is_kept_aside_and_told(path: Path) -> None:
    path.write_bytes(b"this is no database, but somebody may want it back" * 100)
    conversations = Conversations(path)
    conversations.add_round("a", "q", "a")
    assert len(conversations.turns("a")) == 2
    (aside,) = path.parent.glob("*unreadable*")
    assert aside.read_bytes().startswith(b"this is no database")
    assert str(aside) in conversations.problem
    conversations.close()


def test_a_file_that_turns_out_to_be_broken_is_kept_aside_with_its_log(path: Path) -> None:
    conversations = Conversations(path)
    for number in range(50):
        conversations.add_round("a", f"question {number}", "answer " * 100)
    conversations.close()
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    path.write_bytes(data)
    path.with_name(path.name + "-wal").write_bytes(b"the log")
    again = Conversations(path)
    again.add_round("a", "q", "a")
    assert texts(again, "a") == [("human", "q"), ("bot", "a")]
    assert "could not be read" in again.problem
    again.close()
    once_more = Conversations(path)
    assert texts(once_more, "a") == [("human", "q"), ("bot", "a")] and once_more.problem == ""
    once_more.close()


def test_without_a_place_to_write_the_chat_goes_on_in_memory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    conversations = Conversations(tmp_path / "file" / "chat.sqlite3")
    conversations.add_round("a", "q", "a")
    assert len(conversations.turns("a")) == 2
    assert "memory" in conversations.problem
    conversations.close()


def test_a_locked_database_does_not_end_the_chat_and_what_was_said_goes_along(path: Path) -> None:
    conversations = Conversations(path)
    conversations.add_round("a", "before", "yes", ["yes"])
    conversations._opened.database.execute("PRAGMA busy_timeout = 50")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    conversations.add_round("a", "q", "a")
    assert [turn.text for turn in conversations.turns("a")] == ["before", "yes", "q", "a"]
    assert conversations.turns("a")[1].secrets == ("yes",)
    assert conversations.summaries("before")[1] == 1
    assert "memory" in conversations.problem
    other.execute("ROLLBACK")
    other.close()
    conversations.close()


def test_a_disk_that_fills_up_in_the_middle_of_an_answer_loses_none_of_it(path: Path) -> None:
    conversations = Conversations(path)
    begun = conversations.begin("a", "why?")
    conversations.write(begun.answer, "because ")
    database = conversations._opened.database
    (pages,) = database.execute("PRAGMA page_count").fetchone()
    database.execute(f"PRAGMA max_page_count = {pages}")
    conversations.write(begun.answer, "because " * 10_000)
    conversations.write(begun.answer, "because " * 10_001, "stop")
    assert conversations.turns("a")[-1].text == "because " * 10_001
    assert "full" in conversations.problem and "memory" in conversations.problem
    conversations.close()
    again = Conversations(path)
    assert again.turns("a")[-1].text == "because "
    again.close()


def test_a_file_of_a_newer_version_is_left_alone_and_told(path: Path) -> None:
    newer = sqlite3.connect(path)
    newer.execute("CREATE TABLE turns (whatever TEXT)")
    newer.execute("PRAGMA user_version = 99")
    newer.close()
    before = path.read_bytes()
    conversations = Conversations(path)
    conversations.add_round("a", "q", "a")
    assert texts(conversations, "a") == [("human", "q"), ("bot", "a")]
    conversations.close()
    assert "newer" in conversations.problem and "memory" in conversations.problem
    assert path.read_bytes() == before and [file.name for file in path.parent.iterdir()] == [path.name]


def test_the_secrets_of_a_round_come_back_with_its_turns_and_only_those_that_show_are_on_disk(path: Path) -> None:
    conversations = Conversations(path)
    conversations.add_round("a", "is it asked-for?", "it is answered", ["asked-for", "answered", "only-read"])
    conversations.add_round("b", "q", "a")
    question, answer = conversations.turns("a")
    assert question.secrets == ("asked-for",) and answer.secrets == ("answered", "only-read")
    assert [turn.secrets for turn in conversations.turns("b")] == [(), ()]
    conversations.close()
    assert b"only-read" not in b"".join(file.read_bytes() for file in path.parent.iterdir())
    again = Conversations(path)
    assert [turn.secrets for turn in again.turns("a")] == [("asked-for",), ("answered",)]
    again.close()


OLD_TABLES = """
CREATE TABLE turns (
    conversation TEXT NOT NULL, position INTEGER NOT NULL, id TEXT NOT NULL, role TEXT NOT NULL,
    text TEXT NOT NULL, created REAL NOT NULL, PRIMARY KEY (conversation, position)
);
"""
OLD_SECRETS = "CREATE TABLE secrets (turn TEXT NOT NULL, secret TEXT NOT NULL, PRIMARY KEY (turn, secret));"


def write_old(path: Path, version: int) -> None:
    old = sqlite3.connect(path)
    old.executescript(OLD_TABLES + (OLD_SECRETS if version > 1 else ""))
    rows = [
        ("a", 0, "a0", "human", "why?", 5),
        ("a", 1, "a1", "bot", "because hush", 6),
        ("b", 0, "b0", "human", "q", 7),
    ]
    old.executemany("INSERT INTO turns VALUES (?, ?, ?, ?, ?, ?)", rows)
    if version > 1:
        old.execute("INSERT INTO secrets VALUES ('a1', 'hush')")
    old.execute(f"PRAGMA user_version = {version}")
    old.commit()
    old.close()


@pytest.mark.parametrize("version", [1, 2])
def test_a_history_of_an_older_version_is_read_gone_on_with_and_kept_as_a_copy(path: Path, version: int) -> None:
    write_old(path, version)
    conversations = Conversations(path)
    assert conversations.problem == ""
    question, answer = conversations.turns("a")
    assert (question.id, question.text, question.created, question.finish_reason) == ("a0", "why?", 5, "")
    assert (answer.text, answer.parent, answer.finish_reason) == ("because hush", "a0", "stop")
    assert answer.secrets == (("hush",) if version == 2 else ())
    assert [(item.id, item.title, item.updated) for item in conversations.summaries()[0]] == [
        ("b", "q", 7),
        ("a", "why?", 6),
    ]
    assert conversations.summaries("because")[1] == 1
    conversations.add_round("a", "r", "s", ["s"])
    assert [turn.text for turn in conversations.turns("a")] == ["why?", "because hush", "r", "s"]
    conversations.close()
    copy = path.with_name(f"chat.version-{version}.sqlite3")
    assert copy.stat().st_mode & 0o077 == 0
    old = sqlite3.connect(copy)
    assert old.execute("PRAGMA user_version").fetchone() == (version,)
    assert old.execute("SELECT count(*) FROM turns").fetchone() == (3,)
    old.close()


def test_a_history_that_an_older_program_has_marked_as_its_own_is_still_read(path: Path) -> None:
    Conversations(path).close()
    older = sqlite3.connect(path)
    older.execute("PRAGMA user_version = 2")
    older.close()
    conversations = Conversations(path)
    conversations.add_round("a", "q", "a")
    assert texts(conversations, "a") == [("human", "q"), ("bot", "a")] and conversations.problem == ""
    conversations.close()


def test_a_migration_that_fails_leaves_the_old_history_as_it_was(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_old(path, 2)

    def fail(question: str) -> str:
        raise sqlite3.OperationalError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr("codefuse_lsp.conversations.schema.title_of", fail)
        conversations = Conversations(path)
        assert "disk full" in conversations.problem and "memory" in conversations.problem
        conversations.close()
    again = Conversations(path)
    assert len(again.turns("a")) == 2 and again.problem == ""
    again.close()


def test_texts_that_are_no_unicode_are_kept_as_well_as_they_can_be() -> None:
    conversations = Conversations(None)
    begun = conversations.begin("a", "half \ud83d", references=[{"uri": "\ud83d"}])
    conversations.write(begun.answer, "nul \0 and \udc00", "stop")
    assert texts(conversations, "a") == [("human", "half \ufffd"), ("bot", "nul \0 and \ufffd")]
    assert json.dumps(conversations.turns("a")[0].references) == '[{"uri": "\\ud83d"}]'
