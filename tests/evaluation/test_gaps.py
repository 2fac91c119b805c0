from __future__ import annotations

import difflib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.evaluation.gaps import Gap, edit_similarity, lines_of

CODE = st.text("ab (\n\t😀é", max_size=20)


def gap(missing: str, after: str = "\n", before: str = "x = 1\n") -> Gap:
    return Gap("g", "/p/app.py", "python", before, missing, after)


def test_what_is_shown_is_exact_whatever_white_space_stands_at_its_ends() -> None:
    assert gap("    return x\n").is_exact("return x") and gap("    return x\n").is_exact("    return x  ")
    assert not gap("return x").is_exact("return  x") and not gap("return x").is_exact("return x\nreturn x")


def test_line_ends_of_another_kind_are_no_mistake() -> None:
    one = gap("a\r\n  b", "\r\n")
    assert one.is_exact("a\n  b") and one.similarity("a\n  b") == 1 and one.right_and_wrong("a\n  b") == (5, 0)


@pytest.mark.parametrize(
    ("shown", "does"),
    [("    return total", True), ("    a = b\n    return total", True), ("    total += b", False), ("", False)],
)
def test_a_next_line_that_is_written_once_more_is_seen(shown: str, does: bool) -> None:
    assert gap("    total += b\n", "\n\n    return total\n").repeats_what_follows(shown) is does


@pytest.mark.parametrize(
    ("drawn", "shown", "replaces", "does"),
    [
        ('foo("│");', 'x", 1);', 2, True),  # `;;`
        ('foo("│");', 'x", 1);', 3, False),
        ("foo(│)", "x)", 0, True),
        ("foo(│)", "x)", 1, False),
        ("foo(│)", "bar()", 0, False),  # its own bracket
        ("foo(│, b)", "a, b)", 0, True),
        ("foo(│, b)", "bar(a, b)", 0, False),
        ("x = [│ for name in names]", "total for name in names]", 0, True),
        ("x = {1: │,", "2,", 0, True),
        ("if a│:", " < 0:", 0, True),
        ("if a│: return", " < 0:", 0, True),
        ("x = a[│[0]]", "b[0]]", 0, True),
        ("x = │name", "my_name", 0, False),  # by chance
        ("foo(│)\n)", "a)\n", 1, False),
        ("foo(\n    │\n)", "a\n)", 0, True),
        ("{\n  {\n    │\n  }\n}", "a;\n    }", 0, False),  # another bracket than the one below
        ("    ret│\n    return x\n", "urn x", 0, True),
        ("│\na = 1\nb = 2\n", "c = 3\na = 1\nb = 2", 0, True),
        ("│\r\na = 1\r\n", "c = 3\na = 1", 0, True),
        ("│\n\n", "a = 1", 0, False),
    ],
)
def test_what_stands_behind_a_text_and_is_written_once_more_is_seen(
    drawn: str, shown: str, replaces: int, does: bool
) -> None:
    before, _, after = drawn.partition("│")
    assert gap("what is missing", after, before).repeats_what_follows(shown, replaces) is does


@given(CODE, CODE, CODE)
def test_what_is_missing_never_repeats_what_follows(before: str, missing: str, after: str) -> None:
    assert not gap(missing, after, before).repeats_what_follows(missing)


def test_a_next_line_that_is_also_what_is_missing_is_no_repetition() -> None:
    assert not gap("    x += 1", "\n    x += 1\n").repeats_what_follows("    x += 1")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("def f():\n    ", "\n    return 1\n"),
        ("", "\n"),
        ("a\n", ""),
        ("a\r\n\t", "\r\nb\r\n"),
        ("s = '😀'\n  ", "\n"),
        ("if (", ") {\n}\n"),
    ],
)
def test_the_cursor_stands_where_the_gap_is_in_a_document_without_it(before: str, after: str) -> None:
    asked = gap("missing", after, before).asked(10_000)
    assert "".join(asked.lines) == before + after
    assert "".join(asked.lines[: asked.line]) + asked.lines[asked.line][: asked.column] == before
    context = asked.context
    assert (context.prefix, context.suffix) == tuple(part.replace("\r\n", "\n") for part in (before, after))
    assert context.path == "/p/app.py"


def test_two_gaps_of_a_file_are_two_documents() -> None:
    one, other = Gap("a", "/p/x y.py", "python", "", "", ""), Gap("b", "/p/x y.py", "python", "", "", "")
    assert one.asked(100).context.uri != other.asked(100).context.uri


@given(CODE, CODE, CODE)
def test_what_is_missing_makes_the_document_whole_and_is_exactly_right(before: str, missing: str, after: str) -> None:
    one = gap(missing, after, before)
    assert one.filled(missing) == before + missing + after
    assert one.is_exact(missing) and one.similarity(missing) == 1
    assert one.right_and_wrong(missing) == (len(missing.strip()), 0)


@given(CODE)
def test_a_documents_lines_are_all_of_it_and_the_last_has_no_end(text: str) -> None:
    lines = lines_of(text)
    assert "".join(lines) == text and not lines[-1].endswith("\n")


def test_characters_are_right_up_to_the_first_mistake() -> None:
    assert gap("total += b").right_and_wrong("total -= b") == (6, 4)
    assert gap("total += b").right_and_wrong("total += b  # sum") == (10, 7)
    assert gap("total += b").right_and_wrong("  total") == (5, 0)
    assert gap("total += b").right_and_wrong("") == (0, 0)


@given(CODE, CODE)
def test_edit_similarity_is_twice_the_longest_common_subsequence_by_both_lengths(one: str, other: str) -> None:
    row = [0] * (len(other) + 1)
    for character in one:
        left = list(row)
        for place, its in enumerate(other, 1):
            row[place] = left[place - 1] + 1 if character == its else max(left[place], row[place - 1])
    expected = 2 * row[-1] / (len(one) + len(other)) if one or other else 1.0
    assert edit_similarity(one, other) == pytest.approx(expected)
    assert edit_similarity(one, other) >= difflib.SequenceMatcher(None, one, other, False).ratio() - 1e-9
