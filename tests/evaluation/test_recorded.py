from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from codefuse_lsp.config import Settings
from codefuse_lsp.errors import CodeFuseError
from codefuse_lsp.evaluation.recorded import RecordedConnection
from codefuse_lsp.generation.request import GenerationRequest
from tests.e2e.far_end import Completion, FarEnd


@pytest.fixture
async def connection(far_end: FarEnd) -> AsyncIterator[RecordedConnection]:
    made = RecordedConnection(Settings(endpoint=far_end.endpoint))
    made.replays = True
    yield made
    await made.close()


async def answer(connection: RecordedConnection, prompt: str = "a = ", *, pieces: int = 9, **fields: object) -> str:
    """Ask, and read so many pieces of the answer."""
    text = ""
    request = GenerationRequest(prompt, temperature=float(str(fields.pop("temperature", 0.0))), **fields)  # type: ignore[arg-type]
    async with aclosing(connection.generate(request)) as chunks:
        async for chunk in chunks:
            text += chunk.text
            pieces -= 1
            if not pieces:
                break
    return text


async def test_the_same_question_is_asked_once_whatever_names_it_goes_by(
    far_end: FarEnd, connection: RecordedConnection
) -> None:
    far_end.says("1", " + 2")
    assert await answer(connection, document="x") == "1 + 2"
    assert await answer(connection, document="y", logprobs=0) == "1 + 2"
    assert len(far_end.asked) == 1 and far_end.asked[0].body["logprobs"] == 0
    assert await answer(connection, "b = ") == "1 + 2"
    assert await answer(connection, max_tokens=3) == "1 + 2"
    assert len(far_end.asked) == 3


async def test_the_alternatives_that_are_asked_for_are_told(far_end: FarEnd, connection: RecordedConnection) -> None:
    far_end.says("1")
    for logprobs in (None, 5, 0):  # what was told with fewer is asked anew, with more it is not
        assert await answer(connection, logprobs=logprobs) == "1"
    assert [asked.body["logprobs"] for asked in far_end.asked] == [0, 5]


async def test_what_was_broken_off_is_broken_off_there_again(far_end: FarEnd, connection: RecordedConnection) -> None:
    async def script(completion: Completion) -> None:
        completion.head()
        completion.say("1")
        completion.say("2")

    far_end.script = script
    assert await answer(connection, pieces=2) == "12"
    assert await answer(connection) == "12"
    assert len(far_end.asked) == 1


async def test_what_is_drawn_by_chance_and_what_failed_is_asked_anew(
    far_end: FarEnd, connection: RecordedConnection
) -> None:
    far_end.says("1")
    assert [await answer(connection, temperature=0.8) for _ in range(2)] == ["1", "1"]
    assert len(far_end.asked) == 2
    far_end.refuses("400 Bad Request", "no")
    with pytest.raises(CodeFuseError):
        await answer(connection)
    far_end.says("3")
    assert await answer(connection) == "3"


async def test_while_times_are_measured_nothing_is_replayed_but_all_is_remembered(
    far_end: FarEnd, connection: RecordedConnection
) -> None:
    far_end.says("1")
    connection.replays = False
    assert [await answer(connection) for _ in range(2)] == ["1", "1"]
    assert len(far_end.asked) == 2
    connection.replays = True
    assert await answer(connection) == "1" and len(far_end.asked) == 2
