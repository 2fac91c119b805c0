"""Where a worker listens, and on what conditions: sockets, certificates, and what is wrong with them in sentences.

An address and its files in, a listening socket out. Knows nothing of what is answered there.
"""

from __future__ import annotations

import errno
import os
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from codefuse_lsp.errors import ConfigError
from codefuse_lsp.worker.guard import LOOPBACK
from codefuse_lsp.worker.users import KeyRing

LONGEST_SOCKET_PATH = 103  # bytes; sun_path holds 104 on macOS and 108 on Linux, with its final NUL


@dataclass(frozen=True, slots=True)
class Listen:
    """Where to listen: a Unix socket path, or host and port (0 takes a free one), and who may come."""

    socket: Path | None = None
    host: str = "127.0.0.1"
    port: int = 8000
    keys: KeyRing = field(default_factory=KeyRing)
    certificate: Path | None = None  # with `certificate_key`: speak TLS
    certificate_key: Path | None = None
    announce: Path | None = None  # file that tells launchers the address and the process


def check_open(listen: Listen, tell: Callable[[str], None]) -> None:
    """Raise ConfigError for an address that lets others in without keys; tell what plain HTTP lets them read."""
    if listen.socket is not None or listen.host in LOOPBACK:
        return
    if not listen.keys:
        raise ConfigError(f"Serving on {listen.host} lets others in, so it needs keys: add --api-key-file FILE.")
    if listen.certificate is None:
        tell(
            "warning: keys and code can be read on their way over plain HTTP; "
            "add --tls-certificate FILE and --tls-key FILE, or put a proxy with TLS in front."
        )


def tls_options(listen: Listen) -> dict[str, Any]:
    """Return uvicorn's options for TLS, tried out; raises ConfigError naming the file that cannot be used."""
    if listen.certificate is None and listen.certificate_key is None:
        return {}
    if listen.certificate is None or listen.certificate_key is None:
        missing = "--tls-certificate" if listen.certificate is None else "--tls-key"
        raise ConfigError(f"TLS needs a certificate and its key: add {missing} FILE.")
    for path in (listen.certificate, listen.certificate_key):
        try:
            path.read_bytes()
        except OSError as error:
            raise ConfigError(f"{path} cannot be read ({error.strerror or error}).") from None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(listen.certificate, listen.certificate_key, lambda: "")
    except (ssl.SSLError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise ConfigError(
            f"{listen.certificate} and {listen.certificate_key} are no certificate with its key ({reason}). "
            "Both must be PEM files, the key without a password."
        ) from None
    return {"ssl_certfile": str(listen.certificate), "ssl_keyfile": str(listen.certificate_key)}


def where(listen: Listen, listener: socket.socket) -> str:
    """Return the address at which a listener answers."""
    if listen.socket is not None:
        return str(listen.socket)
    host, port = listener.getsockname()[:2]
    scheme = "https" if listen.certificate is not None else "http"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"


def bind(listen: Listen) -> socket.socket:
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
