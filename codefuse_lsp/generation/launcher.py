"""Finds the worker that serves these settings, or starts it: one for each machine, version and model.

Settings in, a `Client` out. A lock decides who starts; whoever comes later shares. Knows processes and sockets;
knows nothing of models.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import secrets
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

import codefuse_lsp
from codefuse_lsp import config
from codefuse_lsp.config import Settings
from codefuse_lsp.errors import ConfigError, WorkerError, WorkerFailed, WorkerUnreachable
from codefuse_lsp.generation.client import Address, Client

Report = Callable[[str, float | None], None]

START_TIMEOUT_S = 60.0  # from spawn to an answering socket; the model loads after that
POLL_S = 0.05
LONGEST_SOCKET_PATH = 100  # bytes; sun_path holds 104 on macOS and 108 on Linux, with its final NUL
WORKER_SETTINGS = (
    "model", "device", "dtype", "quantization", "context_length", "kv_slots", "idle_minutes", "trust_remote_code",
)  # fmt: skip


async def connect(settings: Settings, report: Report) -> Client:
    """Return a client of the configured endpoint, or of a local worker that is ready, starting it where there is none.

    Raises WorkerFailed with the worker's own reason, or WorkerUnreachable.
    """
    if settings.endpoint:
        far = Address(settings.endpoint, key=_endpoint_key(settings), ca_file=settings.ca_file)
        return await asyncio.to_thread(Client, far)
    client = await asyncio.to_thread(lambda: Client(find_or_start(settings)))
    try:
        await _until_ready(client, report)
    except BaseException:
        await client.close()
        raise
    return client


def find_or_start(settings: Settings) -> Address:
    """Return the address of the worker for these settings; it answers, though its model may still be loading."""
    folder, key = runtime_dir(), worker_key(settings)
    address = _answering(folder / f"{key}.json")
    if address is not None:
        return address
    try:
        with FileLock(folder / f"{key}.lock", timeout=START_TIMEOUT_S):
            return _answering(folder / f"{key}.json") or _start(settings, folder, key)
    except Timeout:
        raise WorkerUnreachable("Another program has been starting the worker for too long; try again.") from None


def workers() -> list[dict[str, Any]]:
    """Return what each answering worker of this user announced, with its `address`."""
    found = []
    for announcement in sorted(runtime_dir().glob("*.json")):
        address = _answering(announcement)
        if address is not None:
            found.append({**_read(announcement), "address": address})
    return found


def stop(announced: dict[str, Any], timeout_s: float = 10.0) -> None:
    """End a worker and wait until it is gone; raises WorkerError when it stays."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(announced["pid"], signal.SIGTERM)
    deadline = time.monotonic() + timeout_s
    while _connects(announced["address"]):
        if time.monotonic() > deadline:
            raise WorkerError(f"The worker (process {announced['pid']}) does not end; kill it by hand.")
        time.sleep(POLL_S)


def runtime_dir() -> Path:
    """Return the folder of sockets and locks, which only its owner can enter; raises ConfigError if there is none."""
    problems = []
    for folder in _possible_dirs():
        if len(os.fsencode(folder)) + 40 > LONGEST_SOCKET_PATH:
            problems.append(f"{folder} is too long for a socket's path")
            continue
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _check_private(folder)
            return folder
        except (OSError, ConfigError) as error:
            problems.append(str(error))
    raise ConfigError(f"There is no private folder for the worker's socket: {'; '.join(problems)}.")


def _possible_dirs() -> list[Path]:
    """Return where the folder may be, best first: that of the session, also for who has not been told of it.

    A shell of `su` or `cron` lacks XDG_RUNTIME_DIR and means the same user's worker; `/run/user` is systemd's place for
    it (pam_systemd(8)).
    """
    user = os.getuid() if hasattr(os, "getuid") else "user"
    told, usual = os.environ.get("XDG_RUNTIME_DIR"), Path(f"/run/user/{user}")
    sessions = [Path(told)] if told else [usual] if usual.is_dir() else []
    return [*(session / config.APP for session in sessions), Path(tempfile.gettempdir()) / f"{config.APP}-{user}"]


def worker_key(settings: Settings) -> str:
    """Return the name of the worker for these settings and this very code; other code gets another worker."""
    folder = Path(settings.model).expanduser()
    model = str(folder.resolve()) if folder.exists() else settings.model
    chosen = [getattr(settings, name) for name in WORKER_SETTINGS]
    return hashlib.sha256(repr((package_digest(), model, chosen)).encode()).hexdigest()[:16]


@lru_cache(maxsize=1)
def package_digest() -> str:
    """Return a digest of the package's files, so that an edited checkout never talks to yesterday's worker."""
    digest = hashlib.sha256()
    root = Path(codefuse_lsp.__file__).parent
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


