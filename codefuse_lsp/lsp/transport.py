"""Serving one client on stdin and stdout, from the first byte to the exit code. Knows nothing of methods.

A thread reads, a thread writes and a thread watches the client's process, so that neither a busy event loop nor a
client that stops reading can keep the server alive or make it deaf.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import threading
from collections.abc import Awaitable, Callable
from typing import NoReturn

from pygls.lsp.server import LanguageServer
from pygls.protocol import default_converter as converter
from pygls.protocol import lsp_method

from codefuse_lsp.errors import describe
from codefuse_lsp.lsp.dispatch import Protocol, State, report_stray_failure
from codefuse_lsp.lsp.framing import (
    MAX_MESSAGE_BYTES,
    ByteBudget,
    FramingError,
    Stdio,
    Writer,
    claim_stdio,
    read_frames,
)

__all__ = ["EXIT_LOST", "Protocol", "State", "claim_stdio", "converter", "leave", "lsp_method", "run_stdio"]

log = logging.getLogger(__name__)

EXIT_LOST = 3  # the stream is no use any more: clients restart a server that exits with an error
WATCH_S = 0.5  # between two looks at the client's process
WIND_UP_S = 0.4  # for handlers to end, and again for the cleanup
GRACE_S = 1.5  # for the event loop to come round to an end that another thread saw; a little more than winding up takes

Cleanup = Callable[[], Awaitable[None]]


def run_stdio(server: LanguageServer, cleanup: Cleanup | None = None, stdio: Stdio | None = None) -> int:
    """Serve the client on stdin and stdout until it leaves, and return the exit code.

    0 after `shutdown`, 1 without, EXIT_LOST when frames are broken or the client stops reading. `cleanup` runs last.
    Handlers in threads may still be busy, so the process should end by `leave`, which waits for none.
    """
    return _Session(server, stdio or claim_stdio()).run(cleanup)


def leave(code: int) -> NoReturn:
    """End the process now; `sys.exit` would wait for every busy thread."""
    os._exit(code)


def is_alive(pid: int) -> bool:
    """Return whether a process runs; one that is dead but not buried by its parent does not."""
    import psutil  # after the handshake, which it would slow down

    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.AccessDenied:
        return True
    except psutil.NoSuchProcess:
        return False


class _Session:
    def __init__(self, server: LanguageServer, stdio: Stdio) -> None:
        assert isinstance(server.protocol, Protocol)
        self._server = server
        self._protocol = server.protocol
        self._stdio = stdio
        self._loop = asyncio.new_event_loop()
        self._exit_code = self._loop.create_future()
        self._over = threading.Event()
        self._inbox = ByteBudget(MAX_MESSAGE_BYTES)
        self._writer = Writer(stdio.writing, self._lost)

    def run(self, cleanup: Cleanup | None) -> int:
        self._loop.set_exception_handler(report_stray_failure)
        self._protocol.set_writer(self._writer)
        self._protocol.leave = self._finish
        for work in (self._read, self._watch):
            threading.Thread(target=work, name=f"codefuse{work.__name__}", daemon=True).start()
        try:
            code = self._loop.run_until_complete(self._exit_code)
            self._loop.run_until_complete(_wind_up(cleanup))
        except KeyboardInterrupt:
            code = self._protocol.exit_code()
        finally:
            self._writer.close()
            self._over.set()
            self._loop.close()
        return int(code)

    def _read(self) -> None:
        code = None
        try:
            read_frames(self._stdio.reading, self._deliver)
        except FramingError as error:
            log.error("the stream from the client is broken: %s; restart the server", error)
            code = EXIT_LOST
        except OSError as error:
            log.error("the stream from the client cannot be read: %s", describe(error))
        self._end(code)

    def _deliver(self, bodies: list[bytes]) -> None:
        size = sum(map(len, bodies))
        self._inbox.acquire(size)
        self._call_soon(lambda: self._receive(bodies, size))

    def _receive(self, bodies: list[bytes], size: int) -> None:
        """Handle one burst in one turn of the loop: a request that is cancelled in the same burst never starts."""
        for body in bodies:
            self._protocol.receive(body)
        self._inbox.release(size)

    def _watch(self) -> None:
        """End the session when the client's process is gone (LSP 3.18, `InitializeParams.processId`)."""
        while not self._over.wait(WATCH_S):
            pid = self._server.process_id
            if pid is not None and pid > 0 and not is_alive(pid):
                log.warning("the client's process is gone")
                self._end(None)
                return

    def _end(self, code: int | None) -> None:
        """End the session from another thread, by force when the loop does not come round to it; None is by state."""
        self._call_soon(lambda: self._finish(code))
        if not self._over.wait(GRACE_S):
            leave(self._protocol.exit_code() if code is None else code)

    def _lost(self, reason: str) -> None:
        log.error("giving up: %s", reason)
        self._call_soon(lambda: self._finish(EXIT_LOST))

    def _call_soon(self, callback: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: the session is over
            self._loop.call_soon_threadsafe(callback)

    def _finish(self, code: int | None) -> None:
        if not self._exit_code.done():
            self._exit_code.set_result(self._protocol.exit_code() if code is None else code)


async def _wind_up(cleanup: Cleanup | None) -> None:
    """Cancel what still runs, then clean up, each within a bounded time."""
    running = asyncio.all_tasks() - {asyncio.current_task()}
    for task in running:
        task.cancel()
    if running:
        await asyncio.wait(running, timeout=WIND_UP_S)
    if cleanup is not None:
        try:
            await asyncio.wait_for(cleanup(), WIND_UP_S)
        except Exception as error:
            log.error("the cleanup failed: %s", describe(error))
