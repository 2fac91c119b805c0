import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codefuse_lsp.context.cursor import CursorContext, cursor_context


def context_from(drawing: str, budget_chars: int = 4000) -> CursorContext:
    """Read a text whose cursor is drawn as ‸."""
    before, _, after = drawing.partition("‸")
    line = before.count("\n")
    column = len(before) - (before.rfind("\n") + 1)
    return at((before + after).splitlines(keepends=True), line, column, budget_chars)


def at(lines: list[str], line: int, column: int, budget_chars: int = 4000) -> CursorContext:
    return cursor_context(
        lines, line, column, uri="file:///a.py", path="a.py", language="python", version=3, budget_chars=budget_chars
    )


def test_suffix_begins_right_after_the_cursor() -> None:
    context = context_from("x = '😋'‸  # done\ny = 2\n")
    assert context.prefix == "x = '😋'"
    assert context.suffix == "  # done\ny = 2\n"
    assert (context.path, context.language, context.version) == ("a.py", "python", 3)


@pytest.mark.parametrize(
    ("drawing", "line_prefix", "line_suffix", "indent", "at_line_end", "on_blank_line"),
    [
        ("a\n    ret‸urn x\nb\n", "    ret", "urn x", "    ", False, False),
        ("a\n\tx = ‸\n", "\tx = ", "", "\t", True, False),
        ("a\n    ‸  \nb", "    ", "  ", "    ", True, True),
        ("‸", "", "", "", True, True),
    ],
)
def test_the_cursors_line_is_told_apart(
    drawing: str, line_prefix: str, line_suffix: str, indent: str, at_line_end: bool, on_blank_line: bool
) -> None:
    context = context_from(drawing)
    assert (context.line_prefix, context.line_suffix, context.indent) == (line_prefix, line_suffix, indent)
    assert (context.at_line_end, context.on_blank_line) == (at_line_end, on_blank_line)


@pytest.mark.parametrize("end", ["\r\n", "\r", "\n"])
def test_every_line_end_becomes_a_newline_and_the_documents_own_is_told(end: str) -> None:
    context = at([f"a{end}", f"bc{end}", "d"], 1, 1)
    assert (context.prefix, context.suffix, context.line_end) == ("a\nb", "c\nd", end)
    assert at([f"a{end}", "d"], 1, 1).line_end == end


@pytest.mark.parametrize(
    ("line", "column", "prefix", "suffix"),
    [(9, 9, "ab\ncd", ""), (0, 9, "ab", "\ncd"), (-1, -1, "", "ab\ncd")],
)
def test_a_place_outside_the_document_is_moved_inside(line: int, column: int, prefix: str, suffix: str) -> None:
    context = at(["ab\r\n", "cd"], line, column)
    assert (context.prefix, context.suffix) == (prefix, suffix)


def test_a_document_without_lines_has_nothing_round_the_cursor() -> None:
    context = at([], 0, 0)
    assert (context.prefix, context.suffix) == ("", "")


def test_the_window_is_three_parts_prefix_to_one_part_suffix_of_whole_lines() -> None:
    lines = [f"line {n:04}\n" for n in range(2000)]
    context = at(lines, 1000, 4, 4000)
    assert context.prefix.startswith("line ") and context.suffix.endswith("\n")
    assert 1500 < len(context.prefix) <= 3000
    assert 900 < len(context.suffix) <= 1000


def test_typing_a_line_leaves_the_start_of_the_window_where_it_is() -> None:
    lines = [f"line {n:04}\n" for n in range(500)]
    starts = set()
    for length in range(100):
        typed = [*lines[:400], "x" * length + "\n", *lines[400:]]
        starts.add(at(typed, 400, length, 4000).prefix[:9])
    assert len(starts) == 1


def test_the_start_moves_seldom_while_lines_are_added() -> None:
    starts = [at([f"line {n:04}\n" for n in range(last)], last - 1, 0, 4000).prefix[:9] for last in range(400, 800)]
    moves = sum(before != after for before, after in pairwise(starts))
    assert moves <= 400 // 32  # a quarter of the prefix is 75 of these lines


@given(
    st.lists(st.text(st.characters(exclude_characters="\r\n", max_codepoint=0x2FF), max_size=60), max_size=80),
    st.integers(0, 80),
    st.text("xyz ", max_size=20),
    st.integers(64, 1000),
)
def test_typing_on_a_short_line_changes_only_the_end_of_the_prefix(
    texts: list[str], line: int, typed: str, budget_chars: int
) -> None:
    lines = [f"{text}\n" for text in [*texts, ""]]
    line = min(line, len(texts))
    block_chars = budget_chars * 3 // 4 // 4
    lines[line] = lines[line][: block_chars - len(typed) - 1].rstrip("\n") + "\n" if len(typed) < block_chars else "\n"
    column = len(lines[line]) - 1
    before = at(lines, line, column, budget_chars)
    lines[line] = lines[line][:-1] + typed + "\n"
    after = at(lines, line, column + len(typed), budget_chars)
    if column + len(typed) <= block_chars:
        assert after.prefix == before.prefix + typed
    assert after.suffix == before.suffix


@given(st.lists(st.text("ab ", max_size=40), max_size=60), st.integers(0, 60), st.integers(0, 40), st.integers(0, 500))
def test_the_window_is_text_round_the_cursor_and_within_its_budget(
    texts: list[str], line: int, column: int, budget_chars: int
) -> None:
    lines = [f"{text}\n" for text in [*texts, ""]]
    line = min(line, len(texts))
    column = min(column, len(lines[line]) - 1)
    context = at(lines, line, column, budget_chars)
    whole = "".join(lines)
    offset = sum(map(len, lines[:line])) + column
    assert whole[:offset].endswith(context.prefix)
    assert whole[offset:].startswith(context.suffix)
    assert len(context.prefix) + len(context.suffix) <= budget_chars


def test_a_line_of_ten_megabytes_costs_no_more_than_the_window() -> None:
    lines = ["a\n", "x" * 10_000_000 + "\n", "b\n"]
    started = time.thread_time()
    for _ in range(100):
        assert "y" not in lines[1]  # what going over the line takes
    going_over = time.thread_time() - started
    started = time.thread_time()
    contexts = [at(lines, 1, 5_000_000 + typed, 4000) for typed in range(100)]
    assert time.thread_time() - started < going_over / 2
    assert all(2250 <= len(context.prefix) <= 3000 and len(context.suffix) == 1000 for context in contexts)
    starts = {5_000_000 + typed - len(context.prefix) for typed, context in enumerate(contexts)}
    assert len(starts) <= 2


@settings(max_examples=20)
@given(st.integers(0, 49_999))
def test_a_file_of_fifty_thousand_lines_is_not_walked(line: int) -> None:
    class Counted(list[str]):
        touched = 0

        def __getitem__(self, index):  # type: ignore[no-untyped-def]
            Counted.touched += 1
            return super().__getitem__(index)

    Counted.touched = 0
    at(Counted(["x = 1\n"] * 50_000), line, 2, 4000)
    assert Counted.touched < 3000
