"""Code that is too long is cut behind a whole statement."""

from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.context.cutting import cut_at_nodes

CODE = "def f():\n    a = 1\n    b = call(\n        2,\n    )\n    c = 3\n"


def test_what_fits_is_whole() -> None:
    assert cut_at_nodes(CODE, "python", len(CODE)) == CODE


def test_it_is_cut_behind_the_last_statement_that_fits() -> None:
    assert cut_at_nodes(CODE, "python", CODE.index("2,") + 2) == "def f():\n    a = 1\n"
    assert cut_at_nodes(CODE, "python", CODE.index("c = 3")) == CODE[: CODE.index("    c = 3")]


def test_without_a_grammar_it_is_cut_at_a_line_end_and_within_a_line_only_if_it_must() -> None:
    assert cut_at_nodes("one\ntwo\nthree\n", "cobol", 9) == "one\ntwo\n"
    assert cut_at_nodes("x" * 50, "python", 9) == "x" * 9


@given(st.lists(st.sampled_from(CODE.splitlines(keepends=True)), max_size=12).map("".join), st.integers(0, 80))
def test_it_always_fits_and_is_a_beginning(code: str, limit: int) -> None:
    cut = cut_at_nodes(code, "python", limit)
    assert len(cut) <= max(limit, 0) and code.startswith(cut)
