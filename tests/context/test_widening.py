"""Half a statement selected means the whole of it, and a cursor means the statement it stands in."""

import pytest

from codefuse_lsp.context.definitions import LineSpan
from codefuse_lsp.context.widening import statement_at, widened

PYTHON = """\
import os

LIMIT = 3
TABLE = [
    1,
    2,
]


@cached
def area(width, height):
    if width:
        return (
            width
            * height
        )
    return 0
"""
JAVASCRIPT = """\
class Box {
  area(w) {
    if (w) {
      return w;
    }
    return 0;
  }
}
a(); b(
  1);
"""


@pytest.mark.parametrize(
    ("first", "last", "rows"),
    [
        (4, 4, (3, 7)),  # a line of a list
        (13, 13, (12, 16)),  # a line of an expression
        (11, 13, (11, 16)),  # the head of an if, and a part of its body
        (13, 16, (11, 17)),  # from inside the if to behind it
        (9, 9, (9, 17)),  # a decorator
        (2, 4, (2, 7)),
        (7, 8, (7, 7)),  # blank lines are nothing
        (1, 3, (2, 7)),  # and none stands at the ends
        (0, 16, (0, 17)),
    ],
)
def test_a_half_selected_statement_becomes_the_statement(first: int, last: int, rows: tuple[int, int]) -> None:
    found = widened(PYTHON, "python", LineSpan(first, last + 1))
    assert found.stop - found.start == rows[1] - rows[0] and (found.start == rows[0] or found.start == found.stop)


@pytest.mark.parametrize(
    ("first", "last", "rows"),
    [(3, 3, (3, 4)), (2, 3, (2, 5)), (4, 4, (2, 5)), (3, 5, (2, 6)), (9, 9, (8, 10)), (1, 1, (1, 7)), (7, 7, (0, 8))],
)
def test_braces_belong_to_their_statement(first: int, last: int, rows: tuple[int, int]) -> None:
    assert widened(JAVASCRIPT, "javascript", LineSpan(first, last + 1)) == LineSpan(*rows)


def test_without_a_grammar_the_lines_stay_as_they_are() -> None:
    assert widened("a\n(b\nc)\n", "cobol", LineSpan(1, 2)) == LineSpan(1, 2)


@pytest.mark.parametrize(
    ("line", "rows"), [(0, None), (1, None), (2, (2, 3)), (5, (3, 7)), (14, (12, 16)), (16, (16, 17)), (99, None)]
)
def test_a_cursor_means_its_statement(line: int, rows: tuple[int, int] | None) -> None:
    assert statement_at(PYTHON, "python", line) == (LineSpan(*rows) if rows else None)
