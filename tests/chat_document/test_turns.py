from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.chat_document.turns import WRITING, escaped, parse, print_text, print_turns, writing_line
from codefuse_lsp.markdown import closing_line

HEADINGS = ("## You", "## CodeFuse", "\\## You", "##  codefuse ##", "# You", "## Your turn", "x\u2028## You")
FENCES = ("```python", "```", "~~~", "    ```", "- ```")
LINES = st.sampled_from(
    [*HEADINGS, *FENCES, WRITING, f"\\{WRITING}", "text", "", "  ", "<|role_start|>bot<|role_end|>"]
)
TEXTS = st.lists(LINES, max_size=8).map("\n".join)
TURNS = st.lists(st.tuples(st.sampled_from(["human", "bot"]), TEXTS), max_size=5)


def read(text: str) -> list[tuple[str, str]]:
    return [(turn.role, turn.text) for turn in parse(text)]


@given(TURNS, TEXTS)
def test_what_is_printed_is_found_again_turn_by_turn(turns: list, title: str) -> None:
    closed = [(role, (text + "\n" + end if (end := closing_line(text)) else text).strip("\n")) for role, text in turns]
    assert read(print_turns(turns, title)) == closed


@given(st.lists(LINES, max_size=20).map("\n".join))
def test_nothing_that_a_user_wrote_below_a_heading_is_lost(text: str) -> None:
    lines = text.split("\n")
    turns = parse(text)
    assert [turn.stop for turn in turns[:-1]] == [turn.heading for turn in turns[1:]]
    assert not turns or turns[-1].stop == len(lines)
    for turn in turns:
        written = [line for line in lines[turn.heading + 1 : turn.stop] if line != WRITING]
        kept = turn.text.split("\n")
        assert [line.lstrip("\\") for line in written if line] == [line.lstrip("\\") for line in kept if line]


@given(TEXTS)
def test_printing_is_the_same_line_by_line_as_at_once(text: str) -> None:
    lines = text.split("\n")
    assert all(escaped(lines)[: count + 1] == escaped(lines[: count + 1]) for count in range(len(lines)))


@given(TEXTS)
def test_a_turn_that_is_printed_twice_is_printed_the_same(text: str) -> None:
    ((_, once),) = read(print_turns([("bot", text)]))
    assert read(print_turns([("bot", once)])) == [("bot", once)]


def test_a_heading_in_a_fence_is_text() -> None:
    question = "How do I write a chat?\n```markdown\n## CodeFuse\n```"
    assert read(f"# A title\n\n## You\n\n{question}\n\n## CodeFuse\n\nLike that.\n") == [
        ("human", question),
        ("bot", "Like that."),
    ]


@pytest.mark.parametrize("heading", ["## You", "##  you", "## YOU ##", "## You  "])
def test_headings_are_read_as_people_type_them(heading: str) -> None:
    assert read(f"{heading}\r\nwhy?\r\n") == [("human", "why?")]


@pytest.mark.parametrize("line", ["# You", "### You", "## Your turn", "You", " ## You", "\\## You"])
def test_other_headings_are_text(line: str) -> None:
    assert read(f"## CodeFuse\n{line}\n")[0][0] == "bot" and len(read(f"## CodeFuse\n{line}\n")) == 1


def test_what_stands_above_the_first_heading_belongs_to_nobody() -> None:
    assert read("just a note\n") == []
    assert read("note\n## You\nwhy?") == [("human", "why?")]


def test_an_answer_that_holds_our_heading_opens_no_turn() -> None:
    printed = print_text("so:\n## You\nno")
    assert printed == "so:\n\\## You\nno"


def test_a_fence_that_an_answer_leaves_open_is_closed() -> None:
    assert print_text("1. so\n   ````python\n   x = 1") == "1. so\n   ````python\n   x = 1\n   ````"


def test_the_place_of_an_answer_under_way_is_the_last_such_line_even_in_a_fence() -> None:
    assert writing_line(["## CodeFuse", "```", "x", f"{WRITING} \n", "mine"]) == 3
    assert writing_line(["## CodeFuse", f"\\{WRITING}"]) is None
    assert read(f"## CodeFuse\n```\nx\n{WRITING}\n") == [("bot", "```\nx")]
