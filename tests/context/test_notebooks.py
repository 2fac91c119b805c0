from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.context.notebooks import MAX_MARKDOWN_LINES, Cell, cells_before

CELLS = [
    Cell("markdown", "# Load\nthe data"),
    Cell("python", "import pandas as pd\n%matplotlib inline\n!pip install x\ndf = pd.read_csv('a.csv')\n"),
    Cell("python", "   \n"),
    Cell("sql", "select 1"),
    Cell("python", "df."),
    Cell("python", "later = 1"),
]


def test_earlier_cells_are_joined_with_prose_and_foreign_code_as_comments() -> None:
    assert cells_before(CELLS, 4) == (
        "# %% [markdown]\n# # Load\n# the data\n\n"
        "# %%\nimport pandas as pd\n# %matplotlib inline\n# !pip install x\ndf = pd.read_csv('a.csv')\n\n"
        "# %% [sql]\n# select 1\n\n"
        "# %%\n"
    )


def test_cells_are_set_apart_as_the_language_comments() -> None:
    cells = [Cell("markdown", "Load"), Cell("javascript", "let a = 1"), Cell("javascript", "a")]
    assert cells_before(cells, 2) == "// %% [markdown]\n// Load\n\n// %%\nlet a = 1\n\n// %%\n"


def test_the_first_cell_and_one_that_is_not_there_have_nothing_before_them() -> None:
    assert [cells_before(CELLS, index) for index in (0, -1, 99)] == ["", "", ""]


def test_the_nearest_cells_are_kept_whole() -> None:
    cells = [Cell("python", f"value_{i} = {i}") for i in range(50)]
    text = cells_before(cells, 49, max_chars=50)
    assert text == "# %%\nvalue_47 = 47\n\n# %%\nvalue_48 = 48\n\n# %%\n"


def test_long_prose_is_cut() -> None:
    cells = [Cell("markdown", "line\n" * 100), Cell("python", "")]
    assert cells_before(cells, 1).count("line") == MAX_MARKDOWN_LINES


@given(
    st.lists(st.tuples(st.sampled_from(["python", "markdown"]), st.text(max_size=40)), max_size=8), st.integers(0, 200)
)
def test_the_text_is_bounded_whatever_the_cells_hold(cells: list[tuple[str, str]], max_chars: int) -> None:
    made = [Cell(language, text) for language, text in cells]
    for index in range(len(made)):
        assert len(cells_before(made, index, max_chars)) <= max_chars + len("# %%\n")
