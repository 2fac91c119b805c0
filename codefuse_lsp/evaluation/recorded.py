"""A connection that remembers what was answered, and answers the same question so again where that is wanted.

Requests in, chunks out, as of any `Connection`. Every answer comes with its log-probabilities, and with as many
alternatives as were asked for: a setting that only decides what becomes of an answer, as `completion_confidence` does
where one answer is all, can so be tried on the same answers, through the whole way. What was broken off, because no
more of it could be shown, is broken off there again.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace

from codefuse_lsp.config import Settings
from codefuse_lsp.generation.connection import Connection, Status
from codefuse_lsp.generation.request import Chunk, GenerationRequest


class RecordedConnection(Connection):
    """Remembers greedy answers; while it `replays`, only what it does not remember is asked.

    What failed, or was cancelled, is not remembered. While times are measured, nothing may be replayed.
    """

    def __init__(self, settings: Settings, watch: Callable[[Status], None] = lambda status: None) -> None:
        super().__init__(settings, watch)
        self.replays = False
        self._answers: dict[GenerationRequest, tuple[int, tuple[Chunk, ...]]] = {}  # alternatives told, and the answer

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[Chunk]:
        """Yield the answer, or the remembered one; raises CodeFuseError."""
        question, told = replace(request, logprobs=None, document="", client=""), request.logprobs or 0
        known_told, known = self._answers.get(question, (-1, ()))
        if self.replays and known_told >= told:
            for chunk in known:
                yield chunk
            return
        written: list[Chunk] = []
        try:
            async with aclosing(super().generate(_with_logprobs(request))) as chunks:
                async for chunk in chunks:
                    written.append(chunk)
                    yield chunk
        except GeneratorExit:  # the reader has enough
            self._remember(question, told, written)
            raise
        self._remember(question, told, written)

    def _remember(self, question: GenerationRequest, told: int, written: list[Chunk]) -> None:
        if not question.temperature:
            self._answers[question] = told, tuple(written)


def _with_logprobs(request: GenerationRequest) -> GenerationRequest:
    return request if request.messages else replace(request, logprobs=request.logprobs or 0)
