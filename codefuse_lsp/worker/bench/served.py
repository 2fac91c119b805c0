"""Contestants behind HTTP: a server is started as a process of its own, asked in streams, and ended.

Its CPU time is that of its process; the client's is not counted. Two dialects: llama.cpp's own `/completion`, which
takes token ids and can be told to go past the end of a text, and OpenAI's `/v1/completions`.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from codefuse_lsp.errors import CodeFuseError
from codefuse_lsp.worker.bench import clock
from codefuse_lsp.worker.bench.contest import Answer
from codefuse_lsp.worker.bench.measure import Cost

START_S = 180.0
ANSWER_S = 600.0


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a server is asked, and what a streamed event holds."""

    path: str
    body: Callable[[str, int], dict[str, Any]]  # of a text and the number of new tokens
    piece: Callable[[dict[str, Any]], tuple[str, int]]  # of an event: its text and how many tokens it brings


class Served:
    """A server process and the clock of its CPU time."""

    remembers = True

    def __init__(self, name: str, command: Sequence[str], port: int, dialect: Dialect, threads: int) -> None:
        self.name = name
        self.dialect = dialect
        self._port = port
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process that writes it
        limits = {"OMP_NUM_THREADS": str(threads), "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log, env=os.environ | limits
            )
        except OSError as error:
            raise CodeFuseError(f"{command[0]} cannot be started ({error.strerror}).") from None
        self._read = clock.of_process(self._process.pid)
        self._until_up()

    def answer(self, texts: Sequence[str], new_tokens: int) -> Answer:
        """Answer all texts, asked at once, with `new_tokens` each."""
        firsts: list[tuple[Cost, int]] = []
        lock = threading.Lock()
        begun = self._read()

        def one(text: str) -> tuple[str, int]:
            pieces, tokens = [], 0
            for piece, count in self._stream(text, new_tokens):
                tokens += count
                pieces.append(piece)
                with lock:
                    if tokens and not firsts:
                        firsts.append((self._read() - begun, tokens))
            return "".join(pieces), tokens

        with ThreadPoolExecutor(len(texts)) as pool:
            answered = list(pool.map(one, texts))
        whole = self._read() - begun
        if not firsts:
            raise CodeFuseError(f"{self.name} answered without a token.")
        return Answer(*firsts[0][:1], whole, firsts[0][1], sum(n for _, n in answered), tuple(t for t, _ in answered))

    def log(self) -> str:
        """Return what the server has written so far."""
        self._log.seek(0)
        return self._log.read().decode("utf-8", "replace")

    def get(self, path: str) -> Any:
        """Return the JSON of a GET."""
        with self._asked("GET", path, None) as response:
            return json.loads(response.read())

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """Return the JSON that answers a POST."""
        with self._asked("POST", path, body) as response:
            return json.loads(response.read())

    def close(self) -> None:
        """End the server."""
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()

    def _stream(self, text: str, new_tokens: int) -> Iterator[tuple[str, int]]:
        with self._asked("POST", self.dialect.path, self.dialect.body(text, new_tokens)) as response:
            for line in response:
                if line.startswith(b"data: ") and not line.startswith(b"data: [DONE]"):
                    yield self.dialect.piece(json.loads(line[6:]))

    @contextlib.contextmanager
    def _asked(self, method: str, path: str, body: dict[str, Any] | None) -> Iterator[http.client.HTTPResponse]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=ANSWER_S)
        with contextlib.closing(connection):
            content = None if body is None else json.dumps(body)
            connection.request(method, path, content, {"Content-Type": "application/json"})
            response = connection.getresponse()
            if response.status != 200:
                reason = response.read(300).decode("utf-8", "replace")
                raise CodeFuseError(f"{self.name} answered {path} with {response.status}: {reason}")
            with response:
                yield response

    def _until_up(self) -> None:
        """Wait for its first answer; raises CodeFuseError with the end of its log when there is none."""
        ends = time.monotonic() + START_S
        while self._process.poll() is None and time.monotonic() < ends:
            try:
                with self._asked("GET", "/health", None):
                    return
            except (OSError, http.client.HTTPException, CodeFuseError):
                time.sleep(0.1)
        told = " ".join(self.log().split())[-300:]
        self.close()
        raise CodeFuseError(f"{self.name} did not start: {told or 'it said nothing'}")


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def openai(model: str) -> Dialect:
    """Return the dialect of OpenAI's completions, as `transformers serve` and llama-cpp-python's server speak it."""
    return Dialect(
        "/v1/completions",
        lambda text, n: {"model": model, "prompt": text, "max_tokens": n, "temperature": 0.0, "stream": True},
        _openai_piece,
    )


def _openai_piece(event: dict[str, Any]) -> tuple[str, int]:
    choices = event.get("choices") or [{}]
    text = choices[0].get("text") or ""
    return text, int(bool(text))  # one token an event; one that holds half a character comes with the next


def llama_cpp(encode: Callable[[str], Any]) -> Dialect:
    """Return the dialect of llama.cpp's server; `encode` makes a prompt of a text: itself, or its token ids."""
    return Dialect(
        "/completion",
        lambda text, n: {
            "prompt": encode(text),
            "n_predict": n,
            "temperature": 0.0,
            "top_k": 1,
            "samplers": ["top_k"],  # greedy with nothing else to compute
            "ignore_eos": True,
            "cache_prompt": True,
            "stream": True,
            "return_tokens": True,
        },
        lambda event: (event.get("content", ""), len(event.get("tokens") or ()) if not event.get("stop") else 0),
    )
