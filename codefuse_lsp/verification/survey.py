"""What of a workspace is copied for a run, what is only shown there, and what stays out of sight.

Input: the workspace's folder, and a question: is this path ignored? Output: a `Survey`. Versions, caches, keys and
ignored folders stay out; packages that are installed in the workspace, build results and large files are shown, to be
read and not changed; the rest is copied. Links that lead out of the workspace are not followed. Writes nothing.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from codefuse_lsp.context.ignore import may_read
from codefuse_lsp.context.languages import language_of
from codefuse_lsp.errors import CodeFuseError

MIB = 1 << 20
OUT_OF_SIGHT = frozenset(
    {
        *(".git", ".hg", ".svn", ".jj", ".bzr", "__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache"),
        *(".hypothesis", ".tox", ".nox", ".cache", ".gradle", ".idea", ".ipynb_checkpoints", ".codefuse"),
    }
)
INSTALLED = frozenset({"node_modules", "bower_components", ".yarn", "vendor", "site-packages"})
BUILT = frozenset({"build", "dist", "out", "lib", "gen", "generated", "_build", ".eggs", ".next", ".nuxt"})
COMPILED = (".so", ".pyd", ".dll", ".dylib", ".node", ".wasm", ".jar", ".class")

Ignored = Callable[[Path], bool]


class WorkspaceTooLarge(CodeFuseError):
    """The workspace holds more than is copied for a run; the message says how much that is."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is copied at most: files in all, bytes in all, and bytes of one file; a larger one is shown instead."""

    files: int = 20_000
    total_bytes: int = 512 * MIB
    file_bytes: int = 16 * MIB


@dataclass(slots=True)
class Survey:
    """A workspace's folders, files and inner links, relative to its root, and the places that are shown."""

    root: Path
    folders: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    links: dict[str, str] = field(default_factory=dict)  # a link's place -> what it says
    shown: list[Path] = field(default_factory=list)
    total_bytes: int = 0


def survey(
    root: Path,
    is_ignored: Ignored = lambda path: False,
    bounds: Bounds = Bounds(),
    is_stopped: Callable[[], bool] = lambda: False,
) -> Survey:
    """Look at a workspace; raises WorkspaceTooLarge. It reads folders only, but of a large one many."""
    found = Survey(root.resolve())
    waiting = [""]
    while waiting and not is_stopped():
        folder = waiting.pop()
        for entry in _entries(found.root / folder):
            name = f"{folder}/{entry.name}" if folder else entry.name
            if entry.is_symlink():
                _take_link(found, name)
            elif entry.is_dir(follow_symlinks=False):
                if _take_folder(found, name, is_ignored):
                    waiting.append(name)
            else:
                _take_file(found, name, entry, is_ignored, bounds)
        _check(found, bounds)
    found.folders.sort()  # what holds a folder comes before it
    return found


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            yield from entries
    except OSError:  # may not be read, or went away
        return


def _take_link(found: Survey, name: str) -> None:
    place = found.root / name
    target = Path(os.path.realpath(place))
    if target.is_relative_to(found.root):
        found.links[name] = os.path.relpath(target, Path(os.path.realpath(place.parent)))
    elif _is_installed(place):
        found.shown.append(place)


def _take_folder(found: Survey, name: str, is_ignored: Ignored) -> bool:
    """Take note of a folder; return whether it is copied."""
    place = found.root / name
    if place.name in OUT_OF_SIGHT or (place.name == "target" and (place.parent / "Cargo.toml").exists()):
        return False
    ignored = is_ignored(place / "codefuse-asks-of-any-file")
    if _is_installed(place) and (ignored or place.name != "vendor"):
        found.shown.append(place)
    elif ignored:
        if place.name in BUILT or place.suffix == ".egg-info":
            found.shown.append(place)
    else:
        found.folders.append(name)
        return True
    return False


def _is_installed(place: Path) -> bool:
    return place.is_dir() and (place.name in INSTALLED or (place / "pyvenv.cfg").is_file())


def _take_file(found: Survey, name: str, entry: os.DirEntry[str], is_ignored: Ignored, bounds: Bounds) -> None:
    place = found.root / name
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError:
        return
    if not stat.S_ISREG(status.st_mode) or not may_read(place):
        return
    is_code = language_of(place.as_posix()) not in ("", "plaintext") or place.suffix in COMPILED
    if not is_code and is_ignored(place):  # what is generated may be needed to import anything; data is private
        return
    if status.st_size > bounds.file_bytes:
        found.shown.append(place)
        return
    found.files.append(name)
    found.total_bytes += status.st_size


def _check(found: Survey, bounds: Bounds) -> None:
    if len(found.files) > bounds.files or len(found.folders) > bounds.files:
        raise WorkspaceTooLarge(
            f"{found.root.name} holds more than {bounds.files:,} files, too many to copy for a run of its tests. "
            "Leave folders out by .codefuseignore, or open the project alone."
        )
    if found.total_bytes > bounds.total_bytes:
        raise WorkspaceTooLarge(
            f"{found.root.name} holds more than {bounds.total_bytes // MIB:,} MiB, too much to copy for a run of its "
            "tests. Leave folders out by .codefuseignore, or open the project alone."
        )
