"""Which files are never read, and the sentence that says why.

Input: the workspace's folders, the setting `ignore`, and a path. Output: the rule that forbids it, or None. Rules, the
later ones outrank the earlier: `.git/info/exclude`; `.gitignore` and `.codefuseignore` in each folder from the
repository's root down; the setting. What holds credentials is never read, whatever the rules say. Reads the ignore
files, and remembers them until they change; knows nothing of what other files hold.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

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

Stamp = tuple[int, int, int] | None  # of a file: time of change in ns, size, inode; None where there is none


@dataclass(frozen=True, slots=True)
class _File:
    """The rules of one ignore file; `base` is the folder that they are relative to."""

    base: PurePath
    name: str  # for the sentence
    rules: tuple[Rule, ...]
    stamp: Stamp = None


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
        self._files: OrderedDict[Path, _File] = OrderedDict()

    def reason(self, path: str | PurePath, language: str | None = None) -> str | None:
        """Return a sentence that says which rule forbids reading `path`; None where it may be read.

        An empty path is that of a document which has no file yet.
        """
        if not str(path):
            return None
        if "\0" in str(path):
            return "The document's path is none that a file can have."
        with self._lock:
            verdict = self._verdict(_absolute(path))
        if verdict.reason is None and (language or language_of(path)) in self._languages_off:
            return f"Files in {language or language_of(path)} are turned off (setting languages_off)."
        return verdict.reason

    def reason_unasked(self, path: str | PurePath) -> str | None:
        """Return why a file that the user has not opened is not read: a rule, or that it lies outside the workspace."""
        real = Path(os.path.realpath(str(path).replace("\0", "")))
        if not any(real.is_relative_to(folder) for folder in self._real_folders):
            return f"{PurePath(path).name} lies outside the workspace."
        return self.reason(path)

    def _verdict(self, path: str) -> _Verdict:
        known, now = self._verdicts.get(path), self._clock()
        if known is not None and now - known.checked_s < RECHECK_S:
            return known
        real = os.path.realpath(path)
        paths = (path,) if real == path else (path, real)
        walks = [self._walk(Path(one)) for one in paths]
        evidence = (real, *(file.stamp for _, files in walks for file in files))
        if known is not None and known.evidence == evidence:
            reason = known.reason
        else:
            reasons = (self._judged(Path(one), *walk) for one, walk in zip(paths, walks, strict=True))
            reason = next(filter(None, reasons), None)
        self._verdicts[path] = verdict = _Verdict(reason, evidence, now)
        self._verdicts.move_to_end(path)
        if len(self._verdicts) > MAX_PATHS:
            self._verdicts.popitem(last=False)
        return verdict

    def _walk(self, path: Path) -> tuple[Path, list[_File]]:
        """Return the folder that the user opened, below which rules are asked, and the files that hold the rules."""
        opened = next((f for f in self._folders if f in path.parents), None)
        root = _repository(opened or path.parent)
        opened = opened or root or path.parent
        root = root or opened
        folders = [f for f in reversed(path.parents) if f.is_relative_to(root)]
        files = [self._file(root, root / EXCLUDE_FILE)]
        files += [self._file(folder, folder / name) for folder in folders for name in IGNORE_FILES]
        return opened, [*files, _File(opened, SETTING, self._patterns)]

    def _file(self, base: Path, path: Path) -> _File:
        known, stamp = self._files.get(path), _stamp(path)
        if known is None or known.stamp != stamp:
            rules = () if stamp is None else parse_rules(_read(path), ignore_case=self._ignore_case)
            self._files[path] = known = _File(base, str(path), rules, stamp)
            if len(self._files) > MAX_FILES:
                self._files.popitem(last=False)
        self._files.move_to_end(path)
        return known

    def _judged(self, path: Path, opened: Path, files: Sequence[_File]) -> str | None:
        if kind := credentials_in(path):
            return f"{path.name} is one of the files that usually hold {kind}, which never enter a prompt."
        files = [file for file in files if file.rules]
        parts = path_parts(path.parts, ignore_case=self._ignore_case)
        for depth in range(len(opened.parts) + 1, len(parts) + 1):  # what lies in an ignored folder is ignored
            file, rule = _decisive(parts[:depth], files, is_folder=depth < len(parts))
            if file is not None and rule is not None and not rule.negated:
                where = SETTING if file.name == SETTING else f"{_shown(file.name, opened)}, line {rule.line}"
                return f"{_shown(path, opened)} is ignored by the pattern '{rule.text}' ({where})."
        return None


def _decisive(
    parts: Sequence[bytes], files: Sequence[_File], *, is_folder: bool
) -> tuple[_File, Rule] | tuple[None, None]:
    """Return the rule that decides on a path, and the file that it is from: the last that has one."""
    for file in reversed(files):
        base = len(file.base.parts)
        if base < len(parts) and (rule := last_match(file.rules, parts[base:], is_folder=is_folder)) is not None:
            return file, rule
    return None, None


def _absolute(path: str | PurePath) -> str:
    return os.path.abspath(path)  # noqa: PTH100  # Path.resolve would follow links: both ends of one are judged


def _repository(folder: Path) -> Path | None:
    """Return the root of the git repository round a folder, if it is in one."""
    return next((f for f in (folder, *folder.parents) if os.path.lexists(f / ".git")), None)


def _stamp(path: Path) -> Stamp:
    try:
        found = path.stat()
    except (OSError, ValueError):
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
