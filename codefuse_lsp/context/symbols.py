"""Definitions by their name: a function, method or class, in texts that are open or in files near them.

Input: a name such as `area`, `Shape.area` or `Shape::area`, and texts. Output: the places where it is defined. A text
without the name in it is never parsed. Knows nothing of where texts come from.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from codefuse_lsp.context.definitions import Definition, definitions
from codefuse_lsp.context.grammars import GRAMMARS
from codefuse_lsp.context.snippets import Document

MAX_CHARS = 400_000  # of a text; a longer one was made by a machine
MOST_FOUND = 3  # of one name
_SEPARATOR = re.compile(r"::|[.#/]|->")


@dataclass(frozen=True, slots=True)
class Symbol:
    """A definition and the text that it stands in."""

    document: Document
    found: Definition

    @property
    def name(self) -> str:
        """What it is called, with its class in front."""
        return f"{self.found.owner}.{self.found.name}" if self.found.owner else self.found.name


def find_symbol(name: str, documents: Iterable[Document], deadline: float) -> list[Symbol]:
    """Return where a name is defined, looking until `deadline`, a time of `time.monotonic`; all from one text.

    The first text that defines it is taken, and of more places in it the first ones.
    """
    parts = [part for part in _SEPARATOR.split(name.strip().removesuffix("()")) if part]
    if not parts:
        return []
    for document in documents:
        if found := [s for s in symbols_in(document, parts[-1]) if len(parts) < 2 or s.found.owner == parts[-2]]:
            return found[:MOST_FOUND]
        if time.monotonic() > deadline:
            break
    return []


def symbols_in(document: Document, name: str = "") -> Iterator[Symbol]:
    """Yield the definitions in a text, or those of one name."""
    if document.language not in GRAMMARS:
        return
    text = "".join(document.lines)
    if name not in text or len(text) > MAX_CHARS:
        return
    for found in definitions(text, document.language):
        if not name or found.name == name:
            yield Symbol(document, found)
