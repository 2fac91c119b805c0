from __future__ import annotations

import asyncio

import pytest

from codefuse_lsp.lsp.latest import Latest


async def after(sign: asyncio.Event, result: str) -> str:
    await sign.wait()
    return result


async def test_a_newer_task_ends_its_elder_which_gets_none() -> None:
    latest, sign = Latest(), asyncio.Event()
    older = asyncio.create_task(latest.run("a.py", after(sign, "older")))
    await asyncio.sleep(0)
    newer = asyncio.create_task(latest.run("a.py", after(sign, "newer")))
    assert await older is None
    sign.set()
    assert await newer == "newer"
    assert len(latest) == 0


async def test_other_documents_are_left_alone() -> None:
    latest, sign = Latest(), asyncio.Event()
    tasks = [asyncio.create_task(latest.run(key, after(sign, key))) for key in ("a.py", "b.py")]
    await asyncio.sleep(0)
    sign.set()
    assert await asyncio.gather(*tasks) == ["a.py", "b.py"]


async def test_the_clients_cancel_is_passed_on_to_the_work() -> None:
    latest, ended = Latest(), asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    task = asyncio.create_task(latest.run("a.py", work()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()
    assert len(latest) == 0


async def test_a_failure_reaches_the_caller_and_leaves_nothing() -> None:
    latest = Latest()

    async def work() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await latest.run("a.py", work())
    assert len(latest) == 0


async def test_what_nobody_wants_any_more_is_ended_and_an_unknown_key_is_nothing_to_speak_of() -> None:
    latest = Latest()
    waiting = asyncio.create_task(latest.run("a.py", after(asyncio.Event(), "never")))
    await asyncio.sleep(0)
    latest.end("b.py")
    latest.end("a.py")
    assert await waiting is None and len(latest) == 0
