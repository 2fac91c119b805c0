"""Two replicas of the real small model under Ray Serve, started as the README says; nothing is replaced."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from codefuse_lsp.cluster import app
from codefuse_lsp.config import Settings
from codefuse_lsp.errors import ConfigError, RequestRefused
from codefuse_lsp.generation.client import Address, Client
from codefuse_lsp.generation.request import Chunk, GenerationRequest
from codefuse_lsp.worker.app import Worker

HAS_RAY = importlib.util.find_spec("ray") is not None
pytestmark = [
    pytest.mark.real_model,
    pytest.mark.skipif(not HAS_RAY, reason="NO RAY: pip install 'codefuse-lsp[cluster]'"),
]

PATIENCE_S = 240  # for a busy machine; nothing waits that long on a quiet one
KEY = "the-key-of-the-whole-team"
SETTINGS = {"device": "cpu", "dtype": "float32"}  # greedy text is the same in every process


@dataclass(frozen=True)
class Cluster:
    url: str

    @asynccontextmanager
    async def http(self, key: str = KEY) -> AsyncIterator[httpx2.AsyncClient]:
        headers = {"Authorization": f"Bearer {key}"}
        async with httpx2.AsyncClient(base_url=self.url, headers=headers, timeout=PATIENCE_S) as client:
            yield client

    @asynccontextmanager
    async def client(self, key: str = KEY) -> AsyncIterator[Client]:
        client = Client(Address(self.url + "/v1", key=key))
        try:
            yield client
        finally:
            await client.close()


@pytest.fixture(scope="module")
def cluster(smollm2: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder, port = tmp_path_factory.mktemp("cluster"), _free_port()
    (folder / "keys").write_text(KEY + "\n")
    arguments = {"keys": str(folder / "keys"), "replicas": 2, "model": str(smollm2), **SETTINGS}
    application = {"name": "codefuse", "import_path": "codefuse_lsp.cluster:app", "args": arguments}
    config = {"http_options": {"host": "127.0.0.1", "port": port}, "applications": [application]}
    (folder / "cluster.yaml").write_text(json.dumps(config))  # JSON is YAML
    with tempfile.TemporaryDirectory(prefix="ray", dir="/tmp", ignore_cleanup_errors=True) as session:
        log = folder / "log"
        process = _serve(folder / "cluster.yaml", log, session)
        try:
            made = Cluster(f"http://127.0.0.1:{port}")
            asyncio.run(_ready(made, process, log))
            yield made
        finally:
            process.terminate()
            process.wait(60)


def _serve(config: Path, log: Path, session: str) -> subprocess.Popen[bytes]:
    own = {  # a cluster of its own, whatever else runs here, that tells nobody of itself and leaves nothing behind
        "RAY_ADDRESS": "local",
        "RAY_TMPDIR": session,
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]),
    }
    command = [sys.executable, "-m", "ray.serve.scripts", "run", str(config)]
    with log.open("wb") as out:
        return subprocess.Popen(command, env=os.environ | own, stdout=out, stderr=out)


async def _ready(cluster: Cluster, process: subprocess.Popen[bytes], log: Path) -> None:
    async with cluster.http() as http:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline and process.poll() is None:
            try:
                if (await http.get("/health")).status_code == 200 and len(await replicas(http)) == 2:
                    return
            except (httpx2.HTTPError, ValueError):
                await asyncio.sleep(0.2)
    pytest.fail(f"The cluster did not come up:\n{log.read_text(errors='replace')[-4000:]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def replicas(http: httpx2.AsyncClient) -> dict[str, dict[str, object]]:
    """Return each replica's name with its health, as far as eight questions meet them."""
    answers = [await http.get("/health") for _ in range(8)]
    return {each.headers["x-replica"]: each.json() for each in answers if each.status_code == 200}


def prompt(number: int) -> str:
    """A prompt of some 500 tokens that is unlike the others from its first line on."""
    return "".join(f"def function_{number}_{line}(x):\n    return x + {number + line}\n\n\n" for line in range(30))


async def ask(http: httpx2.AsyncClient, text: str) -> tuple[str, int]:
    """Return who answered, and how many tokens of the prompt it had read before."""
    answer = await http.post("/v1/completions", json={"prompt": text, "max_tokens": 2, "temperature": 0})
    usage = answer.raise_for_status().json()["usage"]
    return answer.headers["x-replica"], usage["prompt_tokens_details"]["cached_tokens"]


def long_request(text: str) -> GenerationRequest:
    return GenerationRequest(text, max_tokens=1500, temperature=0.0, ignore_eos=True)


