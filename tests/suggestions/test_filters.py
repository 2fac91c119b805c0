from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.context.cursor import CursorContext
from codefuse_lsp.suggestions.filters import FILTERS, is_whole, place_of, swallowed
from codefuse_lsp.suggestions.pipeline import Silence, Suggestion, fitted, healed_remainder


def context(drawn: str, language: str = "python") -> CursorContext:
    """Return the context of a text in which ‸ is the cursor."""
    prefix, _, suffix = drawn.partition("‸")
    return CursorContext("file:///a", "a", language, 1, prefix, suffix)


def shown(drawn: str, written: str) -> str:
    """Return the document after accepting what is shown of what the model wrote; '' when nothing is shown."""
    at = context(drawn)
    found = fitted(written, place_of(at))
    return at.prefix + found.text + at.suffix[found.replaces :] if isinstance(found, Suggestion) else ""


@pytest.mark.parametrize(
    ("drawn", "written", "result"),
    [
        # one line where one line is wanted
        ("x = ‸\n", "1\ny = 2\n", "x = 1\n"),
        ("x = 1‸\n", "\ny = 2", ""),
        # a block where one has just been opened, and its end
        ("def f(x):‸\n", "\n    return x\n\nprint(f(1))\n", "def f(x):\n    return x\n"),
        ("def f(x):\n    ‸\n", "y = x\n    return y\nprint(1)\n", "def f(x):\n    y = x\n    return y\n"),
        ("if (a) {‸\n", "\n  b();\n}\nc();\n", "if (a) {\n  b();\n}\n"),
        # brackets that the editor typed ahead
        ("def add(‸)", "a, b):\n    return a + b", "def add(a, b):"),
        ("print(‸)\n", '"hello")', 'print("hello")\n'),
        ("f(g(‸))\n", "x))", "f(g(x))\n"),
        ("f(‸)\n", "[1, 2]", "f([1, 2])\n"),
        ("f([‸])\n", "1, 2", "f([1, 2])\n"),
        # what stands right of the cursor is not said again
        ("x = ‸ + 1\n", "y + 1", "x = y + 1\n"),
        ("def f():\n    a = 1\n    ‸\n    return a\n", "return a\n", ""),
        ("if a:\n    ‸\nprint(a)\n", "b()\nprint(a)\n", "if a:\n    b()\nprint(a)\n"),
        # prose and repetition
        ("def f():‸\n", "\n    return 1\n```\nThis function returns one.", "def f():\n    return 1\n"),
        ("def f():‸\n", "\n    go()\n    go()\n    go()\n    go()\n", "def f():\n    go()\n    go()\n"),
        ("import os\n‸\n", "import os\n", ""),
        ("x = ‸\n", "   \n", ""),
    ],
)
def test_what_is_shown_of_what_the_model_wrote(drawn: str, written: str, result: str) -> None:
    assert shown(drawn, written) == result


def test_a_silence_names_the_filter_and_says_why() -> None:
    silence = fitted("import os", place_of(context("import os\n‸")))
    assert isinstance(silence, Silence)
    assert silence.reason == "drop echo"
    assert silence.detail.endswith(".")


@pytest.mark.parametrize(
    ("drawn", "so_far", "whole"),
    [
        ("x = ‸\n", "1", False),
        ("x = ‸\n", "1\n", True),
        ("def f():‸\n", "\n    return 1\n", False),
        ("def f():‸\n", "\n    return 1\n\nprint", False),
        ("def f():‸\n", "\n    return 1\n\nprint(f())\n", True),
    ],
)
def test_generation_stops_as_soon_as_nothing_more_could_be_shown(drawn: str, so_far: str, whole: bool) -> None:
    assert is_whole(so_far, place_of(context(drawn))) is whole


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


code = st.text(alphabet="ab()[]{}:\n \t\"'`#=é😋", max_size=60)


@given(code, code, code)
def test_filters_only_ever_take_away_from_the_end(prefix: str, suffix: str, written: str) -> None:
    place = place_of(context(prefix.replace("\r", "") + "‸" + suffix))
    text = written
    for step in FILTERS:
        after = step(text, place)
        assert text.startswith(after)
        text = after
    kept, replaces = swallowed(text, place)
    assert text.startswith(kept)
    assert 0 <= replaces <= len(place.context.line_suffix)
