from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.edits.writing import Place, Writing, place_of

FREE = Place("", "", "\n")
METHOD = place_of("    def size(self):\n        return 0\n", "    ", "    ", "\n")


def written(place: Place, *pieces: str, ticks: str = "", complete: bool = True) -> str:
    writing = Writing(place, ticks)
    told = "".join([*map(writing.feed, pieces), writing.finish(complete=complete)])
    assert told == writing.text
    return told


@pytest.mark.parametrize(
    "answer",
    [
        "x = 1\ny = 2\n",
        "```python\nx = 1\ny = 2\n```\n",
        "Here is the code as you asked for:\n\n```python\nx = 1\ny = 2\n```\nI hope that this helps you.",
        "Sure, this is the changed code:\nx = 1\ny = 2",
        "\n\nx = 1\ny = 2\n\n\n",
        "~~~\nx = 1\ny = 2\n~~~",
        "````python\nx = 1\ny = 2\n````",
    ],
)
def test_prose_and_fences_are_left_out(answer: str) -> None:
    assert written(FREE, answer) == "x = 1\ny = 2"


@pytest.mark.parametrize(
    "answer", ["x = 1\ny = 2\n```\nThat is all.", "```python\nx = 1\ny = 2\n```", "x = 1\ny = 2\n``", "x = 1\ny = 2"]
)
def test_an_answer_whose_fence_is_open_ends_with_it(answer: str) -> None:
    assert written(FREE, answer, ticks="```") == "x = 1\ny = 2"


def test_a_fence_in_the_code_does_not_end_it() -> None:
    answer = '"""Doc.\n\n```\nexample\n```\n"""\nx = 1\n````\n'
    assert written(FREE, answer, ticks="````") == answer.removesuffix("\n````\n")


@pytest.mark.parametrize(
    "answer",
    [
        "def size(self):\n    return 1\n",
        "    def size(self):\n        return 1\n",
        "def size(self):\n        return 1\n",
        "\tdef size(self):\n\t\treturn 1\n",
        "def size(self):\n\treturn 1\n",
    ],
)
def test_code_stands_as_deep_as_its_place_however_deep_it_was_written(answer: str) -> None:
    assert written(METHOD, answer) == "    def size(self):\n        return 1"


def test_statements_of_which_only_the_first_lost_its_depth_are_put_back() -> None:
    assert written(Place("        ", "    ", "\n"), "a = 1\n        b = 2\n") == "        a = 1\n        b = 2"


def test_spaces_become_tabs_where_the_file_has_tabs() -> None:
    place = Place("\t", "\t", "\n")
    assert written(place, "if x {\n    a()\n    if y {\n        b()\n    }\n}\n") == (
        "\tif x {\n\t\ta()\n\t\tif y {\n\t\t\tb()\n\t\t}\n\t}"
    )


def test_lines_end_as_they_do_in_the_file() -> None:
    assert written(Place("", "", "\r\n"), "a\nb\r\n\nc\n") == "a\r\nb\r\n\r\nc"


def test_what_was_cut_ends_with_its_last_whole_line() -> None:
    assert written(FREE, "a = 1\nb = 2\nc =", ticks="```", complete=False) == "a = 1\nb = 2"


def test_a_known_line_tells_that_code_has_begun() -> None:
    writing = Writing(METHOD)
    assert writing.feed("def size(self):\n") == "    def size(self):"


ANSWER = "Well, here is what you want:\n```python\ndef f(a):\n    if a:\n        g()\n\n    return [`1`]\n```\nBye."


@given(st.lists(st.integers(1, len(ANSWER) - 1), max_size=12).map(sorted))
def test_it_does_not_matter_in_which_pieces_an_answer_comes(cuts: list[int]) -> None:
    edges = [0, *cuts, len(ANSWER)]
    pieces = [ANSWER[a:b] for a, b in itertools.pairwise(edges)]
    assert written(METHOD, *pieces) == written(METHOD, ANSWER)


@given(st.text(alphabet="ab \t\n\r`~#.:"), st.sampled_from(["", "```"]))
def test_any_answer_ends_without_blank_lines_at_its_edges(answer: str, ticks: str) -> None:
    text = written(METHOD, answer, ticks=ticks)
    assert not text or (text.split("\n")[0].strip() and text.split("\n")[-1].strip())


RUBY = place_of("  def size\n    0\n  end\n", "  ", "  ", "\n")


@pytest.mark.parametrize("first", ["", "  "])
def test_a_body_that_only_its_indentation_opens_is_not_taken_for_a_line_in_place(first: str) -> None:
    body = "  def size\n    @jobs.size\n  end" if first else "def size\n  @jobs.size\nend"
    assert written(RUBY, f"```ruby\n{body}\n```") == "  def size\n    @jobs.size\n  end"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("    def size\n      0\n    end\n", "    def size\n      1\n    end"),
        (
            "    /**\n     * Tells it.\n     */\n    size() {\n    }\n",
            "    /**\n     * Tells it all.\n     */\n    size() {\n    }",
        ),
        ("    class A\n    {\n    }\n", "    class A\n    {\n        int a;\n    }"),
    ],
)
def test_only_the_first_line_has_lost_its_indentation(old: str, new: str) -> None:
    unit = "  " if "def" in old else "    "
    assert written(place_of(old, "    ", unit, "\n"), f"```\n{new.lstrip()}\n```") == new


def test_a_comment_of_the_old_code_is_no_prose() -> None:
    code = "/**\n * Adds a payment to it.\n */\nvoid add() {}"
    assert written(place_of(code, "", "    ", "\n"), code.replace("{}", "{ }")) == code.replace("{}", "{ }")
