from __future__ import annotations

from collections.abc import Iterator, Sequence

from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.context.notebooks import MAX_MARKDOWN_LINES, Cell, joined


def cell(language: str, text: str) -> Cell:
    """Return a cell with lines as an editor's document has them: the last one without an end, if only an empty one."""
    lines = text.splitlines(keepends=True)
    return Cell(language, lines if lines and not lines[-1].endswith(("\n", "\r")) else [*lines, ""])


def read(cells: Sequence[Cell], index: int, **limits: int) -> tuple[str, str, str]:
    """Return what stands before the cell, the cell, and what stands after it."""
    found = joined(cells, index, **limits)
    stop = found.first + len(cells[index].lines)
    before, own, after = found.lines[: found.first], found.lines[found.first : stop], found.lines[stop:]
    return "".join(before), "".join(own), "".join(after)


CELLS = [
    cell("markdown", "# Load\nthe data"),
    cell(
        "python", "import pandas as pd\n%matplotlib inline\n!pip install x\npd.read_csv?\ndf = pd.read_csv('a.csv')\n"
    ),
    cell("python", "   \n"),
    cell("sql", "select 1"),
    cell("python", "df."),
    cell("python", "later = 1"),
]


def test_the_cells_before_are_there_with_prose_and_foreign_code_as_comments() -> None:
    assert read(CELLS, 4)[0] == (
        "# %% [markdown]\n# # Load\n# the data\n\n"
        "# %%\nimport pandas as pd\n# %matplotlib inline\n# !pip install x\n# pd.read_csv?\n"
        "df = pd.read_csv('a.csv')\n\n"
        "# %% [sql]\n# select 1\n\n"
        "# %%\n"
    )


def test_the_cells_after_follow_from_a_line_of_their_own() -> None:
    assert read(CELLS, 4)[1:] == ("df.\n", "\n# %%\nlater = 1\n\n")


def test_cells_are_set_apart_as_the_language_comments() -> None:
    cells = [cell("markdown", "Load"), cell("javascript", "let a = 1"), cell("javascript", "a")]
    assert read(cells, 2) == ("// %% [markdown]\n// Load\n\n// %%\nlet a = 1\n\n// %%\n", "a", "")


def test_round_a_cell_of_text_the_text_is_as_it_is_and_code_stands_in_fences() -> None:
    cells = [
        cell("markdown", "# Load"),
        cell("python", "a = 1\n"),
        cell("markdown", "So"),
        cell("r", "b <- '''\n```\n'"),
    ]
    before, own, after = read(cells, 2)
    assert before == "# Load\n\n```python\na = 1\n```\n\n"
    assert (own, after) == ("So\n", "\n`````r\nb <- '''\n```\n'\n`````\n\n")


def test_a_cell_alone_is_as_it_is() -> None:
    assert read([cell("python", "a = 1")], 0) == ("", "a = 1", "")


def test_magics_are_pythons_alone_and_a_cell_of_another_language_behind_one_is_all_comment() -> None:
    bash = "%%bash\necho hi\n"
    assert read([cell("python", bash), cell("python", "a")], 1)[0] == "# %%\n# %%bash\n# echo hi\n\n# %%\n"
    timed = "%%time\na = f()\n"
    assert read([cell("python", timed), cell("python", "a")], 1)[0] == "# %%\n# %%time\na = f()\n\n# %%\n"
    assert "\n%a" in read([cell("julia", "x = 7\n%a"), cell("julia", "a")], 1)[0]


def test_the_cell_itself_keeps_its_magics_since_columns_must_stay_what_they_are() -> None:
    assert read([cell("python", "a"), cell("python", "%matplotlib in")], 1)[1] == "%matplotlib in"


def test_the_nearest_cells_are_kept_whole() -> None:
    cells = [cell("python", f"value_{i} = {i}") for i in range(50)]
    before, own, after = read(cells, 20, before_chars=50, after_chars=25)
    assert before == "# %%\nvalue_18 = 18\n\n# %%\nvalue_19 = 19\n\n# %%\n"
    assert (own, after) == ("value_20 = 20\n", "\n# %%\nvalue_21 = 21\n\n")


def test_long_prose_is_cut() -> None:
    cells = [cell("markdown", "line\n" * 100), cell("python", "")]
    assert read(cells, 1)[0].count("line") == MAX_MARKDOWN_LINES


def test_line_ends_of_the_cell_stay_its_own_and_those_of_others_are_plain() -> None:
    cells = [cell("python", "a = 1\r\nb = 2"), cell("python", "c = 3\r\nd"), cell("python", "e\r\n")]
    assert read(cells, 1) == ("# %%\na = 1\nb = 2\n\n# %%\n", "c = 3\r\nd\r\n", "\r\n# %%\ne\n\n")


CELL = st.builds(cell, st.sampled_from(["python", "markdown", "sql"]), st.text("ab\n\r%!`é🙂 ", max_size=40))


@given(st.lists(CELL, min_size=1, max_size=8), st.integers(0, 200), st.integers(0, 200))
def test_the_cell_stands_in_the_text_as_it_is_and_the_rest_is_bounded(
    cells: list[Cell], before_chars: int, after_chars: int
) -> None:
    for index, own in enumerate(cells):
        before, text, after = read(cells, index, before_chars=before_chars, after_chars=after_chars)
        assert text in ("".join(own.lines) + end for end in ("", "\n", "\r\n"))
        assert len(before) <= before_chars + len("-- %%\n") and len(after) <= after_chars + len("\r\n")


class Counted(list[str]):
    """Lines that know how many of them were looked at."""

    seen = 0

    def __iter__(self) -> Iterator[str]:
        for line in super().__iter__():
            self.seen += 1
            yield line


def test_of_a_huge_cell_no_more_is_read_than_shows_that_it_does_not_fit() -> None:
    for language in ("python", "markdown"):
        huge = Counted([f"value_{number} = {number}\n" for number in range(100_000)])
        cells = [Cell("python", huge), cell(language, "here"), Cell("python", huge)]
        assert read(cells, 1) == ("", "here", "")
        assert 0 < huge.seen < 4_000


def test_of_a_huge_cell_of_prose_its_beginning_is_kept() -> None:
    huge = Counted([f"{number} lines of prose\n" for number in range(100_000)])
    before = read([Cell("markdown", huge), cell("python", "a")], 1)[0]
    assert before.count("prose") == MAX_MARKDOWN_LINES and huge.seen == 0
