"""Where there is nothing to show the answer is null, never an error, and the reason can be asked for."""

from __future__ import annotations

import asyncio
import json
import sys

import pytest

from tests.e2e.conftest import OpenWindow
from tests.e2e.far_end import Completion, FarEnd
from tests.e2e.window import AUTOMATIC, Window, hang_guard

pytestmark = pytest.mark.asyncio(loop_scope="module")

AREA = "def area(width, height):\n    return width‸\n"
NOBODY = "http://127.0.0.1:9/v1"


async def assert_served_again(window: Window, far_end: FarEnd) -> None:
    far_end.says(" * height")
    item = await window.ghost(AREA)
    assert item is not None and item["insertText"] == " * height"


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        ("500 Internal Server Error", "The GPU fell off the bus."),
        ("429 Too Many Requests", "Too many requests."),
        ("503 Service Unavailable", None),
    ],
)
async def test_a_far_end_that_refuses_leaves_silence_with_its_own_sentence(
    window: Window, far_end: FarEnd, status: str, sentence: str | None
) -> None:
    far_end.refuses(status, sentence)
    assert await window.ghost(AREA) is None
    record = await window.why()
    assert (record["outcome"], record["detail"]) == ("model failed", sentence or f"The far end answered {status}.")
    await assert_served_again(window, far_end)


EVENT = b'data: {"choices": [{"index": 0, "text": " wid"}]}\n\n'
ERROR = {"error": {"message": "out of memory", "code": 500}}


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"<html>It works!</html>", id="a web page"),
        pytest.param(EVENT + b"data: {broken\n\n", id="broken JSON"),
        pytest.param(b"data: []\n\n", id="no object"),
        pytest.param(EVENT, id="cut off"),
        pytest.param(b"", id="nothing"),
        pytest.param(EVENT + b"data: %b\n\n" % json.dumps(ERROR).encode(), id="an error in mid-stream"),
    ],
)
async def test_a_far_end_that_writes_rubbish_leaves_silence_and_is_asked_again(
    window: Window, far_end: FarEnd, data: bytes
) -> None:
    far_end.writes(data)
    assert await window.ghost(AREA) is None
    assert (await window.why())["outcome"] == "model failed"
    await assert_served_again(window, far_end)


@pytest.mark.parametrize(
    ("drawn", "name", "outcome"),
    [
        ("KEY=‸\n", ".env", "ignored file"),
        ("key = ‸\n", "id_rsa", "ignored file"),
        ("  ‸\n", "a.py", "empty file"),
        ("x = wi‸dth\n", "a.py", "inside a word"),
    ],
)
async def test_some_places_are_never_asked_about(
    window: Window, far_end: FarEnd, drawn: str, name: str, outcome: str
) -> None:
    assert await window.ghost(drawn, name, kind=AUTOMATIC) is None
    assert (await window.why())["outcome"] == outcome
    assert far_end.asked == []


@pytest.mark.parametrize(
    ("said", "outcome"),
    [("", "nothing to add"), ("\n    return height", "keep one line"), (" * height", "drop echo")],
)
async def test_what_is_not_worth_showing_is_not_shown(window: Window, far_end: FarEnd, said: str, outcome: str) -> None:
    far_end.says(said)
    assert await window.ghost(f"{AREA}    return width * height\n") is None
    assert (await window.why())["outcome"] == outcome


async def test_a_model_that_writes_another_word_than_the_one_begun_is_stopped(window: Window, far_end: FarEnd) -> None:
    far_end.holds()
    uri, cursor = window.show(AREA)
    _, answer = window.ask_ghost(uri, cursor)
    completion = await far_end.next()
    completion.say(" height")
    assert await window.result(answer) is None
    await completion.hung_up()
    assert (await window.why())["outcome"] == "half word"


@pytest.mark.parametrize(
    ("options", "outcome"), [({"languagesOff": ["python"]}, "language off"), ({"completion": False}, "off")]
)
async def test_ghost_text_can_be_turned_off(
    open_window: OpenWindow, far_end: FarEnd, options: dict[str, object], outcome: str
) -> None:
    window = await open_window(**options)
    assert await window.ghost(AREA) is None
    assert (await window.why())["outcome"] == outcome
    assert far_end.asked == []


async def test_while_the_model_loads_typing_gets_null_at_once_and_an_invocation_waits(
    open_window: OpenWindow, far_end: FarEnd
) -> None:
    far_end.may_tell_models.clear()
    far_end.says(" * height")
    window = await open_window()
    assert await window.ghost(AREA, kind=AUTOMATIC) is None
    assert (await window.why())["outcome"] == "model not ready"
    uri, cursor = window.show(AREA)
    _, invoked = window.ask_ghost(uri, cursor)
    await window.synchronise()
    assert not invoked.done()
    far_end.may_tell_models.set()
    assert (await window.result(invoked))["items"][0]["insertText"] == " * height"


@pytest.mark.parametrize("kind", [AUTOMATIC, 1])
async def test_an_endpoint_that_nobody_answers_at_leaves_silence(open_window: OpenWindow, kind: int) -> None:
    window = await open_window(endpoint=NOBODY)
    assert await window.ghost(AREA, kind=kind) is None
    assert (await window.status())["state"] in ("starting", "failed")


async def test_a_suggestion_for_yesterdays_text_is_not_given(window: Window, far_end: FarEnd) -> None:
    far_end.holds()
    uri, cursor = window.show(AREA)
    _, answer = window.ask_ghost(uri, cursor)
    completion = await far_end.next()
    window.insert(uri, 2, 0, 0, "# ")
    await window.synchronise()
    completion.say(f"{completion.heal} * height")
    completion.end()
    assert await window.result(answer) is None


