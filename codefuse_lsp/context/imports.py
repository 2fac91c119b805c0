"""The import statements of a document, and those that the window round the cursor cuts off.

Input: lines and an LSP language id. Output: the lines that import something; as a source, a snippet of them. Told by
how lines begin, not by a grammar, so that a document of any length in any state costs next to nothing. Knows nothing
of what is imported.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from codefuse_lsp.context.snippets import Cursor, Snippet

MAX_LINES = 500  # of a document that are looked at: imports stand at its top
MAX_STATEMENT_LINES = 60
MAX_CHARS = 2_000

_BEGINNINGS = {
    "python": r"\s*(?:from\s+[\w.]+\s+import\b|import\s+\w)",
    "javascript": r"import\b|export\b.*\bfrom\b|(?:const|let|var)\b.*\brequire\(",
    "go": r"import\b",
    "rust": r"(?:pub(?:\([\w:]+\))?\s+)?(?:use|extern\s+crate)\s",
    "java": r"import\s",
    "csharp": r"(?:global\s+)?using\s+[\w.=\s]+;",
    "c": r"\s*#\s*include\b",
    "php": r"(?:use|require|require_once|include)\b.*;",
    "ruby": r"(?:require|require_relative|load)\b",
    "lua": r"(?:local\s+[\w, ]+=\s*)?require\b",
    "shellscript": r"(?:source|\.)\s+\S",
    "css": r"@(?:import|use|forward)\b",
}
_ALIASES = {
    "javascript": ("javascriptreact", "typescript", "typescriptreact", "vue", "svelte"),
    "java": ("kotlin", "scala", "swift", "groovy", "dart"),
    "c": ("cpp", "objective-c", "objective-cpp", "cuda-cpp"),
    "css": ("scss", "less"),
}
_PATTERNS = {language: re.compile(pattern) for language, pattern in _BEGINNINGS.items()}
_PATTERNS |= {alias: _PATTERNS[language] for language, aliases in _ALIASES.items() for alias in aliases}


def import_lines(lines: Sequence[str], language: str) -> list[range]:
    """Return the lines of each import statement near the top of a document."""
    pattern = _PATTERNS.get(language)
    found: list[range] = []
    stop = 0
    for number, line in enumerate(lines[:MAX_LINES]) if pattern is not None else ():
        if number >= stop and pattern is not None and pattern.match(line):
            stop = _end(lines, number)
            found.append(range(number, stop))
    return found


class Imports:
    """The source: import statements above the window."""

    name = "imports"

    def find(self, cursor: Cursor, deadline: float) -> Sequence[Snippet]:
        """Return the statements that the window leaves out, as one snippet."""
        document = cursor.document
        above = [r for r in import_lines(document.lines, document.language) if r.stop <= cursor.window_lines.start]
        text = "".join(document.lines[i].rstrip() + "\n" for lines in above for i in lines)
        text = text if len(text) <= MAX_CHARS else text[: text.rfind("\n", 0, MAX_CHARS) + 1]
        return [Snippet(self.name, document.path, document.language, above[0].start, text, 1.0)] if text else []


def _end(lines: Sequence[str], start: int) -> int:
    """Return the line after a statement: where its brackets are closed again."""
    depth = 0
    for number in range(start, min(len(lines), start + MAX_STATEMENT_LINES)):
        line = lines[number]
        depth += sum(map(line.count, "({[")) - sum(map(line.count, ")}]"))
        if depth <= 0 and not line.rstrip().endswith("\\"):
            return number + 1
    return start + 1
