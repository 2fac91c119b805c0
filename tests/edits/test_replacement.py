"""An answer into a file: where it fits it is applied in the file's own style, else a sentence says why not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.context.definitions import LineSpan
from codefuse_lsp.edits.replacement import Place, Unfit, changed, replacement

CLASS = '''\
class Box:
  def area(self, w, h):
    """The area.

      As drawn.
    """
    return w * h

  def other(self):
    pass
'''
BETTER = '''\
def area(self, w, h):
    """The area.

      As drawn.
    """
    if w < 0:
        raise ValueError
    return w * h
'''
EXPECTED = '''\
  def area(self, w, h):
    """The area.

      As drawn.
    """
    if w < 0:
      raise ValueError
    return w * h
'''
SPAN = LineSpan(1, 7)


def place(text: str = CLASS, span: LineSpan = SPAN, language: str = "python") -> Place:
    return Place(text.splitlines(keepends=True), span, language)


@pytest.mark.parametrize(
    "answer",
    [
        BETTER,
        f"```python\n{BETTER}```",
        f"Sure! Here it is:\n\n```python\n{BETTER}```\n\nIt now checks the width.",
        f"{BETTER}```\nIt now checks the width.",
        f"Run `pytest`:\n```sh\npytest\n```\n```py\n{BETTER}```",
        "".join(f"      {line}" if line.strip() else line for line in BETTER.splitlines(keepends=True)),
        EXPECTED.lstrip(),  # the first line's indentation is lost
    ],
)
def test_an_answer_of_any_shape_is_put_in_its_place(answer: str) -> None:
    assert "".join(replacement(answer, place())) == EXPECTED


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("", "no code"),
        ("I cannot do that.", "does not hold `area`|does not parse"),
        ("```python\ndef area(self, w, h):\n    return (w *\n```", "does not parse"),
        ("```python\ndef size(self, w, h):\n    return w * h\n```", "does not hold `area`"),
        (
            "```python\ndef area(self, w, h):\n    # ... existing code ...\n    return w * h\n```",
            "left some of the code out",
        ),
        ("```python\ndef area(self, w, h):\n    ...\n    # rest of the function unchanged\n```", "left some"),
        (EXPECTED.replace("    if w < 0:\n      raise ValueError\n", ""), "change nothing"),
        ("```python\ndef area(self, w, h):\n```", "does not parse"),
    ],
)
def test_an_answer_that_does_not_fit_is_refused_with_its_reason(answer: str, reason: str) -> None:
    with pytest.raises(Unfit, match=reason):
        replacement(answer, place())


@pytest.mark.parametrize(
    ("old", "new", "language"),
    [
        (
            "function f(a) {\n  return a;\n}\n",
            "function f(a) {\n  return {\n    ...a,\n    b: 1,\n  };\n}\n",
            "javascript",
        ),
        ("int f(char *a);\n", "int f(\n    char *a,\n    ...);\n", "c"),
        ("int f(char *a) {\n  return 0;\n}\n", "int f(char *a,\n      ...)\n{\n  return 0;\n}\n", "c"),
        ("class A:\n    def f(self): pass\n", "class A:\n    def f(self):\n        ...\n", "python"),
        ("def f(a):\n    return a\n", "def f(a):\n    # Other methods are slower\n    return a + 0\n", "python"),
    ],
)
def test_dots_and_comments_that_leave_nothing_out_are_code(old: str, new: str, language: str) -> None:
    there = place(old, LineSpan(0, old.count("\n")), language)
    assert "".join(replacement(f"```\n{new}```", there)) == new


def test_line_ends_of_the_file_are_kept() -> None:
    new = replacement(BETTER, place(CLASS.replace("\n", "\r\n")))
    assert "".join(new) == EXPECTED.replace("\n", "\r\n")


def test_a_file_without_a_line_end_at_its_end_stays_without() -> None:
    text = "def f():\n    return 1"
    assert replacement("def f():\n    return 2\n", place(text, LineSpan(0, 2))) == ["def f():\n", "    return 2"]


def test_flaws_that_the_file_has_anyway_are_no_reason_to_refuse() -> None:
    text = "def broken(:\n\n\ndef f():\n    return 1\n"
    assert replacement("def f():\n    return 2\n", place(text, LineSpan(3, 5)))[1] == "    return 2\n"


def test_a_string_that_was_not_changed_keeps_its_bytes() -> None:
    text = "def f():\n    x = 1\n    return '''\nselect *\n  from t\n'''\n"
    answer = "def f():\n    return '''\n    select *\n      from t\n    '''\n"
    new = replacement(answer, place(text, LineSpan(0, 6)))
    assert "".join(new) == "def f():\n    return '''\nselect *\n  from t\n'''\n"


def test_tabs_of_a_go_file_are_kept() -> None:
    text = "package a\n\nfunc area(w int) int {\n\treturn w\n}\n"
    answer = "```go\nfunc area(w int) int {\n    if w < 0 {\n        return 0\n    }\n    return w\n}\n```"
    new = replacement(answer, place(text, LineSpan(2, 5), "go"))
    assert "".join(new) == "func area(w int) int {\n\tif w < 0 {\n\t\treturn 0\n\t}\n\treturn w\n}\n"


def test_equal_lines_at_both_ends_are_no_part_of_the_edit() -> None:
    span, new = changed(place(), replacement(BETTER, place()))
    assert (span, new) == (LineSpan(6, 6), ["    if w < 0:\n", "      raise ValueError\n"])


LINES = st.lists(
    st.sampled_from(["a = 1\n", "b = 2\r\n", "    c = 3\n", "\n", "def f():\n", "x = '🙂'\n", "(\n"]), max_size=8
)


@given(
    LINES, st.lists(st.sampled_from(["a = 1\n", "    b = 2\n"]), min_size=1, max_size=4), LINES, st.text(max_size=60)
)
def test_all_outside_the_place_stays_as_it_was(
    before: list[str], own: list[str], after: list[str], answer: str
) -> None:
    lines = [*before, *own, *after]
    there = Place(lines, LineSpan(len(before), len(before) + len(own)), "python")
    try:
        new = replacement(answer, there)
    except Unfit as error:
        assert str(error).endswith(".")
        return
    span, part = changed(there, new)
    text = "".join([*lines[: span.start], *part, *lines[span.stop :]])
    assert text == "".join(before) + "".join(new) + "".join(after)
    assert new[-1].endswith("\n") and there.span.start <= span.start <= span.stop <= there.span.stop
