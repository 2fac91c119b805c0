"""How the model is: told to those who want to know, in the form they can show, and once."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.conftest import OpenWindow
from tests.e2e.far_end import FarEnd
from tests.e2e.window import AUTOMATIC, Window, capabilities, hang_guard

pytestmark = pytest.mark.asyncio(loop_scope="module")

AREA = "def area(width, height):\n    return width‸\n"
NOBODY = "http://127.0.0.1:9/v1"


def is_state(state: str) -> Any:
    return lambda params: params["state"] == state


async def test_the_status_can_be_asked_for(window: Window, far_end: FarEnd) -> None:
    await window.told("codefuse/status", is_state("ready"))
    status = await window.status()
    assert status == {
        **{"state": "ready", "message": "Ready", "model": "scripted", "device": "paper"},
        **{"busy": False, "progress": None, "command": None, "queuePosition": None},
    }
    far_end.holds()
    _, answer = window.ask_ghost(*window.show(AREA))
    completion = await far_end.next()
    assert (await window.status())["busy"] is True
    completion.end()
    await window.result(answer)
    assert (await window.status())["busy"] is False


async def test_every_change_is_told_to_a_client_that_wants_to_know(open_window: OpenWindow, far_end: FarEnd) -> None:
    window = await open_window()
    await window.told("codefuse/status", is_state("ready"))
    told = window.heard["codefuse/status"]
    assert [status["state"] for status in told] == ["starting", "ready"]
    assert set(told[0]) == set(await window.status())
    await window.ghost(AREA)
    assert [status["busy"] for status in told[2:]] == [True, False]


@pytest.mark.parametrize("experimental", [None, {"codefuse": False, "another": True}])
async def test_a_client_that_does_not_want_to_know_hears_nothing_of_ours(
    open_window: OpenWindow, far_end: FarEnd, experimental: dict[str, object] | None
) -> None:
    window = await open_window(client=capabilities(experimental=experimental))
    await window.ghost(AREA)
    assert (await window.status())["state"] == "ready"
    assert not any(method.startswith("codefuse/") for method in window.heard)


async def test_loading_is_shown_as_progress_from_begin_to_end(open_window: OpenWindow, far_end: FarEnd) -> None:
    far_end.may_tell_models.clear()
    window = await open_window()
    begun = await window.told("$/progress", lambda params: params["value"]["kind"] == "begin")
    assert begun["value"]["title"] == "CodeFuse model"
    assert {"token": begun["token"]} in window.heard["window/workDoneProgress/create"]
    assert (await window.status())["state"] == "starting"
    far_end.may_tell_models.set()
    await window.told("$/progress", lambda params: params["value"]["kind"] == "end")
    assert (await window.status())["state"] == "ready"
    assert {params["token"] for params in window.heard["$/progress"]} == {begun["token"]}


async def test_a_client_without_work_done_progress_is_shown_none(open_window: OpenWindow, far_end: FarEnd) -> None:
    window = await open_window(client=capabilities(window__workDoneProgress=None))
    await window.told("codefuse/status", is_state("ready"))
    uri, cursor = window.show(AREA)
    (action,) = await window.actions(uri, cursor, only=["refactor.codefuse.explain"])
    await window.run_command(action["command"])
    assert window.heard["window/workDoneProgress/create"] == window.heard["$/progress"] == []


async def test_a_model_that_fails_is_told_once_in_a_sentence_whatever_is_asked(open_window: OpenWindow) -> None:
    window = await open_window(endpoint=NOBODY)
    await window.told("codefuse/status", is_state("failed"))
    for kind in (AUTOMATIC, 1, AUTOMATIC, 1):
        assert await window.ghost(AREA, kind=kind) is None
    sentence = f"Nothing answers at {NOBODY}."
    status = await window.status()
    assert (status["state"], status["message"]) == ("failed", sentence)
    assert window.messages() == [sentence]


async def test_a_key_that_cannot_be_read_is_told_by_the_name_of_its_setting(open_window: OpenWindow) -> None:
    window = await open_window(apiKeyFile="/nowhere/key")
    status = await window.told("codefuse/status", is_state("failed"))
    assert status["message"] == "api_key_file: no key can be read from /nowhere/key."


async def test_an_endpoint_that_comes_up_later_is_found_by_asking(open_window: OpenWindow) -> None:
    async with FarEnd() as early:
        port, endpoint = early.port, early.endpoint
    window = await open_window(endpoint=endpoint)
    await window.told("codefuse/status", is_state("failed"))
    async with FarEnd(port) as late:
        late.says(" * height")
        async with hang_guard():
            while await window.ghost(AREA, kind=AUTOMATIC) is None:  # nobody but the user's typing makes it try again
                pass
        assert (await window.status())["state"] == "ready"


async def test_an_endpoint_that_goes_away_and_comes_back_is_found_again(open_window: OpenWindow) -> None:
    async with FarEnd() as first:
        first.says(" * height")
        port = first.port
        window = await open_window(endpoint=first.endpoint)
        assert await window.ghost(AREA) is not None
    assert await window.ghost(AREA) is None
    status = await window.status()
    assert status["state"] == "failed" and status["message"].endswith(".")
    async with FarEnd(port) as second:
        second.says(" + height")
        item = await window.ghost(AREA)
        assert item is not None and item["insertText"] == " + height"
    assert len(window.messages()) == 1