async def test_a_replica_writes_what_a_single_worker_writes(cluster: Cluster, smollm2: Path) -> None:
    requests = [GenerationRequest(f"def {name}(a, b):\n", max_tokens=24, temperature=0.0) for name in ("add", "sort")]
    worker = Worker(Settings(model=str(smollm2), **SETTINGS), lambda name, template: "plain")  # type: ignore[arg-type]
    await worker.load()
    alone = ["".join([chunk.text async for chunk in worker.engine.generate(each)]) for each in requests]
    await worker.close()
    async with cluster.client() as client:
        streams: list[list[Chunk]] = [[chunk async for chunk in client.generate(each)] for each in requests]
    assert ["".join(chunk.text for chunk in chunks) for chunks in streams] == alone
    assert all(len(chunks) > 2 for chunks in streams), "the answer did not come in pieces"


async def test_like_prompts_meet_one_replica_and_unlike_ones_spread(cluster: Cluster) -> None:
    async with cluster.http() as http:
        first = {number: await ask(http, prompt(number)) for number in range(6)}
        again = {number: await ask(http, prompt(number) + f"def main_{number}():") for number in (0, 3, 5)}
    assert len({replica for replica, _ in first.values()}) == 2
    assert all(replica == first[number][0] for number, (replica, _) in again.items())
    assert all(cached > 100 for _, cached in again.values())


async def test_a_busy_replica_is_passed_over_even_by_prompts_that_it_has_read(cluster: Cluster) -> None:
    async with cluster.client() as client, cluster.http() as http:
        owner, _ = await ask(http, prompt(20))
        streams = [client.generate(long_request(prompt(20))) for _ in range(Settings().kv_slots + 2)]
        try:
            first = asyncio.gather(*(anext(stream) for stream in streams))
            seen = {owner}
            while seen == {owner}:
                seen.add((await ask(http, prompt(20)))[0])
            assert len(seen) == 2
        finally:
            first.cancel()
            await asyncio.gather(first, return_exceptions=True)
            for stream in streams:
                await stream.aclose()
        await _until_running(http, owner, 0)


async def test_closing_a_stream_frees_its_sequence_and_no_other(cluster: Cluster) -> None:
    async with cluster.client() as client, cluster.http() as http:
        owner, _ = await ask(http, prompt(30))
        async with aclosing(client.generate(long_request(prompt(30)))) as kept:
            async with aclosing(client.generate(long_request(prompt(30)))) as closed:
                await anext(kept)
                await anext(closed)
                await _until_running(http, owner, 2)
            await _until_running(http, owner, 1)
            assert (await anext(kept)).finish_reason is None
        await _until_running(http, owner, 0)


async def _until_running(http: httpx2.AsyncClient, replica: str, number: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            answer = await http.get("/health", headers={"x-replica": replica})
            assert answer.headers["x-replica"] == replica
            if answer.json()["running"] == number:
                return


async def test_a_wrong_key_and_a_bad_field_are_refused_in_words(cluster: Cluster) -> None:
    async with cluster.client(key="a-wrong-key") as stranger:
        with pytest.raises(RequestRefused, match="An API key is needed"):
            await stranger.model_card()
    async with cluster.http() as http:
        bad = await http.post("/v1/completions", json={"prompt": "x", "max_tokens": -1})
    assert bad.status_code == 400 and bad.json()["error"]["param"] == "max_tokens"


async def test_a_replica_that_dies_is_told_of_and_replaced_while_the_other_serves(cluster: Cluster) -> None:
    async with cluster.client() as client, cluster.http() as http:
        owner, _ = await ask(http, prompt(40))
        before = await replicas(http)
        with pytest.raises(RequestRefused, match="went away; ask again"):
            async for _ in client.generate(long_request(prompt(40))):
                os.kill(int(str(before[owner]["pid"])), signal.SIGKILL)
        other, _ = await ask(http, prompt(40))
        assert other in before and other != owner
        async with asyncio.timeout(PATIENCE_S):
            while len(await replicas(http)) < 2:
                pass


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        ({}, "it needs keys: add keys=FILE"),
        ({"keys": "/nowhere/keys"}, "cannot be read"),
        ({"keys": __file__, "replicas": "many"}, "replicas=many is not a number"),
        ({"keys": __file__, "gpus": -1}, "gpus=-1 is not a number"),
    ],
)
def test_arguments_that_cannot_be_used_are_told(args: dict[str, object], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        app(args)
