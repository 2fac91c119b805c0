"""The worker's HTTP face: OpenAI's completions and chat API over a Unix socket or TCP.

JSON in, JSON or server-sent events out: every path, and what answers it. Knows nothing of tensors.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import MutableMapping
from importlib.resources import files
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from codefuse_lsp import __version__
from codefuse_lsp.errors import CodeFuseError, RequestRefused
from codefuse_lsp.generation.request import GenerationRequest
from codefuse_lsp.worker import api, chat_api, fields
from codefuse_lsp.worker.answering import Service, answer, head, service_of, unless_gone
from codefuse_lsp.worker.guard import Guard, Rules
from codefuse_lsp.worker.metrics import CONTENT_TYPE, Metrics
from codefuse_lsp.worker.state import ChooseFormat, Worker
from codefuse_lsp.worker.users import Allowances

__all__ = ["ChooseFormat", "Worker", "build_app"]


def build_app(worker: Worker, rules: Rules) -> Starlette:
    """Return the ASGI application of one worker."""
    settings = worker.settings
    metrics = Metrics(worker)
    app = Starlette(
        routes=[
            Route("/v1/completions", completions, methods=["POST"]),
            Route("/v1/chat/completions", chat_completions, methods=["POST"]),
            Route("/v1/models", models),
            Route("/v1/models/{name:path}", model),
            Route("/tokenize", tokenize, methods=["POST"]),
            Route("/health", health),
            Route("/metrics", figures),
            Route("/openapi.json", description),
        ],
        middleware=[Middleware(_CountRefusals, metrics=metrics), Middleware(Guard, rules=rules)],
        exception_handlers=_HANDLERS,
    )
    allowances = Allowances(settings.user_max_requests, settings.user_tokens_per_minute)
    app.state.service = Service(worker, allowances, metrics)
    return app


async def completions(request: Request) -> Response:
    """Answer `POST /v1/completions`."""
    body, engine = await _asked(request)
    tokenizer = engine.loaded.tokenizer
    wanted = api.parse_completion(body, engine.loaded.max_model_len, lambda ids: _text_of(tokenizer, ids))
    wire = api.CompletionWire(head("cmpl", engine.loaded.name))
    return await answer(request, wanted, wire, fields.parse_stream_options(body))


async def chat_completions(request: Request) -> Response:
    """Answer `POST /v1/chat/completions`, the messages written as the model has learnt to read them."""
    body, engine = await _asked(request)
    rendered = _rendered(service_of(request).worker, body)
    wanted = await asyncio.to_thread(_chat_request, body, rendered, engine.loaded)
    wire = chat_api.ChatWire(head("chatcmpl", engine.loaded.name), rendered.restorer)
    return await answer(request, wanted, wire, fields.parse_stream_options(body))


async def models(request: Request) -> Response:
    """Answer `GET /v1/models`."""
    worker = service_of(request).worker
    await unless_gone(request, worker.ready_engine())
    return JSONResponse({"object": "list", "data": [worker.model_entry()]})


async def model(request: Request) -> Response:
    """Answer `GET /v1/models/{name}`."""
    worker = service_of(request).worker
    engine = await unless_gone(request, worker.ready_engine())
    api.check_model({"model": request.path_params["name"]}, engine.loaded.name)
    return JSONResponse(worker.model_entry())


async def tokenize(request: Request) -> Response:
    """Answer `POST /tokenize` with a count of tokens, as vLLM does, for a prompt or for messages."""
    body, engine = await _asked(request)
    if is_chat := body.get("messages") is not None:
        if body.get("prompt") is not None:
            raise fields.BadField("prompt", "and messages are both there; send one of them.")
        prompt = _rendered(service_of(request).worker, body).prompt
    else:
        prompt = api.parse_prompt(body)
    special = fields.flag(body, "add_special_tokens", not is_chat)
    wants_tokens = fields.flag(body, "return_tokens")
    ids = await asyncio.to_thread(engine.loaded.tokenizer.encode, prompt, special)
    counted = {"count": len(ids), "max_model_len": engine.loaded.max_model_len}
    return JSONResponse(counted | ({"tokens": ids} if wants_tokens else {}))


async def health(request: Request) -> Response:
    """Answer `GET /health` at once, whatever the model does."""
    return JSONResponse(request.app.state.service.worker.health())


async def figures(request: Request) -> Response:
    """Answer `GET /metrics`, for Prometheus."""
    return Response(request.app.state.service.metrics.text(), media_type=CONTENT_TYPE)


async def description(_request: Request) -> Response:
    """Answer `GET /openapi.json`: what this worker answers, in OpenAPI's words."""
    told = json.loads((files("codefuse_lsp.worker") / "openapi.json").read_text("utf-8"))
    told["info"]["version"] = __version__
    return JSONResponse(told)


async def _asked(request: Request) -> tuple[dict[str, Any], Any]:
    """Return the body and the engine, once the model is there and if it is the one that is asked for."""
    body = fields.parse_body(await request.body())
    engine = await unless_gone(request, service_of(request).worker.ready_engine())
    api.check_model(body, engine.loaded.name)
    return body, engine


def _rendered(worker: Worker, body: dict[str, Any]) -> chat_api.RenderedChat:
    messages = chat_api.parse_messages(body)
    try:
        return worker.render_chat(worker.card(), messages)
    except RequestRefused:
        raise
    except CodeFuseError as error:  # the model's template has its own mind about who may speak when
        raise fields.BadField("messages", f"cannot be written for this model. {error}") from None


def _chat_request(body: dict[str, Any], rendered: chat_api.RenderedChat, loaded: Any) -> GenerationRequest:
    room = loaded.max_model_len - len(loaded.tokenizer.encode(rendered.prompt))
    return chat_api.parse_chat(body, rendered, room, loaded.max_model_len)


def _text_of(tokenizer: Any, ids: list[int]) -> str | None:
    """Return the text that is read as just these token ids, or None."""
    text: str = tokenizer.decode(ids)
    return text if tokenizer.encode(text) == ids else None


async def _refused(_request: Request, error: CodeFuseError) -> Response:
    status = getattr(error, "status", 500)
    wait_s = getattr(error, "retry_after", None) or 1.0
    headers = {"Retry-After": str(math.ceil(wait_s))} if status in (429, 503) else None
    return JSONResponse(api.error_json(error), status, headers)


async def _no_such_thing(request: Request, error: HTTPException) -> Response:
    message = f"{request.method} {request.url.path} is nothing that this worker answers ({error.detail})."
    return JSONResponse(api.error_json(RequestRefused(message, error.status_code)), error.status_code, error.headers)


async def _gone(_request: Request, _error: ClientDisconnect) -> Response:
    return Response(status_code=499)  # nobody reads it; nginx's number for a client that closed the request


async def _mishap(_request: Request, error: Exception) -> Response:
    told = CodeFuseError(f"This should not have happened ({type(error).__name__}); please report it.")
    return JSONResponse(api.error_json(told), 500)


_HANDLERS: dict[Any, Any] = {
    CodeFuseError: _refused,
    ClientDisconnect: _gone,
    HTTPException: _no_such_thing,
    Exception: _mishap,
}


class _CountRefusals:
    """ASGI middleware that counts answers with a status of 400 and more, whoever gave them."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def counting(message: Message) -> None:
            self._note(message)
            await send(message)

        await self._app(scope, receive, counting)

    def _note(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start" and message["status"] >= 400:
            self._metrics.refused(message["status"])
