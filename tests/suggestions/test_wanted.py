from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.context.trees import Trees
from codefuse_lsp.evaluation.gaps import lines_of
from codefuse_lsp.suggestions.asked import Asked, asked_at
from codefuse_lsp.suggestions.wanted import Wanted, wanted_at
from tests.suggestions.places import drawn, tree_at


def wanted(document: str, language: str = "python") -> Wanted | None:
    """Return what is wanted at the cursor that is drawn in a document."""
    context = drawn(document, language)
    lines = lines_of(document.replace("│", ""))
    asked = Asked(context, lines, context.prefix.count("\n"), len(context.line_prefix))
    return wanted_at(asked, tree_at(context))


def beginnings(document: str) -> list[str]:
    found = wanted(document)
    return [] if found is None else list(found.beginnings)


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ("def f(a):\n    │\n    return b\n", ["b = "]),
        ("def f(a):\n│\n    return b\n", ["    b = "]),
        ("def f(a):\n\t│\n\treturn b\n", ["b = "]),
        ("def f(a):\n│\n\treturn b\n", ["\tb = "]),
        ("def f(a):\n    to│\n    return total\n", ["tal = "]),
        ("def f(a):\n    total = │\n    return total + b\n", []),
        ("def f(a):\n    │\n    return a\n", []),
        ("def f(a):\n    │\n    return b + c\n", ["b, c = ", "b = "]),
        ("def f(a):\n    │\n        print(b)\n", ["for b in ", "with "]),
        ("if a:\n    b = 1\ndef f(a):\n│\n        print(c)\n", ["    for c in ", "    with "]),
        ("def f(a):\n    │\n        print(b, i)\n", ["for i, b in ", "for i in "]),
        ("def f(a):\n    for │\n        print(b)\n", ["b in "]),
        ("def f(a):\n    while │\n        print(b)\n", []),
        ("def f(a):\n    │\n        print(i, b)\n    return a\n", ["for i, b in ", "for i in "]),
        ("def f(a):\n    for b in a:\n│\n            print(b, c)\n", ["        for c in ", "        with "]),
        ("def f(a):\n    if a:\n│\n    return b\n", ["        b = "]),
        ("def f(a):\n    if a:\n        return a\n│\n        print(b)\n", ["    else:", "    if "]),
        ("def f(a):\n    │\n        return b * 2\n    return g(a)\n", ["def g(b)", "for b in "]),
        ("def f(a):\n    │\n        return 2\n    return g()\n", ["def g("]),
        ("def f(a):\n    │\n        print(a)\n    return a\n", ["if ", "while "]),
        ("def f(a):\n    if a:\n        a += 1\n    │\n        print(a)\n", ["else:", "if "]),
        ("def f(a):\n    if a:\n        a += 1\n    el│\n        print(a)\n", ["se:"]),
        ("def f(a):\n    if a:\n        a += 1\n    b = 1\n    │\n        print(a)\n", ["if ", "while "]),
        ("def f(a):\n    │\n        'x': 1,\n    }\n    return b['x']\n", ["b = {"]),
        ("def f(a):\n    │\n    return math.sqrt(a)\n", ["import math", "math = "]),
        ("import re\n│\nprint(math.pi, re, numpy.e)\n", ["import math", "from "]),
        ("│\nclass A(Base):\n    pass\n", ["from "]),
        ("def f(a):\n    try:\n        a()\n    │\n        print(e)\n", ["except ", "finally:"]),
        ("def f(a):\n    try:\n        a()\n    except E:\n        a\n    │\n        print(a)\n", ["except ", "else:"]),
        ("def f(a):\n    │\n        a()\n    except E:\n        a\n", ["try:"]),
        ("def f(a):\n    if a:\n        a()\n    # b\n    │\n        a\n    else:\n        a\n", ["elif ", "if "]),
        ("class A:\n    b = 1\n    │\n        return self.b\n", ["def "]),
        ("class A:\n    │\n        await a\n", ["async def "]),
        ("import a\n│\n    return a\n", ["def "]),
        ("def f(a):\n    @a\n    │\n        print(b)\n    return g(a)\n", ["def g(b)", "def "]),
        ("│\n    def f(self):\n        pass\n", ["class ", "if "]),
        ("│\n    def f(self):\n        pass\nA().f()\n", ["class A"]),
        ('import a\n│\n    """Text."""\n\n    def f(self):\n        return 1\n', ["class ", "if "]),
        ("import a\n│\n    raise SystemExit\n", ["if ", "while "]),
        ("def f(a):\n    │\n          key=b,\n          c=a)\n    return d\n", ["d = "]),
        ("def f(a):\n    │\n        [a, b],\n    ]\n    return d\n", ["d = ["]),
        ("def f(a):\n    │\n        a,\n    )\n    return a\n", []),
        ("def f(a):\n    x = [\n        a,\n        │\n        b,\n    ]\n    return x, c\n", []),
        ('def f(a):\n    """Text.\n\n    │\n    More.\n    """\n    return b\n', []),
        ("def f(a):\n    │\n    that is all, told twice over\n    return b\n", []),
        ("│\nprint(math.pi)\n", ["import math"]),
        ("│\ndef f(a):\n    return LIMIT\n", ["LIMIT = "]),
        ("def f(a):\n    │\n    return g(a)\n", []),
        ("def f(a):\n    │\n    return b + c + d + e + g\n", []),
        ("from m import *\ndef f(a):\n    │\n    return b\n", []),
        ("def f(a):\n    │ + 1\n    return b\n", []),
    ],
)
def test_an_answer_may_begin_with_what_the_code_below_wants(document: str, expected: list[str]) -> None:
    assert beginnings(document) == expected


