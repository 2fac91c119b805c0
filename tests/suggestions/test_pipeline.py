"""The whole way of a request in one process: what comes out where something on the way is not as it should be."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from codefuse_lsp.config import Settings
from codefuse_lsp.generation.connection import Connection
from codefuse_lsp.suggestions.asked import Asked, asked_at
from codefuse_lsp.suggestions.debounce import Debounce
from codefuse_lsp.suggestions.outcome import Silence, Suggestion
from codefuse_lsp.suggestions.parts import Parts
from codefuse_lsp.suggestions.pipeline import Suggester
from codefuse_lsp.suggestions.surroundings import Prepared, Surroundings
from codefuse_lsp.suggestions.trace import Trace
from tests.e2e.far_end import FarEnd

AREA = "def area(width, height):\n    return width‸\n"
SECRET = "hunter2-in-the-users-code"


def asked_in(drawn: str, *, invoked: bool = False, uri: str = "file:///area.py") -> Asked:
    before, _, after = drawn.partition("‸")
    lines, above = (before + after).splitlines(keepends=True), before.split("\n")
    return asked_at(
        lines, len(above) - 1, len(above[-1]),
        uri=uri, path="/area.py", language="python", version=1, budget_chars=4_000, invoked=invoked,
    )  # fmt: skip


@asynccontextmanager
async def suggester(
    far_end: FarEnd, surroundings: Surroundings | None = None, parts: Parts | None = None, **wishes: Any
) -> AsyncIterator[Suggester]:
    settings = Settings(endpoint=far_end.endpoint, completion_ahead="off", **wishes)
    connection = Connection(settings)
    made = Suggester(connection, settings, Trace(), surroundings, parts=parts)
    try:
        await connection.wait()
        yield made
    finally:
        await made.close()
        await connection.close()


class Broken(Surroundings):
    """Fails as a fault of ours would, with the user's code in its words."""

    def prepare(self, asked: Asked, snippet_chars: int) -> Prepared:
        raise KeyError(SECRET)


async def test_a_fault_of_ours_is_silence_with_a_reason_and_only_its_place_is_logged(
    far_end: FarEnd, caplog: pytest.LogCaptureFixture
) -> None:
    async with suggester(far_end, Broken()) as made:
        found = await made.suggest(asked_in(AREA))
    assert isinstance(found, Silence) and found.reason == "fault" and "log" in found.detail
    assert [record.outcome for record in made.trace.records] == ["fault"]
    assert "KeyError at" in caplog.text and " prepare" in caplog.text and SECRET not in caplog.text


def quick() -> Debounce:
    debounce = Debounce()
    debounce.answered(0.0)
    return debounce


async def test_an_answer_that_came_too_late_teaches_how_long_to_wait(far_end: FarEnd) -> None:
    far_end.holds()
    debounce = quick()
    async with suggester(far_end, parts=Parts(debounce=debounce), completion_timeout=0.1) as made:
        late = await made.suggest(asked_in(AREA))
        assert isinstance(late, Silence) and late.reason == "too slow"
        await (await far_end.next()).hung_up()
    assert debounce.latency is not None and debounce.latency > 0.0


async def test_an_answer_that_was_overtaken_teaches_how_long_to_wait(far_end: FarEnd) -> None:
    far_end.holds()
    debounce = quick()
    async with suggester(far_end, parts=Parts(debounce=debounce)) as made:
        waiting = asyncio.create_task(made.suggest(asked_in(AREA)))
        first = await far_end.next()
        waiting.cancel()  # as the server does when it is asked anew
        newer = asyncio.create_task(made.suggest(asked_in("print(‸)\n", invoked=True)))
        await first.hung_up()
        second = await far_end.next()
        assert debounce.latency is not None and debounce.latency > 0.0
        second.end()
        await newer


@pytest.mark.parametrize("drawn", ["‸", "  ‸\n", "\n\n‸\n"])
async def test_who_asks_in_an_empty_file_gets_what_the_model_would_write_there(far_end: FarEnd, drawn: str) -> None:
    far_end.says("import os")
    async with suggester(far_end) as made:
        typed, invoked = await made.suggest(asked_in(drawn)), await made.suggest(asked_in(drawn, invoked=True))
    assert isinstance(typed, Silence) and typed.reason == "empty file"
    assert isinstance(invoked, Suggestion) and invoked.text == "import os"
