"""What the commands ask of the disk: the text of a file that a person names, and whether a folder can be written."""

from __future__ import annotations

import tempfile
from pathlib import Path

from codefuse_lsp.errors import ConfigError


def read_text(path: Path) -> str:
    """Return a file's text with its line ends as they are; raises ConfigError when there is none to be read."""
    try:
        with path.open(encoding="utf-8", errors="replace", newline="") as file:
            text = file.read()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror}).") from None
    if "\0" in text:
        raise ConfigError(f"{path} is not a text file.")
    return text


def problem_of_folder(folder: Path) -> str:
    """Return why nothing can be written into a folder, made if it is not there; empty when all is well."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b" ")  # a full disk takes a file's name, but nothing into it
    except OSError as error:
        return error.strerror or str(error)
    return ""
