"""The client against servers that are not ours, with the real small model."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import httpx2
import pytest

from codefuse_lsp.errors import RequestRefused
from codefuse_lsp.generation.client import Address, Client
from codefuse_lsp.generation.request import Chunk, GenerationRequest, Priority

pytestmark = pytest.mark.real_model

# llama.cpp's own HTTP server with its own defaults; one slot, so that a request that is not cancelled blocks the next.
LLAMA_SERVER = """
import sys, xllamacpp
params = xllamacpp.CommonParams()
params.model.path, params.n_ctx, params.n_parallel, params.port = sys.argv[1], 1024, 1, 0
server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def llama_cpp(smollm2: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of llama.cpp's server."""
    if importlib.util.find_spec("xllamacpp") is None:
        pytest.skip("NO LLAMA.CPP: install xllamacpp (the extra `gguf`)")
    from tests.worker.gguf_models import write_bf16

    model = tmp_path_factory.mktemp("gguf") / "smollm2.gguf"
    write_bf16(smollm2, model)
    with subprocess.Popen(
        [sys.executable, "-c", LLAMA_SERVER, str(model)],
        env=os.environ | {"OMP_WAIT_POLICY": "passive"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        address = next(line.strip() for line in process.stdout if line.startswith("http"))
        yield address
        process.kill()


@pytest.fixture
async def client(llama_cpp: str) -> AsyncIterator[Client]:
    made = Client(Address(f"{llama_cpp}/v1"))
    yield made
    await made.close()


def request(prompt: str = "def add(a, b):\n    return a", **changes: Any) -> GenerationRequest:
    return GenerationRequest(**{"prompt": prompt, "max_tokens": 8, "temperature": 0.0, **changes})


async def collect(chunks: AsyncIterator[Chunk]) -> list[Chunk]:
    return [chunk async for chunk in chunks]


async def test_llama_cpp_tells_its_model_and_leaves_the_rest_open(client: Client) -> None:
    card = await client.model_card()
    assert card.id
    assert card.prompt_format is None
    assert await client.count_tokens("a b c") in (None, 3)


async def test_an_answer_of_llama_cpp_streams_with_its_reason_and_usage(client: Client, llama_cpp: str) -> None:
    chunks = await collect(client.generate(request(priority=Priority.GHOST_TEXT, client="a", document="b")))
    assert len(chunks) > 3
    assert [chunk.finish_reason for chunk in chunks if chunk.finish_reason] == ["length"]
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 8
    whole = {"prompt": request().prompt, "max_tokens": 8, "temperature": 0}
    async with httpx2.AsyncClient() as http:
        answer = (await http.post(f"{llama_cpp}/v1/completions", json=whole, timeout=None)).json()
    assert "".join(chunk.text for chunk in chunks) == answer["choices"][0]["text"]


async def test_llama_cpp_heeds_stop_strings_and_tells_logprobs(client: Client) -> None:
    plain = "".join(chunk.text for chunk in await collect(client.generate(request(max_tokens=16))))
    stop = plain[4:7]
    chunks = await collect(client.generate(request(max_tokens=16, stop=(stop,), logprobs=2)))
    assert "".join(chunk.text for chunk in chunks) == plain[: plain.index(stop)]
    assert chunks[-1].finish_reason == "stop"
    told = [item for chunk in chunks for item in chunk.logprobs]
    assert told
    assert all(item.logprob <= 0 and len(item.top) == 2 for item in told)


async def test_one_client_asks_llama_cpp_many_times(client: Client) -> None:
    for n in range(25):
        chunks = await collect(client.generate(request(f"x = {n}", max_tokens=2)))
        assert chunks[-1].finish_reason


async def test_closing_the_stream_frees_llama_cpp_for_the_next(client: Client) -> None:
    async with aclosing(client.generate(request(max_tokens=900, ignore_eos=True))) as chunks:
        await anext(chunks)
    async with asyncio.timeout(30):
        assert (await collect(client.generate(request("y = ", max_tokens=1))))[-1].finish_reason


async def test_what_llama_cpp_refuses_is_told_in_its_words(client: Client) -> None:
    with pytest.raises(RequestRefused, match="exceeds the available context size") as caught:
        await collect(client.generate(request("x " * 1200)))
    assert caught.value.status == 400
