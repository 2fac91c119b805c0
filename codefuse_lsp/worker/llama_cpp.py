"""The engine for GGUF weights: llama.cpp behind the same face as engine.py's.

Input: a GGUF file and requests. Output: asynchronous streams of chunks, whose closing cancels. Knows what to load and
how requests meet slots; what llama.cpp computes is its own affair, and torch is not needed.
"""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codefuse_lsp.config import Settings
from codefuse_lsp.errors import CodeFuseError, ModelError, RequestRefused
from codefuse_lsp.generation.request import Chunk, GenerationRequest
from codefuse_lsp.worker.gguf_file import GgufFile, read_gguf
from codefuse_lsp.worker.gguf_preflight import context_length, preflight
from codefuse_lsp.worker.kv_tokens import KvTokens
from codefuse_lsp.worker.llama_answer import Answer, beginning_with, completion_body
from codefuse_lsp.worker.llama_server import INSTALL, LlamaServer, Load
from codefuse_lsp.worker.llama_slots import QueueFull, SlotTable, Ticket
from codefuse_lsp.worker.prompt_tokens import PromptTokens, Tokens
from codefuse_lsp.worker.room import require_room

PREFILL_BATCH = 64  # tokens; a cancel or ghost text waits for one such batch at most. 512 are 1 % faster on a CPU
GPU_PREFILL_BATCH = 512  # there a batch is short, and a small one wastes the device
FEWEST_SLOTS = 2  # one of them is ghost text's
LOOK_S = 0.5  # between looks at the queue of one who waits
KINDS = {"CUDA": "cuda", "MTL": "mps", "Metal": "mps", "ROCm": "rocm", "Vulkan": "vulkan"}
CLOSING = "The worker is shutting down."
EXPIRED = "expired"  # in an inbox: the deadline has come

__all__ = ["INSTALL", "LlamaCppEngine", "LlamaTokenizer", "LoadedGguf", "slots"]
Report = Callable[[str, float | None], None]


def slots(settings: Settings) -> int:
    """Return how many texts llama.cpp holds."""
    return max(FEWEST_SLOTS, settings.kv_slots)


class LlamaTokenizer:
    """llama.cpp's own tokenizer, and what the file says of its special tokens; safe to use from several threads."""

    def __init__(self, file: GgufFile, server: Callable[[], LlamaServer]) -> None:
        self._server = server
        self._prompts = PromptTokens(self._tokens)
        self.chat_template = file.chat_template
        self.special_tokens = file.special_tokens
        self.bos_token = file.token("bos")
        self.eos_token = file.token("eos")

    def encode(self, text: str, add_special_tokens: bool = False) -> list[int]:
        """Return the ids of a text; special tokens are read as such wherever they stand in it."""
        if add_special_tokens:
            return list(self._ask(text, add_special=True))
        return self._prompts.encode(text)

    def _tokens(self, text: str) -> Tokens:
        decoder, starts, at = codecs.getincrementaldecoder("utf-8")("replace"), [], 0
        told = self._ask(text, with_pieces=True)
        for token in told:
            starts.append(at)
            piece = token["piece"]  # bytes as a list where they are half a character
            at += len(decoder.decode(piece.encode() if isinstance(piece, str) else bytes(piece)))
        added = at - len(text)  # a space that some tokenizers put in front
        return Tokens([token["id"] for token in told], [max(0, start - added) for start in starts])

    def _ask(self, text: str, **options: bool) -> list[Any]:
        body = {"content": text, "add_special": False, "parse_special": True} | options
        return list(self._server().post("/tokenize", body)["tokens"])


@dataclass(frozen=True, slots=True)
class LoadedGguf:
    """A model that llama.cpp holds; named as engine.py's LoadedModel is."""

    tokenizer: LlamaTokenizer
    name: str
    folder: Path
    device: str  # cuda, mps, rocm, vulkan or cpu
    max_model_len: int  # tokens of prompt and answer together
    dtype: str = "gguf"

    @property
    def chat_template(self) -> str | None:
        """The model's own chat template."""
        return self.tokenizer.chat_template


