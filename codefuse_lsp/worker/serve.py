"""The life of a worker process: listen, announce, load, serve, leave when idle.

Knows sockets and signals; the answers are app.py's.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn

from codefuse_lsp import __version__
from codefuse_lsp.config import Settings
from codefuse_lsp.errors import ConfigError, WorkerFailed
from codefuse_lsp.worker.app import build_app
from codefuse_lsp.worker.guard import Rules, tcp_rules
from codefuse_lsp.worker.listen import Listen, bind, check_open, tls_options, where
from codefuse_lsp.worker.state import LOOK_S, Worker
from codefuse_lsp.worker.users import KeyRing

REPORT_S = 0.5  # between looks at how far the loading is
FAILED_LINGER_S = 3.0  # a worker that could not load stays this long, so that those who wait learn why

Tell = Callable[[str], None]
Owned = tuple[Path | None, int | None]  # a file of ours and its inode, by which it is told from a successor's


def run(worker: Worker, listen: Listen, tell: Tell = lambda sentence: None) -> None:
    """Serve until told to stop, or where launchers started it until idle for too long; `tell` hears how it goes.

    Raises ConfigError when the address cannot be had, and WorkerFailed when the model cannot be loaded.
    """
    check_open(listen, tell)
    tls = tls_options(listen)
    listener = bind(listen)
    owned = [(listen.socket, _inode(listen.socket))]
    if listen.announce is not None:
        _announce(listen.announce, listen, listener, worker.settings)
        owned.append((listen.announce, _inode(listen.announce)))
    try:
        tell(f"Listening on {where(listen, listener)}, loading {worker.settings.model}.")
        asyncio.run(_serve(worker, listen, tls, listener, owned, tell))
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


async def _serve(
    worker: Worker, listen: Listen, tls: dict[str, Any], listener: socket.socket, owned: list[Owned], tell: Tell
) -> None:
    rules = Rules() if listen.socket else tcp_rules(listen.host, listen.keys)
    config = uvicorn.Config(
        build_app(worker, rules),
        loop="asyncio",
        lifespan="off",
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=1,
        server_header=False,
        **tls,
    )
    server = _Server(config, worker)
    _reload_on_hangup(listen.keys, tell)
    tasks = [
        asyncio.create_task(work)
        for work in (worker.load(), worker.sleep_when_idle(), _leave(server, worker, listen), _report(worker, tell))
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


def _reload_on_hangup(keys: KeyRing, tell: Tell) -> None:
    """Read the key file anew whenever the process is sent SIGHUP, as servers do."""

    def reload() -> None:
        try:
            keys.reload()
            tell(f"Read the key file anew: {len(keys)} keys.")
        except ConfigError as error:
            tell(f"{error} The keys from before stay good.")

    if keys and hasattr(signal, "SIGHUP"):
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reload)


async def _leave(server: uvicorn.Server, worker: Worker, listen: Listen) -> None:
    """End the server when its model cannot be loaded or its device is lost, or when nobody asks any more.

    For idleness only one ends that was started on demand: whoever starts one by hand ends it by hand.
    """
    await worker.settled.wait()
    if worker.status == "failed":
        await asyncio.sleep(FAILED_LINGER_S if listen.announce else 0)
        server.should_exit = True
    idle_s = worker.settings.idle_minutes * 60 if listen.announce else 0
    while not worker.lost.is_set():
        left = idle_s - worker.idle_seconds if idle_s else LOOK_S
        if left <= 0:
            break
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(worker.lost.wait(), min(left, LOOK_S))
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


def _remove(owned: list[Owned]) -> None:
    for path, inode in owned:
        if path is not None and _inode(path) == inode:  # else a successor's: leave it
            path.unlink(missing_ok=True)


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
        facts |= {"url": where(listen, listener), "key": listen.keys.first}
    handle, temporary = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(facts, file)
    try:
        Path(temporary).replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        raise
