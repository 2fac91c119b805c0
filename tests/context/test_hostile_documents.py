"""Documents that no one wrote by hand: every source must read them, and in time that grows no faster than they do."""

import time
from collections.abc import Callable, Sequence

import pytest

from codefuse_lsp.context.gather import chosen
from codefuse_lsp.context.imports import Imports
from codefuse_lsp.context.neighbours import Neighbours
from codefuse_lsp.context.recent import Recent
from codefuse_lsp.context.scopes import Scopes
from codefuse_lsp.context.signatures import Signatures
from codefuse_lsp.context.snippets import Document, Source
from tests.context.places import cursor_at

# name -> lines, as many or as long as `n` says
SHAPES: dict[str, Callable[[int], list[str]]] = {
    "empty": lambda n: [],
    "one long word": lambda n: ["a" * n * 100],
    "many words": lambda n: ["a " * n * 100],
    "open brackets": lambda n: ["(" * n * 100],
    "white space": lambda n: [" " * n * 100, "x\n"],
    "half a header": lambda n: ["a a a a a a a " * 1000 + "(\n"] * (n // 20),
    "fields that never end": lambda n: ["class A:\n", *["    private static x: " + "a " * 999 + "\n"] * n, "    x\n"],
    "imports that never end": lambda n: ["from a import (\n", "import {\n"] * n,
    "deep": lambda n: [" " * i + "def f(\n" for i in range(n)],
    "nothing but ends": lambda n: ["\r\n"] * n,
    "binary": lambda n: [bytes(range(256)).decode("latin-1") * n] * 20,
    "emoji and right to left": lambda n: ["😀 = 'שלום' # \u202e\ud800\n"] * n,
}


def sources(document: Document) -> Sequence[Source]:
    recent = Recent("recent edits", lambda path: document)
    recent.touched("/work/other.py", 0, 40, 0.0)
    return [Imports(), Scopes(), Signatures([], lambda path: True), Neighbours(lambda *_: [document]), recent]


def seconds(lines: list[str], language: str) -> float:
    """Processor time that all sources take together."""
    document = Document("/work/a.py", language, 1, lines)
    cursor = cursor_at(document, max(len(lines) - 1, 0), 10, budget_chars=1000)
    started = time.thread_time()
    said = [(source.name, source.find(cursor, time.monotonic() + 60)) for source in sources(document)]
    chosen(cursor, said, (), 1000, {name: 0.5 for name, _ in said})
    return time.thread_time() - started


@pytest.mark.parametrize("language", ["python", "typescript", "plaintext"])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_a_document_of_any_shape_takes_time_in_proportion_to_its_length(
    shape: Callable[[int], list[str]], language: str
) -> None:
    short = min(seconds(shape(400), language) for _ in range(2))
    assert min(seconds(shape(3200), language) for _ in range(2)) < 8 * 4 * max(
        short, 0.01
    )  # 64 times, were it quadratic
