"""Bytes on the wire: the claimed standard streams, frames in, frames out. Knows nothing of JSON or of methods.

A frame is header lines, an empty line, and a body of Content-Length bytes (LSP 3.18, "Base Protocol"). This module
imports nothing but the standard library, so that `claim_stdio` can run before anything that might print.
"""

from __future__ import annotations

import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

from codefuse_lsp.errors import CodeFuseError

MAX_MESSAGE_BYTES = 64 << 20  # whole documents stay far below it; a longer announcement is a broken stream
MAX_QUEUED_BYTES = 64 << 20  # between two threads; a client that lets more pile up does not read any longer
MAX_HEADER_LINE_BYTES = 4096
MAX_HEADER_LINES = 32
CHUNK_BYTES = 1 << 16  # what a pipe holds on Linux, so a burst that was written at once is read at once


class FramingError(CodeFuseError):
    """The stream has lost its frames; the message says how, without quoting the stream."""


@dataclass(frozen=True, slots=True)
class Stdio:
    """The file descriptors that lead to the client and that nobody else in the process can reach by accident."""

    reading: int
    writing: int


@cache
def claim_stdio() -> Stdio:
    """Return private copies of fd 0 and 1, leaving /dev/null and stderr in their places; later calls return the same.

    Prints, C code and child processes then write to stderr, not between two frames, and children cannot eat input.
    """
    claimed = Stdio(os.dup(0), os.dup(1))  # duplicates are not inherited by children (PEP 446)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    try:
        os.dup2(2, 1)
    except OSError:  # started without a stderr
        os.dup2(null, 1)
    os.close(null)
    if sys.stdout is not None:
        sys.stdout.flush()
    sys.stdout = sys.stderr
    if os.name == "posix":
        os.set_blocking(claimed.reading, True)  # some clients hand over non-blocking pipes
        os.set_blocking(claimed.writing, True)
    return claimed


def frame(body: bytes) -> bytes:
    """Return `body` as it goes on the wire."""
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


class FrameParser:
    """Cuts a stream of bytes into message bodies, whatever the pieces it arrives in."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._announced: int | None = None  # bytes, from the header lines so far
        self._header_lines = 0
        self._in_body = False

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield each body that `chunk` completes; raises FramingError where the stream cannot be trusted."""
        self._buffer += chunk
        while (body := self._next()) is not None:
            yield body

    def _next(self) -> bytes | None:
        while not self._in_body:
            line = self._line()
            if line is None:
                return None
            self._read_header(line)
        if self._announced is None or len(self._buffer) < self._announced:
            return None
        body = self._take(self._announced)
        self._announced, self._header_lines, self._in_body = None, 0, False
        return body

    def _line(self) -> bytes | None:
        end = self._buffer.find(b"\n", 0, MAX_HEADER_LINE_BYTES)
        if end >= 0:
            return self._take(end + 1).rstrip(b"\r\n")
        if len(self._buffer) >= MAX_HEADER_LINE_BYTES:
            raise FramingError(f"a header line is longer than {MAX_HEADER_LINE_BYTES} bytes")
        return None

    def _read_header(self, line: bytes) -> None:
        if not line:
            if self._announced is None:
                raise FramingError("a message has no Content-Length")
            self._in_body = True
            return
        self._header_lines += 1
        if self._header_lines > MAX_HEADER_LINES:
            raise FramingError(f"a message has more than {MAX_HEADER_LINES} header lines")
        name, colon, value = line.partition(b":")
        if not colon:
            raise FramingError("a header line has no colon")
        if name.strip().lower() == b"content-length":
            self._announced = _content_length(value.strip(), self._announced)

    def _take(self, count: int) -> bytes:
        with memoryview(self._buffer) as view, view[:count] as taken:
            copy = bytes(taken)
        del self._buffer[:count]
        return copy


def _content_length(value: bytes, earlier: int | None) -> int:
    if not value.isdigit():
        raise FramingError("a Content-Length is not a number")
    if len(value) > 20 or int(value) > MAX_MESSAGE_BYTES:
        raise FramingError(f"a message is announced as longer than {MAX_MESSAGE_BYTES} bytes")
    if earlier not in (None, int(value)):
        raise FramingError("a message has two different Content-Lengths")
    return int(value)


def read_frames(fd: int, deliver: Callable[[list[bytes]], None]) -> None:
    """Read until the stream ends, delivering together the bodies that arrive together; raises FramingError, OSError."""
    parser = FrameParser()
    while chunk := os.read(fd, CHUNK_BYTES):
        bodies: list[bytes] = []
        try:
            for body in parser.feed(chunk):
                bodies.append(body)
        finally:  # what came before a broken frame was whole
            if bodies:
                deliver(bodies)


class ByteBudget:
    """Holds a producing thread back while too many bytes wait for the consumer."""

    def __init__(self, limit: int = MAX_QUEUED_BYTES) -> None:
        self._limit = limit
        self._held = 0
        self._changed = threading.Condition()

    def acquire(self, count: int) -> None:
        """Wait until `count` more bytes fit; one message always fits when nothing else waits."""
        with self._changed:
            self._changed.wait_for(lambda: self._held == 0 or self._held + count <= self._limit)
            self._held += count

    def release(self, count: int) -> None:
        """Give back `count` bytes that have been consumed."""
        with self._changed:
            self._held -= count
            self._changed.notify()


class Writer:
    """Writes from its own thread, so that a client which stops reading blocks nobody else.

    `on_lost` is called at most once, from any thread, with the reason why the client cannot be reached any more.
    """

    def __init__(self, fd: int, on_lost: Callable[[str], None], limit: int = MAX_QUEUED_BYTES) -> None:
        self._fd = fd
        self._on_lost = on_lost
        self._limit = limit
        self._queue: deque[bytes] = deque()
        self._queued = 0  # bytes, with those being written
        self._closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="codefuse-writer", daemon=True)
        self._thread.start()

    def write(self, data: bytes) -> None:
        """Queue `data` without waiting; what comes after the client is lost or `close` is dropped."""
        with self._changed:
            if self._closed:
                return
            self._queued += len(data)
            if self._queued <= self._limit:
                self._queue.append(data)
                self._changed.notify()
                return
            self._closed = True
            self._queue.clear()
        self._on_lost(f"the client has stopped reading: more than {self._limit} bytes wait for it")

    def close(self, timeout_s: float = 0.5) -> None:
        """Take nothing more, and wait for what is queued as long as `timeout_s` allows."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while (data := self._next()) is not None:
            try:
                _write_all(self._fd, data)
            except OSError:
                with self._changed:
                    already_closed, self._closed = self._closed, True
                if not already_closed:
                    self._on_lost("the client has closed its end of the stream")
                return
            with self._changed:
                self._queued -= len(data)

    def _next(self) -> bytes | None:
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._closed)
            return self._queue.popleft() if self._queue else None


def _write_all(fd: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]
