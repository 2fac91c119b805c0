from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from codefuse_lsp import conversations as conversations_module
from codefuse_lsp.conversations import Conversations


def texts(conversations: Conversations, name: str) -> list[tuple[str, str]]:
    return [(turn.role, turn.text) for turn in conversations.turns(name)]


def test_a_conversation_survives_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "chat.sqlite3"
    first = Conversations(path)
    first.add_round("a", "what is 😋?", "food")
    first.add_round("a", "and 🙂?", "a face")
    first.close()
    again = Conversations(path)
    assert texts(again, "a") == [("human", "what is 😋?"), ("bot", "food"), ("human", "and 🙂?"), ("bot", "a face")]
    assert again.problem == ""
    again.close()


def test_the_history_is_for_its_owner_only(tmp_path: Path) -> None:
    conversations = Conversations(tmp_path / "chat.sqlite3")
    assert (tmp_path / "chat.sqlite3").stat().st_mode & 0o077 == 0
    conversations.close()


def test_an_unknown_conversation_is_empty() -> None:
    conversations = Conversations(None)
    assert conversations.turns("nobody") == []
    conversations.close()


def test_two_editors_in_one_conversation_lose_nothing(tmp_path: Path) -> None:
    editors = [Conversations(tmp_path / "chat.sqlite3") for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda n: editors[n % 2].add_round("a", f"question {n}", f"answer {n}"), range(20)))
    turns = texts(editors[0], "a")
    assert len(turns) == 40
    assert {text for role, text in turns if role == "bot"} == {f"answer {n}" for n in range(20)}
    for question, answer in zip(turns[::2], turns[1::2], strict=True):
        assert question[1].split()[1] == answer[1].split()[1]
    for editor in editors:
        editor.close()


def test_an_unreadable_file_is_kept_aside_and_told(tmp_path: Path) -> None:
    path = tmp_path / "chat.sqlite3"
    path.write_bytes(b"this is no database, but somebody may want it back" * 100)
    conversations = Conversations(path)
    conversations.add_round("a", "q", "a")
    assert len(conversations.turns("a")) == 2
    (aside,) = tmp_path.glob("*unreadable*")
    assert aside.read_bytes().startswith(b"this is no database")
    assert str(aside) in conversations.problem
    conversations.close()


def test_without_a_place_to_write_the_chat_goes_on_in_memory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    conversations = Conversations(tmp_path / "file" / "chat.sqlite3")
    conversations.add_round("a", "q", "a")
    assert len(conversations.turns("a")) == 2
    assert "memory" in conversations.problem
    conversations.close()


def test_a_locked_database_does_not_end_the_chat(tmp_path: Path) -> None:
    path = tmp_path / "chat.sqlite3"
    conversations = Conversations(path)
    conversations._database.execute("PRAGMA busy_timeout = 50")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    conversations.add_round("a", "q", "a")
    assert len(conversations.turns("a")) == 2
    assert "memory" in conversations.problem
    other.execute("ROLLBACK")
    other.close()
    conversations.close()


def test_the_secrets_of_a_round_come_back_with_its_turns_and_only_those_that_show_are_on_disk(tmp_path: Path) -> None:
    path = tmp_path / "chat.sqlite3"
    conversations = Conversations(path)
    conversations.add_round("a", "is it asked-for?", "it is answered", ["asked-for", "answered", "only-read"])
    conversations.add_round("b", "q", "a")
    question, answer = conversations.turns("a")
    assert question.secrets == ("asked-for",) and answer.secrets == ("answered", "only-read")
    assert [turn.secrets for turn in conversations.turns("b")] == [(), ()]
    conversations.close()
    assert b"only-read" not in b"".join(file.read_bytes() for file in tmp_path.iterdir())
    again = Conversations(path)
    assert [turn.secrets for turn in again.turns("a")] == [("asked-for",), ("answered",)]
    again.close()


def test_a_history_from_before_secrets_were_kept_is_read_and_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "chat.sqlite3"
    old = sqlite3.connect(path)
    old.execute(conversations_module.SCHEMA)
    old.execute("INSERT INTO turns VALUES ('a', 0, 'x', 'human', 'q', 0)")
    old.execute("PRAGMA user_version = 1")
    old.commit()
    old.close()
    conversations = Conversations(path)
    conversations.add_round("a", "r", "s", ["s"])
    assert texts(conversations, "a") == [("human", "q"), ("human", "r"), ("bot", "s")]
    assert conversations.problem == ""
    conversations.close()
