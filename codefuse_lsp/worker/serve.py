"""The life of a worker process: listen, announce, load, serve, leave when idle.

Knows sockets and signals; the answers are app.py's.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import os
import socket
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn

from codefuse_lsp import __version__
from codefuse_lsp.config import Settings
from codefuse_lsp.errors import ConfigError
from codefuse_lsp.worker.app import ChooseFormat, Worker, build_app
from codefuse_lsp.worker.guard import LOOPBACK, Rules, tcp_rules

FAILED_LINGER_S = 3.0  # a worker that could not load stays this long, so that those who wait learn why


@dataclass(frozen=True, slots=True)
class Listen:
    """Where to listen: a Unix socket path, or host and port (0 takes a free one), and who may come."""

    socket: Path | None = None
    host: str = "127.0.0.1"
    port: int = 8000
    keys: tuple[str, ...] = ()
    announce: Path | None = None  # file that tells launchers the address and the process


def read_keys(path: Path) -> tuple[str, ...]:
    """Return the API keys in a file, one a line; raises ConfigError when there is none."""
    try:
        keys = tuple(line.strip() for line in path.read_text("utf-8").splitlines() if line.strip())
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"The key file {path} cannot be read ({error}).") from None
    if not keys:
        raise ConfigError(f"The key file {path} holds no key; put one on each line.")
    return keys


def run(settings: Settings, listen: Listen, choose_format: ChooseFormat) -> None:
    """Serve until told to stop or idle for too long; raises ConfigError when the address cannot be had."""
    if listen.socket is None and listen.host not in LOOPBACK and not listen.keys:
        raise ConfigError(f"Serving on {listen.host} lets others in, so it needs keys: add --api-key-file FILE.")
    listener = _bind(listen)
    owned = [(listen.socket, _inode(listen.socket))]
    if listen.announce is not None:
        _announce(listen.announce, listen, listener, settings)
        owned.append((listen.announce, _inode(listen.announce)))
    try:
        asyncio.run(_serve(settings, listen, listener, choose_format))
    finally:
        listener.close()
        for path, inode in owned:
            if path is not None and _inode(path) == inode:  # else a successor's: leave it
                path.unlink(missing_ok=True)


async def _serve(settings: Settings, listen: Listen, listener: socket.socket, choose_format: ChooseFormat) -> None:
    worker = Worker(settings, choose_format)
    rules = Rules() if listen.socket else tcp_rules(listen.host, listen.keys)
    config = uvicorn.Config(
        build_app(worker, rules),
        loop="asyncio",
        lifespan="off",
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=1,
        server_header=False,
    )
    server = uvicorn.Server(config)
    loading = asyncio.create_task(worker.load())
    leaving = asyncio.create_task(_leave_when_idle(server, worker, settings.idle_minutes * 60))
    try:
        await server.serve(sockets=[listener])
    finally:
        leaving.cancel()
        loading.cancel()
        if worker.engine is not None:
            await asyncio.to_thread(worker.engine.close)


async def _leave_when_idle(server: uvicorn.Server, worker: Worker, idle_s: float) -> None:
    await worker.settled.wait()
    if worker.status == "failed":
        await asyncio.sleep(FAILED_LINGER_S)
        server.should_exit = True
        return
    while idle_s <= 0 or (left := idle_s - worker.idle_seconds) > 0:
        await asyncio.sleep(min(left, 60.0) if idle_s > 0 else 60.0)
    server.should_exit = True


def _bind(listen: Listen) -> socket.socket:
    """Return a socket that takes connections from now on; a Unix one can be used by its owner only."""
    try:
        listener = _bind_tcp(listen.host, listen.port) if listen.socket is None else _bind_unix(listen.socket)
        listener.listen(128)  # before it is announced: whoever finds it refused would take it for dead
        return listener
    except OSError as error:
        where = str(listen.socket) if listen.socket else f"{listen.host} port {listen.port}"
        hint = " It is in use; choose another, or end who has it." if error.errno == errno.EADDRINUSE else ""
        raise ConfigError(f"Cannot listen on {where} ({error.strerror or error}).{hint}") from None


def _bind_tcp(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    return listener


def _bind_unix(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        if _nobody_answers(path):
            path.unlink(missing_ok=True)
        listener.bind(str(path))
    except OSError:
        listener.close()
        raise
    finally:
        os.umask(before)
    return listener


def _nobody_answers(path: Path) -> bool:
    """Return whether `path` is what a dead worker left behind."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        return probe.connect_ex(str(path)) == errno.ECONNREFUSED


def _inode(path: Path | None) -> int | None:
    try:
        return path.stat().st_ino if path is not None else None
    except OSError:
        return None


def _announce(path: Path, listen: Listen, listener: socket.socket, settings: Settings) -> None:
    """Write who serves where, whole or not at all, for the owner's eyes only."""
    facts: dict[str, Any] = {"pid": os.getpid(), "version": __version__, "model": settings.model}
    if listen.socket is not None:
        facts["socket"] = str(listen.socket)
    else:
        host, port = listener.getsockname()[:2]
        facts |= {"url": f"http://{f'[{host}]' if ':' in host else host}:{port}", "key": (*listen.keys, "")[0]}
    handle, temporary = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(facts, file)
    try:
        Path(temporary).replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        raise
