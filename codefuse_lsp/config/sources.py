"""Where settings come from, later wins: defaults, the user's file, the environment, the command line.

The editor's and the workspace's own are laid over these by the language server.
"""

from __future__ import annotations

import os
import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import platformdirs

from codefuse_lsp.config.settings import Settings, names
from codefuse_lsp.config.values import apply

APP = "codefuse-lsp"
ENVIRONMENT_PREFIX = "CODEFUSE_LSP_"
WORKSPACE_FILE = ".codefuse.toml"
MAX_FILE_BYTES = 1 << 20  # a settings file larger than this is not one


def load(cli: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None) -> tuple[Settings, list[str]]:
    """Return the settings of this user and this command line, with a sentence for each value left out."""
    environ = os.environ if environ is None else environ
    table, warnings = read_toml(user_file(environ))
    known = {f"{ENVIRONMENT_PREFIX}{name.upper()}": name for name in names()}
    variables = {known[key]: value for key, value in environ.items() if key in known and value}
    settings = Settings()
    given = {name: value for name, value in (cli or {}).items() if value is not None}
    for source, values in (
        (str(user_file(environ)), table),
        ("environment", variables),
        ("command line", given),
    ):
        settings, more = apply(settings, values, source)
        warnings += more
    return settings, warnings


def read_toml(path: Path) -> tuple[dict[str, Any], list[str]]:
    """Read a settings file; a missing one is empty, an unreadable one is empty with a sentence."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe may never end, nor a device
            return {}, [] if path == Path(os.devnull) else [f"{path} is not a regular file; it was left out."]
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
        if len(content) > MAX_FILE_BYTES:
            return {}, [f"{path} is larger than a settings file can be; it was left out."]
        return tomllib.loads(content.decode("utf-8")), []
    except FileNotFoundError:
        return {}, []
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        return {}, [f"{path} cannot be read ({error}); it was left out."]


def user_file(environ: Mapping[str, str] | None = None) -> Path:
    """Return the path of the user's settings file."""
    chosen = (os.environ if environ is None else environ).get("CODEFUSE_LSP_CONFIG")
    return Path(chosen) if chosen else Path(platformdirs.user_config_dir(APP)) / "config.toml"


def cache_dir() -> Path:
    """Return the folder for what can be made again: converted models, logs."""
    return Path(platformdirs.user_cache_dir(APP))


def data_dir() -> Path:
    """Return the folder for what cannot be made again: conversations."""
    return Path(platformdirs.user_data_dir(APP))
