from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.edits.indentation import base_of, indent_of, reindented, unit_of

LINES = st.lists(
    st.tuples(st.integers(0, 4), st.sampled_from(["a", "if b:", "}", ""])).map(
        lambda pair: f"{'    ' * pair[0]}{pair[1]}\n" if pair[1] else "\n"
    ),
    max_size=8,
)


@given(LINES, st.sampled_from(["", "    ", "        "]))
def test_moving_code_and_moving_it_back_changes_nothing(lines: list[str], target: str) -> None:
    moved = reindented(lines, target)
    assert reindented(moved, base_of(lines)) == lines
    assert base_of(moved) == (target if any(line.strip() for line in lines) else "")


@given(LINES)
def test_spaces_to_tabs_and_back_changes_nothing(lines: list[str]) -> None:
    tabbed = reindented(lines, "", "\t")
    if unit_of(lines) == "    ":
        assert all(set(indent_of(line)) <= {"\t"} for line in tabbed)
    if unit_of(lines) == "    " and unit_of(tabbed) == "\t":
        assert reindented(tabbed, base_of(lines), "    ") == lines


def test_a_line_less_deep_than_the_base_is_moved_with_the_others_as_far_as_it_can() -> None:
    assert reindented(["    a\n", "  b\n"], "        ", base="    ") == ["        a\n", "      b\n"]
    assert reindented(["    a\n", "  b\n"], "", base="    ") == ["a\n", "b\n"]


def test_the_most_frequent_step_is_the_unit() -> None:
    assert unit_of(["a\n", "  b\n", "    c\n", "d\n", "      e\n"]) == "  "
    assert unit_of(["a\n", "\tb\n"]) == "\t"
    assert unit_of(["a\n", "b\n"]) == ""