def test_a_text_that_uses_an_undefined_name_is_told_where_nothing_is_wanted_below_too() -> None:
    found = wanted("def f(a):\n    │\n    return a\n")
    assert found is not None and not found.beginnings
    assert [found.left_by(text) for text in ("a += 1", "a += b", "b = c = a")] == [0, 1, 0]


def test_what_defines_more_of_the_names_below_leaves_fewer_undefined() -> None:
    found = wanted("def f(a):\n    print(z)\n    │\n    return b + c\n")
    assert found is not None and found.undefined == 2
    texts = ["pass", "b = 1", "b, c = a", "b = q", "b = c = z = 1", "for b, c in a: pass"]
    assert [found.left_by(text) for text in texts] == [2, 1, 0, 2, 0, 0]


def test_what_a_text_replaces_is_gone_and_what_it_spells_right_counts() -> None:
    found = wanted("def f(a):\n    to│\n    return total\n")
    assert found is not None and found.left_by("tal = 1") == 0 and found.left_by("p = 1") == 1


def test_no_name_is_told_that_a_model_may_not_read() -> None:
    document = "def f(a):\n    │\n    return b + c\n"
    context, lines = drawn(document), lines_of(document.replace("│", ""))
    found = wanted_at(Asked(context, lines, 1, 4), tree_at(context), "\n    return b + HIDDEN\n")
    assert found is not None and found.beginnings == ("b = ",) and found.undefined == 2


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_the_region_that_was_parsed_may_be_part_of_the_document(line_end: str) -> None:
    head = [f"x{number} = {number}" for number in range(3_000)]
    below = ["def f(a):", "    ", "    return b + x7 + later + x2", "later = 1", *(f"y{n} = 0" for n in range(3_000))]
    lines = [line + line_end for line in head + below]
    asked = asked_at(lines, 3_001, 4, uri="u", path="p", language="python", version=1, budget_chars=4_000)
    syntax = Trees().at("u", "python", lines, 3_001, 4)
    assert syntax is not None and len(syntax.source) < 20_000
    found = wanted_at(asked, syntax)
    assert found is not None and found.beginnings == ("b = ",)
    assert found.left_by("b = 1") == 0 and found.left_by("b = 1\n    c = d") == 1


def test_where_the_region_begins_amid_a_function_nothing_is_told() -> None:
    context = drawn("    b = a\n    │\n    return b\n")
    lines = ["def f(a):\n", "    b = a\n", "    \n", "    return b\n"]
    assert wanted_at(Asked(context, lines, 2, 4), tree_at(context)) is None


def test_what_begins_a_function_is_measured_beside_the_same_code() -> None:
    found = wanted("│\nprint(b)\n")
    assert found is not None and found.undefined == 1
    assert [found.left_by(text) for text in ("def f():\n    return 1", "def b():\n    return 1")] == [1, 0]


@pytest.mark.parametrize(
    ("document", "definition"),
    [
        ("def f(a):\n    │\n    return b\n", "b = "),
        ("def f(a):\n    │\n        print(i, b)\n    return a\n", "for i, b in "),
        ("def f(a):\n    │\n        print(a)\n    return a\n", ""),
        ("def f(a):\n    │\n    return a\n", ""),
    ],
)
def test_a_beginning_may_define_a_name(document: str, definition: str) -> None:
    found = wanted(document)
    assert found is not None and found.definition == definition


def test_a_document_that_no_person_wrote_is_not_looked_at() -> None:
    assert beginnings("def f(a):\n    │\n    return b\n") == ["b = "]
    assert wanted("x = 1\n" * 60_000 + "def f(a):\n    │\n    return b\n") is None


@pytest.mark.parametrize("language", ["javascript", "go", "plaintext"])
def test_of_a_language_of_which_nothing_is_known_nothing_is_wanted(language: str) -> None:
    assert wanted("def f(a):\n    │\n    return b\n", language) is None


PIECES = st.sampled_from(
    ["a", "b", "c", " = ", "for ", " in ", ":", "\n    ", "\n        ", "\n", "(", ")", "def g(x):", "if ", "return é"]
)


@given(st.lists(PIECES, max_size=12).map("".join), st.lists(PIECES, max_size=12).map("".join))
def test_whatever_stands_round_the_cursor_a_beginning_goes_on_from_it(before: str, after: str) -> None:
    document = f"def f(a):\n    {before}│\n{after}\n"
    found = wanted(document)
    if found is not None:
        begun = before.rpartition("\n")[2]
        assert all(text and "\n" not in text for text in found.beginnings)
        assert all(not begun.strip() or not text[0].isspace() or begun[-1:] != " " for text in found.beginnings)
        assert found.left_by("") >= 0
