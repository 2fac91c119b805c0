from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codefuse_lsp.context.cursor import CursorContext
from codefuse_lsp.context.grammars import GRAMMARS
from codefuse_lsp.context.intent import REASONS, Amount, Intent, intent_at
from codefuse_lsp.context.trees import syntax_at

CASES: list[dict[str, Any]] = tomllib.loads((Path(__file__).parents[1] / "golden" / "intent.toml").read_text("utf-8"))[
    "case"
]


def intent(drawn: str, language: str, *, tree: bool = True, **how: Any) -> Intent:
    before, cursor, after = drawn.partition("│")
    assert cursor
    context = CursorContext("file:///a", "a", language, 1, before, after)
    return intent_at(context, syntax_at(language, before, after) if tree else None, **how)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['language']}: {case['about']}")
def test_how_much_is_suggested(case: dict[str, Any]) -> None:
    found = intent(
        case["text"],
        case["language"],
        invoked=case.get("invoked", False),
        extends_popup=case.get("popup", False),
    )
    assert (found.amount.value, found.reason) == (case["intent"], case.get("reason", ""))


def test_the_cases_are_many_and_of_many_languages() -> None:
    assert len(CASES) >= 80
    assert GRAMMARS.keys() - {"javascriptreact", "jsonc"} <= {case["language"] for case in CASES}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['language']}: {case['about']}")
def test_who_asks_gets_an_answer(case: dict[str, Any]) -> None:
    assert intent(case["text"], case["language"], invoked=True).amount is not Amount.NONE


def test_the_surface_alone_tells_nearly_as_much_as_the_tree() -> None:
    asked = [case for case in CASES if "invoked" not in case and "popup" not in case]
    same = [intent(case["text"], case["language"], tree=False).amount.value == case["intent"] for case in asked]
    assert sum(same) > 0.85 * len(same)


def test_every_reason_has_a_sentence() -> None:
    assert {case["reason"] for case in CASES if "reason" in case} == REASONS.keys()
    assert all(Intent(Amount.NONE, reason).detail.endswith(".") for reason in REASONS)


def test_a_very_long_file_gets_lines_only() -> None:
    assert intent("def f(x):│\n", "python", lines=7_999).is_block
    assert not intent("def f(x):│\n", "python", lines=8_000).is_block


TEXT = st.text(st.sampled_from(list("ab1 \n\t(){}[]<>\"'`:;,=#/-@\\é\ud800🙂\0|$")), max_size=60)


@given(st.sampled_from(sorted([*GRAMMARS, "cobol", "nim"])), TEXT, TEXT, st.booleans(), st.booleans(), st.booleans())
@settings(max_examples=300, deadline=None)
def test_any_text_has_an_answer(language: str, before: str, after: str, invoked: bool, popup: bool, tree: bool) -> None:
    found = intent(f"{before}│{after}", language, tree=tree, invoked=invoked, extends_popup=popup)
    assert (found.amount is Amount.NONE) == bool(found.reason)
    assert not (invoked and found.reason)


@pytest.mark.parametrize("piece", ["(", "a: ", "<a>", '"', "\\", "- ", "x ", "case ", "@a(", "[a, ", "`", " "])
@pytest.mark.parametrize("language", ["python", "java", "ruby", "html", "yaml", "markdown", "cobol"])
def test_a_long_line_is_read_in_no_time_to_speak_of(language: str, piece: str) -> None:
    text = piece * (8_000 // len(piece))
    for drawn in (text + "│", text + "│" + text, text + "\n│\n" + text, f"x\n{text}\n    │"):
        intent(drawn, language, tree=False)


@pytest.mark.parametrize("line", ['x = "' + '\\"' * 100_000, "if x == '" + "\\'" * 100_000 + ":"])
def test_a_long_line_of_escaped_quotes_is_read_once(line: str) -> None:
    """Read again from each quote on, it would take minutes."""
    context = CursorContext("file:///a", "a", "python", 1, line, "")
    assert intent_at(context, syntax_at("python", line, "")).amount in Amount
