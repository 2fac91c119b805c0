from __future__ import annotations

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from codefuse_lsp.errors import RequestRefused
from codefuse_lsp.worker import guard
from codefuse_lsp.worker.guard import Guard, Rules, tcp_rules
from codefuse_lsp.worker.users import Key, KeyRing

JSON = {"Content-Type": "application/json"}


async def echo(request: Request) -> JSONResponse:
    return JSONResponse({"bytes": len(await request.body())})


async def refused(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestRefused)
    return JSONResponse({}, error.status)


def app(rules: Rules) -> ASGIApp:
    inner = Starlette(routes=[Route("/", echo, methods=["GET", "POST"])], exception_handlers={RequestRefused: refused})
    return Guard(inner, rules)


async def post(rules: Rules, headers: dict[str, str], url: str = "http://127.0.0.1:8000", body: bytes = b"{}") -> int:
    transport = httpx2.ASGITransport(app(rules))
    async with httpx2.AsyncClient(transport=transport, base_url=url) as client:
        return (await client.post("/", content=body, headers=headers)).status_code


LOOPBACK = tcp_rules("127.0.0.1", KeyRing())
TEAM = tcp_rules("0.0.0.0", KeyRing((Key("first-key"), Key("second-key", "ada"))))


@pytest.mark.parametrize(
    ("rules", "url", "headers", "status"),
    [
        (LOOPBACK, "http://127.0.0.1:8000", JSON, 200),
        (LOOPBACK, "http://localhost:8000", JSON, 200),
        (LOOPBACK, "http://[::1]:8000", JSON, 200),
        (LOOPBACK, "http://evil.example:8000", JSON, 403),
        (LOOPBACK, "http://127.0.0.1.evil.example", JSON, 403),
        (LOOPBACK, "http://127.0.0.1:8000", JSON | {"Origin": "http://127.0.0.1:8000"}, 403),
        (LOOPBACK, "http://127.0.0.1:8000", {"Content-Type": "text/plain"}, 415),
        (LOOPBACK, "http://127.0.0.1:8000", {}, 415),
        (LOOPBACK, "http://127.0.0.1:8000", {"Content-Type": "application/json; charset=utf-8"}, 200),
        (TEAM, "http://gpu-box:8000", JSON, 401),
        (TEAM, "http://gpu-box:8000", JSON | {"Authorization": "Bearer third-key"}, 401),
        (TEAM, "http://gpu-box:8000", JSON | {"Authorization": "Basic first-key"}, 401),
        (TEAM, "http://gpu-box:8000", JSON | {"Authorization": "Bearer second-key"}, 200),
        (Rules(), "http://anything", JSON, 200),
    ],
)
async def test_who_may_talk_to_a_worker(rules: Rules, url: str, headers: dict[str, str], status: int) -> None:
    assert await post(rules, headers, url) == status


async def test_a_body_beyond_the_bound_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "MAX_BODY_BYTES", 100)
    assert await post(LOOPBACK, JSON, body=b"x" * 100) == 200
    assert await post(LOOPBACK, JSON, body=b"x" * 101) == 413
