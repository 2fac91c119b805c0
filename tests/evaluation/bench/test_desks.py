"""Both desks say the same to the same keys, and each part that is left out is missed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from codefuse_lsp.config import Settings
from codefuse_lsp.context.snippets import Document
from codefuse_lsp.evaluation.bench.desks import EditorDesk, NoCache, NoDebounce, NoTakingOver, SuggesterDesk
from codefuse_lsp.evaluation.bench.keystrokes import Key, Passage
from codefuse_lsp.evaluation.editor import Editor, until_ready
from codefuse_lsp.generation.connection import Connection
from codefuse_lsp.suggestions.parts import Parts
from codefuse_lsp.suggestions.pipeline import Suggester
from codefuse_lsp.suggestions.surroundings import Surroundings
from codefuse_lsp.suggestions.trace import Trace
from tests.e2e.far_end import FarEnd

AREA = Passage("area", "def area(width, height):\n    return width", "\n", " * height")


@asynccontextmanager
async def suggester_desk(far_end: FarEnd, root: Path, parts: Parts | None = None) -> AsyncIterator[SuggesterDesk]:
    settings, documents = Settings(endpoint=far_end.endpoint), list[Document]()
    connection = Connection(settings)
    surroundings = Surroundings([root], open_documents=lambda: tuple(documents))
    suggester = Suggester(connection, settings, Trace(), surroundings, parts=parts)
    try:
        await connection.wait()
        yield SuggesterDesk(suggester, root, documents)
    finally:
        await suggester.close()
        await connection.close()


async def typed(desk: SuggesterDesk | EditorDesk, *texts: str) -> list[str | None]:
    await desk.open(AREA)
    return [await desk.press(Key(0.0, text)) for text in texts]


async def test_a_suggester_on_its_own_says_what_the_server_says(far_end: FarEnd, tmp_path: Path) -> None:
    far_end.says("* height")
    editor = await Editor.start(tmp_path, {"endpoint": far_end.endpoint}, {"XDG_DATA_HOME": str(tmp_path / "data")})
    await until_ready(editor)
    desk = EditorDesk(editor, tmp_path)
    by_server = await typed(desk, " ", "*", " ")
    told = await desk.records()
    await editor.close()
    async with suggester_desk(far_end, tmp_path) as other:
        assert await typed(other, " ", "*", " ") == by_server == ["* height", " height", "height"]
        assert [record["source"] for record in await other.records()] == ["model", "cache", "cache"]
    assert [record["source"] for record in told] == ["model", "cache", "cache"]


async def test_erasing_takes_back_what_was_typed(far_end: FarEnd, tmp_path: Path) -> None:
    far_end.says("* height")
    async with suggester_desk(far_end, tmp_path) as desk:
        await desk.open(AREA)
        await desk.press(Key(0.0, " "))
        await desk.press(Key(0.0, "+"))
        assert await desk.press(Key(0.0, erased=1)) == "* height"
        assert [record["source"] for record in await desk.records()] == ["model", "model", "cache"]


async def test_without_a_cache_the_model_is_asked_each_time(far_end: FarEnd, tmp_path: Path) -> None:
    far_end.says("* height")
    async with suggester_desk(far_end, tmp_path, Parts(cache=NoCache())) as desk:
        await typed(desk, " ", "*", " ")
        assert [record["source"] for record in await desk.records()] == ["model", "model", "model"]


@pytest.mark.parametrize(("parts", "asked"), [(Parts, 1), (lambda: Parts(running=NoTakingOver()), 2)])
async def test_without_taking_over_an_answer_begins_anew_with_each_key(
    far_end: FarEnd, tmp_path: Path, parts: Callable[[], Parts], asked: int
) -> None:
    far_end.holds()
    async with suggester_desk(far_end, tmp_path, parts()) as desk:
        await desk.open(AREA)
        overtaken = asyncio.ensure_future(desk.press(Key(0.0, " ")))
        first = await far_end.next()
        answer = asyncio.ensure_future(desk.press(Key(0.0, "*")))
        if asked == 2:
            await first.hung_up()
            first = await far_end.next()
        first.say(first.heal + ("* height" if asked == 1 else " height"))
        first.end()
        assert await answer == " height"
        assert overtaken.cancelled() and len(far_end.asked) == asked


def test_without_a_debounce_nobody_waits() -> None:
    from codefuse_lsp.suggestions.debounce import Debounce, Moment

    without, usual = NoDebounce(), Debounce()
    for one in (without, usual):
        one.answered(5.0)
    assert without.delay(Moment()) == 0.0 < usual.delay(Moment())
