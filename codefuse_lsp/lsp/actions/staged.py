"""The staged changes of a repository, as text that may be shown to a model.

A folder in; a `Staged` out, file by file, without those that rules keep private. git runs with a deadline, and with
everything off by which a repository could have it run programs of its own: hooks, pagers, external diffs, text
conversions, file-system monitors, signature checks and lazy fetches (gitattributes(5), git-config(1), git(1)).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from codefuse_lsp.errors import CodeFuseError

DEADLINE_S = 5.0
MAX_DIFF_BYTES = 1 << 20  # of all changes that are looked at
MOST_FILES = 200
NO_FILE = "/dev/null"  # git's name for what is not there
MOST_SUBJECTS = 8  # of earlier commits
_SAFE = ("--no-pager", "--no-optional-locks", "--literal-pathspecs")
_OFF = (
    *("core.fsmonitor=false", "core.hooksPath=/dev/null", "core.pager=cat", "diff.external=", "core.attributesFile="),
    *("safe.bareRepository=explicit", "color.ui=false", "log.showSignature=false", "core.quotePath=false"),
)
_DIFF = ("diff", "--cached", "--no-ext-diff", "--no-textconv", "--no-color", "--submodule=short", "-M", "--unified=3")
_FORMS = ("--src-prefix=a/", "--dst-prefix=b/", "--no-relative")
_HEADER = re.compile(r"^diff --git ", re.M)
_PATHS = re.compile(r"^(?:(?:\+\+\+|---) (?:[abciow]/)?|(?:rename|copy) (?:from|to) )(.+?)\t?$", re.M)
_BOTH = re.compile(r"diff --git (?:[abciow]/)?(.+) (?:[abciow]/)?\1$", re.M)  # of a binary file, or a changed mode


@dataclass(frozen=True, slots=True)
class FileDiff:
    """The changes of one file; `paths` are its names before and after, from the repository's root."""

    paths: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Staged:
    """The changes that may be told, a sentence for each file that may not, and the subjects of earlier commits."""

    files: tuple[FileDiff, ...]
    left_out: tuple[str, ...]
    subjects: tuple[str, ...] = ()


async def staged_changes(folder: Path, rule_against: Callable[[Path], str | None]) -> Staged:
    """Return what is staged in the repository that holds `folder`. Raises CodeFuseError with what to do."""
    root = await asyncio.to_thread(repository_of, folder)
    if root is None:
        raise CodeFuseError(f"{folder.name or folder} lies in no git repository.")
    text = await _git(root, *_DIFF, *_FORMS)
    subjects: Sequence[str] = ()
    with contextlib.suppress(CodeFuseError):  # before the first commit there are none
        subjects = (await _git(root, "log", f"-{MOST_SUBJECTS}", "--no-show-signature", "--format=%s")).splitlines()
    files, left_out = await asyncio.to_thread(told_files, text, root, rule_against)
    return Staged(files, left_out, tuple(subjects))


def told_files(
    diff: str, root: Path | None, rule_against: Callable[[Path], str | None]
) -> tuple[tuple[FileDiff, ...], tuple[str, ...]]:
    """Return the files of a diff that may be told, and a sentence for each other one; looks at the disk."""
    kept, left_out = [], []
    every = files_of(diff)
    for file in every[:MOST_FILES]:
        rules = (rule_against((root or Path()) / path) for path in file.paths)
        if not file.paths:
            left_out.append("The changes of a file whose name cannot be told were left out.")
        elif rule := next(filter(None, rules), None):
            left_out.append(f"The changes of {file.paths[-1]} were left out. {rule}")
        else:
            kept.append(file)
    if len(every) > MOST_FILES:
        left_out.append(f"Of {len(every)} files, the first {MOST_FILES} were looked at.")
    return tuple(kept), tuple(left_out)


def files_of(diff: str) -> list[FileDiff]:
    """Return a diff file by file; one whose name cannot be told has none, and what precedes the first is left out."""
    starts = [match.start() for match in _HEADER.finditer(diff)]
    if not starts:  # not git's: its files are not told apart, so all names count
        found = dict.fromkeys(path for path in _PATHS.findall(diff) if path != NO_FILE)
        return [FileDiff(tuple(found), diff)] if diff.strip() else []
    parts = [diff[start:stop] for start, stop in zip(starts, [*starts[1:], len(diff)], strict=True)]
    return [FileDiff(_paths(part), part) for part in parts]


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
        cut.append(file.paths[-1] if file.paths else "a file")
        room -= max(0, len(parts[-1]) - share)
    return "".join(parts), cut


def repository_of(folder: Path) -> Path | None:
    """Return the work tree that holds a folder, told by its `.git`, inside of which it may be."""
    for one in (folder, *folder.parents):
        if one.name == ".git":
            continue
        if (one / ".git").exists():
            return one
    return None


def _paths(part: str) -> tuple[str, ...]:
    head = part.partition("\n@@ ")[0]
    found = [path.strip('"') for path in _PATHS.findall(head) if path != NO_FILE]
    found += _BOTH.findall(head) if not found else []
    return tuple(dict.fromkeys(found))


async def _git(root: Path, *arguments: str) -> str:
    """Return what git says, at most `MAX_DIFF_BYTES` of it. Raises CodeFuseError."""
    options = [word for setting in _OFF for word in ("-c", setting)]
    try:
        process = await asyncio.create_subprocess_exec(
            *("git", *_SAFE, *options, *arguments),
            cwd=root,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=_environment(),
        )
    except OSError as error:
        raise CodeFuseError(f"git cannot be run ({error.strerror or error}); is it installed?") from None
    assert process.stdout is not None
    try:
        async with asyncio.timeout(DEADLINE_S):
            content = await _read(process.stdout)
            code = (
                await process.wait() if len(content) < MAX_DIFF_BYTES else 0
            )  # what is too long is not read to its end
    except TimeoutError:
        raise CodeFuseError(f"git took longer than {DEADLINE_S:.0f} s in {root.name}.") from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if code:
        raise CodeFuseError(f"git refused to show the staged changes of {root.name} (it ended with {code}).")
    return content.decode("utf-8", "replace")


async def _read(stream: asyncio.StreamReader) -> bytes:
    content = b""
    while len(content) < MAX_DIFF_BYTES and (piece := await stream.read(1 << 16)):
        content += piece
    return content[:MAX_DIFF_BYTES]


def _environment() -> dict[str, str]:
    """Return an environment in which git asks nobody and takes no other program for its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return {
        **kept,
        **{"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "GIT_PAGER": "cat", "GIT_NO_LAZY_FETCH": "1"},
        "LC_ALL": "C.UTF-8",
    }
