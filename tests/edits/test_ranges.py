from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.context.definitions import LineSpan
from codefuse_lsp.edits.lines import lines_of
from codefuse_lsp.edits.ranges import insertion, widened

PYTHON = (
    "import os\n\n\ndef f(a):\n    if a:\n        g(\n            a,\n        )\n    return a\n\n\nx = [\n    1,\n]\n"
)
CLASS = "class A:\n    def f(self):\n        a()\n\n    def g(self):\n        b()\n        c()\n"
SCRIPT = "function f(a) {\n  if (a) {\n    g(a);\n  }\n  return a;\n}\n\nlet x = 1;\n"


@pytest.mark.parametrize(
    ("text", "language", "selected", "meant"),
    [
        pytest.param(PYTHON, "python", (0, 1), (0, 1), id="a statement is itself"),
        pytest.param(PYTHON, "python", (5, 6), (5, 8), id="the first line of a call takes in the rest"),
        pytest.param(PYTHON, "python", (6, 7), (6, 7), id="a line within brackets is itself"),
        pytest.param(PYTHON, "python", (7, 9), (4, 9), id="a cut statement is whole, and what holds it"),
        pytest.param(CLASS, "python", (1, 3), (1, 3), id="the first member of a class is itself"),
        pytest.param(CLASS, "python", (5, 6), (5, 6), id="the first statement of a body is itself"),
        pytest.param(PYTHON, "python", (1, 3), (1, 3), id="blank lines alone stay what they are"),
        pytest.param(PYTHON, "python", (9, 12), (11, 14), id="blank lines at the edges are left out"),
        pytest.param(PYTHON, "python", (0, 99), (0, 14), id="more than the file is the file"),
        pytest.param(SCRIPT, "javascript", (1, 2), (1, 4), id="an opening brace takes in the closing one"),
        pytest.param(SCRIPT, "javascript", (3, 5), (1, 5), id="a closing brace takes in the opening one"),
        pytest.param(SCRIPT, "plaintext", (1, 2), (1, 2), id="without a grammar lines are lines"),
    ],
)
def test_a_selection_means(text: str, language: str, selected: tuple[int, int], meant: tuple[int, int]) -> None:
    assert widened(lines_of(text), language, LineSpan(*selected)) == LineSpan(*meant)


@given(st.lists(st.sampled_from(["f(\n", ")\n", "\n", "if x:\n", "  y\n", "z = '''\n"]), min_size=1), st.data())
def test_a_meaning_is_stable_and_within_the_file(lines: list[str], data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(lines) - 1))
    found = widened(lines, "python", LineSpan(start, data.draw(st.integers(start + 1, len(lines)))))
    assert 0 <= found.start < found.stop <= len(lines)
    assert widened(lines, "python", found) == found


@pytest.mark.parametrize(
    ("text", "line", "span", "indent"),
    [
        pytest.param("", 0, (0, 0), "", id="an empty file"),
        pytest.param("class A:\n    x = 1\n\n    y = 2\n", 2, (2, 3), "    ", id="a blank line is filled"),
        pytest.param("class A:\n    x = 1\n    \n", 2, (2, 3), "    ", id="as deep as was typed"),
        pytest.param("def f():\n    a\n    b\n", 0, (1, 1), "    ", id="below what opens a block, in the block"),
        pytest.param("def f():\n    a\nb\n", 1, (2, 2), "    ", id="below a line, as deep as it"),
        pytest.param("a\n", 9, (1, 1), "", id="beyond the end"),
    ],
)
def test_code_for_a_cursor_goes(text: str, line: int, span: tuple[int, int], indent: str) -> None:
    assert insertion(lines_of(text), line) == (LineSpan(*span), indent)
