"""What a worker did and does, in numbers, for Prometheus.

Requests and their chunks pass through and are counted; text in Prometheus' format comes out. A label is a class, a
user's name from the key file, an outcome or a status: never a text and never a key.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from codefuse_lsp.generation.request import Chunk, GenerationRequest, Priority, Usage
from codefuse_lsp.worker.kv_tokens import KvTokens

if TYPE_CHECKING:
    from codefuse_lsp.worker.state import Worker

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
FIRST_TOKEN_S = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 1.5, 3.0, 6.0, 15.0, 60.0)
PER_TOKEN_S = (0.005, 0.01, 0.02, 0.04, 0.08, 0.15, 0.3, 0.6, 1.5)
WHOLE_S = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 180.0, 600.0)


class Metrics:
    """The figures of one worker, in a registry of their own."""

    def __init__(self, worker: Worker) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_State(worker))
        by_class, by_user = ("class",), ("class", "user")
        self._waiting = self._gauge("requests_waiting", "Requests that have no token yet.", by_class)
        self._running = self._gauge("requests_running", "Requests whose answer is being written.", by_class)
        self._tokens = {
            kind: self._counter(f"{kind}_tokens", f"Tokens {what}.", by_user)
            for kind, what in (
                ("prompt", "of prompts"),
                ("cached", "of prompts that were not computed again"),
                ("generated", "of answers"),
            )
        }
        self._ended = self._counter("requests", "Requests by how they ended.", (*by_user, "outcome"))
        self._refused = self._counter("refusals", "Answers with an HTTP status of 400 and more.", ("status",))
        self._first = self._histogram("time_to_first_token_seconds", "From arrival to the first token.", FIRST_TOKEN_S)
        self._each = self._histogram("time_per_token_seconds", "Per token after the first.", PER_TOKEN_S)
        self._whole = self._histogram("request_seconds", "From arrival to the end of the answer.", WHOLE_S)

    def text(self) -> bytes:
        """Return all figures in Prometheus' text format."""
        return generate_latest(self._registry)

    def refused(self, status: int) -> None:
        """Count a refusal."""
        self._refused.labels(str(status)).inc()

    async def observed(
        self, request: GenerationRequest, stream: AsyncGenerator[Chunk], user: str = ""
    ) -> AsyncGenerator[Chunk]:
        """Yield the chunks of a request as they are, and count them."""
        kind = request.priority.name.lower()
        begun, first, usage, outcome = time.perf_counter(), None, None, "cancelled"
        self._waiting.labels(kind).inc()
        try:
            async with aclosing(stream) as chunks:
                async for chunk in chunks:
                    if first is None and chunk.place is None:
                        first = time.perf_counter()
                        self._started(kind, first - begun)
                    usage, outcome = chunk.usage or usage, chunk.finish_reason or outcome
                    yield chunk
        except (GeneratorExit, asyncio.CancelledError):
            raise
        except BaseException:
            outcome = "failed"
            raise
        finally:
            (self._waiting if first is None else self._running).labels(kind).dec()
            self._ended.labels(kind, user, outcome).inc()
            self._count(kind, user, usage)
            if outcome in ("stop", "length"):
                self._timed(kind, begun, first or begun, usage)

    def _started(self, kind: str, waited_s: float) -> None:
        self._waiting.labels(kind).dec()
        self._running.labels(kind).inc()
        self._first.labels(kind).observe(waited_s)

    def _count(self, kind: str, user: str, usage: Usage | None) -> None:
        if usage is not None:
            counts = {
                "prompt": usage.prompt_tokens,
                "cached": usage.cached_tokens,
                "generated": usage.completion_tokens,
            }
            for name, count in counts.items():
                self._tokens[name].labels(kind, user).inc(count)

    def _timed(self, kind: str, begun: float, first: float, usage: Usage | None) -> None:
        now = time.perf_counter()
        self._whole.labels(kind).observe(now - begun)
        if usage is not None and usage.completion_tokens > 1:
            self._each.labels(kind).observe((now - first) / (usage.completion_tokens - 1))

    def _gauge(self, name: str, help: str, labels: tuple[str, ...]) -> Gauge:
        gauge = Gauge(f"codefuse_{name}", help, labels, registry=self._registry)
        for priority in Priority:
            gauge.labels(priority.name.lower())  # there from the first scrape on, as 0
        return gauge

    def _counter(self, name: str, help: str, labels: tuple[str, ...]) -> Counter:
        return Counter(f"codefuse_{name}", help, labels, registry=self._registry)

    def _histogram(self, name: str, help: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(f"codefuse_{name}", help, ("class",), buckets=buckets, registry=self._registry)


class _State(Collector):
    """What the engine tells of itself, asked at each scrape."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    def collect(self) -> Iterator[Metric]:
        engine = self._worker.engine
        (running, waiting), kv = (engine.load, engine.kv_tokens) if engine else ((0, 0), KvTokens(0, 0))
        figures = (
            ("ready", "Whether the model is loaded.", self._worker.status == "ready"),
            ("batch_sequences", "Sequences in the batch.", running),
            ("queue_sequences", "Sequences that wait for a place in the batch.", waiting),
            ("kv_tokens", "Tokens whose keys and values are held.", kv.held),
            ("kv_capacity_tokens", "Tokens whose keys and values can be held.", kv.capacity),
        )
        for name, help, value in figures:
            yield GaugeMetricFamily(f"codefuse_{name}", help, value=float(value))
