"""What a terminal showed, read as a person would have read it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.context.terminal import MAX_CHARS, plain_text


@pytest.mark.parametrize(
    ("output", "read"),
    [
        ("\x1b[1;31merror\x1b[0m: no\r\n", "error: no\n"),
        ("\x1b]0;title\x07$ make\n", "$ make\n"),
        ("\x1b]8;;https://e.example\x1b\\link\x1b]8;;\x1b\\", "link"),
        (" 10%\r 55%\r100%\ndone", "100%\ndone"),
        ("lx\x08s -l", "ls -l"),
        ("\x1b(Bplain\x1b=", "plain"),
        ("tab\there\x07", "tab    here"),
        ("cut \x1b[3", "cut"),
        ("größe 😋\n", "größe 😋\n"),
    ],
)
def test_control_sequences_are_not_read(output: str, read: str) -> None:
    assert plain_text(output) == read


def test_of_a_long_output_the_end_is_read() -> None:
    assert plain_text("x" * MAX_CHARS + "\nthe end").endswith("the end")
    assert len(plain_text("x" * 3 * MAX_CHARS)) <= MAX_CHARS


@given(st.text(st.sampled_from("ab\x1b[]\x07\x08\r\n\\;m0(\x9b\t"), max_size=200))
def test_no_control_character_is_left(output: str) -> None:
    read = plain_text(output)
    assert all(char == "\n" or char.isprintable() for char in read)
    assert plain_text(read) == read.rstrip(" ") or all(line == line.rstrip() for line in plain_text(read).split("\n"))
