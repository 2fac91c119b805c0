"""Which files are never read, and the sentence that says why.

Input: the workspace's folders, the setting `ignore`, and a path. Output: the rule that forbids it, or None. Rules, the
later ones outrank the earlier: `.git/info/exclude`; `.gitignore` and `.codefuseignore` in each folder from the
repository's root down; the setting. What holds credentials is never read, whatever the rules say. Reads the ignore
files, and remembers them until they change; knows nothing of what other files hold.
"""

from __future__ import annotations

import os
import stat
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import TypeVar

from codefuse_lsp.context.credential_files import credentials_in
from codefuse_lsp.context.gitignore import Rule, last_match, parse_rules, path_parts
from codefuse_lsp.context.languages import language_of

IGNORE_FILES = (".gitignore", ".codefuseignore")  # the second outranks the first, as `.ignore` does in ripgrep
EXCLUDE_FILE = Path(".git", "info", "exclude")
SETTING = "setting ignore"
MAX_FILE_BYTES = 1 << 20
MAX_FILES, MAX_PATHS = 2_000, 10_000  # ignore files and verdicts that are remembered
RECHECK_S = 1.0  # a change on disk is seen this late at most
CASE_INSENSITIVE = sys.platform in ("win32", "darwin")  # as `core.ignoreCase` is set there by `git init`

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")
Stamp = tuple[int, int, int] | None  # of a file: time of change in ns, size, inode; None where there is none


@dataclass(frozen=True, slots=True)
class _File:
    """The rules of one ignore file; `base` is the folder that they are relative to."""

    base: PurePath
    name: str  # for the sentence
    rules: tuple[Rule, ...]
    stamp: Stamp = None


@dataclass(frozen=True, slots=True)
class _Folder:
    """What holds for all paths in a folder."""

    opened: Path  # the folder that the user opened: it and what is round it are wanted
    files: tuple[_File, ...]  # that hold rules, or may hold them later
    ignored_by: tuple[_File, Rule] | None  # the folder itself, or one round it
    checked_s: float


@dataclass(frozen=True, slots=True)
class _Verdict:
    reason: str | None
    evidence: tuple[object, ...]  # while this is the same, so is the reason
    checked_s: float


def may_read(path: str | PurePath) -> bool:
    """Return whether a file may be read and enter a prompt, as far as its name alone tells."""
    return credentials_in(path) is None