async def _until_ready(client: Client, report: Report) -> None:
    """Wait for the model, telling how far it is."""
    told: object = None
    while (health := await client.health())["status"] == "loading":
        if told != (told := (health["message"], health["progress"])):
            report(health["message"], health["progress"])
        await asyncio.sleep(POLL_S)
    if health["status"] != "ready":
        raise WorkerFailed(str(health["message"]))


def _start(settings: Settings, folder: Path, key: str) -> Address:
    """Spawn a worker that outlives this process and wait until it answers; the caller holds the lock."""
    announcement = folder / f"{key}.json"
    announcement.unlink(missing_ok=True)
    log_path = _log_path(key)
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "codefuse_lsp", "serve", *_listen_arguments(folder, key)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=_environment(settings),
            cwd=folder,
            start_new_session=True,
            creationflags=getattr(subprocess, "DETACHED_PROCESS", 0),
        )
    deadline = time.monotonic() + START_TIMEOUT_S
    while (address := _answering(announcement)) is None:
        if process.poll() is not None:
            raise WorkerFailed(f"The worker ended while starting (exit code {process.returncode}); see {log_path}.")
        if time.monotonic() > deadline:
            process.kill()
            raise WorkerFailed(f"The worker did not answer within {START_TIMEOUT_S:.0f} s; see {log_path}.")
        time.sleep(POLL_S)
    process.returncode = 0  # it is on its own from here; do not warn that it still runs
    return address


def _listen_arguments(folder: Path, key: str) -> list[str]:
    """Return where the worker is to listen: a Unix socket, or loopback with a key where there is none."""
    announce = ["--announce", str(folder / f"{key}.json")]
    if hasattr(socket, "AF_UNIX"):
        return ["--socket", str(folder / f"{key}.sock"), *announce]
    key_file = folder / f"{key}.key"
    key_file.touch(mode=0o600)
    key_file.write_text(secrets.token_urlsafe(32), "utf-8")
    return ["--host", "127.0.0.1", "--port", "0", "--api-key-file", str(key_file), *announce]


def _environment(settings: Settings) -> dict[str, str]:
    """Return the worker's environment: the settings it needs, whatever their source was here."""
    chosen = {name: getattr(settings, name) for name in WORKER_SETTINGS}
    folder = Path(settings.model).expanduser()
    if folder.exists():
        chosen["model"] = folder.resolve()  # the worker runs in another directory
    package_root = str(Path(codefuse_lsp.__file__).parents[1])
    python_path = os.pathsep.join(filter(None, (package_root, os.environ.get("PYTHONPATH", ""))))
    named = {f"{config.ENVIRONMENT_PREFIX}{name.upper()}": str(value) for name, value in chosen.items()}
    return {**os.environ, **named, "PYTHONPATH": python_path}


def _log_path(key: str) -> Path:
    folder = config.cache_dir() / "logs"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder / f"worker-{key}.log"
    except OSError:
        return Path(os.devnull)


def _answering(announcement: Path) -> Address | None:
    """Return the address in an announcement if somebody answers there; what a dead worker left is removed."""
    facts = _read(announcement)
    if not facts:
        return None
    address = Address(facts.get("url", "http://localhost"), _path(facts.get("socket")), facts.get("key", ""))
    if _connects(address):
        return address
    for left in (announcement, address.socket):
        if left is not None:
            left.unlink(missing_ok=True)
    return None


def _connects(address: Address) -> bool:
    try:
        if address.socket is not None:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
                probe.connect(str(address.socket))
        else:
            host, _, port = address.url.removeprefix("http://").rpartition(":")
            socket.create_connection((host.strip("[]"), int(port)), timeout=1).close()
    except OSError:
        return False
    return True


def _read(announcement: Path) -> dict[str, Any]:
    try:
        facts = json.loads(announcement.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) and isinstance(facts.get("pid"), int) else {}


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None


def _endpoint_key(settings: Settings) -> str:
    if not settings.api_key_file:
        return ""
    try:
        return Path(settings.api_key_file).expanduser().read_text("utf-8").splitlines()[0].strip()
    except (OSError, UnicodeDecodeError, IndexError):
        raise ConfigError(f"api_key_file: no key can be read from {settings.api_key_file}.") from None


def _check_private(folder: Path) -> None:
    """Raise ConfigError unless the folder is ours alone: whoever can write here can pose as the worker."""
    if not hasattr(os, "getuid"):
        return
    facts = folder.lstat()
    if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.getuid() or facts.st_mode & 0o077:
        raise ConfigError(f"{folder} is not a folder that only you can enter (it needs mode 0700)")
