from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from codefuse_lsp.generation.request import Chunk, GenerationRequest
from codefuse_lsp.suggestions.stream import Question, Stream
from tests.suggestions.places import drawn, place_at

AREA = drawn("def area(width, height):\n    return width│\n")


class Stalling:
    """Writes half a word, and needs a moment to hang up."""

    def __init__(self) -> None:
        self.may_end = asyncio.Event()

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[Chunk]:
        try:
            yield Chunk(" * hei")
            await asyncio.Event().wait()
        finally:
            await self.may_end.wait()


async def test_an_answer_that_was_closed_is_for_nobody_else_and_may_end_within_a_word() -> None:
    model = Stalling()
    stream = Stream(model, Question(GenerationRequest("x", max_tokens=9), place_at(AREA), (), {}))  # type: ignore[arg-type]
    while not stream.written:
        await asyncio.sleep(0)
    assert stream.goes_on_at(AREA) and not stream.so_far_at(AREA).place.is_cut
    stream.close()
    await asyncio.sleep(0)
    assert not stream.has_ended  # the connection is not closed yet
    assert not stream.goes_on_at(AREA)
    assert stream.so_far_at(AREA).rest == " * hei" and stream.so_far_at(AREA).place.is_cut
    model.may_end.set()
