"""Real code to measure with, the same on every machine: modules of the standard library that Python itself needs."""

from __future__ import annotations

import itertools
import sysconfig
from pathlib import Path

from codefuse_lsp.errors import ConfigError

MODULES = (
    "argparse", "ast", "bdb", "calendar", "codecs", "configparser", "copy", "csv", "dataclasses", "fractions",
    "functools", "heapq", "inspect", "ipaddress", "json/decoder", "queue", "shutil", "statistics", "textwrap",
)  # fmt: skip


def source(name: str) -> str:
    """Return the text of a module; raises ConfigError where this Python has come without it."""
    path = Path(sysconfig.get_paths()["stdlib"], f"{name}.py")
    try:
        return path.read_text("utf-8")
    except OSError:
        raise ConfigError(f"This Python has no {path}, which is what is measured with.") from None


def long_source(lines: int) -> str:
    """Return at least so many lines of code: whole modules, one behind the other."""
    text, names = "", itertools.cycle(MODULES)
    while text.count("\n") < lines:
        text += source(next(names))
    return text
