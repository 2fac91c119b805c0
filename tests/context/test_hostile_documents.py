"""Documents that no one wrote by hand: every source must read them, and in little time."""

import time
from collections.abc import Sequence

import pytest

from codefuse_lsp.context.gather import chosen
from codefuse_lsp.context.imports import Imports
from codefuse_lsp.context.neighbours import Neighbours
from codefuse_lsp.context.recent import Recent
from codefuse_lsp.context.scopes import Scopes
from codefuse_lsp.context.signatures import Signatures
from codefuse_lsp.context.snippets import Document, Source
from tests.context.places import cursor_at

LONG = 2_000_000
SHAPES: dict[str, list[str]] = {
    "empty": [],
    "one long word": ["a" * LONG],
    "many words": ["a " * (LONG // 2)],
    "open brackets": ["(" * LONG],
    "white space": [" " * LONG, "x\n"],
    "half a header": ["a a a a a a a " * 1000 + "(\n"] * 200,
    "a field that never ends": ["class A:\n", *["    private static x: " + "a " * 1000 + "\n"] * 200, "        x\n"],
    "imports that never end": ["from a import (\n", "import {\n"] * 300,
    "deep": [" " * i + "def f(\n" for i in range(3000)],
    "nothing but ends": ["\r\n"] * 20_000,
    "binary": [bytes(range(256)).decode("latin-1") * 100] * 20,
    "emoji and right to left": ["😀 = 'שלום' # \u202e\ud800\n"] * 100,
}


def sources(document: Document) -> Sequence[Source]:
    recent = Recent("recent edits", lambda path: document)
    recent.touched("/work/other.py", 0, 40, 0.0)
    return [Imports(), Scopes(), Signatures([], lambda path: True), Neighbours(lambda *_: [document]), recent]


@pytest.mark.parametrize("language", ["python", "typescript", "plaintext"])
@pytest.mark.parametrize("lines", SHAPES.values(), ids=SHAPES)
def test_a_document_of_any_shape_is_read_in_little_time(lines: list[str], language: str) -> None:
    document = Document("/work/a.py", language, 1, lines)
    cursor = cursor_at(document, max(len(lines) - 1, 0), 10, budget_chars=1000)
    started = time.thread_time()
    said = [(source.name, source.find(cursor, time.monotonic() + 60)) for source in sources(document)]
    chosen(cursor, said, (), 1000, {name: 0.5 for name, _ in said})
    assert time.thread_time() - started < 5  # the slowest takes 0.3 s; a matcher that goes back and forth, minutes
