from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.worker.prefixes import common_prefix


@given(st.lists(st.integers(0, 2)), st.lists(st.integers(0, 2)), st.integers(0, 9))
def test_common_prefix_is_the_longest_that_is_allowed(left: list[int], right: list[int], limit: int) -> None:
    length = common_prefix(left, right, limit)
    assert left[:length] == right[:length]
    assert length == min(len(left), len(right), limit) or left[length] != right[length]
