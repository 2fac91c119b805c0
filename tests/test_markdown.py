from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.markdown import Fences, Opening, closing_line, opening_of

LINES = st.sampled_from(["```", "```py", "````", "~~~", "~~~~ x `y`", "  ```", "- ~~~", "a", "", "`` ` ``", "``` a`b"])


@pytest.mark.parametrize(
    ("line", "opening"),
    [
        ("```python\r\n", Opening("```", "python", "")),
        ("  ~~~~ {.py file=`a`} ", Opening("~~~~", "{.py file=`a`}", "  ")),
        ("1. ```", Opening("```", "", "")),
        ("``", None),
        ("```a```", None),
        ("x ```", None),
    ],
)
def test_a_line_opens_a_fence(line: str, opening: Opening | None) -> None:
    assert opening_of(line) == opening


def test_a_fence_ends_at_as_many_ticks_of_its_kind_and_nothing_behind_them() -> None:
    fences, lines = Fences(), ["````md", "```", "~~~~", "````py", "`````  ", "text"]
    assert [fences.feed(line) for line in lines] == [True, True, True, True, True, False]


@given(st.lists(LINES, max_size=8).map("\n".join))
def test_a_text_with_its_closing_line_leaves_no_fence_open(text: str) -> None:
    closing = closing_line(text)
    assert closing_line(f"{text}\n{closing}" if closing else text) == ""
