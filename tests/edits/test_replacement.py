"""An answer into a file: where it fits it is applied in the file's own style, else a sentence says why not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.context.definitions import LineSpan
from codefuse_lsp.edits.merging import Change
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
    assert "".join(replacement(answer, place()).lines) == EXPECTED


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
    assert "".join(replacement(f"```\n{new}```", there).lines) == new


METHOD = "    def area(self, r):\n        return math.pi * r * r\n"
CIRCLE = "import os\nfrom a import b\n\n\nclass Circle:\n    def area(self, r):\n        return r\n"


def applied(text: str, answer: str, span: LineSpan, language: str = "python") -> str:
    """Return a file after the edit."""
    there = place(text, span, language)
    lines = list(there.lines)
    for change in reversed(changed(there, replacement(answer, there))):
        lines[change.start : change.stop] = change.lines
    return "".join(lines)


@pytest.mark.parametrize(
    ("imports", "expected"),
    [
        ("import math\n\n\n", "import os\nfrom a import b\nimport math\n"),
        ("import os\nfrom a import b, c\n", "import os\nfrom a import b, c\n"),
        ("import os\n", "import os\nfrom a import b\n"),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_imports_of_an_answer_go_among_those_of_the_file(imports: str, expected: str, end: str) -> None:
    answer = f"```python\n{imports}def area(self, r):\n    return math.pi * r * r\n```"
    wanted = f"{expected}\n\nclass Circle:\n{METHOD}"
    assert applied(CIRCLE.replace("\n", end), answer, LineSpan(5, 7)) == wanted.replace("\n", end)


def test_a_file_without_imports_gets_them_at_its_top() -> None:
    text = '"""Circles."""\n\n\ndef area(r):\n    return r\n'
    answer = "import math\n\ndef area(r):\n    return math.pi * r * r\n"
    assert applied(text, answer, LineSpan(3, 5)) == (
        '"""Circles."""\n\nimport math\n\n\ndef area(r):\n    return math.pi * r * r\n'
    )


def test_the_imports_of_other_languages_go_there_too() -> None:
    text = 'package a\n\nimport "fmt"\n\nfunc f() {\n\tfmt.Println()\n}\n'
    answer = '```go\nimport (\n\t"fmt"\n\t"os"\n)\n\nfunc f() {\n\tfmt.Fprintln(os.Stderr)\n}\n```'
    assert applied(text, answer, LineSpan(4, 7), "go") == (
        'package a\n\nimport "fmt"\nimport "os"\n\nfunc f() {\n\tfmt.Fprintln(os.Stderr)\n}\n'
    )


def test_an_answer_that_only_imports_more_changes_no_other_line() -> None:
    there = place(CIRCLE, LineSpan(5, 7))
    answer = "import math\n\ndef area(self, r):\n    return r\n"
    assert changed(there, replacement(answer, there)) == [Change(2, 2, ["import math\n"])]


@pytest.mark.parametrize(
    "answer",
    [
        "def area(self, r):\n    return 3 * r\n\nprint(Circle().area(2))\n",
        "def area(self, r):\n    return 3 * r\n\nif __name__ == '__main__':\n    main()\n",
        "def area(self, r):\n    return 3 * r\n\nfound = area(2)\n",
        "PI = 3\n\ndef area(self, r):\n    return PI * r\n",
    ],
)
def test_statements_beside_a_definition_are_refused(answer: str) -> None:
    with pytest.raises(Unfit, match="statements beside `area`"):
        replacement(answer, place(CIRCLE, LineSpan(5, 7)))


def test_helpers_and_values_may_stand_before_a_function_of_a_file() -> None:
    text = "x = 1\n\n\ndef area(r):\n    return r\n"
    answer = "PI = 3\n\n\ndef square(r):\n    return r * r\n\n\ndef area(r):\n    return PI * square(r)\n"
    assert applied(text, answer, LineSpan(3, 5)) == f"x = 1\n\n\n{answer}"


def test_a_definition_inside_another_is_not_the_one_that_is_meant() -> None:
    with pytest.raises(Unfit, match="does not hold `area`"):
        replacement("class Circle:\n    def area(self, r):\n        return 3 * r\n", place(CIRCLE, LineSpan(5, 7)))


def test_a_method_that_reads_as_statements_elsewhere_is_none() -> None:
    text = "class A {\n  area(r)\n  {\n    return r;\n  }\n}\n"
    answer = "area(r)\n{\n  return 3 * r;\n}\n"
    assert applied(text, answer, LineSpan(1, 5), "javascript") == text.replace("return r", "return 3 * r")


def test_line_ends_of_the_file_are_kept() -> None:
    new = replacement(BETTER, place(CLASS.replace("\n", "\r\n")))
    assert "".join(new.lines) == EXPECTED.replace("\n", "\r\n")


def test_a_file_without_a_line_end_at_its_end_stays_without() -> None:
    text = "def f():\n    return 1"
    assert replacement("def f():\n    return 2\n", place(text, LineSpan(0, 2))).lines == ["def f():\n", "    return 2"]


def test_flaws_that_the_file_has_anyway_are_no_reason_to_refuse() -> None:
    text = "def broken(:\n\n\ndef f():\n    return 1\n"
    assert replacement("def f():\n    return 2\n", place(text, LineSpan(3, 5))).lines[1] == "    return 2\n"


def test_a_string_that_was_not_changed_keeps_its_bytes() -> None:
    text = "def f():\n    x = 1\n    return '''\nselect *\n  from t\n'''\n"
    answer = "def f():\n    return '''\n    select *\n      from t\n    '''\n"
    new = replacement(answer, place(text, LineSpan(0, 6)))
    assert "".join(new.lines) == "def f():\n    return '''\nselect *\n  from t\n'''\n"


def test_tabs_of_a_go_file_are_kept() -> None:
    text = "package a\n\nfunc area(w int) int {\n\treturn w\n}\n"
    answer = "```go\nfunc area(w int) int {\n    if w < 0 {\n        return 0\n    }\n    return w\n}\n```"
    new = replacement(answer, place(text, LineSpan(2, 5), "go"))
    assert "".join(new.lines) == "func area(w int) int {\n\tif w < 0 {\n\t\treturn 0\n\t}\n\treturn w\n}\n"


def test_equal_lines_at_both_ends_are_no_part_of_the_edit() -> None:
    changes = changed(place(), replacement(BETTER, place()))
    assert changes == [Change(6, 6, ["    if w < 0:\n", "      raise ValueError\n"])]


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
    (change,) = changed(there, new)
    text = "".join([*lines[: change.start], *change.lines, *lines[change.stop :]])
    assert text == "".join(before) + "".join(new.lines) + "".join(after)
    assert new.lines[-1].endswith("\n")
    assert there.span.start <= change.start <= change.stop <= there.span.stop
