from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from codefuse_lsp.conversations import ConversationError, Conversations
from codefuse_lsp.lsp.history import History
from codefuse_lsp.lsp.keeping import Keeping


class Disk:
    """A history on a disk that answers when the test says so; it remembers what was written to it, and by whom."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.history = Conversations(None)
        self.written: list[tuple[str, str]] = []
        self.threads: set[int] = set()
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        monkeypatch.setattr(Conversations, "write", self.write)

    def write(self, *given: Any) -> None:
        *_, text, reason, _ = given
        self.threads.add(threading.get_ident())
        self.may_go_on.wait(20)
        self.written.append((text, reason))

    def begin(self) -> str:
        return self.history.begin("a", "q").answer


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


def history_of(conversations: Conversations, told: list[str] | None = None) -> History:
    history = History(Path("/nowhere"), (told if told is not None else []).append)

    async def opened() -> Conversations:
        return conversations

    history._opening = asyncio.ensure_future(opened())  # type: ignore[assignment]
    return history


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not done():
            await asyncio.sleep(0)


async def test_a_fast_answer_is_written_at_once_and_then_seldom_and_whole_at_its_end(slow: Disk) -> None:
    keeping = Keeping(history_of(slow.history), slow.begin())
    text = ""
    for number in range(2000):
        text += f"{number} "
        keeping.note(text)
        await asyncio.sleep(0)
    await until(lambda: bool(slow.written))
    await keeping.finish("stop")
    assert slow.written[0][0].startswith("0 ") and slow.written[0][1] == ""
    assert slow.written[-1] == (text, "stop")
    assert len(slow.written) < 20
    assert threading.get_ident() not in slow.threads


async def test_a_write_that_takes_long_is_not_overtaken_by_the_last_one(slow: Disk) -> None:
    slow.may_go_on.clear()
    keeping = Keeping(history_of(slow.history), slow.begin())
    keeping.note("begun")
    await until(lambda: bool(slow.threads))
    keeping.note("begun and ended")
    finishing = asyncio.ensure_future(keeping.finish("length"))
    await asyncio.sleep(0)
    assert slow.written == []
    slow.may_go_on.set()
    await finishing
    assert slow.written == [("begun", ""), ("begun and ended", "length")]


async def test_who_is_cancelled_at_the_end_of_an_answer_still_has_it_written(slow: Disk) -> None:
    history = history_of(slow.history)
    keeping = Keeping(history, slow.begin())
    keeping.note("all of it")
    slow.may_go_on.clear()
    finishing = asyncio.ensure_future(keeping.finish("stop"))
    await asyncio.sleep(0)
    finishing.cancel()
    await asyncio.wait({finishing})
    slow.may_go_on.set()
    await history.close()
    assert slow.written[-1] == ("all of it", "stop")


async def test_what_is_wrong_with_the_history_is_told_once() -> None:
    told: list[str] = []
    conversations = Conversations(None)
    history = history_of(conversations, told)
    await history.do(Conversations.begin, "a", "q")
    assert told == []
    conversations.problem = "The disk is full."
    for _ in range(3):
        await history.do(Conversations.turns, "a")
    assert told == ["The disk is full."]
    assert await history.knows("b")  # it may be where nobody can look now


async def test_a_conversation_is_held_by_one_answer_at_a_time_unless_a_turn_is_named() -> None:
    history = history_of(Conversations(None))
    async with history.answering("a", alone=True):
        async with history.answering("b", alone=True), history.answering("b", alone=False):
            pass

        async def another() -> None:
            async with history.answering("a", alone=True):
                pass

        with pytest.raises(ConversationError, match="An answer is being written"):
            await asyncio.ensure_future(another())
    async with history.answering("a", alone=True):
        pass
