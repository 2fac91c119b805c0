"""The worker's HTTP face: the OpenAI completions API over a Unix socket or TCP.

JSON in, JSON or server-sent events out. Knows the wire and the life of the process; knows nothing of tensors.
"""

from __future__ import annotations

import asyncio
import os
import time
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from codefuse_lsp import __version__
from codefuse_lsp.config import Settings
from codefuse_lsp.errors import CodeFuseError, RequestRefused
from codefuse_lsp.generation.request import Chunk, GenerationRequest
from codefuse_lsp.worker import api
from codefuse_lsp.worker.checkpoint import choose
from codefuse_lsp.worker.guard import Guard, Rules

ChooseFormat = Callable[[str, str | None], str]
T = TypeVar("T")


@dataclass
class Worker:
    """A model on its way up, ready, or failed, and when it was last asked anything."""

    settings: Settings
    choose_format: ChooseFormat
    status: str = "loading"  # loading | ready | failed
    message: str = "Starting"
    progress: float | None = None  # 0..1 while loading
    engine: Any = None
    last_asked: float = field(default_factory=time.monotonic)
    settled: asyncio.Event = field(default_factory=asyncio.Event)

    async def load(self) -> None:
        """Load the model in a thread; ends as ready, or as failed with the reason."""
        try:
            self.engine = await asyncio.to_thread(self._load)
            self.status, self.message = "ready", "Ready"
        except CodeFuseError as error:
            self.status, self.message = "failed", str(error)
        except Exception as error:  # whatever a checkpoint's loading may raise becomes a sentence
            self.status, self.message = "failed", f"The model could not be loaded ({type(error).__name__}: {error})."
        self.last_asked = time.monotonic()
        self.settled.set()

    async def close(self) -> None:
        """Refuse whoever waits or comes, and end what is being generated."""
        if not self.settled.is_set():
            self.status, self.message = "failed", "The worker was ended while it loaded the model; try again."
            self.settled.set()
        if self.engine is not None:
            await asyncio.to_thread(self.engine.close)

    def _load(self) -> Any:
        model = choose(self.settings)
        if model.is_file():
            from codefuse_lsp.worker.llama_cpp import LlamaCppEngine

            return LlamaCppEngine(model, self.settings, self._report)
        from codefuse_lsp.worker.engine import Engine  # torch is imported here, behind the socket's first answer
        from codefuse_lsp.worker.loader import load

        return Engine(load(self.settings, self._report), self.settings.kv_slots)

    def _report(self, message: str, fraction: float | None) -> None:
        self.message, self.progress = message, fraction

    async def ready_engine(self) -> Any:
        """Return the engine once the model is there; raises RequestRefused when it never will be."""
        await self.settled.wait()
        if self.engine is None:
            raise RequestRefused(self.message, 503)
        return self.engine

    @property
    def idle_seconds(self) -> float:
        """Seconds since the worker last had anything to do."""
        if not self.settled.is_set() or (self.engine is not None and any(self.engine.load)):
            self.last_asked = time.monotonic()
        return time.monotonic() - self.last_asked

    def health(self) -> dict[str, Any]:
        """Return what `/health` tells."""
        running, waiting = self.engine.load if self.engine else (0, 0)
        return {
            "status": self.status,
            "message": self.message,
            "progress": self.progress,
            "model": self.engine.loaded.name if self.engine else self.settings.model,
            "device": str(self.engine.loaded.device) if self.engine else "",
            "running": running,
            "waiting": waiting,
            "idle_seconds": round(self.idle_seconds, 1),
            "pid": os.getpid(),
            "version": __version__,
        }

    def model_card(self) -> dict[str, Any]:
        """Return the entry of `/v1/models`."""
        loaded = self.engine.loaded
        tokenizer = loaded.tokenizer
        return {
            "id": loaded.name,
            "object": "model",
            "owned_by": "codefuse-lsp",
            "max_model_len": loaded.max_model_len,
            "prompt_format": self.settings.prompt_format or self.choose_format(loaded.name, tokenizer.chat_template),
            "chat_template": tokenizer.chat_template,
            "special_tokens": list(tokenizer.special_tokens),
            "bos_token": tokenizer.bos_token,
            "eos_token": tokenizer.eos_token,
            "device": str(loaded.device),
        }


def build_app(worker: Worker, rules: Rules) -> Starlette:
    """Return the ASGI application of one worker."""
    app = Starlette(
        routes=[
            Route("/v1/completions", completions, methods=["POST"]),
            Route("/v1/models", models),
            Route("/tokenize", tokenize, methods=["POST"]),
            Route("/health", health),
        ],
        middleware=[Middleware(Guard, rules=rules)],
        exception_handlers={RequestRefused: _refused, ClientDisconnect: _gone, HTTPException: _no_such_thing},  # type: ignore[dict-item]
    )
    app.state.worker = worker
    return app


