"""The whole way with the real small model: one worker behind every window, which nobody's leaving or killing ends."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import pytest_asyncio

from codefuse_lsp.generation import launcher
from codefuse_lsp.generation.client import Client
from tests.e2e.window import Window, hang_guard

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.real_model]

RECTANGLE = "def rectangle_area(width, height):\n    return ‸\n"
MOST_NEW_TOKENS = 64  # that a keystroke may cost


@pytest.fixture(scope="module", autouse=True)
def options(smollm2: Path, home: Path) -> dict[str, Any]:
    """The settings of every window here, so that all share one worker; the model was found before `home` hid it."""
    short = {"chatMaxTokens": 24, "completionMaxTokens": 8, "kvSlots": 3}
    return {"model": str(smollm2), "device": "cpu", "completionTimeout": 120, **short}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def window(options: dict[str, Any], home: Path) -> AsyncIterator[Window]:
    """A window that has its model; the fixture of the same name in conftest.py has a scripted one."""
    window = await Window.opened(home, options)
    yield window
    await window.close()


def workers() -> list[int]:
    return [worker["pid"] for worker in launcher.workers()]


async def until_idle() -> None:
    """Wait until the worker has no job."""
    (worker,) = launcher.workers()
    client = Client(worker["address"])
    try:
        async with hang_guard():
            while (health := await client.health())["running"] or health["waiting"]:
                pass
    finally:
        await client.close()


async def test_three_windows_opened_at_once_share_one_worker_which_outlives_them(
    options: dict[str, Any], home: Path
) -> None:
    windows = await asyncio.gather(*(Window.opened(home, options) for _ in range(3)))
    items = await asyncio.gather(*(window.ghost(RECTANGLE) for window in windows))
    assert all(item and item["insertText"] == "width * height" for item in items)
    (pid,) = workers()
    for window in windows:
        assert (await window.status())["state"] == "ready"
        assert await window.close() == 0
    assert workers() == [pid]
    await until_idle()


async def test_the_name_that_the_code_below_uses_is_the_one_that_is_defined(window: Window) -> None:
    item = await window.ghost(
        "def mean(prices):\n    ‸\n    for price in prices:\n        spent += price\n    return spent\n"
    )
    assert item is not None and item["insertText"] == "spent = 0"


async def test_loading_is_shown_until_the_model_is_ready(window: Window) -> None:
    await window.told("codefuse/status", lambda status: status["state"] == "ready")
    status = await window.status()
    assert "SmolLM2" in status["model"] or "smollm2" in status["model"]
    assert status["device"] == "cpu" and status["command"] is None


async def test_only_the_worker_holds_torch(window: Window) -> None:
    assert await window.ghost(RECTANGLE) is not None
    (worker,) = workers()
    assert holds_torch(worker) and not holds_torch(window.process.pid)


def holds_torch(pid: int) -> bool:
    return any("torch" in part.path for part in psutil.Process(pid).memory_maps())


async def test_a_keystroke_costs_only_its_own_tokens(window: Window) -> None:
    above = "".join(f"def value_{number}():\n    return {number}\n\n" for number in range(100))
    uri, _ = window.show(f"{above}‸\n")
    line = "total = va"
    for column, letter in enumerate(line):
        window.insert(uri, column + 2, 300, column, letter)
        await window.ghost_at(uri, {"line": 300, "character": column + 1})
    records = await window.request("codefuse/whyNoSuggestion", {"count": len(line)})
    new_tokens = [record["promptTokens"] - record["cachedTokens"] for record in records]
    assert new_tokens[0] > MOST_NEW_TOKENS  # the file itself, and then once more what was found elsewhere meanwhile
    assert all(count < MOST_NEW_TOKENS for count in new_tokens[3:]), new_tokens


async def test_of_keystrokes_that_each_cancel_the_last_none_is_left_in_the_worker(window: Window) -> None:
    uri, _ = window.show("width, height = 2, 3\n‸\n")
    line = "area = rectangle_area(width, height) + 1"
    before, asked = len(window.answers), {}
    for column, letter in enumerate(line):
        if asked:
            window.cancel(max(asked))
        window.insert(uri, column + 2, 1, column, letter)
        request_id, answer = window.ask_ghost(uri, {"line": 1, "character": column + 1})
        asked[request_id] = answer
    outcomes = await window.result(asyncio.gather(*asked.values(), return_exceptions=True))
    assert {getattr(outcome, "code", outcome) for outcome in outcomes[:-1]} <= {-32800, None}
    assert sorted(answer["id"] for answer in window.answers[before:]) == sorted(asked)
    await until_idle()


async def test_a_chat_streams_and_a_cancel_stops_the_model(window: Window) -> None:
    params = {"message": "Write a Python function that adds two numbers.", "partialResultToken": "chat"}
    result = await window.request("codefuse/chat", params)
    deltas = [told["value"]["text"] for told in window.heard["$/progress"] if told["token"] == "chat"]
    assert result["text"].strip() and "".join(deltas) == result["text"]
    assert result["finishReason"] in ("stop", "length") and result["usage"]["completionTokens"] <= 24

    more = {"message": "Go on.", "conversationId": result["conversationId"], "partialResultToken": "more"}
    request_id, answer = window.ask("codefuse/chat", more)
    await window.told("$/progress", lambda told: told["token"] == "more")
    window.cancel(request_id)
    assert (await window.result(answer))["finishReason"] in ("cancelled", "stop", "length")
    await until_idle()


async def test_a_worker_that_is_killed_is_told_of_before_anybody_asks_and_replaced_for_whoever_does(
    window: Window,
) -> None:
    (pid,) = workers()
    os.kill(pid, signal.SIGKILL)
    stopped = await window.told("codefuse/status", lambda status: status["state"] == "stopped")
    assert "has ended" in stopped["message"] and stopped["message"] not in window.messages()
    item = await window.ghost(RECTANGLE)
    assert item is not None and item["insertText"].startswith("width * height")
    assert (await window.status())["state"] == "ready"
    assert len(workers()) == 1 and workers() != [pid]


async def test_a_model_that_is_not_there_is_named(options: dict[str, Any], home: Path) -> None:
    window = await Window.opened(home, {**options, "model": "/nowhere/model"})
    failed = await window.told("codefuse/status", lambda status: status["state"] == "failed")
    assert "/nowhere/model" in failed["message"]
    assert await window.ghost(RECTANGLE) is None
    await window.told("window/showMessage", lambda params: params["message"] == failed["message"])
    await window.close()
