from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.chat_document import WRITING, parse, print_text
from codefuse_lsp.chat_document.edits import (
    NothingToSend,
    apply,
    ended,
    growing,
    sending,
    sending_again,
    taken_back,
)

ANSWERS = st.lists(
    st.sampled_from(["## You", "text", "", "```py", "```", WRITING, "## CodeFuse", "    ~~~"]), max_size=8
)
TYPED = st.lists(st.tuples(st.floats(0, 1), st.uuids().map(str)), max_size=6)


def lines_of(text: str) -> list[str]:
    return text.split("\n")


def read(lines: list[str]) -> list[tuple[str, str]]:
    return [(turn.role, turn.text) for turn in parse("\n".join(lines))]


def test_a_question_is_sent_with_what_was_said_before_and_its_answer_gets_a_place() -> None:
    lines = lines_of("# T\n\n## You\n\none?\n\n## CodeFuse\n\n1\n\n## You\n\ntwo?\n\n")
    found = sending(lines)
    assert (found.before, found.question) == ((("human", "one?"), ("bot", "1")), "two?")
    after = apply(lines, found.edit)
    assert after == [*lines[:13], "", "## CodeFuse", "", WRITING, "", ""]


def test_questions_one_after_the_other_are_one() -> None:
    assert sending(lines_of("## You\na\n## You\n\n## You\nb")).question == "a\n\nb"


def test_the_fence_that_a_question_leaves_open_is_closed_so_that_the_answer_is_one() -> None:
    lines = lines_of("## You\nwhy?\n```python\nx = 1")
    after = apply(lines, sending(lines).edit)
    assert read(after) == [("human", "why?\n```python\nx = 1\n```"), ("bot", "")]


@pytest.mark.parametrize(
    "text", ["", "no heading", "## You\n\n", "## You\nq\n## CodeFuse\na\n", "## CodeFuse\na\n\n## You\n \n"]
)
def test_without_a_question_at_the_end_nothing_is_sent(text: str) -> None:
    with pytest.raises(NothingToSend, match="no question to send"):
        sending(lines_of(text))


def test_the_last_answer_is_written_anew_and_what_stands_below_it_stays() -> None:
    lines = lines_of("## You\nq\n\n## CodeFuse\n\nwrong\n\n## You\n\n")
    found = sending_again(lines)
    assert (found.before, found.question) == ((), "q")
    after = apply(lines, found.edit)
    assert after == lines_of(f"## You\nq\n\n## CodeFuse\n\n{WRITING}\n\n## You\n\n")
    done = ended(after, ["right"])
    assert done and apply(after, done) == lines_of("## You\nq\n\n## CodeFuse\n\nright\n\n\n## You\n\n")
    with pytest.raises(NothingToSend, match="end with an answer"):
        sending_again(lines_of("## You\nq\n"))


@given(ANSWERS, TYPED, st.integers(0, 5))
def test_an_answer_is_written_whole_while_the_user_types_anywhere_else(
    said: list[str], typed: list[tuple[float, str]], behind: int
) -> None:
    """What they type between the answer's lines stays where they typed it; here it is above and below the answer."""
    lines = lines_of("# T\n\n## You\n\none?\n" + "\n" * behind)
    lines = apply(lines, sending(lines).edit)
    shown = print_text("\n".join(said)).split("\n")
    for number, line in enumerate(shown):
        edit = growing(lines, [line])
        assert edit is not None
        lines = apply(lines, edit)
        if number < len(typed):
            where, text = typed[number]
            marker = lines.index(WRITING)
            places = [2, *range(marker + 1, len(lines) + 1)]
            lines.insert(places[int(where * (len(places) - 1))], text)
    edit = ended(lines, [])
    assert edit is not None
    before = [line for line in lines if line != WRITING]
    lines = apply(lines, edit)
    rest = iter(lines)
    assert all(line in rest for line in before)  # in their order
    assert WRITING not in lines
    turns = parse("\n".join(lines))
    (wanted,) = parse("## CodeFuse\n" + "\n".join(shown))
    assert [turn.text for turn in turns if turn.role == "bot"] == [wanted.text]


def test_what_the_user_has_typed_below_an_answer_under_way_becomes_their_next_question() -> None:
    lines = lines_of(f"## You\nq\n\n## CodeFuse\n\na\n{WRITING}\nnext?\n")
    edit = ended(lines, ["b"])
    assert edit and read(apply(lines, edit)) == [("human", "q"), ("bot", "a\nb"), ("human", "next?")]
    lines = lines_of(f"## You\nq\n\n## CodeFuse\n\na\n{WRITING}\n\n## You\nnext?\n")
    edit = ended(lines, ["b"])
    assert edit and read(apply(lines, edit)) == [("human", "q"), ("bot", "a\nb"), ("human", "next?")]


def test_who_deletes_the_line_below_an_answer_has_ended_it() -> None:
    lines = lines_of("## You\nq\n\n## CodeFuse\n\na\n")
    assert growing(lines, ["b"]) is ended(lines, []) is taken_back(lines) is None


@pytest.mark.parametrize("text", ["## You\nq", "## You\nq\n", "## You\nq\n\n\n", "# T\n## You\nq\nmore\n\n"])
def test_the_place_of_an_answer_is_taken_away_without_a_trace(text: str) -> None:
    lines = lines_of(text)
    after = apply(lines, sending(lines).edit)
    edit = taken_back(after)
    assert edit and apply(after, edit) == lines
