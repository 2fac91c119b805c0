"""`codefuse-lsp doctor`: looks at everything that must be right, and says what mends what is not."""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import os
import platform
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil
from rich.text import Text

from codefuse_lsp import __version__, config
from codefuse_lsp.cli import screen
from codefuse_lsp.cli.files import problem_of_folder
from codefuse_lsp.config import Settings
from codefuse_lsp.errors import CodeFuseError, ModelError, SandboxUnavailable
from codefuse_lsp.execution.run import find_wall
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
        checks = list(examine(settings, options.warnings))
    if options.json:
        ok = all(check.ok for check in checks)
        screen.out.print_json(json.dumps({"ok": ok, "checks": [asdict(check) for check in checks]}))
    else:
        _print_checks(checks)
    return 0 if all(check.ok for check in checks) else 1


def examine(settings: Settings, warnings: Sequence[str] = ()) -> Iterator[Check]:
    """Yield every check in the order in which things depend on each other; `warnings` are those of the settings."""
    yield Check("codefuse-lsp", True, __version__)
    yield Check("Python", True, f"{platform.python_version()} ({sys.executable})")
    yield _attempt("settings", lambda: _settings_file([*warnings, *_unknown_variables()]))
    yield _attempt("sockets", lambda: str(launcher.runtime_dir()))
    yield _attempt("cache", lambda: _folder(config.cache_dir(), "XDG_CACHE_HOME"))
    yield _attempt("data", lambda: _folder(config.data_dir(), "XDG_DATA_HOME"))
    yield Check("sandbox", True, asyncio.run(_sandbox()))
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
    except ImportError as error:
        return Check(name, False, "not well", f"{error}. Install the package again, in a fresh environment.")
    except Exception as error:  # whatever it is, the other checks are still worth having
        return Check(name, False, "not well", f"It cannot be looked at ({type(error).__name__}: {error}).")


def _settings_file(problems: Sequence[str]) -> str:
    path = config.user_file()
    if "CODEFUSE_LSP_CONFIG" in os.environ and not path.exists():
        problems = [*problems, f"CODEFUSE_LSP_CONFIG names {path}, which is not there."]
    if problems:
        raise CodeFuseError(" ".join(problems))
    return f"{path} ({'read' if path.exists() else 'not there, which is fine'})"


def _unknown_variables() -> list[str]:
    """Return a sentence for each variable that looks like a setting and is none."""
    known = {f"{config.ENVIRONMENT_PREFIX}{name.upper()}" for name in (*config.names(), "config")}
    ours = (name for name in sorted(os.environ) if name.startswith(config.ENVIRONMENT_PREFIX))
    return [f"environment: {name} names no setting." for name in ours if name not in known]


def _folder(folder: Path, variable: str) -> str:
    if problem := problem_of_folder(folder):
        raise CodeFuseError(f"{folder} cannot be written ({problem}); set {variable} to a folder that can.")
    return f"{folder} ({psutil.disk_usage(str(folder)).free / 2**30:.1f} GiB free)"


async def _sandbox() -> str:
    """Return what walls in code that nobody has read; nothing else needs it, so without it all may be well."""
    try:
        return f"programs that a model wrote are walled in by {await find_wall()}"
    except SandboxUnavailable as error:
        return str(error)


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
        memory = f"{free / 2**30:.1f} GiB free of {total / 2**30:.1f}"
        return f"{torch.__version__}, CUDA: {names} ({memory}){_kernels()}"
    if torch.backends.mps.is_available():
        return f"{torch.__version__}, Apple GPU (MPS)"
    return f"{torch.__version__}, CPU only ({torch.get_num_threads()} threads)"


def _kernels() -> str:
    """Return what keeps the kernels of a CUDA device from being compiled, where something does."""
    import torch

    from codefuse_lsp.worker import cuda_ops

    if cuda_ops.serve(torch.device("cuda"), torch.float16):
        return ""
    return "; decoding goes by torch's own operators: its kernels need Triton and a C compiler (gcc)"


def _model(settings: Settings) -> str:
    from codefuse_lsp.worker import checkpoint, loader

    folder = checkpoint.choose(settings)
    if folder.is_file():
        return _gguf_model(folder, settings)
    place = loader.preflight(folder, settings)
    loader.load_tokenizer(folder, settings.trust_remote_code)
    sizes = {name: f"{getattr(place, f'{name}_bytes') / 2**30:.1f} GiB" for name in ("weight", "kv", "free")}
    return (
        f"{loader.model_name(folder)} fits on {place.device}: {sizes['weight']} of weights in {place.dtype}, "
        f"{sizes['kv']} for {settings.kv_slots} texts of {place.max_model_len:,} tokens; {sizes['free']} free"
    )


def _gguf_model(path: Path, settings: Settings) -> str:
    from codefuse_lsp.worker import gguf_preflight, llama_cpp
    from codefuse_lsp.worker.gguf_file import read_gguf

    file = read_gguf(path)
    if importlib.util.find_spec("xllamacpp") is None:
        raise ModelError(llama_cpp.INSTALL)
    num_slots = llama_cpp.slots(settings)
    gguf_preflight.preflight(file, settings, num_slots, [])
    length = gguf_preflight.context_length(file, settings)
    kv_gib = file.kv_bytes_per_token * length * num_slots / 2**30
    return (
        f"{file.name} fits, run by llama.cpp: {file.num_bytes / 2**30:.1f} GiB of weights, "
        f"{kv_gib:.1f} GiB for {num_slots} texts of {length:,} tokens"
    )


def _workers() -> str:
    workers = launcher.workers()
    running = ", ".join(f"process {worker['pid']} for {worker['model']}" for worker in workers)
    return running or "none runs; an editor starts one when it needs it"


def _print_checks(checks: list[Check]) -> None:
    table = screen.table("", "", "", heads=False)
    for check in checks:
        found = Text(check.found) if check.ok else Text(check.mend or check.found, "red")
        table.add_row(screen.mark(check.ok), check.name, found)
    screen.show(table)


def _print_settings(settings: Settings, as_json: bool) -> None:
    rows: list[dict[str, Any]] = []
    for name in config.names():
        spec = config.spec(name)
        value, default = getattr(settings, name), getattr(Settings(), name)
        rows.append({"name": name, "value": value, "default": default, "scope": spec.scope.value, "help": spec.help})
    if as_json:
        screen.out.print_json(json.dumps(rows))
        return
    table = screen.table("setting", "value", "set by", "meaning")
    for row in rows:
        owner = "the user" if row["scope"] == "machine" else "a workspace too"
        table.add_row(row["name"], Text(_shown(row["value"])), owner, Text(row["help"]))
    screen.show(table)


def _shown(value: Any) -> str:
    """Return a setting's value as it would be written in the settings file."""
    return json.dumps(value, ensure_ascii=False)
