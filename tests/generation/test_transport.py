from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trustme

from codefuse_lsp.errors import ConfigError, WorkerAbsent, WorkerUnreachable
from codefuse_lsp.generation.client import Address, Client
from codefuse_lsp.generation.transport import open_http

MODELS = b'{"object": "list", "data": [{"id": "far"}]}'
PROXY_VARIABLES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY", "https_proxy", "http_proxy", "all_proxy")


@pytest.fixture(autouse=True)
def quiet_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*PROXY_VARIABLES, "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA(organization_name="House of Tests", organization_unit_name="")


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> Path:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    return tmp_path / "ca.pem"


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    if not (await reader.read(1024)).startswith(b"GET"):
        writer.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")  # as servers answer TLS in plain HTTP
        writer.close()
        return
    writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(MODELS) + MODELS)
    await writer.drain()
    writer.close()


async def listening(names: tuple[str, ...], authority: trustme.CA | None) -> asyncio.Server:
    context = None
    if authority is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(*names).configure_cert(context)
    return await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)


def port_of(server: asyncio.Server) -> int:
    port: int = server.sockets[0].getsockname()[1]
    return port


@pytest.fixture
async def secure(authority: trustme.CA) -> AsyncIterator[int]:
    server = await listening(("localhost", "gpu-box.test"), authority)
    yield port_of(server)
    server.close()


@pytest.fixture
async def plain() -> AsyncIterator[int]:
    server = await listening((), None)
    yield port_of(server)
    server.close()


class Proxy:
    """Takes whoever names it to one port of this machine, whatever host they ask for, and notes what they said."""

    def __init__(self, target: int, refusal: bytes = b"") -> None:
        self.heads: list[str] = []
        self._target, self._refusal = target, refusal

    async def __aenter__(self) -> Proxy:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{port_of(self._server)}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.heads.append(head.decode())
        if self._refusal:
            writer.write(b"HTTP/1.1 " + self._refusal + b"\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
            writer.close()
            return
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        if head.startswith(b"CONNECT"):
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            far_writer.write(head)
        await asyncio.gather(pass_on(reader, far_writer), pass_on(far_reader, writer))


async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(4096):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


async def model_at(address: Address) -> str:
    client = Client(address)
    try:
        return (await client.model_card()).id
    finally:
        await client.close()


async def test_an_authority_of_ones_own_is_trusted_by_its_file(secure: int, ca_file: Path) -> None:
    assert await model_at(Address(f"https://localhost:{secure}/v1", ca_file=str(ca_file))) == "far"


async def test_the_systems_authorities_are_trusted(secure: int, ca_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(ca_file))  # where OpenSSL is told that the system's are
    assert await model_at(Address(f"https://localhost:{secure}/v1")) == "far"


async def test_an_unknown_authority_is_named_with_the_setting_that_adds_it(secure: int) -> None:
    with pytest.raises(WorkerUnreachable, match="House of Tests") as caught:
        await model_at(Address(f"https://localhost:{secure}/v1"))
    assert "ca_file" in str(caught.value)


async def test_a_certificate_for_another_host_is_told(ca_file: Path, authority: trustme.CA) -> None:
    server = await listening(("elsewhere.test",), authority)
    with pytest.raises(WorkerUnreachable, match="another host"):
        await model_at(Address(f"https://localhost:{port_of(server)}/v1", ca_file=str(ca_file)))
    server.close()


async def test_https_spoken_to_plain_http_is_told(plain: int) -> None:
    with pytest.raises(WorkerUnreachable, match="https or http"):
        await model_at(Address(f"https://localhost:{plain}/v1"))


@pytest.mark.parametrize(("content", "tells"), [(None, "cannot be read"), ("nothing", "holds no certificate")])
async def test_a_bad_file_of_authorities_is_told(tmp_path: Path, content: str | None, tells: str) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigError, match=f"ca_file: .*{tells}"):
        open_http(Address("https://gpu-box.test/v1", ca_file=str(path)))


@pytest.mark.parametrize("url", ["gpu-box:8000", "ftp://gpu-box", "http://", "", "http://[::1", "http://a b:x"])
async def test_what_is_no_address_is_told(url: str) -> None:
    with pytest.raises(ConfigError, match="endpoint: "):
        open_http(Address(url))


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "ALL_PROXY"])
async def test_a_proxy_is_asked_to_connect_to_a_far_host(
    secure: int, ca_file: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    async with Proxy(secure) as proxy:
        monkeypatch.setenv(variable, proxy.url)
        assert await model_at(Address(f"https://gpu-box.test:{secure}/v1", key="key", ca_file=str(ca_file))) == "far"
    assert [head.splitlines()[0] for head in proxy.heads] == [f"CONNECT gpu-box.test:{secure} HTTP/1.1"]
    assert "key" not in proxy.heads[0]


async def test_plain_http_goes_through_its_proxy_too(plain: int, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Proxy(plain) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        assert await model_at(Address(f"http://gpu-box.test:{plain}/v1")) == "far"
    assert proxy.heads[0].startswith(f"GET http://gpu-box.test:{plain}/v1/models ")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_no_proxy_ever_hears_of_this_machine(plain: int, monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    async with Proxy(plain) as proxy:
        for variable in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(variable, proxy.url)
        assert await model_at(Address(f"http://{host}:{plain}/v1")) == "far"
    assert proxy.heads == []


async def test_hosts_named_in_no_proxy_are_asked_directly(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Proxy(9) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", "gpu-box.invalid")
        with pytest.raises(WorkerAbsent):
            await model_at(Address("http://gpu-box.invalid:9/v1"))
    assert proxy.heads == []


async def test_a_proxy_that_refuses_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Proxy(9, b"407 Proxy Authentication Required") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        with pytest.raises(WorkerUnreachable, match=r"The proxy .* refused .*407") as caught:
            await model_at(Address("https://gpu-box.test/v1"))
    assert "NO_PROXY" in str(caught.value)


async def test_a_proxy_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    with pytest.raises(WorkerAbsent, match="proxy"):
        await model_at(Address("https://gpu-box.test/v1"))


@pytest.mark.parametrize("address", [Address("http://127.0.0.1:9/v1"), Address(socket=Path("worker.sock"))], ids=str)
def test_no_certificates_are_read_for_a_way_that_never_leaves_this_machine(
    address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ssl.SSLContext, "load_default_certs", lambda *_: pytest.fail("certificates were read"))
    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", lambda *_: pytest.fail("certificates were read"))
    open_http(address)


async def test_an_authority_is_not_looked_for_where_nothing_is_encrypted(tmp_path: Path) -> None:
    http = open_http(Address("http://gpu-box.test:8000/v1", ca_file=str(tmp_path / "gone.pem")))
    await http.aclose()
    with pytest.raises(ConfigError, match="cannot be read"):
        open_http(Address("https://gpu-box.test:8000/v1", ca_file=str(tmp_path / "gone.pem")))
