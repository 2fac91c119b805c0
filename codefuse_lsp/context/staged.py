"""What is staged in a git repository, as far as it may be told.

Input: a folder, and the rule against a path. Output: the diff file by file, and a sentence for each file left out. Runs
git, with a deadline and with all off that a repository's own configuration could have it run: external diffs, text
conversions, hooks, the file system monitor, pagers, and fetching what is missing. Blocks, so it is called in a thread.
Knows nothing of prompts.
"""

from __future__ import annotations

import os
import re
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from codefuse_lsp.errors import CodeFuseError

DEADLINE_S = 5.0
MAX_BYTES = 2 << 20
MOST_FILES = 200  # that are looked at
MOST_SUBJECTS = 8  # of earlier commits
# Each a key that a repository's .git/config may set, and that would run something or change how the diff is written.
SAFE_CONFIG = {
    "core.fsmonitor": "false",
    "core.hooksPath": os.devnull,
    "core.pager": "cat",
    "core.quotePath": "false",
    "protocol.allow": "never",
    "log.showSignature": "false",
    "safe.bareRepository": "explicit",
}
SAFE_ENVIRONMENT = {
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_PAGER": "cat",
    "LC_ALL": "C",
}
DIFF = (
    *("diff", "--cached", "--no-ext-diff", "--no-textconv", "--no-color", "--no-relative", "--submodule=short"),
    *("--src-prefix=a/", "--dst-prefix=b/", "--unified=3", "--find-renames", "--ignore-submodules=dirty"),
)
NO_FILE = "/dev/null"  # git's name for what is not there
_HUNK = ("@@", "Binary files ", "GIT binary patch")
_ESCAPES = {"n": "\n", "t": "\t", '"': '"', "\\": "\\", "a": "\a", "b": "\b", "f": "\f", "r": "\r", "v": "\v"}


class StagedUnknown(CodeFuseError):
    """What is staged cannot be told; the message says why."""


class NoRepository(StagedUnknown):
    """git reads no repository there, or none with what it was asked for."""


@dataclass(frozen=True, slots=True)
class FileDiff:
    """The changes of one file; `paths` are its names before and after, from the repository's root."""

    paths: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Staged:
    """The changes that may be told, and a sentence for each file whose may not."""

    files: tuple[FileDiff, ...]
    left_out: tuple[str, ...] = ()

    @property
    def diff(self) -> str:
        """All changes, in git's form."""
        return "".join(file.text for file in self.files)


RuleAgainst = Callable[[Path], str | None]


def staged_diff(folder: Path, rule_against: RuleAgainst, deadline_s: float = DEADLINE_S) -> Staged:
    """Return what is staged in the repository round a folder. Raises StagedUnknown; no files where nothing is."""
    root = Path(_git(_outside(folder), ("rev-parse", "--show-toplevel"), deadline_s).rstrip("\n"))
    return may_be_told(_git(root, DIFF, deadline_s), root, rule_against)


def earlier_subjects(folder: Path, deadline_s: float = DEADLINE_S) -> list[str]:
    """Return the subjects of the last commits, none before the first. Raises StagedUnknown where git hangs."""
    try:
        return _git(_outside(folder), ("log", f"-{MOST_SUBJECTS}", "--format=%s"), deadline_s).splitlines()
    except NoRepository:
        return []


def may_be_told(diff: str, root: Path, rule_against: RuleAgainst) -> Staged:
    """Return what of a diff may be told; paths in it are relative to `root`. Looks at the disk."""
    kept, left_out = [], []
    every = list(_files(diff))
    for file in every[:MOST_FILES]:
        rule = next(filter(None, (rule_against(root / name) for name in file.paths)), None)
        if rule:
            left_out.append(f"The changes of {file.paths[-1]} were left out. {rule}")
        elif not file.paths:
            left_out.append("The changes of a file whose name cannot be read were left out.")
        else:
            kept.append(file)
    if len(every) > MOST_FILES:
        left_out.append(f"Of {len(every)} changed files, the first {MOST_FILES} were looked at.")
    return Staged(tuple(kept), tuple(left_out))


