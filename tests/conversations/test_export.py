from __future__ import annotations

from codefuse_lsp.chat_document import parse
from codefuse_lsp.conversations import StoredTurn
from codefuse_lsp.conversations.export import markdown

RANGE = {"start": {"line": 2, "character": 0}, "end": {"line": 8, "character": 4}}


def test_a_branch_becomes_a_document_with_a_heading_for_each_turn() -> None:
    references = ({"uri": "file:///w/a%20b.py", "range": RANGE}, {"kind": "terminal"}, {"kind": "symbol", "name": "f"})
    turns = [
        StoredTurn("1", "human", "Why?", references=references),
        StoredTurn("2", "bot", "Look:\n```python\nx = 1", finish_reason="cancelled"),
        StoredTurn("3", "human", "And?"),
        StoredTurn("4", "bot", "## You\nare", finish_reason="stop"),
    ]
    text = markdown("Slow\n code", turns)
    assert text == (
        "# Slow code\n\n## You\n\nWhy?\n\nRefers to:\n\n- `a b.py`, lines 3–9\n- terminal\n- `f`\n\n"
        "## CodeFuse\n\nLook:\n```python\nx = 1\n```\n\n*(stopped)*\n\n"
        "## You\n\nAnd?\n\n## CodeFuse\n\n\\## You\nare\n"
    )
    assert [turn.role for turn in parse(text)] == ["human", "bot", "human", "bot"]
    assert parse(text)[3].text == "## You\nare"


def test_an_odd_reference_is_named_as_well_as_it_can_be() -> None:
    turns = [StoredTurn("1", "human", "q", references=({}, {"uri": 5}, {"uri": "file:///a.py", "range": 7}))]
    assert markdown("", turns) == "## You\n\nq\n\nRefers to:\n\n- a reference\n- `5`\n- `a.py`\n"
