from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codefuse_lsp.conversations import Conversations, search

WORDS = st.text("aA%_!\"'*-\\函数b\0é ", max_size=12)


@pytest.fixture(params=["with an index", "without"])
def conversations(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Conversations:
    if request.param == "without":
        monkeypatch.setattr(search, "is_available", lambda database: False)
    return Conversations(None)


def found(conversations: Conversations, query: str) -> list[str]:
    return [item.id for item in conversations.summaries(query)[0]]


def test_words_are_found_anywhere_in_any_case_and_in_any_language(conversations: Conversations) -> None:
    conversations.add_round("code", "what does parse_Header do?", "It reads 100% of it.")
    conversations.add_round("chinese", "这个函数是什么意思?", "它读取文件。")
    assert (
        found(conversations, "HEADER") == found(conversations, "se_h") == found(conversations, "do? what") == ["code"]
    )
    assert found(conversations, "函数") == found(conversations, "什么意思") == ["chinese"]
    assert found(conversations, "100%") == ["code"] and found(conversations, "10_%") == []
    assert found(conversations, "parse 100%") == []  # not in one turn
    assert found(conversations, '"parse" OR *') == []


def test_the_newest_come_first_and_a_page_at_a_time(conversations: Conversations) -> None:
    for number in range(5):
        conversations.add_round(str(number), f"question {number}", "answer")
    conversations.add_round("2", "again", "answer")
    assert found(conversations, "") == found(conversations, "ANSWER") == ["2", "4", "3", "1", "0"]
    page, total = conversations.summaries("question", limit=2, offset=1)
    assert ([item.id for item in page], total) == (["4", "3"], 5)
    assert conversations.summaries("", limit=2, offset=9) == ([], 5)


def test_the_place_found_is_shown_on_one_line(conversations: Conversations) -> None:
    conversations.add_round("a", "q", "one\n" * 100 + "the needle\nis here" + "\ntwo" * 100)
    ((item,), _) = conversations.summaries("NEEDLE")
    assert item.snippet.startswith("…") and item.snippet.endswith("…") and "the needle is here two" in item.snippet
    assert len(item.snippet) < 130


def test_a_title_is_found_too(conversations: Conversations) -> None:
    conversations.add_round("a", "q", "a")
    conversations.rename("a", "Speed of the parser")
    ((item,), _) = conversations.summaries("parser speed")
    assert (item.id, item.snippet) == ("a", "")


def test_what_was_changed_or_deleted_is_found_no_more(conversations: Conversations) -> None:
    begun = conversations.begin("a", "why?")
    conversations.write(begun.answer, "first draft")
    conversations.write(begun.answer, "second thoughts", "stop")
    assert found(conversations, "draft") == [] and found(conversations, "thoughts") == ["a"]
    conversations.delete("a", begun.answer)
    assert found(conversations, "thoughts") == [] and found(conversations, "why?") == ["a"]


@given(st.lists(WORDS, min_size=1, max_size=4), WORDS)
@settings(max_examples=60, deadline=None)
def test_the_index_finds_what_is_found_without_it(texts: list[str], query: str) -> None:
    conversations = Conversations(None)
    assert conversations._opened.indexed
    for number, text in enumerate(texts):
        conversations.add_round(str(number), text, "")
    with_index = found(conversations, query)
    database = conversations._opened.database
    words = search.words_of(query)
    if words:
        sql, parameters = search.turns_condition(words, indexed=False)
        rows = database.execute(f"SELECT DISTINCT conversation FROM turns WHERE {sql}", parameters)
        assert set(with_index) >= {name for (name,) in rows}  # and titles
    assert conversations.problem == ""
    conversations.close()


@pytest.mark.parametrize(
    "query", ["x" * 100_000, "word " * 10_000, "'; DROP TABLE turns; --", "NEAR(a b)", "^a:b", "\0"]
)
def test_no_query_is_too_odd_to_be_looked_for(conversations: Conversations, query: str) -> None:
    conversations.add_round("a", "something", "else")
    conversations.summaries(query)
    assert conversations.problem == "" and len(conversations.turns("a")) == 2


def test_an_index_that_another_sqlite_could_not_keep_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "chat.sqlite3"
    first = Conversations(path)
    first.add_round("a", "before", "x")
    first.close()
    with monkeypatch.context() as patch:
        patch.setattr(search, "is_available", lambda database: False)
        without = Conversations(path)
        without.add_round("b", "meanwhile", "x")
        assert found(without, "meanwhile") == ["b"] and found(without, "before") == ["a"]
        without.close()
    again = Conversations(path)
    assert found(again, "meanwhile") == ["b"] and found(again, "before") == ["a"]
    again.close()


def test_a_sqlite_without_trigrams_is_recognised() -> None:
    database = sqlite3.connect(":memory:")
    assert search.is_available(database) is True
    database.close()
