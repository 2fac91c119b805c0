"""How a far end is reached: over a socket, or over TCP with proxies and certificates; what went wrong, in sentences.

An address in, an HTTP client out. Proxies are those of the environment, never for this machine; authorities those that
the system trusts, and one of the user's own. Knows nothing of what is asked.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
import socket
import ssl
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from codefuse_lsp.errors import ConfigError, WorkerAbsent, WorkerError, WorkerUnreachable

CONNECT_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class Address:
    """Where a completions API is: a base URL, or a Unix socket, and the key it asks for."""

    url: str = "http://localhost"
    socket: Path | None = None
    key: str = ""
    ca_file: str = ""  # of an authority to trust beside the system's

    def __str__(self) -> str:
        return str(self.socket) if self.socket else self.url


def open_http(address: Address) -> httpx2.AsyncClient:
    """Return an HTTP client whose paths begin behind the address, less its `/v1`; raises ConfigError.

    The first one imports what it needs, and one for another machine reads certificates: no event loop should wait.
    """
    root = address.url.rstrip("/").removesuffix("/v1")
    try:
        url = httpx2.URL(root)
    except httpx2.InvalidURL:
        url = httpx2.URL("")
    if url.scheme not in ("http", "https") or not url.host:
        raise ConfigError(f"endpoint: {address.url} is no address; write it like http://gpu-box:8000/v1.")
    near = address.socket is not None or _is_loopback(url.host)
    # Whom the system trusts takes a tenth of a second to read: not where nothing is encrypted, nor a proxy on the way.
    verify = _authorities(address) if url.scheme == "https" else not near
    return httpx2.AsyncClient(
        base_url=root,
        transport=httpx2.AsyncHTTPTransport(verify, uds=str(address.socket)) if address.socket else None,
        verify=verify,
        trust_env=not near,
        headers={"Authorization": f"Bearer {address.key}"} if address.key else {},
        timeout=httpx2.Timeout(None, connect=CONNECT_TIMEOUT_S),
    )


async def until_gone(address: Address) -> None:
    """Return when the far end, a process of this machine, has ended: it asks for nothing, and the system ends that.

    A server that still runs keeps a connection on which nothing was asked yet (uvicorn sets no limit for the first).
    """
    url = httpx2.URL(address.url)
    with contextlib.suppress(OSError):  # reset, or gone before anything was opened
        if address.socket is not None:
            reader, writer = await asyncio.open_unix_connection(address.socket)
        else:
            reader, writer = await asyncio.open_connection(url.host, url.port)
        try:
            await reader.read(1)
        finally:
            writer.close()


def failure(error: httpx2.HTTPError, address: Address) -> WorkerError:
    """Return the sentence for a request that got no answer."""
    causes = list(_causes(error))
    if isinstance(error, httpx2.ProxyError):
        return WorkerUnreachable(
            f"The proxy on the way to {address} refused ({error}). "
            "Check HTTPS_PROXY, HTTP_PROXY and ALL_PROXY, or name the host in NO_PROXY."
        )
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return WorkerUnreachable(_about_certificate(cause, address))
        if isinstance(cause, ssl.SSLError):
            return WorkerUnreachable(
                f"{address} does not speak TLS as it should ({cause.reason or 'no reason given'}). "
                "Check whether the endpoint is https or http."
            )
    if isinstance(error, httpx2.ConnectError):
        return WorkerAbsent(f"Nothing answers at {address}.{_way(address)}")
    detail = f" ({error})" if str(error) else " before it had answered"
    return WorkerUnreachable(f"The connection to {address} broke{detail}.{_way(address)}")


def _authorities(address: Address) -> ssl.SSLContext:
    """Return whom to trust; raises ConfigError when `ca_file` cannot be used."""
    context = httpx2.create_ssl_context()
    if address.ca_file:
        path = Path(address.ca_file).expanduser()
        try:
            context.load_verify_locations(path)
        except ssl.SSLError:
            raise ConfigError(f"ca_file: {path} holds no certificate; it must be a PEM file.") from None
        except OSError as error:
            raise ConfigError(f"ca_file: {path} cannot be read ({error.strerror or error}).") from None
    return context


def _is_loopback(host: str) -> bool:
    if host.rstrip(".").lower() == "localhost" or host.lower().endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _way(address: Address) -> str:
    """Return which proxy a request would have gone through, where there is one."""
    proxied = any(os.environ.get(name) for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy",
                                                     "ALL_PROXY", "all_proxy"))  # fmt: skip
    if not proxied or address.socket or _is_loopback(httpx2.URL(address.url).host):
        return ""
    return " The environment names a proxy: check that it runs, or name the host in NO_PROXY."


def _about_certificate(error: ssl.SSLCertVerificationError, address: Address) -> str:
    if "ostname mismatch" in error.verify_message or "IP address mismatch" in error.verify_message:
        return f"The certificate of {address} is for another host ({error.verify_message}). Use the name it is for."
    if "expired" in error.verify_message or "not yet valid" in error.verify_message:
        return f"The certificate of {address} is not valid now ({error.verify_message}). Its owner has to renew it."
    issuer = _issuer(address)
    who = f"'{issuer}', the authority that signed the certificate of {address}," if issuer else \
        f"the authority that signed the certificate of {address}"  # fmt: skip
    return (
        f"This machine does not trust {who} ({error.verify_message}). "
        "If you do, put its certificate into a PEM file and name that in the setting ca_file."
    )


def _issuer(address: Address) -> str:
    """Return who signed the certificate of a host, '' where that cannot be told: nobody is asked past a proxy."""
    if _way(address):
        return ""
    url = httpx2.URL(address.url)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # only looked at: nothing is sent or believed
    try:
        with (
            socket.create_connection((url.host, url.port or 443), CONNECT_TIMEOUT_S) as plain,
            context.wrap_socket(plain, server_hostname=url.host) as connection,
        ):
            return _issuer_of(connection.getpeercert(binary_form=True) or b"")
    except OSError:
        return ""


def _issuer_of(certificate: bytes) -> str:
    """Return the issuer's name in a certificate (DER)."""
    with tempfile.NamedTemporaryFile("w", suffix=".pem", delete=False) as file:
        file.write(ssl.DER_cert_to_PEM_cert(certificate))
    try:
        decoded: dict[str, Any] = ssl._ssl._test_decode_cert(file.name)  # type: ignore[attr-defined]  # the only reader that Python has
    except (OSError, ValueError, AttributeError):
        return ""
    finally:
        Path(file.name).unlink(missing_ok=True)
    names = dict(pair for part in decoded.get("issuer", ()) for pair in part)
    return ", ".join(filter(None, (names.get("commonName"), names.get("organizationName"))))
