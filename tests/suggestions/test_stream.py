from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator

import pytest

from codefuse_lsp.generation.request import Chunk, GenerationRequest, TokenLogprob
from codefuse_lsp.suggestions.choosing import begun_as
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


class Writing:
    """Writes what it was held to, and goes on with these words of these probabilities."""

    def __init__(self, *words: tuple[str, float]) -> None:
        self.words = words

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[Chunk]:
        for word, probability in ((request.heal, 1.0), *self.words):
            yield Chunk(word, logprobs=(TokenLogprob(word, math.log(probability)),))
        yield Chunk("", "stop")


@pytest.mark.parametrize(
    ("words", "typed", "sure"),
    [
        ([("width", 0.9), (" * 2", 0.9)], "", "size = width * 2"),
        ([("width", 0.9), (" * 2", 0.1)], "", "size = width"),
        ([("width", 0.1), (" * 2", 0.9)], "", ""),  # a beginning alone is nothing
        ([("width", 0.1), (" * 2", 0.9)], "si", ""),
        ([("width", 0.9), (" * 2", 0.1)], "size = wi", "dth"),
        ([("width", 0.9), (" * 2", 0.1)], "size = width", ""),
        ([], "", "size = "),  # which the filters take away
    ],
)
async def test_of_an_answer_that_was_given_its_beginning_only_the_rest_is_doubted(
    words: list[tuple[str, float]], typed: str, sure: str
) -> None:
    place = place_at(drawn("def area(width):\n    │\n    return size\n"))
    question = begun_as(Question(GenerationRequest("x", max_tokens=9), place, (), {}, least=0.5), "size = ")
    assert question is not None
    stream = Stream(Writing(*words), question)  # type: ignore[arg-type]
    at = drawn(f"def area(width):\n    {typed}│\n    return size\n")
    async with stream.followed():
        hit = await stream.rest_at(at)
    assert hit is not None and stream.sure(hit.rest) == sure
