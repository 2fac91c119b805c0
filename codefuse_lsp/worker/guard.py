"""Who may talk to a worker over TCP. Knows HTTP headers and keys; knows nothing of models.

A worker on loopback can be reached by every page in the user's browser, so a request that a browser made for a page
(it has an `Origin`, a foreign `Host` after DNS rebinding, or a form's content type) is refused even without keys.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from codefuse_lsp.errors import RequestRefused
from codefuse_lsp.worker.api import error_json
from codefuse_lsp.worker.users import KeyRing

MAX_BODY_BYTES = 16 << 20
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
NO_KEY = RequestRefused("An API key that is good here is needed: Authorization: Bearer <key>.", 401)


@dataclass(frozen=True, slots=True)
class Rules:
    """What a listening address asks of its callers; the default is that of an owner-only Unix socket."""

    hosts: frozenset[str] | None = None  # host names that may stand in `Host`; None takes any
    keys: KeyRing = field(default_factory=KeyRing)  # one of these must come as a bearer token; none asks for none
    browsers: bool = True  # whether requests with an `Origin` are let through


def tcp_rules(host: str, keys: KeyRing) -> Rules:
    """Return the rules for a TCP address: on loopback only loopback's names are good in `Host`."""
    return Rules(hosts=LOOPBACK if host in LOOPBACK else None, keys=keys, browsers=False)


class Guard:
    """ASGI middleware that answers for the application where a request breaks the rules.

    Where keys are asked for, `scope["user"]` is the name of the one that came.
    """

    def __init__(self, app: ASGIApp, rules: Rules) -> None:
        self._app = app
        self._rules = rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through, or refuse it."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        headers = Headers(scope=scope)
        refusal = self._refusal(headers, scope["method"])
        if refusal is None and self._rules.keys:
            user = self._rules.keys.user_of(_bearer(headers.get("authorization", "")))
            scope["user"] = user
            refusal = NO_KEY if user is None else None
        if refusal is not None:
            return await JSONResponse(error_json(refusal), refusal.status)(scope, receive, send)
        await self._app(scope, _bounded(receive), send)

    def _refusal(self, headers: Headers, method: str) -> RequestRefused | None:
        if self._rules.hosts is not None and _hostname(headers.get("host", "")) not in self._rules.hosts:
            return RequestRefused("This worker answers to localhost only; the Host header names another.", 403)
        if "origin" in headers and not self._rules.browsers:
            return RequestRefused("Requests from web pages (with an Origin header) are refused.", 403)
        if method == "POST" and headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
            return RequestRefused("The body must be application/json.", 415)
        return None


def _bearer(authorization: str) -> str:
    scheme, _, given = authorization.partition(" ")
    return given.strip() if scheme.lower() == "bearer" else ""


def _hostname(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0] or host


def _bounded(receive: Receive) -> Receive:
    """Return `receive` that gives up on a body larger than the bound."""
    received = 0

    async def bounded() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > MAX_BODY_BYTES:
            raise RequestRefused(f"The body is larger than {MAX_BODY_BYTES >> 20} MiB.", 413)
        return message

    return bounded
