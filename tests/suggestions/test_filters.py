"""What holds of the filters whatever a model writes; single cases stand in tests/golden/filters."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from codefuse_lsp.context.cursor import CursorContext
from codefuse_lsp.suggestions.filters import Place, filtered, is_whole, swallowed
from codefuse_lsp.suggestions.filters.likeness import distance_within
from codefuse_lsp.suggestions.fitting import fitted
from codefuse_lsp.suggestions.outcome import Silence
from codefuse_lsp.suggestions.stream import healed_remainder
from tests.suggestions.places import place_at

LANGUAGES = ("python", "javascript", "go", "c", "ruby", "yaml", "html", "markdown", "")
LINES = (
    "",
    "x = 1",
    "    x = 1",
    "        return x",
    "\ty()",
    "def f():",
    "if (a) {",
    "}",
    "  } else {",
    "else:",
    "end",
    "```python",
    "```",
    "Here is the code:",
    "This function returns one.",
    "<|role_end|>",
    "# note",
    "// note",
    "@cached",
    '"""',
    "foo(a, [1, 2])",
    ")",
    "</div>",
    "<div>",
    "- a: 1",
    "value = compute(value, 1)",
)


def context(drawn: str, language: str = "python") -> CursorContext:
    """Return the context of a text in which │ is the cursor."""
    prefix, _, suffix = drawn.partition("│")
    return CursorContext("file:///a", "a", language, 1, prefix, suffix)


noise = st.text(alphabet="ab()[]{}:\n \t\"'`#=<>é😋\r", max_size=60)
code = st.one_of(noise, st.lists(st.sampled_from(LINES), max_size=12).map("\n".join))


@st.composite
def places(draw: st.DrawFn) -> Place:
    prefix, suffix = draw(code).replace("\r", ""), draw(code).replace("\r", "")
    place = place_at(context(f"{prefix}│{suffix}", draw(st.sampled_from(LANGUAGES))))
    block = place.context.at_line_end and draw(st.booleans())
    return replace(place, block=block, opens=not block and draw(st.booleans()))


@settings(max_examples=200)
@given(places(), code, st.booleans())
def test_filtering_what_is_filtered_changes_nothing(place: Place, written: str, is_cut: bool) -> None:
    once, _ = filtered(written, replace(place, is_cut=is_cut))
    assert filtered(once, place)[0] == once


@settings(max_examples=200)
@given(places(), code)
def test_what_is_whole_is_shown_alike_whatever_comes_after_it(place: Place, written: str) -> None:
    whole = next((cut for cut in range(len(written) + 1) if is_whole(written[:cut], place)), None)
    if whole is not None:
        assert filtered(written[:whole], place)[0] == filtered(written, place)[0]


@settings(max_examples=100)
@given(places(), code)
@example(Place(context(":│"), block=True), "\n```python")
@example(Place(context("│:"), block=False), "\r`")
def test_what_is_whole_stays_so(place: Place, written: str) -> None:
    wholes = [is_whole(written[:cut], place) for cut in range(len(written) + 1)]
    assert wholes == sorted(wholes)


@settings(max_examples=100)
@given(places(), code)
def test_what_is_left_out_is_told_with_the_filters_name(place: Place, written: str) -> None:
    left, cuts = filtered(written, place)
    assert all(cut.name and cut.reason.endswith(".") for cut in cuts)
    if written.strip() and not left:
        assert cuts[-1].dropped.strip()


@settings(max_examples=100)
@given(places(), noise)
@example(place_at(context("print('é│')")), "e\u0301')")
@example(place_at(context("f(│)\u0301")), "x)")
def test_what_gives_way_stands_on_the_line_and_parts_no_character(place: Place, written: str) -> None:
    written = written.replace("\r", "")
    right = place.context.line_suffix
    kept, replaces = swallowed(written, place)
    assert 0 <= replaces <= len(right)
    assert right[replaces : replaces + 1] not in ("\u0301", "\ufe0f")
    units = len(right[:replaces].encode("utf-16-le")) // 2  # as an editor counts, there and back
    assert right.encode("utf-16-le")[: 2 * units].decode("utf-16-le") == right[:replaces]
    if not replaces and "\n" not in written:
        assert written.startswith(kept)


def test_a_silence_names_the_filter_and_says_why() -> None:
    silence = fitted("import os", place_at(context("import os\n│")), None).outcome
    assert isinstance(silence, Silence)
    assert silence.reason == "drop echo"
    assert silence.detail.endswith(".")


@pytest.mark.parametrize(
    ("drawn", "so_far", "whole"),
    [
        ("x = │\n", "1", False),
        ("x = │\n", "1\n", True),
        ("def f():│\n", "\n    return 1\n", False),
        ("def f():│\n", "\n    return 1\n\n", False),
        ("def f():│\n", "\n    return 1\n\np", True),
        ("if a:│\n", "\n    b()\ne", False),  # it may become `else`
        ("if a:│\n", "\n    b()\nea", True),
        ("if a:│\n", "\n    b()\nelse:\n", False),
        ("if (a) {│\n", "\n    b()\n}", False),  # it may become `} else {`
        ("if (a) {│\n", "\n    b()\n}\n", True),
        ("def f():│\n", "\n    x = '" + "ab, " * 22, True),
    ],
)
def test_generation_stops_as_soon_as_nothing_more_could_be_shown(drawn: str, so_far: str, whole: bool) -> None:
    language = "javascript" if "{" in drawn else "python"
    assert is_whole(so_far, place_at(context(drawn, language))) is whole


@given(st.text("ab", max_size=9), st.text("ab", max_size=9), st.integers(0, 4))
def test_the_distance_of_two_strings_is_that_of_the_whole_table(a: str, b: str, bound: int) -> None:
    row = list(range(len(b) + 1))
    for i, character in enumerate(a, 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(b, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (character != other))
    assert distance_within(a, b, bound) is (row[-1] <= bound)


@pytest.mark.parametrize(
    ("written", "heal", "ended", "rest"),
    [
        ("\n    return x", "\n    ret", False, "urn x"),
        ("\n    r", "\n    ret", False, ""),
        ("\n  return x", "\n    ret", False, "urn x"),  # the user's white space stands
        ("\n    raise", "\n    ret", False, None),
        ("\n    r", "\n    ret", True, None),
        ("x", "", False, "x"),
    ],
)
def test_what_follows_the_healed_beginning(written: str, heal: str, ended: bool, rest: str | None) -> None:
    assert healed_remainder(written, heal, ended=ended) == rest