class Ignore:
    """Answers for one workspace; any thread may ask. An answer remembered costs a few microseconds."""

    def __init__(
        self,
        workspace_folders: Iterable[str | PurePath] = (),
        patterns: Sequence[str] = (),
        languages_off: Iterable[str] = (),
        *,
        ignore_case: bool = CASE_INSENSITIVE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`patterns` are in .gitignore's form, relative to each folder; `languages_off` are LSP language ids."""
        given = [_absolute(folder) for folder in workspace_folders]
        self._real_folders = [Path(os.path.realpath(folder)) for folder in given]
        self._folders = sorted({*map(Path, given), *self._real_folders}, key=lambda folder: len(folder.parts))
        text = "\n".join(patterns).encode("utf-8", "surrogatepass")
        self._patterns = parse_rules(text, ignore_case=ignore_case)
        self._languages_off = frozenset(languages_off)
        self._ignore_case = ignore_case
        self._clock = clock
        self._lock = threading.Lock()
        self._verdicts: OrderedDict[str, _Verdict] = OrderedDict()
        self._known_folders: OrderedDict[Path, _Folder] = OrderedDict()
        self._files: OrderedDict[Path, _File] = OrderedDict()

    def reason(self, path: str | PurePath, language: str | None = None) -> str | None:
        """Return a sentence that says why there is no ghost text in `path`: a rule, or its language is turned off."""
        if rule := self.rule_against(path):
            return rule
        if self._languages_off and str(path) and (language or language_of(path)) in self._languages_off:
            return f"Files in {language or language_of(path)} are turned off (setting languages_off)."
        return None

    def rule_against(self, path: str | PurePath) -> str | None:
        """Return a sentence that says which rule forbids reading `path`; None where it may be read.

        An empty path is that of a document which has no file yet.
        """
        if not str(path):
            return None
        if "\0" in str(path):
            return "The document's path is none that a file can have."
        absolute = _absolute(path)
        verdict = self._fresh(absolute)
        if verdict is None:
            with self._lock:
                verdict = self._verdict(absolute)
        return verdict.reason

    def reason_unasked(self, path: str | PurePath) -> str | None:
        """Return why a file that the user has not opened is not read: a rule, or that it lies outside the workspace."""
        real = Path(os.path.realpath(str(path).replace("\0", "")))
        if not any(real.is_relative_to(folder) for folder in self._real_folders):
            return f"{PurePath(path).name} lies outside the workspace."
        return self.reason(path)

    def ignores_folder(self, path: str | PurePath) -> bool:
        """Return whether no file in a folder may be read, whatever its name."""
        with self._lock:
            decision = self._folder(Path(_absolute(path))).ignored_by
        return decision is not None or credentials_in(PurePath(path) / "x.py") is not None

    def _fresh(self, path: str) -> _Verdict | None:
        """Return the verdict on a path if it was looked at a moment ago; waits for nobody."""
        known = self._verdicts.get(path)
        return known if known is not None and self._clock() - known.checked_s < RECHECK_S else None

    def _verdict(self, path: str) -> _Verdict:
        known, now = self._verdicts.get(path), self._clock()
        real = os.path.realpath(path)
        paths = [Path(one) for one in ((path,) if real == path else (path, real))]
        folders = [self._folder(one.parent) for one in paths]
        evidence = (real, *(file.stamp for folder in folders for file in folder.files))
        if known is not None and known.evidence == evidence:
            reason = known.reason
        else:
            reasons = (self._judged(one, folder) for one, folder in zip(paths, folders, strict=True))
            reason = next(filter(None, reasons), None)
        verdict = _Verdict(reason, evidence, now)
        _remember(self._verdicts, path, verdict, MAX_PATHS)
        return verdict

    def _folder(self, folder: Path) -> _Folder:
        known, now = self._known_folders.get(folder), self._clock()
        if known is not None and now - known.checked_s < RECHECK_S:
            return known
        opened, files = self._walk(folder)
        if known is not None and known.files == files:
            known = replace(known, checked_s=now)
        else:
            parts = path_parts(folder.parts, ignore_case=self._ignore_case)
            depths = range(len(opened.parts) + 1, len(parts) + 1)  # what lies in an ignored folder is ignored
            decisions = (_decisive(parts[:depth], files, is_folder=True) for depth in depths)
            known = _Folder(opened, files, next((d for d in decisions if d and not d[1].negated), None), now)
        _remember(self._known_folders, folder, known, MAX_FILES)
        return known

    def _walk(self, folder: Path) -> tuple[Path, tuple[_File, ...]]:
        """Return the folder that the user opened, below which rules are asked, and the files that hold the rules."""
        around = (folder, *folder.parents)
        opened = next((f for f in self._folders if f in around), None)
        root = _repository(opened or folder)
        opened = opened or root or folder
        root = root or opened
        files = [self._file(root, root / EXCLUDE_FILE)]
        for one in reversed(around[: around.index(root) + 1]):
            files += [self._file(one, one / name) for name in IGNORE_FILES]
        return opened, (*files, _File(opened, SETTING, self._patterns))

    def _file(self, base: Path, path: Path) -> _File:
        known, stamp = self._files.get(path), _stamp(path)
        if known is None or known.stamp != stamp:
            rules = () if stamp is None else parse_rules(_read(path), ignore_case=self._ignore_case)
            known = _File(base, str(path), rules, stamp)
            _remember(self._files, path, known, MAX_FILES)
        return known

    def _judged(self, path: Path, folder: _Folder) -> str | None:
        if kind := credentials_in(path):
            return f"{path.name} is one of the files that usually hold {kind}, which never enter a prompt."
        decision = folder.ignored_by
        if decision is None:
            parts = path_parts(path.parts, ignore_case=self._ignore_case)
            decision = _decisive(parts, folder.files, is_folder=False)
        if decision is None or decision[1].negated:
            return None
        file, rule = decision
        where = SETTING if file.name == SETTING else f"{_shown(file.name, folder.opened)}, line {rule.line}"
        return f"{_shown(path, folder.opened)} is ignored by the pattern '{rule.text}' ({where})."


def _decisive(parts: Sequence[bytes], files: Sequence[_File], *, is_folder: bool) -> tuple[_File, Rule] | None:
    """Return the rule that decides on a path, and the file that it is from: the last that has one."""
    for file in reversed(files):
        base = len(file.base.parts)
        if base < len(parts) and (rule := last_match(file.rules, parts[base:], is_folder=is_folder)) is not None:
            return file, rule
    return None


def _remember(known: OrderedDict[_Key, _Value], key: _Key, value: _Value, at_most: int) -> None:
    known[key] = value
    known.move_to_end(key)
    if len(known) > at_most:
        known.popitem(last=False)


def _absolute(path: str | PurePath) -> str:
    return os.path.abspath(path)  # noqa: PTH100  # Path.resolve would follow links: both ends of one are judged


def _repository(folder: Path) -> Path | None:
    """Return the root of the git repository round a folder, if it is in one."""
    return next((f for f in (folder, *folder.parents) if os.path.lexists(f / ".git")), None)


def _stamp(path: Path) -> Stamp:
    """Return by what a change of a file is known; None where there is no regular one: a pipe may never end."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    if not stat.S_ISREG(found.st_mode):
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_FILE_BYTES)
    except (OSError, ValueError):
        return b""


def _shown(path: str | Path, folder: Path) -> str:
    return os.path.relpath(path, folder) if Path(path).is_relative_to(folder) else str(path)
