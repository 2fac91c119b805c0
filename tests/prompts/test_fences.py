import pytest
from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.prompts.fences import before_fence_end, code_of, fenced


@given(st.text("`~ab\n ", max_size=40))
def test_what_is_fenced_is_found_again(text: str) -> None:
    assert code_of(f"Look:\n{fenced(text, 'python')}Done.").strip("\n") == text.strip("\n")


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ("x = 1\n", "x = 1\n"),
        ("Here:\n```python\nx = 1\n```\nThat is it.", "x = 1\n"),
        ("```\nx = 1", "x = 1"),
        ("```py\na\n```\nor\n```py\nlonger\n```\n", "longer\n"),
        ("~~~\na\n~~~\n", "a\n"),
    ],
)
def test_the_code_of_an_answer_is_its_longest_fence(answer: str, code: str) -> None:
    assert code_of(answer) == code


@pytest.mark.parametrize(("answer", "code"), [("a\n```\nb", "a\n"), ("a", "a"), ("x = '```'\n", "x = '```'\n")])
def test_an_open_fence_ends_at_its_closing_line(answer: str, code: str) -> None:
    assert before_fence_end(answer) == code
