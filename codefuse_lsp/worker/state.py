"""The model of a worker process: on its way up, ready, or failed, and when it was last asked anything.

Settings in, an engine out, and what `/health` and `/v1/models` tell. Knows nothing of HTTP or of tensors.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from codefuse_lsp import __version__
from codefuse_lsp.config import Settings
from codefuse_lsp.errors import CodeFuseError, RequestRefused
from codefuse_lsp.generation.request import ModelCard
from codefuse_lsp.worker.chat_api import Message, RenderChat, RenderedChat

ChooseFormat = Callable[[str, str | None], str]


def no_chat(_card: ModelCard, _messages: Sequence[Message]) -> RenderedChat:
    """Refuse to render a chat, where nobody said how."""
    raise RequestRefused("This worker was started without a way to write chats; ask /v1/completions.", 501)


@dataclass
class Worker:
    """A model on its way up, ready, or failed, and when it was last asked anything."""

    settings: Settings
    choose_format: ChooseFormat
    render_chat: RenderChat = no_chat
    status: str = "loading"  # loading | ready | failed
    message: str = "Starting"
    progress: float | None = None  # 0..1 while loading
    engine: Any = None
    started: int = field(default_factory=lambda: int(time.time()))
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

    def card(self) -> ModelCard:
        """Return what has to be known of the model to write prompts for it."""
        loaded = self.engine.loaded
        tokenizer = loaded.tokenizer
        return ModelCard(
            id=loaded.name,
            max_model_len=loaded.max_model_len,
            prompt_format=self.settings.prompt_format or self.choose_format(loaded.name, tokenizer.chat_template),
            chat_template=tokenizer.chat_template,
            special_tokens=tuple(tokenizer.special_tokens),
            bos_token=tokenizer.bos_token,
            eos_token=tokenizer.eos_token,
            device=str(loaded.device),
        )

    def model_entry(self) -> dict[str, Any]:
        """Return the entry of `/v1/models`."""
        return {"object": "model", "created": self.started, "owned_by": "codefuse-lsp", **asdict(self.card())}
