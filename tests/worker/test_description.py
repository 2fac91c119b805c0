"""The worker held to its own OpenAPI description: whatever is sent, it answers as it says, and never with a 500."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from codefuse_lsp.config import Settings
from codefuse_lsp.generation.request import GenerationRequest, Priority, to_chat_wire, to_wire
from codefuse_lsp.worker.app import Worker, build_app
from codefuse_lsp.worker.guard import Rules
from tests.worker.serving import loaded_worker, served

DESCRIPTION = json.loads((files("codefuse_lsp.worker") / "openapi.json").read_text("utf-8"))
OPERATIONS = [found.ok() for found in schemathesis.openapi.from_dict(DESCRIPTION).get_all_operations()]
# A field may be good by the description and bad by the model: a prompt that is too long, a template's own order.
NOT_HELD = [positive_data_acceptance]
MOST_EXAMPLES = 20  # of each operation, good and bad
CONTEXT_TOKENS = 2048  # of the tiny model
MOST_TOKENS = 3  # asked for in an answer: what is tested is the door, not the model


@pytest.fixture(scope="module")
def url(tiny_llama: Path) -> Iterator[str]:
    """A worker's address, served from a thread, as the fuzzer's calls block."""
    addresses: list[str] = []
    ready, over = threading.Event(), threading.Event()

    async def serve() -> None:
        async with loaded_worker(tiny_llama) as worker, served(worker) as address:
            addresses.append(address.removesuffix("/v1"))
            ready.set()
            await asyncio.to_thread(over.wait)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert ready.wait(120)
        yield addresses[0]
    finally:
        over.set()
        thread.join()


def short(body: Any) -> Any:
    """Ask for a short answer where a body asks for one that the model could give, or says nothing of it."""
    if isinstance(body, dict):
        for name in ("max_tokens", "max_completion_tokens"):
            value = body.get(name)
            if value is None or (isinstance(value, int) and MOST_TOKENS < value <= CONTEXT_TOKENS):
                body[name] = MOST_TOKENS
    return body


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
def test_the_worker_answers_as_it_says(url: str, operation: Any, mode: GenerationMode) -> None:
    @settings(
        max_examples=MOST_EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(generation_mode=mode))
    def hold(case: Any) -> None:
        case.body = short(case.body)
        response = case.call(base_url=url, timeout=30)
        case.validate_response(response, excluded_checks=NOT_HELD)
        assert response.status_code < 500
        if response.status_code >= 400:
            error = response.json()["error"]
            assert error["message"].endswith(".") and error["code"] == response.status_code

    try:
        hold()
    except Unsatisfiable:
        assert mode is GenerationMode.NEGATIVE  # nothing can be wrong with a request that has no fields


@pytest.mark.parametrize("path", ["/v1/completions", "/v1/chat/completions", "/tokenize"])
@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b'{"prompt": NaN}', b'"x"'])
def test_a_body_that_is_no_object_is_refused_with_a_sentence(url: str, path: str, raw: bytes) -> None:
    answer = httpx2.post(url + path, content=raw, headers={"Content-Type": "application/json"}, timeout=30)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"].endswith(".")


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/v1/completions", 405), ("POST", "/health", 405), ("GET", "/v2", 404)]
)
def test_a_path_that_is_not_there_is_told(url: str, method: str, path: str, status: int) -> None:
    headers = {"Content-Type": "application/json"}
    answer = httpx2.request(method, url + path, headers=headers, timeout=30)
    assert answer.status_code == status
    assert answer.json()["error"]["message"].endswith(".")


def test_every_path_that_is_answered_is_described() -> None:
    worker = Worker(Settings(), choose_format=lambda name, template: "plain")
    answered = {route.path.replace(":path", "") for route in build_app(worker, Rules()).routes}  # type: ignore[attr-defined]
    assert answered - {"/openapi.json"} == set(DESCRIPTION["paths"])


def test_every_field_that_is_sent_is_described() -> None:
    asked = GenerationRequest(
        "x", 1, ("a",), 0.5, 0.5, 1, 1, Priority.ACTION, True, True, "h", 2, "c", "d", 1.0, (("user", "x"),)
    )
    schemas = DESCRIPTION["components"]["schemas"]
    assert set(to_wire(asked)) <= set(schemas["CompletionRequest"]["properties"])
    assert set(to_chat_wire(asked)) <= set(schemas["ChatRequest"]["properties"])
    assert set(to_wire(asked)["stream_options"]) == set(schemas["StreamOptions"]["properties"])
