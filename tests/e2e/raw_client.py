"""A JSON-RPC client over raw pipes: bytes out, frames in, and nothing forgiven.

It shares no code with the server, so that a mistake in the framing cannot hide on both sides.
"""

from __future__ import annotations

import itertools
import json
import os
import queue
import re
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import IO, Any, Self

HANG_S = 20.0  # how long a test waits before it calls a silence a hang

Message = dict[str, Any]


class NotAFrame(AssertionError):
    """The server wrote something that is no message."""


def frame(message: object) -> bytes:
    """Return a message as it goes on the wire; bytes and text are taken as bodies."""
    if isinstance(message, str):
        message = message.encode()
    body = message if isinstance(message, bytes) else json.dumps(message).encode()
    return b"Content-Length: %d\r\n\r\n" % len(body) + body


def request(msg_id: object, method: str, params: object = None) -> Message:
    """Return a request without sending it."""
    return {"jsonrpc": "2.0", "id": msg_id, "method": method, "params": params}


def notification(method: str, params: object = None) -> Message:
    """Return a notification without sending it."""
    return {"jsonrpc": "2.0", "method": method, "params": params}


def cancel(msg_id: object) -> Message:
    """Return a `$/cancelRequest`."""
    return notification("$/cancelRequest", {"id": msg_id})


class RawClient:
    """A server process and both ends of its pipes; used as a context manager, it leaves no process behind.

    With `reads=False` nothing is read from the server until `start_reading`.
    """

    def __init__(self, command: Sequence[str], *, env: Mapping[str, str] | None = None, reads: bool = True) -> None:
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=pipe, env={**os.environ, **(env or {})}, bufsize=0
        )
        self._ids = itertools.count(1)
        self._frames: queue.SimpleQueue[Message | Exception | None] = queue.SimpleQueue()
        self._unclaimed: list[Message] = []
        self._stderr: list[bytes] = []
        self._stderr_changed = threading.Condition()
        self._threads = [self._spawn(self._collect_stderr)]
        if reads:
            self.start_reading()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for thread in self._threads:
            thread.join(HANG_S)
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            with suppress(OSError):
                pipe.close()  # type: ignore[union-attr]

    def start_reading(self) -> None:
        """Begin to read what the server writes."""
        self._threads.append(self._spawn(self._collect_frames))

    def send_bytes(self, *chunks: bytes) -> None:
        """Write the chunks as one write; a server that is gone already is no error here."""
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):
            rest = memoryview(b"".join(chunks))
            while rest:
                rest = rest[self.process.stdin.write(rest) or 0 :]

    def send(self, *messages: object) -> None:
        """Send messages in one write."""
        self.send_bytes(*map(frame, messages))

    def notify(self, method: str, params: object = None) -> None:
        """Send a notification."""
        self.send(notification(method, params))

    def request(self, method: str, params: object = None, **timeout: float) -> Message:
        """Send a request and return the whole answer."""
        msg_id = next(self._ids)
        self.send(request(msg_id, method, params))
        return self.response(msg_id, **timeout)

    def initialize(self, **params: object) -> Message:
        """Shake hands and return the answer to `initialize`."""
        answer = self.request("initialize", {"processId": None, "rootUri": None, "capabilities": {}, **params})
        self.notify("initialized", {})
        return answer

    def response(self, msg_id: object, timeout: float = HANG_S) -> Message:
        """Return the answer to a request, whatever else comes before it."""
        return self.wait_for(lambda message: "method" not in message and message.get("id") == msg_id, timeout)

    def wait_for(self, is_wanted: Any, timeout: float = HANG_S) -> Message:
        """Return the first message, of those not returned yet, that `is_wanted` accepts."""
        for message in self._unclaimed:
            if is_wanted(message):
                self._unclaimed.remove(message)
                return message
        while not is_wanted(message := self._next(timeout)):
            self._unclaimed.append(message)
        return message

    def remaining(self) -> list[Message]:
        """Return what the server has written and nobody has read, once it has closed its output."""
        messages, self._unclaimed = self._unclaimed, []
        with suppress(EOFError):
            while True:
                messages.append(self._next(HANG_S))
        return messages

    def close_stdin(self) -> None:
        """Close the server's input."""
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):
            self.process.stdin.close()

    def exit_code(self, timeout: float = HANG_S) -> int:
        """Wait for the server to exit; raises subprocess.TimeoutExpired when it does not."""
        return self.process.wait(timeout)

    def shut_down(self) -> int:
        """Say goodbye in due form and return the exit code."""
        answer = self.request("shutdown")
        assert answer == {"jsonrpc": "2.0", "id": answer["id"], "result": None}
        self.notify("exit")
        return self.exit_code()

    def stderr(self) -> str:
        """Return what the server has written to stderr so far; all of it, once it has exited."""
        if self.process.poll() is not None:
            self._threads[0].join(HANG_S)
        return b"".join(self._stderr).decode()

    def wait_for_stderr(self, text: str) -> None:
        """Wait until stderr holds `text`."""
        with self._stderr_changed:
            found = self._stderr_changed.wait_for(lambda: text.encode() in b"".join(self._stderr), HANG_S)
        assert found, f"{text!r} never came on stderr: {self.stderr()}"

    def _next(self, timeout: float) -> Message:
        try:
            found = self._frames.get(timeout=timeout)
        except queue.Empty:
            raise TimeoutError(f"the server was silent for {timeout} s; its stderr: {self.stderr()}") from None
        if found is None:
            self._frames.put(None)
            raise EOFError(f"the server has closed its output; its stderr: {self.stderr()}")
        if isinstance(found, Exception):
            raise found
        return found

    def _spawn(self, work: Any) -> threading.Thread:
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        return thread

    def _collect_frames(self) -> None:
        assert self.process.stdout is not None
        with open(self.process.stdout.fileno(), "rb", closefd=False) as stream:
            try:
                for message in _frames(stream):
                    self._frames.put(message)
            except Exception as error:
                self._frames.put(error)
        self._frames.put(None)

    def _collect_stderr(self) -> None:
        assert self.process.stderr is not None
        while chunk := os.read(self.process.stderr.fileno(), 1 << 16):
            with self._stderr_changed:
                self._stderr.append(chunk)
                self._stderr_changed.notify_all()


def _frames(stream: IO[bytes]) -> Iterator[Message]:
    while header := stream.readline(200):
        match = re.fullmatch(rb"Content-Length: (\d+)\r\n", header)
        if match is None or stream.readline(200) != b"\r\n":
            raise NotAFrame(f"the server wrote {header!r} where a frame should begin")
        body = stream.read(int(match[1]))
        if len(body) != int(match[1]):
            return  # it exited in the middle of a message
        yield json.loads(body)
