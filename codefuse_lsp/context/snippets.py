"""What the sources of context are asked with, and what they answer.

`Cursor` goes in, `Snippet`s come out. A `Source` is a name and a function; it runs in a thread of its own, looks at the
time now and then, and never answers for a file that may not be read. Pure values; knows nothing of any one source.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from codefuse_lsp.context.cursor import CursorContext


@dataclass(frozen=True, slots=True)
class Document:
    r"""A text as it was at one version; `lines` have their ends, and are never changed afterwards."""

    path: str
    language: str  # LSP language id
    version: int
    lines: Sequence[str]


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in a document, and the window round it that the prompt holds anyway."""

    window: CursorContext
    document: Document
    line: int  # from 0

    @property
    def window_lines(self) -> range:
        """The numbers of the lines that the window shows, in whole or in part."""
        first = self.line - self.window.prefix.count("\n")
        return range(first, self.line + self.window.suffix.rstrip("\n").count("\n") + 1)


@dataclass(frozen=True, slots=True)
class Snippet:
    r"""Lines from elsewhere that may help at the cursor, as they stand there, with '\n' as line end."""

    source: str
    path: str
    language: str
    start_line: int  # from 0
    text: str
    score: float  # compared within a source only; the higher, the better

    @property
    def lines(self) -> range:
        """The numbers of the lines that the text takes, where it is a whole piece of a file."""
        return range(self.start_line, self.start_line + self.text.rstrip("\n").count("\n") + 1)

    @property
    def identity(self) -> tuple[str, str, str]:
        """What makes it the same snippet as before, though lines above it may have come or gone."""
        return self.source, self.path, self.text


class Source(Protocol):
    """One kind of context. `find` answers by `deadline`, a time of `time.monotonic`, or its answer is not used."""

    @property
    def name(self) -> str:
        """The `source` of its snippets."""
        ...

    def find(self, cursor: Cursor, deadline: float) -> Sequence[Snippet]:
        """Return snippets, in any order."""
        ...


def text_of(lines: Sequence[str]) -> str:
    r"""Return lines with '\n' as line end, without blank ones at the edges."""
    kept = [line.rstrip() for line in lines]
    while kept and not kept[-1]:
        kept.pop()
    start = next((i for i, line in enumerate(kept) if line), 0)
    return "".join(f"{line}\n" for line in kept[start:])
