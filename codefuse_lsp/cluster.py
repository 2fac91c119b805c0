"""What Ray Serve starts: `serve run codefuse_lsp.cluster:app replicas=2 keys=FILE`, or the same from its YAML file.

Arguments in, a Ray Serve application out: `app` reads the settings as every command does and hands them on.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codefuse_lsp import config
from codefuse_lsp.errors import ConfigError

if TYPE_CHECKING:
    from ray.serve import Application

LIMITS = {"replicas": (1, 4096), "cpus": (0.1, 4096), "gpus": (0, 64)}

log = logging.getLogger(__name__)


def app(args: Mapping[str, Any]) -> Application:
    """Return the application for Ray Serve.

    `args` holds `keys` (a file, `name:key` a line), `replicas`, `cpus` and `gpus` (of each replica), and any of the
    settings in config.py. Raises ConfigError naming what is wrong.
    """
    from codefuse_lsp.cli.serve import chat_renderer
    from codefuse_lsp.prompts.formats import format_for
    from codefuse_lsp.worker.users import KeyRing

    if not args.get("keys"):
        raise ConfigError("A cluster lets others in, so it needs keys: add keys=FILE, with one key on each line.")
    keys = KeyRing.read(Path(args["keys"]).expanduser())
    layout = {name: _number(name, args[name]) for name in LIMITS if name in args}
    settings, warnings = config.load({k: v for k, v in args.items() if k != "keys" and k not in LIMITS})
    for sentence in warnings:
        log.warning(sentence)
    from codefuse_lsp.worker.cluster import Layout, build  # last: what is wrong with the arguments is told at once

    return build(settings, format_for, chat_renderer(settings), Layout(**layout), keys)


def _number(name: str, value: Any) -> Any:
    low, high = LIMITS[name]
    try:
        number = int(value) if name == "replicas" else float(value)
        if low <= number <= high:
            return number
    except (TypeError, ValueError, OverflowError):
        pass
    raise ConfigError(f"{name}={value} is not a number from {low} to {high}.")
