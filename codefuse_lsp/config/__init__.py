"""Every setting and where its value comes from.

Sources, later wins: defaults, the user's file, the environment, the command line, the editor, `.codefuse.toml` in the
workspace.
"""

from codefuse_lsp.config.settings import Scope, Settings, Spec, names, spec
from codefuse_lsp.config.sources import (
    APP,
    ENVIRONMENT_PREFIX,
    MAX_FILE_BYTES,
    WORKSPACE_FILE,
    cache_dir,
    data_dir,
    load,
    read_toml,
    user_file,
)
from codefuse_lsp.config.values import apply, snake_case

__all__ = [
    "APP",
    "ENVIRONMENT_PREFIX",
    "MAX_FILE_BYTES",
    "WORKSPACE_FILE",
    "Scope",
    "Settings",
    "Spec",
    "apply",
    "cache_dir",
    "data_dir",
    "load",
    "names",
    "read_toml",
    "snake_case",
    "spec",
    "user_file",
]
