"""The life of a worker process: listen, announce, load, serve, leave when idle.

Knows sockets and signals; the answers are app.py's.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import os
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn

from codefuse_lsp import __version__
from codefuse_lsp.config import Settings
from codefuse_lsp.errors import ConfigError, WorkerFailed
from codefuse_lsp.worker.app import ChooseFormat, Worker, build_app
from codefuse_lsp.worker.guard import LOOPBACK, Rules, tcp_rules

LONGEST_SOCKET_PATH = 103  # bytes; sun_path holds 104 on macOS and 108 on Linux, with its final NUL
REPORT_S = 0.5  # between looks at how far the loading is
FAILED_LINGER_S = 3.0  # a worker that could not load stays this long, so that those who wait learn why

Tell = Callable[[str], None]
Owned = tuple[Path | None, int | None]  # a file of ours and its inode, by which it is told from a successor's


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
        reason = getattr(error, "strerror", None) or "it is not text"
        raise ConfigError(f"The key file {path} cannot be read ({reason}).") from None
    if not keys:
        raise ConfigError(f"The key file {path} holds no key; put one on each line.")
    return keys


def run(settings: Settings, listen: Listen, choose_format: ChooseFormat, tell: Tell = lambda sentence: None) -> None:
    """Serve until told to stop, or where launchers started it until idle for too long; `tell` hears how it goes.

    Raises ConfigError when the address cannot be had, and WorkerFailed when the model cannot be loaded.
    """
    if listen.socket is None and listen.host not in LOOPBACK and not listen.keys:
        raise ConfigError(f"Serving on {listen.host} lets others in, so it needs keys: add --api-key-file FILE.")
    listener = _bind(listen)
    owned = [(listen.socket, _inode(listen.socket))]
    if listen.announce is not None:
        _announce(listen.announce, listen, listener, settings)
        owned.append((listen.announce, _inode(listen.announce)))
    worker = Worker(settings, choose_format)
    try:
        tell(f"Listening on {_where(listen, listener)}, loading {settings.model}.")
        asyncio.run(_serve(worker, listen, listener, owned, tell))
    finally:
        listener.close()
        _remove(owned)
    if worker.status == "failed":
        raise WorkerFailed(worker.message)


class _Server(uvicorn.Server):
    """Uvicorn's server, which here leaves the signal that ended it to us and lets answers end with a sentence."""

    def __init__(self, config: uvicorn.Config, worker: Worker) -> None:
        super().__init__(config)
        self._worker = worker
        self.ended_by: int | None = None

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.ended_by = sig
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._worker.close()  # first: whoever waits for an answer is told, and uvicorn has nobody to wait for
        await super().shutdown(sockets)


async def _serve(worker: Worker, listen: Listen, listener: socket.socket, owned: list[Owned], tell: Tell) -> None:
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
    server = _Server(config, worker)
    tasks = [
        asyncio.create_task(work) for work in (worker.load(), _leave(server, worker, listen), _report(worker, tell))
    ]
    try:
        await server.serve(sockets=[listener])
    finally:
        for task in tasks:
            task.cancel()
        if server.ended_by is not None:
            tell("Stopped.")
            _remove(owned)
            # As a shell expects of a program that a signal ends; a model that is still loading is not waited for.
            signal.signal(server.ended_by, signal.SIG_DFL)
            signal.raise_signal(server.ended_by)


async def _leave(server: uvicorn.Server, worker: Worker, listen: Listen) -> None:
    """End the server when its model cannot be loaded, or when it was started on demand and nobody asks any more."""
    await worker.settled.wait()
    if worker.status == "failed":
        await asyncio.sleep(FAILED_LINGER_S if listen.announce else 0)
        server.should_exit = True
    idle_s = worker.settings.idle_minutes * 60
    if listen.announce is None or idle_s <= 0:
        return  # whoever starts one by hand ends it by hand
    while (left := idle_s - worker.idle_seconds) > 0:
        await asyncio.sleep(min(left, 60.0))
    server.should_exit = True


async def _report(worker: Worker, tell: Tell) -> None:
    """Tell how far the loading is, in steps of a tenth, and that it is done."""
    told = 0
    while not worker.settled.is_set():
        if (tenths := int(10 * (worker.progress or 0.0))) > told:
            told = tenths
            tell(f"{worker.message}: {tenths * 10} %")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(worker.settled.wait(), REPORT_S)
    if worker.engine is not None:
        tell(f"Ready: {worker.engine.loaded.name} on {worker.engine.loaded.device}.")


def _where(listen: Listen, listener: socket.socket) -> str:
    if listen.socket is not None:
        return str(listen.socket)
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _remove(owned: list[Owned]) -> None:
    for path, inode in owned:
        if path is not None and _inode(path) == inode:  # else a successor's: leave it
            path.unlink(missing_ok=True)


def _bind(listen: Listen) -> socket.socket:
    """Return a socket that takes connections from now on; a Unix one can be used by its owner only."""
    try:
        listener = _bind_tcp(listen.host, listen.port) if listen.socket is None else _bind_unix(listen.socket)
        listener.listen(128)  # before it is announced: whoever finds it refused would take it for dead
        return listener
    except OSError as error:
        where = str(listen.socket) if listen.socket else f"{listen.host} port {listen.port}"
        raise ConfigError(f"Cannot listen on {where} ({error.strerror or error}). {_hint(listen, error)}") from None


def _hint(listen: Listen, error: OSError) -> str:
    """Return what mends an address that cannot be had."""
    if error.errno == errno.EADDRINUSE:
        return "Choose another, or end the program that has it."
    if listen.socket is None:
        return "Choose another --host or --port."
    if len(os.fsencode(listen.socket)) > LONGEST_SOCKET_PATH:
        return f"Choose a path of at most {LONGEST_SOCKET_PATH} bytes."
    return "Choose a path in a folder that is there and that you can write to."


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
    """Return whether `path` is what a dead worker left behind; anything but a socket is somebody's file."""
    if not path.is_socket():
        return False
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
        facts |= {"url": _where(listen, listener), "key": (*listen.keys, "")[0]}
    handle, temporary = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(facts, file)
    try:
        Path(temporary).replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        raise
