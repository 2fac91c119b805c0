"""True copies of a workspace, one after the other, each for a run to change as it likes; none is left behind.

Input: a workspace, where copies may lie, and texts that stand in place of files, such as those of unsaved documents.
Output: a `Copy`, which can tell what a run has changed of it. Files are cloned where the file system shares blocks
until they are written to, and copied elsewhere; never linked, since a run may write. Knows nothing of what is run.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
import threading
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec, TypeVar

from filelock import FileLock, Timeout

from codefuse_lsp.errors import CodeFuseError
from codefuse_lsp.verification.survey import Bounds, Ignored, Survey, survey

HOME = ".codefuse-home"  # of what is run, with files that show whether it keeps its hands off
BUILD = ".codefuse-build"  # what runners build, which goes from each copy to the next
HOME_FILES = {f"{HOME}/.profile": "# yours\n", f"{HOME}/Documents/letter.txt": "Dear reader,\n"}
LOCKS = frozenset({"Cargo.lock", "go.sum", "go.work.sum", "package-lock.json"})  # runners complete them
_PIECE = 1 << 24

_Given = ParamSpec("_Given")
_Result = TypeVar("_Result")
Stamp = tuple[int, int, int]  # inode, size, time of change in ns


@dataclass(frozen=True, slots=True)
class Copy:
    """A folder with all that was copied, how each file was then, and the places that are shown beside it."""

    folder: Path
    root: Path
    shown: tuple[Path, ...]
    stamps: Mapping[str, Stamp]

    def changed(self) -> list[str]:
        """Return the files that are gone or are not as they were; new ones are nobody's loss."""
        return [name for name, stamp in self.stamps.items() if _stamp(self.folder / name) != stamp]


class Copies:
    """The copies of one workspace, of which one is there at a time."""

    def __init__(self, found: Survey, home: Path, stopped: threading.Event) -> None:
        self._found = found
        self._home = home
        self._stopped = stopped
        self._last: Copy | None = None

    async def fresh(self, texts: Mapping[str, str] = {}) -> Copy:
        """Return a new copy, with `texts` (paths relative to the root) in place of files; the last one is deleted."""
        return await _in_thread(self._stopped, self._fresh, dict(texts))

    def _fresh(self, texts: dict[str, str]) -> Copy:
        old, folder = self._last, self._home / uuid.uuid4().hex[:8]
        stamps = _copy(self._found, folder, {**HOME_FILES, **texts}, self._stopped)
        self._last = Copy(folder, self._found.root, tuple(self._found.shown), stamps)
        if old is not None:
            with contextlib.suppress(OSError):
                (old.folder / BUILD).rename(folder / BUILD)
            remove(old.folder)
        return self._last


@asynccontextmanager
async def copies_of(
    root: Path,
    home: Path,
    is_ignored: Ignored = lambda path: False,
    bounds: Bounds = Bounds(),  # noqa: B008  a frozen value
) -> AsyncIterator[Copies]:
    """Make copies of `root` below `home`, all gone afterwards, and with them those of a process that was killed.

    Raises WorkspaceTooLarge; CodeFuseError where they cannot be written.
    """
    stopped = threading.Event()
    folder, lock = await asyncio.to_thread(_occupied, home)
    try:
        found = await _in_thread(stopped, survey, root, is_ignored, bounds, stopped.is_set)
        yield Copies(found, folder, stopped)
    except OSError as error:
        raise CodeFuseError(f"The workspace cannot be copied for a run ({error.strerror or error}).") from error
    finally:
        await asyncio.shield(asyncio.to_thread(_leave, folder, lock))


async def _in_thread(
    stopped: threading.Event, work: Callable[_Given, _Result], *args: _Given.args, **kwargs: _Given.kwargs
) -> _Result:
    """Do work in a thread; a cancel waits until the thread has seen it, so that nothing is written afterwards."""
    task = asyncio.ensure_future(asyncio.to_thread(work, *args, **kwargs))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        stopped.set()
        await asyncio.wait({task})
        raise


def remove(folder: Path) -> None:
    """Delete a folder, however deep it is and whatever its owner may not do with it; links are not followed."""
    with contextlib.suppress(RecursionError):
        shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        for command in (["chmod", "-R", "u+rwx", "--"], ["rm", "-rf", "--"]):  # neither knows a limit of depth
            subprocess.run([*command, str(folder)], capture_output=True, check=False)


def _occupied(home: Path) -> tuple[Path, FileLock]:
    """Return a new folder below `home` that is known to be in use, and delete those that are in use no more."""
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        for old in home.glob("*.lock"):
            with contextlib.suppress(Timeout, OSError):
                lock = FileLock(old, timeout=0)
                lock.acquire()
                _leave(old.with_suffix(""), lock)
        folder = home / uuid.uuid4().hex[:8]
        lock = FileLock(folder.with_suffix(".lock"))
        lock.acquire()
        folder.mkdir(mode=0o755)
    except OSError as error:
        raise CodeFuseError(f"There is no place for a copy at {home} ({error.strerror or error}).") from error
    return folder, lock


def _leave(folder: Path, lock: FileLock) -> None:
    remove(folder)
    Path(lock.lock_file).unlink(missing_ok=True)
    lock.release()


def _copy(found: Survey, folder: Path, texts: Mapping[str, str], stopped: threading.Event) -> dict[str, Stamp]:
    folder.mkdir()
    for name in found.folders:
        (folder / name).mkdir(exist_ok=True)
    for name in found.files:
        if stopped.is_set():
            break
        if name not in texts:
            with contextlib.suppress(FileNotFoundError):  # it was deleted meanwhile
                _copy_file(found.root / name, folder / name)
    for name, target in found.links.items():
        with contextlib.suppress(FileNotFoundError):
            (folder / name).symlink_to(target)
    for name, text in texts.items():
        _write(folder, name, text)
    stamps = {name: _stamp(folder / name) for name in {*found.files, *texts} if Path(name).name not in LOCKS}
    return {name: stamp for name, stamp in stamps.items() if stamp is not None}


def _copy_file(source: Path, target: Path) -> None:
    """Copy a file's content, permissions and times; the kernel clones it where the file system can."""
    with source.open("rb", buffering=0) as reading, target.open("xb", buffering=0) as writing:
        status = os.fstat(reading.fileno())
        try:
            while os.copy_file_range(reading.fileno(), writing.fileno(), _PIECE):
                pass
        except (OSError, AttributeError):  # another file system, or none of Linux's
            reading.seek(0)
            writing.seek(0)
            writing.truncate()
            shutil.copyfileobj(reading, writing)
    target.chmod(status.st_mode & 0o777)
    os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))


def _write(folder: Path, name: str, text: str) -> None:
    """Write a text into a copy, and nowhere else: a folder on the way may be a link of the workspace's."""
    place = Path(os.path.realpath((folder / name).parent)) / Path(name).name
    if not place.is_relative_to(os.path.realpath(folder)) or ".." in Path(name).parts:
        raise CodeFuseError(f"{name} lies outside the workspace.")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.unlink(missing_ok=True)
    place.write_bytes(text.encode("utf-8", "surrogatepass"))


def _stamp(path: Path) -> Stamp | None:
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