class LlamaCppEngine:
    """One GGUF model and everybody who wants text from it. Raises ModelError while it is made."""

    notice = ""  # what the user should know of how it goes: nothing ever, here
    scores = False  # llama.cpp tells the probabilities of what it writes, not of what it reads

    def __init__(self, path: Path, settings: Settings, report: Report) -> None:
        file = read_gguf(path)
        report(f"Loading {file.name}", None)
        self._gpu = settings.device != "cpu"
        length, num_slots = context_length(file, settings), slots(settings)
        self._load = Load(path, num_slots, length + 1)  # llama.cpp ends one token before its limit
        self._server = self._start(lambda devices: preflight(file, settings, num_slots, devices))
        self._table = SlotTable(num_slots)
        self._capacity = num_slots * length
        self._closing = False
        self._reviving = asyncio.Lock()
        device = _device(settings.device, self._server.devices)
        tokenizer = LlamaTokenizer(file, lambda: self._server)
        self.loaded = LoadedGguf(tokenizer, file.name, path.parent, device, length)
        report(f"Loading {file.name}", 1.0)

    @property
    def load(self) -> tuple[int, int]:
        """Return how many requests run and how many wait."""
        return len(self._table.running), len(self._table.waiting)

    @property
    def kv_tokens(self) -> KvTokens:
        """Return how many tokens' keys and values are held, and how many there is room for."""
        return KvTokens(self._table.num_tokens, self._capacity)

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[Chunk]:
        """Yield the answer in chunks, the last with its finish reason and usage; closing the stream cancels.

        Raises RequestRefused when the prompt does not fit or too many requests wait.
        """
        if request.forced:
            raise RequestRefused("forced is not supported for GGUF: llama.cpp does not score what it reads.", 400)
        await self._revive()
        tokenizer = self.loaded.tokenizer
        ids = await asyncio.to_thread(tokenizer.encode, request.prompt, request.add_special_tokens)
        require_room(ids, request, self.loaded.max_model_len)
        visit = _Visit(request, ids)
        answer = visit.answers[0]
        self._enter(visit.ticket)
        try:
            for answer in visit.answers:
                async with aclosing(self._answer(visit, answer)) as chunks:
                    async for chunk in chunks:
                        yield chunk
        finally:
            visit.leave()
            self._table.leave(visit.ticket, answer.token_ids, time.monotonic() - visit.ticket.since)
            self._table.admit(time.monotonic())

    def close(self) -> None:
        """End llama.cpp; requests under way end with an error."""
        self._closing = True
        self._server.close()
        for ticket in [*self._table.waiting, *self._table.running]:
            ticket.notify()

    async def _answer(self, visit: _Visit, answer: Answer) -> AsyncGenerator[Chunk]:
        """Yield one answer, from a slot as soon as there is one, and again from one after having been held back."""
        pump: asyncio.Task[None] | None = None
        try:
            while not answer.ended:
                if visit.ticket.slot is None:
                    await _stop(pump)
                    pump = None
                    self._table.admit(time.monotonic())
                    if visit.ticket.slot is None:
                        yield Chunk("", index=answer.index, place=self._table.place(visit.ticket))
                elif pump is None:
                    body = completion_body(visit.request, visit.prompt_ids, visit.ticket.slot, answer.index)
                    pump = asyncio.create_task(self._pump(body, visit))
                chunk = self._digest(await visit.next(LOOK_S if pump is None else None), visit, answer, pump)
                if chunk is not None:
                    yield chunk
        finally:
            await _stop(pump)

    def _digest(self, item: Any, visit: _Visit, answer: Answer, pump: asyncio.Task[None] | None) -> Chunk | None:
        """Return the chunk that something in the inbox makes of an answer; raises what is an error."""
        if self._closing:
            raise RequestRefused(CLOSING, 503)
        if visit.ticket.replaced:
            return answer.end("cancelled")
        if item == EXPIRED:
            return answer.end("length")
        if not isinstance(item, tuple) or item[0] is not pump:
            return None  # news of the slot, or from one that was lost
        if isinstance(item[1], Exception):
            raise item[1]
        chunk = answer.push(item[1])
        visit.ticket.begun = visit.ticket.begun or answer.begun
        return chunk

    async def _pump(self, body: dict[str, Any], visit: _Visit) -> None:
        """Put llama.cpp's events, or the error that ends them, into a visit's inbox."""
        me = asyncio.current_task()
        try:
            async with aclosing(self._server.events(body)) as events:
                async for event in events:
                    visit.inbox.put_nowait((me, event))
        except CodeFuseError as error:
            visit.inbox.put_nowait((me, error))

    def _enter(self, ticket: Ticket) -> None:
        if self._closing:
            raise RequestRefused(CLOSING, 503)
        try:
            self._table.enter(ticket)
        except QueueFull:
            raise RequestRefused("Too many requests wait for the model; try again shortly.", 429) from None
        self._table.admit(time.monotonic())

    async def _revive(self) -> None:
        """Start llama.cpp anew when it has ended; raises RequestRefused when it does not come up."""
        async with self._reviving:
            if self._closing or self._server.alive:
                return
            await asyncio.to_thread(self._server.close)
            try:
                self._server = await asyncio.to_thread(self._start, lambda devices: None)
            except ModelError as error:
                raise RequestRefused(str(error), 503) from None

    def _start(self, check: Callable[[list[dict[str, Any]]], None]) -> LlamaServer:
        """Return a llama.cpp that has loaded the model, after `check` has seen its GPUs."""
        server = LlamaServer(self._gpu)
        try:
            check(server.devices)
            server.load(self._load, GPU_PREFILL_BATCH if server.devices else PREFILL_BATCH)
            _warm_up(server)
        except BaseException:
            server.close()
            raise
        return server


