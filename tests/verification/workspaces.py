"""Workspaces for tests to be run in: small Python projects with an environment of their own that starts quickly."""

from __future__ import annotations

import hashlib
import os
import sys
import sysconfig
from pathlib import Path

PACKAGES = ("pytest", "_pytest", "pluggy", "iniconfig", "packaging", "pygments", "coverage", "py.py")


def make_environment(folder: Path, *packages: str) -> Path:
    """Make a virtual environment with packages of ours and none of our plugins, which would take seconds to load."""
    site = folder / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    site.mkdir(parents=True)
    (folder / "bin").mkdir()
    (folder / "bin" / "python").symlink_to(os.path.realpath(sys.executable))
    home = Path(os.path.realpath(sys.executable)).parent
    (folder / "pyvenv.cfg").write_text(f"home = {home}\ninclude-system-site-packages = false\n")
    ours = Path(sysconfig.get_paths()["purelib"])
    for pattern in (*(packages or PACKAGES), "pluggy-*.dist-info"):
        for path in ours.glob(pattern):
            (site / path.name).symlink_to(path)
    return folder


def digest(folder: Path) -> str:
    """Return a digest of everything in a folder: names, kinds, permissions and contents."""
    found = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        content = b"" if path.is_dir() or path.is_symlink() else path.read_bytes()
        found.update(f"{path.relative_to(folder)} {status.st_mode} {status.st_uid} {len(content)}\n".encode() + content)
    return found.hexdigest()
