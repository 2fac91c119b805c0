"""A file of results that grows line by line, so that what was stopped goes on where it was.

The first line tells the settings: a file made with others is not gone on with. Each row is one JSON object. It holds
the user's code, so that nobody else may read it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from codefuse_lsp import config
from codefuse_lsp.errors import ConfigError


class Results:
    """The rows of one evaluation, those of earlier runs included; a context manager."""

    def __init__(self, path: Path, settings: Mapping[str, Any], *, fresh: bool = False) -> None:
        self.path = path
        self.rows, self._kept_bytes = ([], 0) if fresh else _read(path, settings)
        self._settings = settings
        self._file: TextIO | None = None

    def __enter__(self) -> Results:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = _for_the_owner(self.path)
        if stat.S_ISREG(os.fstat(handle).st_mode):
            os.ftruncate(handle, self._kept_bytes)  # what is whole is never written again: the disk may be full
            os.lseek(handle, self._kept_bytes, os.SEEK_SET)
        self._file = os.fdopen(handle, "w", encoding="utf-8")
        if not self._kept_bytes:
            self._file.write(json.dumps({"settings": dict(self._settings)}) + "\n")
            self._file.flush()
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, row: dict[str, Any]) -> None:
        """Keep a row, here and in the file."""
        assert self._file is not None
        self.rows.append(row)
        self._file.write(json.dumps(row) + "\n")
        self._file.flush()

    def of_kind(self, kind: str) -> list[dict[str, Any]]:
        """Return the rows of one kind."""
        return [row for row in self.rows if row.get("kind") == kind]


def default_path(name: str, settings: Mapping[str, Any]) -> Path:
    """Return where the results of an evaluation with these settings are kept."""
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:12]
    return config.cache_dir() / "eval" / f"{name}-{digest}.jsonl"


def _for_the_owner(path: Path) -> int:
    """Open a file for writing that the owner alone may read, one that was there already included."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    if hasattr(os, "fchmod") and stat.S_ISREG(os.fstat(handle).st_mode):
        with contextlib.suppress(OSError):  # another's file that we may write into
            os.fchmod(handle, 0o600)
    return handle


def _read(path: Path, settings: Mapping[str, Any]) -> tuple[list[dict[str, Any]], int]:
    """Return the rows of a file, and the bytes of its whole lines: a kill may have cut the last one."""
    try:
        raw = path.read_bytes()
        kept_bytes = raw.rfind(b"\n") + 1
        lines = (raw[:kept_bytes] or raw).decode("utf-8").split("\n")
    except FileNotFoundError:
        return [], 0
    except (OSError, UnicodeDecodeError):
        raise ConfigError(f"{path} cannot be read as results; name another file with --results.") from None
    if not lines[0].strip():
        return [], 0
    try:
        made_with = json.loads(lines[0])["settings"]
        rows = [json.loads(line) for line in lines[1:-1]]
    except (ValueError, KeyError, TypeError):
        raise ConfigError(f"{path} holds something else; name another file with --results.") from None
    if made_with != json.loads(json.dumps(settings)):
        other = sorted(name for name in {*made_with, *settings} if made_with.get(name) != settings.get(name))
        raise ConfigError(
            f"{path} was made with another {', '.join(other)}; name another file with --results, "
            "or add --fresh to begin it anew."
        )
    return rows, kept_bytes