class _Visit:
    """One call of `generate`: its request, its ticket, its answers, and an inbox for whatever happens to it."""

    def __init__(self, request: GenerationRequest, prompt_ids: list[int]) -> None:
        loop = asyncio.get_running_loop()
        self.request = request
        self.prompt_ids = prompt_ids
        self.inbox: asyncio.Queue[Any] = asyncio.Queue()
        self.answers = [Answer(request, prompt_ids, index) for index in range(request.n)]

        def notify() -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(self.inbox.put_nowait, None)

        priority, client, document = int(request.priority), request.client, request.document
        self.ticket = Ticket(priority, client, document, prompt_ids, time.monotonic(), notify)
        wait_s = request.deadline
        self._timer = None if wait_s is None else loop.call_later(wait_s, self.inbox.put_nowait, EXPIRED)

    async def next(self, patience_s: float | None) -> Any:
        """Return what comes next, or None when nothing has come for so long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                return await self.inbox.get()
        return None

    def leave(self) -> None:
        """Stop the clock."""
        if self._timer is not None:
            self._timer.cancel()


async def _stop(pump: asyncio.Task[None] | None) -> None:
    if pump is not None:
        pump.cancel()
        await asyncio.gather(pump, return_exceptions=True)


def _warm_up(server: LlamaServer) -> None:
    """Let LLGuidance make its table of the vocabulary now, not within the first answer."""
    ids = server.post("/tokenize", {"content": "a"})["tokens"]
    server.post("/completion", {"prompt": ids, "n_predict": 1, "grammar": beginning_with("a"), "id_slot": 0})


def _device(wanted: str, gpus: list[dict[str, Any]]) -> str:
    """Return what the model runs on; raises ModelError when what is wanted is not there."""
    found = next((kind for gpu in gpus for name, kind in KINDS.items() if gpu["name"].startswith(name)), "cpu")
    if wanted not in ("auto", found):
        raise ModelError(
            f"device = {wanted}, but llama.cpp as installed runs on {found} here; set device = auto, or install "
            "the build of xllamacpp for that device."
        )
    return found
