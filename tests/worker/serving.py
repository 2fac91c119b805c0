"""A worker on a real socket of this machine, in this process."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn

from codefuse_lsp.cli.serve import chat_renderer
from codefuse_lsp.config import Settings
from codefuse_lsp.prompts.formats import format_for
from codefuse_lsp.worker.app import Worker, build_app
from codefuse_lsp.worker.guard import tcp_rules
from codefuse_lsp.worker.users import KeyRing


@asynccontextmanager
async def loaded_worker(folder: Path, **settings: object) -> AsyncIterator[Worker]:
    """A worker with its model loaded, that writes chats as the product does."""
    chosen = Settings(model=str(folder), device="cpu", dtype="float32", kv_slots=2, **settings)
    worker = Worker(chosen, format_for, chat_renderer(chosen))
    await worker.load()
    assert worker.status == "ready", worker.message
    try:
        yield worker
    finally:
        await worker.close()


@asynccontextmanager
async def served(worker: Worker, keys: KeyRing | None = None) -> AsyncIterator[str]:
    """The base URL of a worker, as an OpenAI client takes it."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.bind(("127.0.0.1", 0))
    app = build_app(worker, tcp_rules("127.0.0.1", keys or KeyRing()))
    server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_level="error", timeout_graceful_shutdown=1))
    serving = asyncio.ensure_future(server.serve(sockets=[listener]))
    try:
        while not server.started:
            await asyncio.sleep(0.001)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    finally:
        server.should_exit = True
        await serving
        listener.close()
