"""Code with a gap in it, and what is to be said of a text that is shown there.

Input: a document as it is without a piece of it, and the piece. Output: the cursor as an editor tells it, the document
with a text in the gap, and how good the text is. Pure; knows nothing of models, nor of where the code is from.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import PurePath
from urllib.parse import quote

from codefuse_lsp.suggestions.asked import Asked, asked_at
from codefuse_lsp.suggestions.filters.brackets import scan


@dataclass(frozen=True, slots=True)
class Gap:
    """`before + missing + after` is the whole document; `after` begins with a line end where the gap ends its line."""

    id: str
    path: str  # absolute
    language: str  # LSP language id
    before: str
    missing: str
    after: str
    kind: str = ""

    def asked(self, budget_chars: int) -> Asked:
        """Return the cursor in the open document; each gap is a document of its own, so that none knows another's."""
        lines = lines_of(self.before + self.after)
        above = lines_of(self.before)
        path, name = (quote(part, errors="surrogatepass") for part in (PurePath(self.path).as_posix(), self.id))
        return asked_at(
            lines,
            len(above) - 1,
            len(above[-1]),
            uri=f"file://{path}#{name}",
            path=self.path,
            language=self.language,
            version=0,
            budget_chars=budget_chars,
        )

    def filled(self, text: str, replaces: int = 0) -> str:
        """Return the document with a text in the gap, in place of `replaces` characters behind it."""
        return self.before + text + self.after[replaces:]

    def is_exact(self, text: str) -> bool:
        """Return whether a text is what is missing, white space at both ends ignored."""
        return _plain(text) == _plain(self.missing)

    def repeats_what_follows(self, text: str, replaces: int = 0) -> bool:
        """Return whether a text ends with what stands behind it, on its line or below, where that is not missing."""
        if not text.strip() or self.is_exact(text):
            return False
        rest, _, below = self.after[replaces:].partition("\n")
        begun, text = self.before.rpartition("\n")[2], text.rstrip()
        if rest.strip():
            return _says_again(text, rest.strip(), scan(begun).quote)
        return _ends_with_lines_of(begun + text, below)

    def similarity(self, text: str) -> float:
        """Return how alike a text and what is missing are, from 0 to 1 (see `edit_similarity`)."""
        return edit_similarity(_plain(text), _plain(self.missing))

    def right_and_wrong(self, text: str) -> tuple[int, int]:
        """Return the characters of a text up to its first mistake, and those from there on, which have to go again."""
        text, missing = _plain(text), _plain(self.missing)
        right = next((i for i, pair in enumerate(zip(text, missing, strict=False)) if pair[0] != pair[1]), None)
        right = min(len(text), len(missing)) if right is None else right
        return right, len(text) - right


def lines_of(text: str) -> list[str]:
    """Return the lines of a text with their ends, the last one without (LSP 3.17, section Text Documents)."""
    lines = list(io.StringIO(text, newline=""))
    return lines if lines and not lines[-1].endswith(("\n", "\r")) else [*lines, ""]


def edit_similarity(one: str, other: str) -> float:
    """Return twice the length of the longest common subsequence, as a share of both lengths: 1 for equal texts.

    What CrossCodeEval (Ding et al. 2023, arXiv 2310.11248) and RepoBench (Liu et al. 2023, arXiv 2306.03091) report as
    edit similarity, the `ratio` of fuzzywuzzy and rapidfuzz; theirs is times 100. The subsequence by Hyyrö's bit
    vectors ("Bit-parallel LCS-length computation revisited", 2004).
    """
    if not one or not other:
        return float(one == other)
    at: dict[str, int] = {}
    for place, character in enumerate(one):
        at[character] = at.get(character, 0) | 1 << place
    everywhere = row = (1 << len(one)) - 1
    for character in other:
        matched = row & at.get(character, 0)
        row = (row + matched | row - matched) & everywhere
    return 2 * (len(one) - row.bit_count()) / (len(one) + len(other))


def _says_again(text: str, rest: str, quote: str) -> bool:
    """Return whether a text that begins inside `quote` ends with the rest of its line, or with the marks that begin it.

    A bracket that the text has opened is its own.
    """
    foreign = scan(text, quote).closed_at
    for length in range(len(rest), 0, -1):
        said, start = rest[:length], len(text) - length
        in_word = start > 0 and f"{text[start - 1]}{said[0]}".isidentifier()
        if not text.endswith(said) or in_word or (length < len(rest) and any(map(str.isalnum, said))):
            continue
        closed = scan(said, scan(text[:start], quote).quote).closed_at
        if all(start + place in foreign for place in closed):
            return True
    return False


def _ends_with_lines_of(text: str, below: str) -> bool:
    """Return whether a text ends with the first lines of another, blank ones left out, and brackets at their depth."""
    said, there = ([_told(line) for line in part.split("\n") if line.strip()] for part in (text, below))
    return any(said[-count:] == there[:count] for count in range(1, min(len(said), len(there)) + 1))


def _told(line: str) -> str:
    return line.strip() if any(map(str.isalnum, line)) else line.rstrip()


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n").strip()
