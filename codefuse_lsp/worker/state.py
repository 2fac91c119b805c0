"""The model of a worker process: on its way up, ready, asleep or failed, and when it was last asked anything.

Settings in, an engine out, and what `/health` and `/v1/models` tell. Knows nothing of HTTP or of tensors.
"""

from __future__ import annotations

import asyncio
import gc
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from codefuse_lsp import __version__
from codefuse_lsp.config import Settings
from codefuse_lsp.errors import CodeFuseError, RequestRefused
from codefuse_lsp.generation.request import ModelCard
from codefuse_lsp.worker import memory
from codefuse_lsp.worker.chat_api import Message, RenderChat, RenderedChat
from codefuse_lsp.worker.kv_tokens import KvTokens

ChooseFormat = Callable[[str, str | None], str]
LOOK_S = 60.0  # longest pause between two looks at how long nobody has asked


def no_chat(_card: ModelCard, _messages: Sequence[Message]) -> RenderedChat:
    """Refuse to render a chat, where nobody said how."""
    raise RequestRefused("This worker was started without a way to write chats; ask /v1/completions.", 501)


@dataclass
class Worker:
    """A model on its way up, ready, asleep or failed, and when it was last asked anything."""

    settings: Settings
    choose_format: ChooseFormat
    render_chat: RenderChat = no_chat
    status: str = "loading"  # loading | ready | asleep | failed
    message: str = "Starting"
    progress: float | None = None  # 0..1 while loading
    engine: Any = None
    started: int = field(default_factory=lambda: int(time.time()))
    last_asked: float = field(default_factory=time.monotonic)
    settled: asyncio.Event = field(default_factory=asyncio.Event)  # ready or failed; not while loading or asleep
    lost: asyncio.Event = field(default_factory=asyncio.Event)  # the device can be used no more
    _waking: asyncio.Task[None] | None = None

    async def load(self) -> None:
        """Load the model in a thread; ends as ready, or as failed with the reason."""
        self.status = "loading"
        loop = asyncio.get_running_loop()

        def on_fatal(reason: str) -> None:
            loop.call_soon_threadsafe(self._lose, reason)

        try:
            self.engine = await asyncio.to_thread(self._load, on_fatal)
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

    async def sleep_when_idle(self) -> None:
        """Give the weights back whenever nobody has asked for as long as the settings say."""
        idle_s = self.settings.unload_minutes * 60
        while idle_s > 0:
            await self.settled.wait()
            left = idle_s - self.idle_seconds
            if left > 0:
                await asyncio.sleep(min(left, LOOK_S))
            elif self.engine is not None:
                await self._sleep()
            else:
                return

    async def _sleep(self) -> None:
        engine, self.engine = self.engine, None
        self.settled.clear()
        self.status, self.message = "asleep", "The model's memory was given back; it is loaded again when it is asked."
        await asyncio.to_thread(engine.close)
        del engine
        await asyncio.to_thread(gc.collect)  # its hooks and the model point at each other
        memory.give_back()

    def _lose(self, reason: str) -> None:
        self.status, self.message = "failed", reason
        self.lost.set()

    def _load(self, on_fatal: Callable[[str], None]) -> Any:
        from codefuse_lsp.worker.opening import open_engine  # torch comes here, behind the socket's first answer

        return open_engine(self.settings, self._report, on_fatal)

    def _report(self, message: str, fraction: float | None) -> None:
        self.message, self.progress = message, fraction

    async def ready_engine(self) -> Any:
        """Return the engine once the model is there; raises RequestRefused when it never will be."""
        if self.status == "asleep" and (self._waking is None or self._waking.done()):
            self._waking = asyncio.create_task(self.load())
        await self.settled.wait()
        if self.engine is None or self.status == "failed":
            raise RequestRefused(self.message, 503)
        return self.engine

    @property
    def idle_seconds(self) -> float:
        """Seconds since the worker last had anything to do."""
        if self.status == "loading" or (self.engine is not None and any(self.engine.load)):
            self.last_asked = time.monotonic()
        return time.monotonic() - self.last_asked

    def health(self) -> dict[str, Any]:
        """Return what `/health` tells."""
        running, waiting = self.engine.load if self.engine else (0, 0)
        kv = self.engine.kv_tokens if self.engine else KvTokens(0, 0)
        return {
            "status": self.status,
            "message": self.engine.notice or self.message if self.engine else self.message,
            "progress": self.progress,
            "model": self.engine.loaded.name if self.engine else self.settings.model,
            "device": str(self.engine.loaded.device) if self.engine else "",
            "running": running,
            "waiting": waiting,
            "prompt_tokens_found": kv.found,  # in the cache
            "prompt_tokens_read": kv.read,
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
            scores=self.engine.scores,
        )

    def model_entry(self) -> dict[str, Any]:
        """Return the entry of `/v1/models`."""
        return {"object": "model", "created": self.started, "owned_by": "codefuse-lsp", **asdict(self.card())}