def shortened(files: Sequence[FileDiff], max_chars: int) -> tuple[str, list[str]]:
    """Return the changes in so many characters, the long ones cut at line ends, and the files whose end is missing."""
    share = max_chars // max(1, len(files))
    room = max_chars - sum(min(len(file.text), share) for file in files)
    parts, cut = [], []
    for file in files:
        most = share + room
        if len(file.text) <= most:
            parts.append(file.text)
            room -= max(0, len(file.text) - share)
            continue
        parts.append(file.text[: file.text.rfind("\n", 0, most) + 1] or file.text[:most])
        cut.append(file.paths[-1])
        room -= max(0, len(parts[-1]) - share)
    return "".join(parts), cut


def paths_in(section: str) -> list[str]:
    """Return the paths that one file's part of a diff is about: its old and its new name."""
    lines = section.split("\n")
    head = lines[1 : next((n for n, line in enumerate(lines) if line.startswith(_HUNK)), len(lines))]
    found = dict.fromkeys(_named(head, 2))
    if not found and (name := _name_in_header(lines[0])):
        found[name] = None
    return list(found)


def _named(lines: Iterable[str], prefix: int) -> Iterator[str]:
    """Yield the paths that lines name; those of the old and the new text have a prefix of so many characters."""
    for line in lines:
        for opening, extra in (("--- ", prefix), ("+++ ", prefix), ("rename from ", 0), ("rename to ", 0)):
            if line.startswith(opening) and (name := _unquoted(line[len(opening) :].partition("\t")[0])) != NO_FILE:
                yield name[extra:]


def _files(diff: str) -> Iterator[FileDiff]:
    """Yield a diff file by file; of one that is not git's, where files are not told apart, all names count at once."""
    edges = [match.start() for match in re.finditer(r"^diff --git ", diff, re.M)]
    if not edges and diff.strip():
        yield FileDiff(tuple(dict.fromkeys(_named(diff.split("\n"), 0))), diff)
    for start, stop in pairwise([*edges, len(diff)]):
        section = diff[start:stop]
        yield FileDiff(tuple(paths_in(section)), section)


def _outside(folder: Path) -> Path:
    """Return a folder, or the work tree of a repository whose own folder it lies in, as git's message file does."""
    parts = folder.parts
    return Path(*parts[: parts.index(".git")]) if ".git" in parts else folder


def _name_in_header(header: str) -> str:
    """Return the one path of `diff --git a/X b/X`, as of an empty file or a change of mode."""
    rest = header.removeprefix("diff --git ")
    if rest.startswith('"'):
        first = _unquoted(rest[: len(rest) // 2])
        return first[2:]
    first, second = rest[: len(rest) // 2], rest[len(rest) // 2 + 1 :]
    return first[2:] if first[2:] == second[2:] else ""


def _unquoted(name: str) -> str:
    """Return a path that git has quoted as C does, or that it has not."""
    if not (name.startswith('"') and name.endswith('"') and len(name) > 1):
        return name
    found = re.sub(
        r"\\([0-7]{3}|.)",
        lambda m: chr(int(m[1], 8)) if len(m[1]) == 3 else _ESCAPES.get(m[1], m[1]),
        name[1:-1],
    )
    if all(ord(char) < 256 for char in found):
        return found.encode("latin-1").decode("utf-8", "surrogateescape")
    return found


def _git(folder: Path, arguments: tuple[str, ...], deadline_s: float) -> str:
    config = [part for key, value in SAFE_CONFIG.items() for part in ("-c", f"{key}={value}")]
    command = ["git", "--no-pager", *config, "-C", str(folder), *arguments]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        git = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**environment, **SAFE_ENVIRONMENT},
        )
    except (OSError, ValueError) as error:
        raise StagedUnknown("What is staged cannot be told: git is not installed here.") from error
    is_late = threading.Event()
    late = threading.Timer(deadline_s, _end, (git, is_late))
    late.start()
    try:
        assert git.stdout is not None
        with git.stdout:
            said = git.stdout.read(MAX_BYTES + 1)
        if len(said) > MAX_BYTES:
            git.kill()
        code = git.wait()
    finally:
        late.cancel()
    if is_late.is_set():
        raise StagedUnknown(f"What is staged cannot be told: git did not answer within {deadline_s:g} s.")
    if code != 0 and len(said) <= MAX_BYTES:
        raise NoRepository(f"What is staged cannot be told: {folder.name} is in no git repository that git reads.")
    return said[:MAX_BYTES].decode("utf-8", "replace")


def _end(git: subprocess.Popen[bytes], is_late: threading.Event) -> None:
    is_late.set()
    git.kill()
