"""What is staged in a git repository, as far as it may be told.

Input: a folder, and the rule against a path. Output: the diff, and a sentence for each file left out. Runs git, with a
deadline and with all off that a repository's own configuration could have it run: external diffs, text conversions,
hooks, the file system monitor, pagers, and fetching what is missing. Blocks, so it is called in a thread. Knows nothing
of prompts.
"""

from __future__ import annotations

import os
import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from codefuse_lsp.errors import CodeFuseError

DEADLINE_S = 5.0
MAX_BYTES = 2 << 20
# Each a key that a repository's .git/config may set, and that would run something or change how the diff is written.
SAFE_CONFIG = {
    "core.fsmonitor": "false",
    "core.hooksPath": os.devnull,
    "core.pager": "cat",
    "core.quotePath": "false",
    "protocol.allow": "never",
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
_HUNK = ("@@", "Binary files ", "GIT binary patch")
_ESCAPES = {"n": "\n", "t": "\t", '"': '"', "\\": "\\", "a": "\a", "b": "\b", "f": "\f", "r": "\r", "v": "\v"}


class StagedUnknown(CodeFuseError):
    """What is staged cannot be told; the message says why."""


@dataclass(frozen=True, slots=True)
class Staged:
    """A diff in git's form, and a sentence for each file that is not in it."""

    diff: str
    left_out: tuple[str, ...] = ()


def staged_diff(folder: Path, rule_against: Callable[[Path], str | None], deadline_s: float = DEADLINE_S) -> Staged:
    """Return what is staged in the repository round a folder. Raises StagedUnknown; '' where nothing is staged."""
    root = Path(_git(folder, ("rev-parse", "--show-toplevel"), deadline_s).rstrip("\n"))
    kept, left_out = [], []
    for section in _sections(_git(root, DIFF, deadline_s)):
        names = paths_in(section)
        rule = next(filter(None, (rule_against(root / name) for name in names)), None)
        if rule or not names:
            left_out.append(f"A staged change was left out. {rule or 'Its file has a name that cannot be read.'}")
        else:
            kept.append(section)
    return Staged("".join(kept), tuple(left_out))


def paths_in(section: str) -> list[str]:
    """Return the paths that one file's part of a diff is about, '' for none: its old and its new name."""
    found: dict[str, None] = {}
    lines = section.split("\n")
    for line in lines[1:]:
        if line.startswith(_HUNK):
            break
        for opening, prefix in (("--- ", 2), ("+++ ", 2), ("rename from ", 0), ("rename to ", 0)):
            if line.startswith(opening):
                name = _unquoted(line[len(opening) :].removesuffix("\t"))
                if name != "/dev/null":
                    found[name[prefix:]] = None
    if not found and (name := _name_in_header(lines[0])):
        found[name] = None
    return list(found)


def _sections(diff: str) -> Iterator[str]:
    edges = [match.start() for match in re.finditer(r"^diff --git ", diff, re.M)]
    for start, stop in pairwise([*edges, len(diff)]):
        yield diff[start:stop]


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
        raise StagedUnknown(f"What is staged cannot be told: {folder.name} is in no git repository that git reads.")
    return said[:MAX_BYTES].decode("utf-8", "replace")


def _end(git: subprocess.Popen[bytes], is_late: threading.Event) -> None:
    is_late.set()
    git.kill()
