from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.context.cursor import CursorContext
from codefuse_lsp.context.trees import syntax_at
from codefuse_lsp.suggestions.cache import Hit
from codefuse_lsp.suggestions.filters import Place
from codefuse_lsp.suggestions.further import Further, further
from codefuse_lsp.suggestions.outcome import Suggestion


def place_in(drawn: str, language: str = "python", *, block: bool = False) -> Place:
    prefix, _, suffix = drawn.partition("│")
    return Place(CursorContext("file:///a", "/a", language, 1, prefix, suffix), block)


def further_in(
    drawn: str,
    shown: str,
    *,
    language: str = "python",
    block: bool = False,
    replaces: int = 0,
    wrote: str | None = None,
) -> Further:
    place = place_in(drawn, language, block=block)
    syntax = syntax_at(language, place.context.prefix, place.context.suffix)
    answer = Hit(shown if wrote is None else wrote, "", place)
    return further(place, Suggestion("x", shown, replaces), syntax, answer)


def drawn_in(place: Place | None) -> str | None:
    return None if place is None else f"{place.context.prefix}│{place.context.suffix}"


@pytest.mark.parametrize(
    ("drawn", "shown", "language", "asked", "block"),
    [
        ("def f(a):\n    b = a│\n    g(b)\n", " + 1", "python", "def f(a):\n    b = a + 1\n    │\n    g(b)\n", False),
        ("def f(a):\n    if a│\n", " < 0:", "python", "def f(a):\n    if a < 0:\n        │\n", True),
        ("def f(a):\n  if a:\n    ret│\n", "urn a", "python", "def f(a):\n  if a:\n    return a\n  │\n", False),
        ("\tif a {\n\t\tf(│\n\t}\n", "a)", "go", "\tif a {\n\t\tf(a)\n\t\t│\n\t}\n", True),
        ("func f() {\n\tif a│\n}\n", " > 0 {", "go", "func f() {\n\tif a > 0 {\n\t\t│\n}\n", True),
        ("f(│);\n", "a, b);", "javascript", "f(a, b);\n│\n", False),
    ],
)
def test_behind_a_whole_line_the_next_one_is_asked_about_where_enter_would_put_the_cursor(
    drawn: str, shown: str, language: str, asked: str, block: bool
) -> None:
    found = further_in(drawn, shown, language=language, replaces=len(drawn.partition("│")[2].partition("\n")[0]))
    assert drawn_in(found.asked) == asked
    assert found.asked is not None and found.asked.block is block
    assert drawn_in(found.ended) is not None and found.ended is not None and not found.ended.block


def test_what_was_shown_only_in_part_may_go_on_where_it_ends() -> None:
    found = further_in("a = b│\n", " +", wrote=" + c")
    assert (drawn_in(found.asked), found.ended) == ("a = b +│\n", None)


def test_behind_what_leaves_code_right_of_the_cursor_the_line_goes_on() -> None:
    found = further_in("f(│)\n", "a")
    assert (drawn_in(found.asked), found.ended) == ("f(a│)\n", None)


def test_behind_a_block_that_ends_in_a_whole_statement_the_next_line_is_asked_about() -> None:
    found = further_in("def f(a):\n    │\n", "b = 1\n    g(b)", block=True, wrote="b = 1\n    g(b)\n\nprint(f())")
    assert (drawn_in(found.asked), found.ended) == ("def f(a):\n    b = 1\n    g(b)\n    │\n", None)


def test_a_place_at_which_nothing_is_ever_asked_is_not_asked_about_ahead() -> None:
    found = further_in("x = │name\n", "a_", wrote="a_")
    assert found == Further()


@given(st.text("ab :(){}\n\t\"'#é😀", max_size=40), st.text("ab :()\n=é😀", min_size=1, max_size=20), st.booleans())
def test_the_next_place_is_what_an_editor_has_when_the_suggestion_is_accepted(
    code: str, shown: str, all_: bool
) -> None:
    for language in ("python", "go", "nothing we know"):
        drawn = f"{code}│{code}"
        found = further_in(drawn, shown, language=language, wrote=None if all_ else shown + "x")
        for place in filter(None, (found.asked, found.ended)):
            assert place.context.prefix.startswith(code + shown) and place.context.suffix == code
            added = place.context.prefix[len(code + shown) :]
            assert not added or (added[0] == "\n" and not added.strip())
