"""What stays of a text that does not fit: the lines that the question is about, in their order."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.context.relevance import score, trimmed
from codefuse_lsp.context.similarity import words

MARK = re.compile(r"… (\d+) lines? left out …")


def method(name: str) -> str:
    return f"    def {name}(self):\n" + "".join(f"        step_{n} = compute({n})\n" for n in range(12)) + "\n"


SHOP = "import money\n\n\nclass Shop:\n" + "".join(map(method, ("open", "refund", "close", "count", "audit")))
SHOP = SHOP.replace("step_7 = compute(7)", "step_7 = voucher_of(7)", 2)


def test_a_text_that_fits_stays_as_it_is() -> None:
    assert trimmed(SHOP, frozenset(), len(SHOP), language="python") == SHOP


def test_the_asked_definition_and_the_heads_of_the_others_stay() -> None:
    kept = trimmed(SHOP, frozenset(words("how does refund work?")), 700, language="python")
    assert "class Shop:" in kept and all(
        f"def {name}" in kept for name in ("open", "refund", "close", "count", "audit")
    )
    body = kept[kept.index("def refund") : kept.index("def close")]
    assert body.count("step_") > kept[kept.index("def count") : kept.index("def audit")].count("step_")
    assert MARK.search(kept)


def test_a_line_with_an_asked_word_stays_wherever_it_stands() -> None:
    text = "".join(f"value_{n} = {n}\n" for n in range(3000)).replace("value_2100 = 2100", "deadline_of_orders = 5")
    kept = trimmed(text, frozenset(words("where is deadline_of_orders set?")), 600, language="python")
    assert "deadline_of_orders = 5\n" in kept and "value_2101 = 2101\n" in kept  # and what is round it
    assert len(kept) <= 600


def test_nothing_asked_leaves_the_beginning_and_the_heads() -> None:
    kept = trimmed(SHOP, frozenset(), 400, language="python")
    assert kept.startswith("import money\n") and "class Shop:" in kept


def test_of_a_terminal_the_end_and_the_asked_lines_stay() -> None:
    text = "".join(f"compiling unit {n}\n" for n in range(2000)) + "error: cannot find crate\n"
    text = text.replace("compiling unit 700\n", "warning: unused variable total_price\n")
    kept = trimmed(text, frozenset(words("what about total_price?")), 500, kind="terminal")
    assert kept.rstrip().endswith("error: cannot find crate") and "unused variable total_price" in kept


def test_of_a_diff_the_names_of_the_files_stay() -> None:
    hunk = "@@ -1,9 +1,9 @@\n" + "".join(f"+line {n}\n" for n in range(60))
    text = "".join(f"diff --git a/{name} b/{name}\n--- a/{name}\n+++ b/{name}\n{hunk}" for name in ("one.py", "two.go"))
    kept = trimmed(text, frozenset(), 600, kind="diff")
    assert "+++ b/one.py" in kept and "+++ b/two.go" in kept and len(kept) <= 600


@given(
    st.lists(st.sampled_from(["", "def f():", "    x = area", "}", "class A:", "a" * 700, "😋 = 'é'"]), max_size=80),
    st.integers(0, 900),
    st.sampled_from(["", "diff", "terminal"]),
    st.sampled_from(["python", "go", ""]),
)
def test_what_stays_is_lines_of_the_text_in_their_order_and_never_too_long(
    lines: list[str], max_chars: int, kind: str, language: str
) -> None:
    text = "\n".join(lines)
    kept = trimmed(text, frozenset({"area"}), max_chars, language=language, kind=kind)
    assert len(kept) <= max_chars
    if kept == text:
        return
    at = 0
    for line in kept.removesuffix("\n").split("\n") if kept else []:
        if mark := MARK.fullmatch(line):
            at += int(mark[1])
        else:
            assert lines[at][:500] == line
            at += 1


@pytest.mark.parametrize(("text", "asked", "expected"), [("area of it", "area", 1.0), ("no", "area width", 0.0)])
def test_the_score_is_the_share_of_the_words(text: str, asked: str, expected: float) -> None:
    assert score(text, frozenset(words(asked))) == expected
    assert score(text, frozenset()) == 0.0
