"""What can stand between a program and the machine: Linux namespaces, bubblewrap, or nothing.

Output: the command line that starts the supervisor behind a wall, and which folders it sees. The supervisor makes
namespaces itself; bubblewrap, where a system trusts only that to make them, makes them round it.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Literal

import codefuse_lsp

Wall = Literal["namespaces", "bubblewrap", "none"]

PACKAGES = str(Path(codefuse_lsp.__file__).parents[1])
BOOT = "import sys; sys.path.insert(0, sys.argv[1]); from codefuse_lsp.execution.supervisor import main; main()"
# What programs need to start at all; nothing of the user's. Distributions that keep all in a store have only that.
SYSTEM = (
    *("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store", "/gnu/store"),
    *("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/alternatives", "/etc/localtime"),
)


def candidates() -> list[Wall]:
    """Return the walls to try on this system, the better first."""
    if not sys.platform.startswith("linux"):
        return []
    return ["namespaces", *(["bubblewrap"] if shutil.which("bwrap") else [])]  # type: ignore[list-item]


@lru_cache(maxsize=16)
def visible_paths(more: tuple[Path, ...]) -> list[tuple[str, str]]:
    """Return what a program can read as pairs of a place and what lies there; '' for what lies there now as a link.

    That is the system, this Python, and `more`.
    """
    pairs: dict[str, str] = {}
    for name in SYSTEM:
        path = Path(name)
        if path.is_symlink() and path.is_dir():
            pairs[name] = ""
        elif path.exists():
            pairs[name] = str(path.resolve())
    package = Path(codefuse_lsp.__file__).parent / "execution"
    for path in (Path(sys.prefix), Path(sys.base_prefix), Path(sys.executable).resolve().parent, package, *more):
        for place in (path.absolute(), path.resolve()):
            if place.exists() and not any(place.is_relative_to(there) for there, real in pairs.items() if real):
                pairs[str(place)] = str(path.resolve())
    return list(pairs.items())


def command(wall: Wall, visible: Sequence[tuple[str, str]], folder: str, place: str, disk_bytes: int) -> list[str]:
    """Return the command line of a supervisor that stands behind `wall`, where `folder` lies at `place`."""
    supervisor = [sys.executable, "-I", "-S", "-c", BOOT, PACKAGES]
    return supervisor if wall != "bubblewrap" else [*_bubblewrap(visible, folder, place, disk_bytes), "--", *supervisor]


def _bubblewrap(visible: Sequence[tuple[str, str]], folder: str, place: str, disk_bytes: int) -> list[str]:
    words = [
        shutil.which("bwrap") or "bwrap",
        *("--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"),
        *("--die-with-parent", "--as-pid-1", "--new-session", "--cap-drop", "ALL", "--proc", "/proc", "--dev", "/dev"),
        *("--size", str(disk_bytes), "--tmpfs", "/tmp"),
    ]
    init = f"{PACKAGES}/codefuse_lsp/__init__.py"
    shown = [
        (there, ["--ro-bind", real, there] if real else ["--symlink", str(Path(there).readlink()), there])
        for there, real in [*visible, (init, init)]
    ]
    inside = [word for there, bind in shown if folder and there.startswith(f"{place}/") for word in bind]
    words += [word for there, bind in shown if not (folder and there.startswith(f"{place}/")) for word in bind]
    words += [*(["--bind", folder, place] if folder else []), *inside]
    return [*words, "--remount-ro", "/dev", "--size", str(disk_bytes), "--tmpfs", "/dev/shm", "--remount-ro", "/"]
