"""Definitions found by their names."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from codefuse_lsp.context.definitions import definitions
from codefuse_lsp.context.snippets import Document
from codefuse_lsp.context.symbols import find_symbol, symbols_in

SHOP = (
    "class Shop:\n    def refund(self):\n        pass\n\n    @cached\n    def close(self): ...\n\n\ndef refund(): ...\n"
)
GO = "package shop\n\n// Refund pays back.\nfunc (s *Shop) Refund() int { return 1 }\n\ntype Shop struct{}\n"
FOREVER = float("inf")


def document(text: str, language: str = "python", path: str = "shop.py") -> Document:
    return Document(path, language, 1, text.splitlines(keepends=True))


@pytest.mark.parametrize(
    ("name", "text", "language", "spans"),
    [
        ("refund", SHOP, "python", [(1, 3), (8, 9)]),
        ("Shop.refund", SHOP, "python", [(1, 3)]),
        ("Shop::close", SHOP, "python", [(4, 6)]),
        ("close()", SHOP, "python", [(4, 6)]),
        ("Shop", SHOP, "python", [(0, 6)]),
        ("Shop.Refund", GO, "go", [(2, 4)]),
        ("open", SHOP, "python", []),
        ("", SHOP, "python", []),
        ("...", SHOP, "python", []),
        ("refund", SHOP, "plaintext", []),
    ],
)
def test_a_name_is_found_with_its_decorators_and_comments(
    name: str, text: str, language: str, spans: list[tuple[int, int]]
) -> None:
    found = find_symbol(name, [document(text, language)], FOREVER)
    assert [(one.found.span.start, one.found.span.stop) for one in found] == spans


def test_the_first_text_that_defines_it_is_taken() -> None:
    texts = [document("refund = 1\n", path="a.py"), document(SHOP, path="b.py"), document(SHOP, path="c.py")]
    assert {one.document.path for one in find_symbol("refund", texts, FOREVER)} == {"b.py"}


def test_nothing_is_looked_for_behind_the_deadline() -> None:
    def texts() -> Iterator[Document]:
        yield document("x = 1\n")
        pytest.fail("it looked on")

    assert find_symbol("refund", texts(), time.monotonic() - 1) == []


def test_all_definitions_are_told_the_outer_ones_first() -> None:
    assert [one.name for one in symbols_in(document(SHOP))] == ["Shop", "Shop.refund", "Shop.close", "refund"]
    assert [one.head for one in definitions(SHOP, "python")] == [0, 1, 5, 8]
