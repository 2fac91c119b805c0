"""llama.cpp's own server in a process of its own, reached over a socket that only its owner can use.

Input: what to load, then JSON bodies of llama.cpp's `/completion` and texts to encode. Output: events and token ids.
Knows processes and HTTP; knows nothing of who is served first or of what an answer means.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from codefuse_lsp.errors import ModelError, RequestRefused
from codefuse_lsp.worker import llama_child

ENDED = "llama.cpp has ended in the middle of its work (exit code {}); it is started anew for the next request."
INSTALL = f"GGUF models are run by llama.cpp: run `{sys.executable} -m pip install 'codefuse-lsp[gguf]'`."
PATIENCE_S = 5.0  # for a process that was asked to end
KEPT_LINES = 20  # of what llama.cpp says first, while it loads

_LOG_HEAD = re.compile(r"^[\d.]+ E (\w+:|\w+ +\S+:) *")  # 0.00.048.399 E llama_model_load: ...


@dataclass(frozen=True, slots=True)
class Load:
    """What llama.cpp is to load, and for how many texts."""

    path: Path
    num_slots: int
    context_length: int  # tokens of one slot


class LlamaServer:
    """A llama.cpp that is starting, then serving, until closed. Raises ModelError while it starts."""

    def __init__(self, gpu: bool) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="codefuse-llama-"))
        self._key = secrets.token_hex(16)
        self._said: list[str] = []
        self._loading = True
        try:
            self._process = self._spawn()
            self._tell({"gpu": gpu})
            answer = self._hear()
            if "missing" in answer:
                raise ModelError(INSTALL)
            self.devices: list[dict[str, Any]] = answer["devices"]
        except BaseException:
            self.close()
            raise

    def load(self, wanted: Load, batch: int) -> None:
        """Load the model, to compute prompts `batch` tokens at a time; returns when it can be asked."""
        uses_socket = hasattr(socket, "AF_UNIX")
        host = str(self._folder / "llama.sock") if uses_socket else "127.0.0.1"
        facts = {"num_slots": wanted.num_slots, "context_length": wanted.context_length, "batch": batch}
        self._tell({"path": str(wanted.path), "gpu": bool(self.devices), "host": host, "key": self._key, **facts})
        answer = self._hear()
        if "address" not in answer:
            raise ModelError(f"{wanted.path} cannot be loaded by llama.cpp: {self._reason(answer)}")
        self._loading = False
        url, path = ("http://localhost", host) if uses_socket else (answer["address"], None)
        # A connection serves one request: llama.cpp may close it afterwards without saying so.
        headers = {"Authorization": f"Bearer {self._key}", "Connection": "close"}
        options: dict[str, Any] = {"base_url": url, "headers": headers, "timeout": None, "trust_env": False}
        # Nothing is encrypted, so the system's certificates, which take a tenth of a second, need not be read.
        self._http = httpx2.Client(transport=httpx2.HTTPTransport(verify=False, uds=path), **options)
        self._async_http = httpx2.AsyncClient(transport=httpx2.AsyncHTTPTransport(verify=False, uds=path), **options)

    @property
    def alive(self) -> bool:
        """Whether the process is there."""
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process that holds the model."""
        return self._process.pid

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to a body of JSON; raises RequestRefused."""
        try:
            response = self._http.post(path, json=body)
        except httpx2.HTTPError:
            raise self._ended() from None
        if response.status_code != httpx2.codes.OK:
            raise _refusal(response)
        answer: dict[str, Any] = response.json()
        return answer

    async def events(self, body: dict[str, Any]) -> AsyncGenerator[dict[str, Any]]:
        """Yield the events of a streamed `/completion`; closing the stream cancels. Raises RequestRefused."""
        try:
            async with self._async_http.stream("POST", "/completion", json=body) as response:
                if response.status_code != httpx2.codes.OK:
                    await response.aread()
                    raise _refusal(response)
                async for line in response.aiter_lines():
                    if line.startswith("data:"):
                        event = json.loads(line.removeprefix("data:"))
                        if "error" in event:
                            raise RequestRefused(_sentence(event), 500)
                        yield event
        except (httpx2.HTTPError, ValueError):
            raise self._ended() from None

    def close(self) -> None:
        """End the process and forget its socket."""
        process = getattr(self, "_process", None)
        if process is not None:
            with contextlib.suppress(OSError):
                process.stdin.close()
            try:
                process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            process.stdout.close()
            self._listener.join()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _spawn(self) -> subprocess.Popen[str]:
        # Threads that spin while they wait for each other stall for seconds on a machine that is busy otherwise.
        environment = {"OMP_WAIT_POLICY": "passive"} | os.environ
        process = subprocess.Popen(
            [sys.executable, "-P", llama_child.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            env=environment,
            start_new_session=True,  # Ctrl-C is for us: we end it when its answers are given
        )
        self._listener = threading.Thread(target=self._listen, args=(process.stderr,), name="llama.cpp", daemon=True)
        self._listener.start()
        return process

    def _listen(self, stderr: Any) -> None:
        """Keep what llama.cpp says while it loads, and drop all it says later: that may hold prompts."""
        with stderr:
            for line in stderr:
                if self._loading and len(self._said) < KEPT_LINES:
                    self._said.append(line.strip())

    def _tell(self, message: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):  # it has ended: _hear tells
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()

    def _hear(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        answer: dict[str, Any] = json.loads(line) if line.startswith("{") else {}
        if not answer:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(PATIENCE_S)
            answer = {"failed": f"it ended with exit code {self._process.poll()}"}
        return answer if "failed" not in answer or self._loading else {}

    def _reason(self, answer: dict[str, Any]) -> str:
        """Return why loading failed, as llama.cpp says it."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(PATIENCE_S)
        self._listener.join(PATIENCE_S)  # now it has said all
        first = next(iter(self._said), "") or str(answer.get("failed"))
        return _LOG_HEAD.sub("", first).removeprefix("error loading model: ").rstrip(".") + "."

    def _ended(self) -> RequestRefused:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(PATIENCE_S)
        return RequestRefused(ENDED.format(self._process.poll()), 503)


def _refusal(response: httpx2.Response) -> RequestRefused:
    try:
        return RequestRefused(_sentence(response.json()), response.status_code)
    except ValueError:
        return RequestRefused(f"llama.cpp answered {response.status_code}.", response.status_code)


def _sentence(answer: dict[str, Any]) -> str:
    error = answer.get("error")
    return f"llama.cpp: {error.get('message') if isinstance(error, dict) else error}"
