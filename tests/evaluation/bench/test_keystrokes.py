from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.evaluation.bench import library
from codefuse_lsp.evaluation.bench.keystrokes import LEAST_LINES, Key, Passage, kept, keystrokes, passage
from codefuse_lsp.evaluation.bench.typing_suite import MODULES

CODE = "total = 0\n    for value in values:\n        total += value\n\n    return total"
MODULE = (
    "import os\n\n\ndef short():\n    pass\n\n\n"
    + "# so that the middle is passed\n" * 10
    + 'class A:\n    def long(self):\n        """Say what it is."""\n'
    + "".join(f"        x = {n}\n" for n in range(LEAST_LINES))
    + "\n    def next(self):\n        pass\n"
)


@given(st.text("ab_ (.)\n", max_size=60), st.integers(1, 80), st.integers())
def test_what_is_typed_with_all_its_errors_and_mendings_is_a_beginning_of_the_text(
    text: str, count: int, seed: int
) -> None:
    keys = keystrokes(text, count, seed)
    assert text.startswith(kept(keys))
    assert len(keys) >= count or kept(keys) == text


@given(st.integers())
def test_nothing_is_erased_beyond_the_line(seed: int) -> None:
    text = ""
    for key in keystrokes(CODE, 200, seed):
        assert "\n" not in text[len(text) - key.erased :]
        text = text[: len(text) - key.erased] + key.text
    assert text == CODE


def test_the_same_seed_types_the_same_and_another_one_otherwise() -> None:
    assert keystrokes(CODE, 40, 1) == keystrokes(CODE, 40, 1) != keystrokes(CODE, 40, 2)


def test_a_line_end_brings_the_indentation_of_the_next_line_that_has_any() -> None:
    texts = [key.text for key in keystrokes(CODE, 200, 3) if "\n" in key.text]
    assert texts == ["\n    ", "\n        ", "\n\n    "]


def test_pauses_are_longer_where_a_line_ends_than_inside_a_word() -> None:
    keys = [keystrokes("value\n" * 40, 400, seed) for seed in range(5)]

    def mean(of_lines: bool) -> float:
        pauses = [key.pause_s for some in keys for key in some if key.text and ("\n" in key.text) is of_lines]
        return sum(pauses) / len(pauses)

    assert mean(True) > 2 * mean(False) > 0


def test_somebody_who_types_a_while_errs_now_and_then_and_mends_it() -> None:
    keys = keystrokes("some words to be typed\n" * 30, 400, 4)
    erased = sum(key.erased for key in keys)
    assert 0 < erased < len(keys) / 5


def test_a_passage_is_a_long_function_of_the_second_half_without_its_body_but_for_its_docstring() -> None:
    found = passage("a", MODULE)
    assert found.before.endswith('        """Say what it is."""\n        ')
    assert found.typed.startswith("x = 0\n        x = 1\n") and found.typed.endswith(f"x = {LEAST_LINES - 1}")
    assert found.after.startswith("\n\n    def next(self)")


def test_a_module_without_a_long_function_is_refused() -> None:
    with pytest.raises(ValueError, match="no long function"):
        passage("a", "x = 1\n" * 20)


@pytest.mark.parametrize("name", MODULES)
def test_each_module_of_the_trace_has_a_passage_that_is_long_enough_in_this_python(name: str) -> None:
    found = passage(name, library.source(name))
    assert isinstance(found, Passage) and len(keystrokes(found.typed, 64, 0)) >= 64
    compile(found.before + found.typed + found.after, name, "exec")


def test_a_key_that_erases_takes_back_what_stands_before_the_cursor() -> None:
    assert kept([Key(0.1, "ab"), Key(0.1, erased=1), Key(0.1, "c")]) == "ac"