async def completions(request: Request) -> Response:
    """Answer `POST /v1/completions`; the client's going away stops the generation."""
    worker = _worker(request)
    body = api.parse_body(await request.body())
    options = api.parse_stream_options(body)
    engine = await _unless_gone(request, worker.ready_engine())
    _check_model(body, engine.loaded.name)
    wanted = api.parse_completion(body, engine.loaded.max_model_len)
    head = _head(engine.loaded.name)
    if not options.stream:
        chunks = await _unless_gone(request, _collect(engine, wanted))
        return JSONResponse(api.completion_json(head, chunks))
    stream = engine.generate(wanted)
    first = await _unless_gone(request, anext(stream))  # a refusal still has its own HTTP status here
    return StreamingResponse(_events(head, first, stream, options), media_type="text/event-stream")


async def models(request: Request) -> Response:
    """Answer `GET /v1/models`."""
    worker = _worker(request)
    await _unless_gone(request, worker.ready_engine())
    return JSONResponse({"object": "list", "data": [worker.model_card()]})


async def tokenize(request: Request) -> Response:
    """Answer `POST /tokenize` with a count of tokens, as vLLM does."""
    worker = _worker(request)
    body = api.parse_body(await request.body())
    engine = await _unless_gone(request, worker.ready_engine())
    prompt = api.parse_completion({"prompt": body.get("prompt")}, 16).prompt
    special = body.get("add_special_tokens") is True
    ids = await asyncio.to_thread(engine.loaded.tokenizer.encode, prompt, special)
    answer = {"count": len(ids), "max_model_len": engine.loaded.max_model_len}
    return JSONResponse(answer | ({"tokens": ids} if body.get("return_tokens") is True else {}))


async def health(request: Request) -> Response:
    """Answer `GET /health` at once, whatever the model does."""
    return JSONResponse(request.app.state.worker.health())


async def _collect(engine: Any, wanted: GenerationRequest) -> list[Chunk]:
    return [chunk async for chunk in engine.generate(wanted)]


async def _events(
    head: dict[str, Any], chunk: Chunk | None, stream: AsyncGenerator[Chunk], options: api.StreamOptions
) -> AsyncGenerator[bytes]:
    """Yield the server-sent events of one answer."""
    offset, usage = 0, None
    try:
        while chunk is not None:
            yield api.completion_event(head, chunk, offset, options)
            offset, usage = offset + len(chunk.text), chunk.usage
            chunk = await anext(stream, None)
        if options.include_usage and usage is not None:
            yield api.usage_event(head, usage)
        yield api.DONE
    except CodeFuseError as error:
        yield api.error_event(error)
    finally:
        await stream.aclose()


async def _unless_gone(request: Request, work: Awaitable[T]) -> T:
    """Await `work`, or give it up when the client closes the connection (raises ClientDisconnect)."""
    task, gone = asyncio.ensure_future(work), asyncio.ensure_future(_disconnect(request))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientDisconnect
        return task.result()
    finally:
        for future in (task, gone):
            future.cancel()
        await asyncio.gather(task, gone, return_exceptions=True)


async def _disconnect(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _worker(request: Request) -> Worker:
    worker: Worker = request.app.state.worker
    worker.last_asked = time.monotonic()
    return worker


def _check_model(body: dict[str, Any], name: str) -> None:
    if body.get("model", "default") not in ("default", name):
        raise RequestRefused(f"This worker holds the model '{name}'; ask for that, or for 'default'.", 404)


def _head(model: str) -> dict[str, Any]:
    return {
        "id": f"cmpl-{uuid.uuid4().hex}",
        "object": "text_completion",
        "created": int(time.time()),
        "model": model,
    }


async def _refused(_request: Request, error: RequestRefused) -> Response:
    headers = {"Retry-After": "1"} if error.status in (429, 503) else None
    return JSONResponse(api.error_json(error), error.status, headers)


async def _no_such_thing(request: Request, error: HTTPException) -> Response:
    message = f"{request.method} {request.url.path} is nothing that this worker answers ({error.detail})."
    return JSONResponse(api.error_json(RequestRefused(message, error.status_code)), error.status_code, error.headers)


async def _gone(_request: Request, _error: ClientDisconnect) -> Response:
    return Response(status_code=499)  # nobody reads it; nginx's number for a client that closed the request
