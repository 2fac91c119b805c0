from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.edits.elisions import Segments, filled, is_elision, left_out, resumed, segments_of
from codefuse_lsp.edits.lines import lines_of

OLD = "def total(items):\n    result = 0\n    for item in items:\n        result += item.price\n    return result\n"


def fill(old: str, new: str) -> str | None:
    lines = filled(lines_of(old), segments_of(lines_of(new)), is_definition=True)
    return None if lines is None else "".join(lines)


@pytest.mark.parametrize(
    "line",
    [
        "# ... existing code ...",
        "    # ...",
        "// ... rest of the file",
        "// rest of the class",
        "...",
        "/* ... unchanged ... */",
        "<!-- ... existing markup ... -->",
        "-- ... existing code ...",
        "  // (other methods stay the same)...",
        "{/* ... existing JSX ... */}",
        "# … remaining methods …",
        "// ... (previous code)",
        "# rest of the code remains the same",
        "// existing imports...",
        "# The rest of the function is unchanged.",
        "/* remaining methods stay the same */",
        "// existing code",
    ],
)
def test_a_line_that_stands_for_code_is_known(line: str) -> None:
    assert is_elision(line)


@pytest.mark.parametrize(
    "line",
    ["# the rest is easy", "x = [...]", "return ...", "def f(): ...", "// for all other users", "print('...')", "",
     "# wait for the other thread", "..rest,", "{ ...props }", "// ...and so it goes, see RFC 2616.",
     "# Other methods are slower", "# Existing code calls this with None", "// other functions", "...a,", "...)",
     "// The rest of the fields are optional", "# the same file twice is no error"],
)  # fmt: skip
def test_code_and_ordinary_comments_are_not_taken_for_it(line: str) -> None:
    assert not is_elision(line)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("def f():\n    ...\n", []),
        ('def f():\n    """Told."""\n    ...\n\n\ndef g():\n    ...\n', []),
        ("def f():\n    ...\n    return 2\n", [1]),
        ("def f():\n    first()\n    ...\n", [2]),
        ("def f():\n    known()\n    # ...\n", [2]),
    ],
)
def test_three_dots_are_code_in_python_where_they_are_a_whole_body(code: str, expected: list[int]) -> None:
    assert left_out(lines_of(code), ["known()\n"], "python") == expected


def test_a_mark_that_stands_in_the_old_code_leaves_nothing_out() -> None:
    assert left_out(["a", "// ..."], ["  // ...\n"], "c") == []


def test_a_changed_line_takes_the_place_of_the_one_it_is_like() -> None:
    new = "def total(items):\n    result = 10\n    # ... existing code ...\n    return result\n"
    assert fill(OLD, new) == OLD.replace("result = 0", "result = 10")


def test_what_stands_before_the_mark_is_put_in_after_the_head() -> None:
    new = "def total(items):\n    log(items)\n    # ... existing code ...\n"
    assert fill(OLD, new) == OLD.replace("    result = 0", "    log(items)\n    result = 0")


def test_what_stands_behind_the_last_mark_goes_before_the_line_it_leads_to() -> None:
    new = "def total(items):\n    # ... existing code ...\n    log(result)\n    return result\n"
    assert fill(OLD, new) == OLD.replace("    return", "    log(result)\n    return")


def test_a_middle_part_stands_where_its_lines_stood() -> None:
    new = "def total(items):\n    # ...\n    for item in items:\n        result += item.price * item.count\n    # ...\n"
    assert fill(OLD, new) == OLD.replace("item.price", "item.price * item.count")


def test_a_middle_part_without_a_line_of_the_file_has_no_certain_place() -> None:
    assert fill(OLD, "def total(items):\n    # ...\n    audit(items)\n    # ...\n    return result\n") is None


def test_a_part_whose_lines_occur_twice_has_no_certain_place() -> None:
    old = "def f():\n    a()\n    step()\n    b()\n    step()\n    c()\n"
    assert fill(old, "def f():\n    # ...\n    step()\n    check()\n    # ...\n") is None


def test_the_closing_brace_is_the_last_one() -> None:
    old = "function f() {\n  if (a) {\n    b();\n  }\n  c();\n}\n"
    assert fill(old, "function f() {\n  // ...\n  d();\n}\n") == old.replace("  c();\n", "  c();\n  d();\n")


LINES = st.lists(st.sampled_from(["a()", "b()", "  c = 1", "}", "", "return d"]), max_size=10)


@given(LINES)
def test_a_mark_alone_stands_for_all(lines: list[str]) -> None:
    assert filled(lines, Segments([], frozenset({0}))) == lines


@given(LINES, LINES)
def test_what_was_written_comes_first_and_then_an_end_of_the_old_text(old: list[str], written: list[str]) -> None:
    result = resumed(old, written)
    assert result is not None
    assert result[: len(written)] == written
    rest = result[len(written) :]
    assert not rest or old[-len(rest) :] == rest


@given(LINES, st.integers(0, 10))
def test_a_text_repeated_in_part_goes_on_where_that_ends(old: list[str], count: int) -> None:
    unique = [f"{line} {number}" for number, line in enumerate(old)]
    assert resumed(unique, unique[:count]) == unique


def test_a_line_that_was_changed_is_not_there_twice_when_the_rest_goes_on() -> None:
    lines = lines_of(OLD)
    assert resumed(lines, [lines[0], "    result = 10\n"]) == [lines[0], "    result = 10\n", *lines[2:]]


LONG = [f"    step_{number}({number})" if number % 3 else "}" for number in range(1, 2101)]


@pytest.mark.parametrize("count", [1, 500, 1_201, 1_502, 2_100])
def test_a_long_text_repeated_in_part_goes_on_where_that_ends(count: int) -> None:
    assert resumed(LONG, LONG[:count]) == LONG


def test_of_a_long_text_the_changed_lines_are_not_there_twice() -> None:
    new = [
        line.replace("(", "(self, ").replace("step", "walk") if n in (0, 1_000, 1_498) else line
        for n, line in enumerate(LONG)
    ]
    assert resumed(LONG, new[:1_500]) == [*new[:1_500], *LONG[1_500:]]


def test_a_last_line_like_that_of_a_long_text_is_not_taken_for_it() -> None:
    written = ["// new", *LONG[1:1_500]]
    assert written[-1] == LONG[-1]
    assert resumed(LONG, written) == [*written, *LONG[1_500:]]


def test_where_a_long_text_goes_on_that_was_written_all_otherwise_is_not_certain() -> None:
    assert resumed(LONG, [f"other_{number}" for number in range(900)]) is None
