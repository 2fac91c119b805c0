"""A chat made to fit: what goes first, what stays, and what the user is told of it."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.prompts.chat import Reference, Round, Talk, chat_prompt, chat_turns
from codefuse_lsp.prompts.digest import HEADING, digest, names_in
from codefuse_lsp.prompts.formats import ModelFormat
from codefuse_lsp.prompts.shortening import bare, losses, shortened

CODEFUSE = ModelFormat("codefuse")
LONG = Reference("long.py", "python", "".join(f"value_{n} = {n}\n" for n in range(400)), "lines 1-400")
SHORT = Reference("short.go", "go", "package area\n")


def rounds(count: int, chars: int = 200) -> list[Round]:
    return [Round(f"question {n}?", (), f"`name_{n}` " + "x" * chars) for n in range(count)]


def test_what_fits_is_told_whole() -> None:
    talk = Talk((*rounds(3), Round("last?", (SHORT,))), "Be brief.")
    assert shortened(talk, 100_000) == talk and losses(talk, talk) == []


def test_many_rounds_are_dropped_at_once_and_a_digest_stands_for_them() -> None:
    talk = Talk((*rounds(20), Round("last?")), "Be brief.")
    told = shortened(talk, 4000)
    text = chat_prompt(told, CODEFUSE).text
    assert 10 < told.dropped < 20 and len(text) < 4000
    assert "- Asked: question 9? The answer named `name_9`." in told.digest and "x" * 200 not in told.digest
    assert text.index(told.digest) < text.index("question 19?") < text.index("last?")
    assert losses(talk, told) == [
        f"To fit the model's context, left out: the oldest {told.dropped} questions with what was answered "
        "(but for a digest)."
    ]


def test_the_room_is_not_full_at_once_again_after_rounds_were_dropped() -> None:
    talk = Talk((*rounds(20), Round("last?")))
    told = shortened(talk, 4000)
    after = replace(told, rounds=(*told.rounds[:-1], Round("last?", (), "x" * 300), Round("and?")))
    assert shortened(after, 4000) == after  # a few more rounds go on from the same head


def test_excerpts_of_dropped_rounds_stay_with_the_lines_that_are_asked_about() -> None:
    first = Round("what is this?", (LONG,), "A table.")
    told = shortened(Talk((first, *rounds(12), Round("and value_321?"))), 3500)
    assert told.dropped > 1 and "`long.py` lines 1-400" in told.digest and "value_321 = 321\n" in told.digest


def test_a_long_reference_is_cut_to_what_the_question_is_about_before_the_rounds_go() -> None:
    talk = Talk((*rounds(2), Round("where is value_321?", (LONG, SHORT))))
    told = shortened(talk, 3000)
    assert told.dropped == 0
    cut, whole = told.asked.references
    assert "value_321 = 321\n" in cut.text and len(cut.text) < 2400 and whole == SHORT
    assert losses(talk, told) == ["To fit the model's context, left out: parts of long.py lines 1-400."]


def test_what_was_told_in_part_and_has_not_changed_takes_little_room_again() -> None:
    first = shortened(Talk((Round("where is value_321?", (LONG,)),)), 3000).asked
    talk = Talk((replace(first, answer="There."), Round("and value_77?", (LONG,))))
    told = shortened(talk, 3600)
    assert told.dropped == 0 and told.rounds[0].references == first.references
    (again,) = told.asked.references
    assert "value_77 = 77\n" in again.text and len(again.text) < 600
    changed = replace(LONG, text=LONG.text.replace("value_1 = 1", "value_1 = 2"))
    (fresh,) = shortened(
        replace(talk, rounds=(talk.rounds[0], Round("and value_77?", (changed,)))), 3600
    ).asked.references
    assert len(fresh.text) > 1000


def test_of_too_many_references_those_that_the_question_is_about_stay() -> None:
    many = tuple(Reference(f"f{n}.py", "python", f"area_{n} = {n}\n" * 60) for n in range(30))
    told = shortened(Talk((Round("what is area_17?", many),)), 2000)
    assert any(one.path == "f17.py" for one in told.asked.references) and len(told.asked.references) < 8
    (sentence,) = losses(Talk((Round("what is area_17?", many),)), told)
    assert "f3.py" in sentence and "parts of f17.py" in sentence


def test_the_last_answer_is_cut_rather_than_dropped() -> None:
    before = Round("write it", (LONG,), "".join(f"line {n} of the answer\n" for n in range(300)))
    told = shortened(Talk((before, Round("why line 250 of the answer?"))), 3000)
    assert told.dropped == 0 and "write it" in chat_turns(told)[0].text
    assert 0 < len(told.rounds[0].answer) < 2500 and len(chat_prompt(told, CODEFUSE).text) < 3000


def test_bare_is_the_system_text_and_the_question() -> None:
    talk = Talk((*rounds(3), Round("last?", (LONG,))), "Be brief.", 1, "Earlier.")
    assert [turn.text for turn in chat_turns(bare(talk))] == ["Be brief.", "last?"]
    (sentence,) = losses(talk, bare(talk))
    assert "the oldest 3 questions with what was answered, long.py lines 1-400" in sentence


def test_a_digest_names_the_newest_first_in_line_and_fits() -> None:
    text = digest(rounds(50), frozenset(), 600)
    assert text.startswith(HEADING) and "question 49?" in text and "question 0?" not in text and len(text) <= 600
    assert digest(rounds(50), frozenset(), 20) == ""


def test_an_answers_names_are_its_code() -> None:
    answer = "Call `area(w)` or makeShape; the file_name and ShapeFactory. Then run(): see os.path.join(a)."
    assert names_in(answer, 9) == ["area(w)", "makeShape", "file_name", "ShapeFactory", "run", "os.path.join"]
    assert names_in("Nothing of the kind.") == []


TEXTS = st.text("ab c\n", min_size=1, max_size=200)
REFERENCES = st.lists(
    st.builds(Reference, st.sampled_from("pqr"), st.just("go"), st.integers(1, 400).map(lambda n: "ab c\n" * n)),
    max_size=4,
).map(tuple)
TALKS = st.builds(
    lambda before, asked, system: Talk((*before, asked), system),
    st.lists(st.builds(Round, TEXTS, REFERENCES, TEXTS), max_size=8),
    st.builds(Round, TEXTS, REFERENCES),
    st.sampled_from(["", "Be brief."]),
)


@given(TALKS, st.integers(0, 4000))
def test_the_question_stays_intact_the_order_stays_and_the_room_is_kept(talk: Talk, room: int) -> None:
    told = shortened(talk, room)
    turns = chat_turns(told)
    assert turns[-1].text.endswith(talk.asked.question) and turns[-1].role == "human"
    assert [one.question for one in told.rounds] == [one.question for one in talk.rounds]
    assert (turns[0].text == talk.system) == bool(talk.system)
    least = len(chat_prompt(bare(talk), CODEFUSE).text)
    assert len(chat_prompt(told, CODEFUSE).text) <= max(room, least) + 40 * len(turns)
