"""How a conversation is told: what stands where, and that it goes on from what was told before."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.prompts.chat import Reference, Round, Talk, chat_prompt, chat_turns
from codefuse_lsp.prompts.formats import ModelFormat, Turn

CODEFUSE = ModelFormat("codefuse")
AREA = Reference("a/b.py", "python", "x = '```'\n", "lines 3-9")
GO = Reference("short.go", "go", "package a\n")


def test_a_question_alone_is_sent_without_a_system_text() -> None:
    assert chat_turns(Talk((Round("last?"),))) == [Turn("human", "last?")]


def test_what_a_question_refers_to_stands_fenced_before_it() -> None:
    turns = chat_turns(Talk((Round("why?", (AREA, GO)),), "Be brief."))
    assert turns == [
        Turn("system", "Be brief."),
        Turn("human", "`a/b.py` lines 3-9:\n````python\nx = '```'\n````\n\n`short.go`:\n```go\npackage a\n```\n\nwhy?"),
    ]


def test_what_stands_in_the_prompt_already_is_not_told_twice() -> None:
    first, second = Round("why?", (AREA,), "So."), Round("and here?", (AREA, GO))
    turns = chat_turns(Talk((first, second)))
    assert turns[2].text.startswith("`a/b.py` lines 3-9: as above.\n\n`short.go`:\n")
    changed = Talk((first, Round("now?", (replace(AREA, text="x = 2\n"),))))
    assert "x = 2" in chat_turns(changed)[2].text and "as above" not in chat_turns(changed)[2].text


def test_what_was_left_out_is_told_again_in_full() -> None:
    talk = Talk((Round("why?", (AREA,), "So."), Round("and here?", (AREA,))), dropped=1)
    (turn,) = chat_turns(talk)
    assert "x = '```'" in turn.text and "as above" not in turn.text


def test_a_question_that_was_never_answered_is_one_with_the_next() -> None:
    turns = chat_turns(Talk((Round("first?"), Round("second?", (), "two"), Round("third?"))))
    assert turns == [Turn("human", "first?\n\nsecond?"), Turn("bot", "two"), Turn("human", "third?")]


def test_a_digest_stands_before_the_oldest_question_that_is_told() -> None:
    talk = Talk((Round("a?", (), "a"), Round("b?", (), "b"), Round("c?")), "Be brief.", dropped=1, digest="Earlier: a.")
    assert [turn.text for turn in chat_turns(talk)] == ["Be brief.", "Earlier: a.\n\nb?", "b", "c?"]


TEXTS = st.text("ab `<|\n", min_size=1, max_size=30)
REFERENCES = st.lists(st.builds(Reference, st.sampled_from("pq"), st.just("go"), TEXTS), max_size=3).map(tuple)
ROUNDS = st.lists(st.builds(Round, TEXTS, REFERENCES, TEXTS), min_size=2, max_size=6)


@given(ROUNDS, st.sampled_from(["", "Be brief."]), st.integers(0, 3))
def test_a_follow_up_goes_on_from_the_last_prompt_and_its_answer(
    rounds: list[Round], system: str, dropped: int
) -> None:
    dropped = min(dropped, len(rounds) - 2)
    before, after = rounds[:-1], rounds
    asked = [*before[:-1], replace(before[-1], answer="")]
    first = chat_prompt(Talk(tuple(asked), system, dropped), CODEFUSE).text
    second = chat_prompt(Talk(tuple(after), system, dropped), CODEFUSE).text
    assert second.startswith(first)


@given(ROUNDS, st.integers(0, 5))
def test_human_and_bot_take_turns(rounds: list[Round], dropped: int) -> None:
    roles = [turn.role for turn in chat_turns(Talk(tuple(rounds), "S", min(dropped, len(rounds) - 1)))]
    assert roles[0] == "system" and roles[1:] == (["human", "bot"] * len(roles))[: len(roles) - 1]
    assert roles[-1] == "human"
