from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.context.grammars import parse
from codefuse_lsp.context.regions import AFTER_CHARS, BEFORE_CHARS, Outline, outline_of

FUNCTION = "def f(a):\n    return [\na\n    ]\n\n\n"  # 6 lines, one of them at column 0 and yet no beginning
LINES = (FUNCTION * 1_000).splitlines(keepends=True)


def outline(lines: list[str], language: str = "python") -> Outline:
    return outline_of(lines, parse("".join(lines), language), language)


def test_a_region_begins_and_ends_with_statements() -> None:
    first, stop = outline(LINES).region(3_002)
    assert first % 6 == stop % 6 == 0
    assert first < 3_000 and stop > 3_006
    assert BEFORE_CHARS + AFTER_CHARS < len("".join(LINES[first:stop])) + 200 < BEFORE_CHARS + AFTER_CHARS + 400


def test_a_short_text_is_its_own_region() -> None:
    assert outline(LINES[:60]).region(30) == (0, 60)


def test_without_a_tree_there_is_a_window() -> None:
    first, stop = outline_of(LINES, None, "python").region(3_002)
    assert LINES[first][0] not in " \n"
    assert 0 < first < 3_002 < stop < len(LINES)


def test_one_statement_is_not_divided() -> None:
    lines = ["x = [\n", *["    1,\n"] * 5_000, "]\n"]
    assert outline(lines).region(2_500) == (0, 5_002)


def test_a_file_that_an_error_has_swallowed_is_read_in_windows() -> None:
    lines = ["{ ( [ <\n", *["} def class ( :\n"] * 5_000]
    first, stop = outline(lines, "java").region(2_500)
    assert stop - first < 1_500


def test_php_and_html_are_not_divided() -> None:
    lines = ["<?php\n", *["f();\n"] * 5_000]
    assert outline(lines, "php").region(2_500) == (0, 5_001)


@given(st.integers(0, 5_990), st.integers(0, 8), st.integers(0, 9))
def test_an_edit_moves_what_stands_below_it(at: int, removed: int, added: int) -> None:
    lines = [*LINES[:at], *["    x\n"] * added, *LINES[at + removed :]]
    moved = outline_moved(lines)
    assert moved.starts is not None
    assert all(lines[start] == "def f(a):\n" for start in moved.starts)
    assert len(moved.starts) >= 1_000 - 3


OUTLINE = outline(LINES)


def outline_moved(lines: list[str]) -> Outline:
    moved = OUTLINE.moved(lines)
    assert moved is not None
    return moved


def test_a_text_of_which_much_has_changed_is_looked_at_anew() -> None:
    assert OUTLINE.moved(["x\n"] * 1_000) is None
