"""`codefuse-lsp serve` as a process: keys, certificates, signals, and what it says."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
import trustme

from codefuse_lsp.errors import ConfigError
from codefuse_lsp.generation.client import Address, Client
from codefuse_lsp.worker.listen import Listen, check_open, tls_options
from codefuse_lsp.worker.users import Key, KeyRing

START_S = 120.0
ADA, BOB = "a" * 20, "b" * 20


class Server:
    """A running `serve`, what it has said, and where it listens."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.said = ""

    async def says(self, pattern: str) -> re.Match[str]:
        """Wait until it has said something."""
        assert self.process.stderr is not None
        async with asyncio.timeout(START_S):
            while not (found := re.search(pattern, self.said)):
                line = await self.process.stderr.readline()
                assert line, f"it ended: {self.said}"
                self.said += line.decode()
        return found


@asynccontextmanager
async def serve(folder: Path, *arguments: str) -> AsyncIterator[Server]:
    words = ["serve", "--model", str(folder), "--port", "0", "--set", "device=cpu", *arguments]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "codefuse_lsp", *words,
        stderr=asyncio.subprocess.PIPE, env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )  # fmt: skip
    server = Server(process)
    try:
        yield server
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()
        process._transport.close()  # type: ignore[attr-defined]


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    path = tmp_path / "keys"
    path.write_text(f"ada:{ADA}\n")
    return path


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path, Path]:
    """A certificate for localhost, its key, and its authority."""
    authority = trustme.CA()
    made = authority.issue_cert("localhost")
    paths = (tmp_path / "cert.pem", tmp_path / "key.pem", tmp_path / "ca.pem")
    paths[0].write_bytes(b"".join(blob.bytes() for blob in made.cert_chain_pems))
    made.private_key_pem.write_to_path(paths[1])
    authority.cert_pem.write_to_path(paths[2])
    return paths


async def test_a_team_is_served_over_tls_and_its_keys_are_read_anew(
    tiny_llama: Path, keys: Path, certificate: tuple[Path, Path, Path]
) -> None:
    tls = ("--tls-certificate", str(certificate[0]), "--tls-key", str(certificate[1]))
    async with serve(tiny_llama, "--host", "0.0.0.0", "--api-key-file", str(keys), *tls) as server:
        port = (await server.says(r"Listening on https://0\.0\.0\.0:(\d+)"))[1]
        await server.says("Ready")
        assert "warning" not in server.said
        ours = {"ca_file": str(certificate[2])}
        client = Client(Address(f"https://localhost:{port}/v1", key=ADA, **ours))
        assert (await client.model_card()).prompt_format
        keys.write_text(f"bob:{BOB}\n")
        server.process.send_signal(signal.SIGHUP)
        await server.says("Read the key file anew: 1 key")
        context = ssl.create_default_context(cafile=str(certificate[2]))
        async with httpx2.AsyncClient(base_url=f"https://localhost:{port}", verify=context) as http:
            statuses = [
                (await http.get("/health", headers={"Authorization": f"Bearer {key}"})).status_code
                for key in (ADA, BOB)
            ]
        assert statuses == [401, 200]
        keys.write_text("short\n")
        server.process.send_signal(signal.SIGHUP)
        await server.says("too short.*from before stay good")
        await client.close()
    assert ADA not in server.said and BOB not in server.said


async def test_plain_http_for_others_is_warned_of_once(tiny_llama: Path, keys: Path) -> None:
    async with serve(tiny_llama, "--host", "0.0.0.0", "--api-key-file", str(keys)) as server:
        await server.says("Listening on http://")
        assert server.said.count("warning: keys and code can be read") == 1


def test_this_machine_needs_neither_keys_nor_certificates() -> None:
    told: list[str] = []
    check_open(Listen(), told.append)
    check_open(Listen(socket=Path("/s"), host="0.0.0.0"), told.append)
    assert told == []
    with pytest.raises(ConfigError, match="--api-key-file"):
        check_open(Listen(host="0.0.0.0"), told.append)
    with pytest.raises(ConfigError, match="--api-key-file"):
        check_open(Listen(host="::"), told.append)
    check_open(Listen(host="::", keys=KeyRing((Key(ADA),))), told.append)
    assert len(told) == 1


@pytest.mark.parametrize(
    ("first", "second", "tells"),
    [
        (0, None, "--tls-key"),
        (None, 1, "--tls-certificate"),
        (0, 2, "no certificate with its key"),
        (1, 1, "no certificate with its key"),
        (2, 1, "no certificate with its key"),
    ],
)
def test_a_certificate_that_cannot_be_used_is_told(
    certificate: tuple[Path, Path, Path], first: int | None, second: int | None, tells: str
) -> None:
    chosen = [None if index is None else certificate[index] for index in (first, second)]
    with pytest.raises(ConfigError, match=tells):
        tls_options(Listen(certificate=chosen[0], certificate_key=chosen[1]))


def test_a_certificate_that_is_not_there_is_told(certificate: tuple[Path, Path, Path], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.pem cannot be read"):
        tls_options(Listen(certificate=tmp_path / "none.pem", certificate_key=certificate[1]))


def test_a_key_with_a_password_is_told_and_nobody_is_asked_for_it(certificate: tuple[Path, Path, Path]) -> None:
    from cryptography.hazmat.primitives import serialization as s

    key = s.load_pem_private_key(certificate[1].read_bytes(), None)
    locked = key.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, s.BestAvailableEncryption(b"x"))
    certificate[1].write_bytes(locked)
    with pytest.raises(ConfigError, match="without a password"):
        tls_options(Listen(certificate=certificate[0], certificate_key=certificate[1]))
