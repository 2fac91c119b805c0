"""`codefuse-lsp doctor`: looks at everything that must be right, and says what mends what is not."""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import psutil
from rich.table import Table

from codefuse_lsp import __version__, config
from codefuse_lsp.cli import screen
from codefuse_lsp.config import Settings
from codefuse_lsp.errors import CodeFuseError
from codefuse_lsp.generation import launcher
from codefuse_lsp.generation.connection import Connection


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at: how it is, and what mends it when it is not well."""

    name: str
    ok: bool
    found: str
    mend: str = ""


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Print the checks, or the settings; exit code 1 when something is not well."""
    if options.settings:
        _print_settings(settings, options.json)
        return 0
    with screen.progress("Looking around"):
        checks = list(examine(settings))
    if options.json:
        ok = all(check.ok for check in checks)
        screen.out.print_json(json.dumps({"ok": ok, "checks": [asdict(check) for check in checks]}))
    else:
        _print_checks(checks)
    return 0 if all(check.ok for check in checks) else 1


def examine(settings: Settings) -> Iterator[Check]:
    """Yield every check in the order in which things depend on each other."""
    yield Check("codefuse-lsp", True, __version__)
    yield Check(
        "Python", sys.version_info >= (3, 11), f"{platform.python_version()} ({sys.executable})", "Use 3.11 or later."
    )
    yield _attempt("settings", lambda: _settings_file(settings))
    yield _attempt("sockets", lambda: str(launcher.runtime_dir()))
    yield _attempt("cache", _cache)
    if settings.endpoint:
        yield _attempt("endpoint", lambda: asyncio.run(_endpoint(settings)))
        return
    memory = psutil.virtual_memory()
    yield Check("memory", True, f"{memory.available / 2**30:.1f} GiB free of {memory.total / 2**30:.1f}")
    yield _attempt("torch", _torch)
    yield _attempt("model", lambda: _model(settings))
    yield _attempt("worker", _workers)


def _attempt(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name, True, look())
    except CodeFuseError as error:
        return Check(name, False, "not well", str(error))
    except (ImportError, OSError) as error:
        return Check(name, False, "not well", f"{error}. Install the package again, in a fresh environment.")


def _settings_file(settings: Settings) -> str:
    _, warnings = config.load()
    if warnings:
        raise CodeFuseError(" ".join(warnings))
    path = config.user_file()
    return f"{path} ({'read' if path.exists() else 'none, all defaults'})"


def _cache() -> str:
    folder = config.cache_dir()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".writable").touch()
        (folder / ".writable").unlink()
    except OSError as error:
        raise CodeFuseError(
            f"{folder} cannot be written ({error.strerror}); set XDG_CACHE_HOME to a folder that can."
        ) from None
    return f"{folder} ({psutil.disk_usage(str(folder)).free / 2**30:.1f} GiB free)"


async def _endpoint(settings: Settings) -> str:
    connection = Connection(settings)
    try:
        ready = await connection.wait()
        return f"{settings.endpoint} holds {ready.card.id}"
    finally:
        await connection.close()


def _torch() -> str:
    import torch

    if torch.cuda.is_available():
        count = torch.cuda.device_count()
        names = ", ".join(torch.cuda.get_device_name(index) for index in range(count))
        free, total = torch.cuda.mem_get_info()
        return f"{torch.__version__}, CUDA: {names} ({free / 2**30:.1f} GiB free of {total / 2**30:.1f})"
    if torch.backends.mps.is_available():
        return f"{torch.__version__}, Apple GPU (MPS)"
    return f"{torch.__version__}, CPU only ({torch.get_num_threads()} threads)"


def _model(settings: Settings) -> str:
    from codefuse_lsp.worker import loader

    folder = loader.find(settings)
    placement = loader.preflight(folder, settings)
    return f"{folder.name}: {placement}"


def _workers() -> str:
    workers = launcher.workers()
    running = ", ".join(f"process {worker['pid']} with {worker['model']}" for worker in workers)
    return running or "none runs; an editor starts one when it needs it"


def _print_checks(checks: list[Check]) -> None:
    table = Table("", "", "", box=None, show_header=False, pad_edge=False)
    for check in checks:
        mark = "[green]✓[/green]" if check.ok else "[red]✗[/red]"
        table.add_row(mark, check.name, check.found if check.ok else f"[red]{check.mend or check.found}[/red]")
    screen.out.print(table)


def _print_settings(settings: Settings, as_json: bool) -> None:
    rows: list[dict[str, Any]] = []
    for name in config.names():
        spec = config.spec(name)
        value = getattr(settings, name)
        rows.append({"name": name, "value": value, "scope": spec.scope.value, "help": spec.help})
    if as_json:
        screen.out.print_json(json.dumps(rows))
        return
    table = Table("setting", "value", "set by", "meaning", box=None, pad_edge=False)
    for row in rows:
        owner = "the user" if row["scope"] == "machine" else "a workspace too"
        table.add_row(row["name"], repr(row["value"]), owner, row["help"])
    screen.out.print(table)