async def test_when_time_is_up_whole_words_of_what_has_come_are_shown_and_the_rest_is_cancelled(
    open_window: OpenWindow, far_end: FarEnd
) -> None:
    far_end.holds()
    window = await open_window(completionTimeout=0.5)
    uri, cursor = window.show(AREA)
    _, answer = window.ask_ghost(uri, cursor)
    completion = await far_end.next()
    completion.say(f"{completion.heal} * height + wi")
    assert (await window.result(answer))["items"][0]["insertText"] == " * height"
    await completion.hung_up()


async def test_half_a_word_is_no_suggestion_when_time_is_up(open_window: OpenWindow, far_end: FarEnd) -> None:
    far_end.holds()
    window = await open_window(completionTimeout=0.5)
    uri, cursor = window.show(AREA)
    _, answer = window.ask_ghost(uri, cursor)
    completion = await far_end.next()
    completion.say(f"{completion.heal} * hei")
    assert await window.result(answer) is None


async def test_a_far_end_that_says_nothing_is_given_up(open_window: OpenWindow, far_end: FarEnd) -> None:
    far_end.holds()
    window = await open_window(completionTimeout=0.5)
    assert await window.ghost(AREA) is None
    await (await far_end.next()).hung_up()
    assert (await window.why())["outcome"] == "too slow"


async def why_on_the_command_line(*options: str) -> str:
    program = ("-m", "codefuse_lsp", "why", *options)
    async with hang_guard():
        process = await asyncio.create_subprocess_exec(
            sys.executable, *program, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
        told, _ = await process.communicate()
    return told.decode()


@pytest.mark.parametrize(
    ("said", "shown", "dropped"),
    [
        ("\n    return height", None, [{"filter": "keep one line", "text": "\n    return height"}]),
        (" * height\n    x[/b]", " * height", [{"filter": "keep one line", "text": "\n    x[/b]"}]),
    ],
)
async def test_what_was_dropped_is_told_with_its_reason(
    open_window: OpenWindow, far_end: FarEnd, said: str, shown: str | None, dropped: list[dict[str, str]]
) -> None:
    far_end.says(said)
    window = await open_window()
    item = await window.ghost(AREA)
    assert (item and item["insertText"]) == shown
    assert (await window.why())["dropped"] == dropped
    await window.close()
    (record,) = json.loads(await why_on_the_command_line("--json", "--count", "1"))
    assert record["dropped"] == dropped
    assert f"keep one line took {dropped[0]['text'].strip()!r}" in await why_on_the_command_line("--count", "1")


async def test_what_the_model_wrote_in_vain_is_told_where_no_filter_saw_it(window: Window, far_end: FarEnd) -> None:
    async def script(completion: Completion) -> None:
        completion.head()
        completion.say(" height")
        completion.end()

    far_end.script = script
    assert await window.ghost(AREA) is None
    assert (await window.why())["dropped"] == [{"filter": "half word", "text": " height"}]


async def test_what_comes_from_the_cache_is_rebuilt_from_the_answer_of_an_earlier_request(
    open_window: OpenWindow, far_end: FarEnd
) -> None:
    far_end.says(" * height + depth)")
    window = await open_window()
    await window.told("codefuse/status", lambda status: status["state"] == "ready")
    uri, cursor = window.show("print(width‸)\n")
    assert (await window.ghost_at(uri, cursor, AUTOMATIC) or {})["insertText"] == " * height + depth)"
    asked = await window.why()
    window.insert(uri, 2, 0, cursor["character"], " * hei")
    item = await window.ghost_at(uri, {**cursor, "character": cursor["character"] + 6}, AUTOMATIC)
    assert item is not None and item["insertText"] == "ght + depth)"
    record = await window.why()
    assert record["source"] == "cache"
    await window.close()
    told = json.loads(await why_on_the_command_line(record["id"], "--rebuild", "--json"))
    assert told["rebuilt"] == {"text": "ght + depth)", "replaces": 1, "same": True}
    assert told["origin"] == asked["id"] and told["prompt"].endswith("print(")
    assert "the same text" in await why_on_the_command_line(record["id"], "--rebuild")


async def test_each_of_several_suggestions_is_known_by_its_own_id(open_window: OpenWindow, far_end: FarEnd) -> None:
    texts = iter([" * height", " + height"])

    async def script(completion: Completion) -> None:
        completion.head()
        completion.say(completion.heal + next(texts, " - height"))
        completion.end()

    far_end.script = script
    window = await open_window()
    uri, cursor = window.show(AREA)
    for _ in range(2):  # who asks again wants others
        found = await window.result(window.ask_ghost(uri, cursor)[1])
    assert len(found["items"]) > 1
    other = found["items"][-1]
    await window.run_command(other["command"])
    record = await window.why()
    (name,) = other["command"]["arguments"]
    assert name != record["id"] and name in record["others"] and record["fate"] == "accepted"
    await window.close()
    told = json.loads(await why_on_the_command_line(name, "--rebuild", "--json"))
    assert told["origin"] == record["id"] and told["shown"] == other["insertText"]
    assert told["rebuilt"]["same"] is True


async def test_the_reasons_are_kept_for_the_command_line_without_a_word_of_code(
    open_window: OpenWindow, far_end: FarEnd
) -> None:
    far_end.says(" * height")
    window = await open_window()
    await window.ghost(AREA)
    await window.close()
    told = await why_on_the_command_line("--json", "--count", "1")
    (record,) = json.loads(told)
    assert (record["outcome"], record["file"], record["line"]) == ("shown", "area.py", 2)
    assert "width" not in told
