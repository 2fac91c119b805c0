from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from codefuse_lsp.errors import RequestRefused
from codefuse_lsp.generation.request import Chunk, GenerationRequest, Place, Priority, Usage
from codefuse_lsp.worker.kv_tokens import KvTokens
from codefuse_lsp.worker.metrics import Metrics
from codefuse_lsp.worker.users import Key, KeyRing
from tests.worker.serving import loaded_worker, served

REQUEST = GenerationRequest("secret prompt", priority=Priority.GHOST_TEXT)


def figures(text: str) -> dict[tuple[str, ...], float]:
    """The samples of an exposition: name and label values, in the labels' order -> value."""
    families = text_string_to_metric_families(text)
    return {
        (s.name, *(value for _, value in sorted(s.labels.items()))): s.value
        for family in families
        for s in family.samples
    }


async def stream(*items: Chunk | Exception) -> AsyncGenerator[Chunk]:
    for item in items:
        if isinstance(item, Exception):
            raise item
        yield item


@pytest.fixture
def metrics() -> Metrics:
    engine = SimpleNamespace(load=(1, 2), kv_tokens=KvTokens(30, 400))
    return Metrics(SimpleNamespace(engine=engine, status="ready"))  # type: ignore[arg-type]


async def drained(metrics: Metrics, *items: Chunk | Exception, user: str = "") -> None:
    async with aclosing(metrics.observed(REQUEST, stream(*items), user)) as chunks:
        async for _ in chunks:
            pass


async def test_a_request_is_counted_where_it_stands(metrics: Metrics) -> None:
    chunks = metrics.observed(REQUEST, stream(Chunk("", place=Place(1, 0.5)), Chunk("a"), Chunk("", "stop")))
    places = []
    async for _ in chunks:
        told = figures(metrics.text().decode())
        places.append(tuple(int(told[f"codefuse_requests_{state}", "ghost_text"]) for state in ("waiting", "running")))
    assert places == [(1, 0), (0, 1), (0, 1)]
    told = figures(metrics.text().decode())
    assert told["codefuse_requests_waiting", "ghost_text"] == told["codefuse_requests_running", "ghost_text"] == 0


async def test_tokens_and_ends_are_counted_by_class_and_user(metrics: Metrics) -> None:
    await drained(metrics, Chunk("a"), Chunk("b", "length", (), Usage(10, 4, 7)), user="ada")
    await drained(metrics, Chunk("a"), user="ada")
    with pytest.raises(RequestRefused):
        await drained(metrics, RequestRefused("Too many.", 429))
    told = figures(metrics.text().decode())
    of = ("ghost_text", "ada")
    assert [told[f"codefuse_{kind}_tokens_total", *of] for kind in ("prompt", "cached", "generated")] == [10, 7, 4]
    assert [told["codefuse_requests_total", of[0], end, of[1]] for end in ("length", "cancelled")] == [1, 1]
    assert told["codefuse_requests_total", "ghost_text", "failed", ""] == 1
    assert told["codefuse_request_seconds_count", "ghost_text"] == 1
    assert told["codefuse_time_to_first_token_seconds_count", "ghost_text"] == 2
    assert told["codefuse_time_per_token_seconds_count", "ghost_text"] == 1


def test_what_the_engine_holds_is_asked_at_each_scrape(metrics: Metrics) -> None:
    told = figures(metrics.text().decode())
    names = ("batch_sequences", "queue_sequences", "kv_tokens", "kv_capacity_tokens", "ready")
    assert [told[(f"codefuse_{name}",)] for name in names] == [1, 2, 30, 400, 1]


@pytest.fixture
async def team(tiny_llama: Path) -> AsyncIterator[str]:
    keys = KeyRing((Key("a" * 20, "ada"), Key("b" * 20)))
    async with loaded_worker(tiny_llama) as worker, served(worker, keys) as url:
        yield url.removesuffix("/v1")


async def test_a_scrape_needs_a_key_and_tells_no_text_and_no_key(team: str) -> None:
    key: dict[str, Any] = {"headers": {"Authorization": f"Bearer {'a' * 20}"}}
    async with httpx2.AsyncClient(base_url=team) as http:
        assert (await http.get("/metrics")).status_code == 401
        body = {"prompt": "def secret_name():", "max_tokens": 4, "ignore_eos": True, "user": "private-user"}
        assert (await http.post("/v1/completions", json=body, **key)).status_code == 200
        assert (await http.post("/v1/completions", json={"prompt": 5}, **key)).status_code == 400
        text = (await http.get("/metrics", **key)).text
    told = figures(text)
    assert told["codefuse_generated_tokens_total", "chat", "ada"] == 4
    assert told["codefuse_refusals_total", "401"] == told["codefuse_refusals_total", "400"] == 1
    assert told[("codefuse_kv_capacity_tokens",)] > 0
    assert not any(word in text for word in ("secret_name", "private-user", "a" * 20, "b" * 20))
