from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from codefuse_lsp.config import Settings
from codefuse_lsp.errors import WorkerFailed, WorkerUnreachable
from codefuse_lsp.evaluation.far_end import ScriptedFarEnd
from codefuse_lsp.generation import connection as module
from codefuse_lsp.generation import launcher
from codefuse_lsp.generation.connection import Connection, Status
from codefuse_lsp.generation.request import Chunk, GenerationRequest, ModelCard
from codefuse_lsp.generation.transport import Address

REQUEST = GenerationRequest("x = ", temperature=0.0)


async def text_of(connection: Connection) -> str:
    return "".join([chunk.text async for chunk in connection.generate(REQUEST)])


async def test_its_state_is_told_as_it_changes() -> None:
    told: list[Status] = []
    async with ScriptedFarEnd("value") as far_end:
        connection = Connection(Settings(endpoint=far_end.endpoint), told.append)
        assert await text_of(connection) == "value"
        await connection.close()
    assert [(status.state, status.busy) for status in told] == [
        ("starting", 0),
        ("ready", 0),
        ("ready", 1),
        ("ready", 0),
    ]
    assert told[1].model == "scripted"


async def test_whoever_waits_at_the_same_time_shares_one_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    attempts = 0
    connect = launcher.connect

    async def counted(*arguments: Any) -> Any:
        nonlocal attempts
        attempts += 1
        return await connect(*arguments)

    monkeypatch.setattr(launcher, "connect", counted)
    async with ScriptedFarEnd("value") as far_end:
        connection = Connection(Settings(endpoint=far_end.endpoint))
        assert await asyncio.gather(*(text_of(connection) for _ in range(5))) == ["value"] * 5
        await connection.close()
    assert attempts == 1


async def test_it_comes_back_when_the_far_end_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BACK_OFF_S", (0.0,))
    async with ScriptedFarEnd("value") as far_end:
        connection = Connection(Settings(endpoint=far_end.endpoint))
        await text_of(connection)
        port = int(far_end.endpoint.split(":")[2].split("/")[0])
        await far_end.stop()
        with pytest.raises(WorkerUnreachable):
            await text_of(connection)
        assert connection.ready is None
        assert connection.status.state == "failed" and connection.status.message
        await far_end.start(port)
        assert await text_of(connection) == "value"
        await connection.close()


async def test_after_a_failure_it_is_left_in_peace_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    attempts = 0

    async def fail(*arguments: Any) -> Any:
        nonlocal attempts
        attempts += 1
        raise WorkerFailed("There is no model.")

    monkeypatch.setattr(launcher, "connect", fail)
    connection = Connection(Settings())
    for _ in range(3):
        connection.start()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert attempts == 1
    with pytest.raises(WorkerFailed, match="There is no model"):  # somebody asks in so many words: try again
        await connection.wait()
    assert attempts == 2
    await connection.close()


async def test_whoever_asks_while_it_is_left_in_peace_is_heard_once_that_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    attempts: asyncio.Queue[float] = asyncio.Queue()

    async def fail(*arguments: Any) -> Any:
        attempts.put_nowait(time.monotonic())
        raise WorkerFailed("There is no model.")

    monkeypatch.setattr(launcher, "connect", fail)
    monkeypatch.setattr(module, "BACK_OFF_S", (0.1, 60.0))
    connection = Connection(Settings())
    assert not await connection.ready_within(10)
    assert connection._later is None  # nobody has asked yet
    for _ in range(3):
        assert not await connection.ready_within(0)
    async with asyncio.timeout(10):
        first, second = await attempts.get(), await attempts.get()
    assert second - first >= 0.1
    assert connection._later is None  # once, however many have asked
    assert not await connection.ready_within(0)
    waiting = connection._later
    await connection.close()
    assert waiting is not None and waiting.cancelled()


async def test_a_failure_of_our_own_is_told_too_and_not_only_awaited(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*arguments: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(launcher, "connect", fail)
    connection = Connection(Settings())
    connection.start()
    async with asyncio.timeout(10):
        while connection.status.state != "failed":
            await asyncio.sleep(0)
    assert "ZeroDivisionError" in connection.status.message
    await connection.close()


class Dying:
    """A worker of ours that ends while it writes its answer, which has arrived whole all the same."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.ends = asyncio.Event()
        self.has_ended = asyncio.Event()

    async def model_card(self) -> ModelCard:
        return ModelCard("dying")

    async def generate(self, request: GenerationRequest) -> AsyncIterator[Chunk]:
        yield Chunk("val")
        self.ends.set()
        await self.has_ended.wait()
        yield Chunk("ue", "stop")

    async def close(self) -> None:
        pass


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder whose path is short enough for a socket."""
    with TemporaryDirectory() as folder:
        yield Path(folder)


async def test_a_worker_that_ends_while_its_last_answer_is_read_is_told_of_behind_it(
    short_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dying = Dying(Address(socket=short_folder / "s"))

    async def connect(*arguments: Any) -> Dying:
        return dying

    async def until_ended(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await dying.ends.wait()
        writer.close()

    monkeypatch.setattr(launcher, "connect", connect)
    told: list[str] = []
    async with await asyncio.start_unix_server(until_ended, short_folder / "s"):
        connection = Connection(Settings(), lambda status: told.append(status.state))
        await connection.wait()
        assert connection._going is not None
        connection._going.add_done_callback(lambda going: dying.has_ended.set())
        assert await text_of(connection) == "value"
        assert connection.ready is None and connection.status.busy == 0 and told[-1] == "stopped"
        assert "failed" not in told
        await connection.close()
