"""A project's own rules for assistants: what AGENTS.md and the like say.

Input: the workspace's folders, and the question whether a file may be read. Output: one text, in an order that stays:
folder by folder as they were opened, in each the files of `RULE_FILES` in that order, so that ours, which is
`.codefuse/rules.md`, has the last word; what two files say alike is said once. Files are read again when they change.
Reads the disk, so it is for threads. Knows nothing of trust: who asks has made sure of it.

Names, by what reads them: AGENTS.md (agents.md; Copilot, Cursor, Codex), AGENT.md, .rules, .goosehints, .clinerules,
.windsurfrules (codecompanion.nvim, doc "Configuring Rules", default group), CLAUDE.md (Claude Code), GEMINI.md and
.cursorrules (refact, engine/src/scratchpads/system_context.rs), .github/copilot-instructions.md (Copilot), and of
.cursor/rules those that always apply (Cursor).
"""

from __future__ import annotations

import re
import stat
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

RULE_FILES = (
    *("AGENTS.md", "AGENT.md", "CLAUDE.md", ".claude/CLAUDE.md", "GEMINI.md", ".github/copilot-instructions.md"),
    *(".cursorrules", ".windsurfrules", ".clinerules", ".goosehints", ".rules", ".cursor/rules/*.mdc"),
    ".codefuse/rules.md",
)
NESTED = ("AGENTS.md", "CLAUDE.md")  # in folders below: the nearest to a file holds for it
MAX_FILE_BYTES = 64 << 10
MAX_RULES_CHARS = 12_000
MOST_GLOBBED = 20
_FRONT_MATTER = re.compile(r"\A---\n(.*?)^---\s*?\n", re.S | re.M)
_IMPORT = re.compile(rf"^\s*@(?:\./)?(?:{'|'.join(map(re.escape, RULE_FILES))})\s*$", re.M)  # it is read anyway


@dataclass(frozen=True, slots=True)
class ProjectRules:
    """What the rules say, and the names of files that had no room in it, or not all of theirs."""

    text: str = ""
    cut: tuple[str, ...] = ()


class Rules:
    """Reads the rules, and remembers each file until it changes."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[tuple[int, int], str]] = {}
        self._lock = threading.Lock()

    def of(self, folders: Sequence[Path], may_read: Callable[[Path], bool], max_chars: int) -> ProjectRules:
        """Return the rules of a workspace, at most `max_chars` characters of them."""
        parts: list[str] = []
        cut, seen, left = [], set[str](), min(max_chars, MAX_RULES_CHARS)
        for folder, path in ((one, path) for one in folders for path in _places(one)):
            text = self._read(path) if may_read(path) else ""
            if not text or text in seen:
                continue
            seen.add(text)
            name = path.relative_to(folder).as_posix()
            part = f"The project's rules, from {name}:\n{text}"
            if len(part) + 2 > left:
                cut.append(name)
                part = part[: max(part.rfind("\n", 0, max(left - 2, 0)), 0)]
                if part.count("\n") < 1:
                    continue
            parts.append(part)
            left -= len(part) + 2
        return ProjectRules("\n\n".join(parts), tuple(cut))

    def near(self, path: Path, folder: Path, may_read: Callable[[Path], bool]) -> tuple[Path, str] | None:
        """Return the rules that lie nearest to a file, in a folder below the workspace's own; None where none do."""
        for around in path.parents:
            if around == folder or not around.is_relative_to(folder):
                return None
            for name in NESTED:
                if may_read(around / name) and (text := self._read(around / name)):
                    return around / name, text
        return None

    def _read(self, path: Path) -> str:
        try:
            found = path.stat()
            if not stat.S_ISREG(found.st_mode):
                return ""
            stamp = (found.st_mtime_ns, found.st_size)
            with self._lock:
                known = self._known.get(path)
            if known is None or known[0] != stamp:
                with path.open("rb") as file:
                    known = (stamp, _rules_in(file.read(MAX_FILE_BYTES).decode("utf-8-sig", "replace"), path))
                with self._lock:
                    self._known[path] = known
        except (OSError, ValueError):
            return ""
        return known[1]


def _places(folder: Path) -> Iterator[Path]:
    for name in RULE_FILES:
        if "*" in name:
            place, _, pattern = name.rpartition("/")
            try:
                yield from sorted((folder / place).glob(pattern))[:MOST_GLOBBED]
            except OSError:
                continue
        else:
            yield folder / name


def _rules_in(text: str, path: Path) -> str:
    """Return what a file says, without what only its own tool reads; of Cursor's rules those that always apply."""
    text = text.replace("\r\n", "\n")
    matter = _FRONT_MATTER.match(text)
    if path.suffix == ".mdc" and not (matter and re.search(r"^alwaysApply:\s*true\s*$", matter[1], re.M)):
        return ""
    text = text[matter.end() :] if matter else text
    return _IMPORT.sub("", text).strip()
