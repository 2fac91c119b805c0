"""What becomes of an answer whose asker has gone on: taken over, given up, never taken for what it is not."""

from __future__ import annotations

import asyncio
import json
import re

import pytest

from codefuse_lsp import config
from tests.e2e.conftest import OpenWindow
from tests.e2e.far_end import Completion, FarEnd
from tests.e2e.window import AUTOMATIC, INVOKED, Window

pytestmark = pytest.mark.asyncio(loop_scope="module")

AREA = "def area(width, height):\n    return width‸\n"
SECRET = "hunter2-is-long-enough"
CONNECT = f"password = '{SECRET}'\nconnect(user, ‸)\n"


def finish(completion: Completion, text: str) -> None:
    completion.say(completion.heal + text)
    completion.end()


async def text_of(window: Window, answer: asyncio.Future[dict]) -> str:
    return (await window.result(answer))["items"][0]["insertText"]


async def test_an_answer_that_was_given_up_half_written_is_never_shown_as_a_whole_one(
    window: Window, far_end: FarEnd
) -> None:
    far_end.holds()
    uri, cursor = window.show(AREA)
    request_id, _ = window.ask_ghost(uri, cursor, AUTOMATIC)
    running = await far_end.next()
    running.say(running.heal + " * hei")
    window.cancel(request_id)
    await running.hung_up()
    _, again = window.ask_ghost(uri, cursor, AUTOMATIC)
    finish(await far_end.next(), " * height")
    assert await text_of(window, again) == " * height"


async def test_a_place_where_the_model_failed_is_asked_again(window: Window, far_end: FarEnd) -> None:
    far_end.writes(b"data: {\n\n")
    uri, cursor = window.show(AREA)
    assert await window.ghost_at(uri, cursor) is None
    assert (await window.why())["outcome"] == "model failed"
    far_end.says(" * height")
    await window.ghost(AREA)  # the connection is well again
    item = await window.ghost_at(uri, cursor, AUTOMATIC)
    assert item is not None and item["insertText"] == " * height"


async def test_an_answer_that_turns_out_to_be_another_one_is_cancelled_at_once(window: Window, far_end: FarEnd) -> None:
    far_end.holds()
    uri, cursor = window.show(AREA)
    window.ask_ghost(uri, cursor, AUTOMATIC)
    running = await far_end.next()
    window.insert(uri, 2, 1, cursor["character"], " *")
    _, newer = window.ask_ghost(uri, {**cursor, "character": cursor["character"] + 2}, AUTOMATIC)
    await window.synchronise()
    running.say(running.heal + " + 1")  # only now is it known
    asked = await far_end.next()
    await running.hung_up()
    finish(asked, " height")
    assert await text_of(window, newer) == " height"


async def test_the_next_line_is_computed_ahead_and_taken_over_when_the_suggestion_is_accepted(
    open_window: OpenWindow, far_end: FarEnd
) -> None:
    far_end.holds()
    window = await open_window(completionAhead="on")
    uri, cursor = window.show("def area(width, height):\n    size = width‸\n    return size\n")
    _, first = window.ask_ghost(uri, cursor)
    finish(await far_end.next(), " * height")
    assert await text_of(window, first) == " * height"
    ahead = await far_end.next()
    assert ahead.body["priority"] == 3 and ahead.prompt.endswith("size = width * height")
    assert ahead.heal == "\n    "
    ahead.say(ahead.heal + "print(")
    await window.synchronise()
    window.insert(uri, 2, 1, cursor["character"], " * height")
    accepted = {**cursor, "character": cursor["character"] + len(" * height")}
    assert await window.ghost_at(uri, accepted, AUTOMATIC) is None  # the model has said that the line ends here
    window.insert(uri, 3, 1, accepted["character"], "\n    ")
    _, second = window.ask_ghost(uri, {"line": 2, "character": 4}, AUTOMATIC)
    await window.synchronise()
    ahead.say("size)")
    ahead.end()
    assert await text_of(window, second) == "print(size)"
    assert [completion.body["priority"] for completion in far_end.asked].count(0) == 1


async def test_what_was_computed_ahead_is_there_at_once_and_can_be_looked_at(
    open_window: OpenWindow, far_end: FarEnd
) -> None:
    far_end.holds()
    window = await open_window(completionAhead="on")
    uri, cursor = window.show("def area(width, height):\n    if width‸\n")
    _, first = window.ask_ghost(uri, cursor)
    finish(await far_end.next(), " < 0:")
    assert await text_of(window, first) == " < 0:"
    ahead = await far_end.next()
    assert "\n" not in ahead.body["stop"]  # a block is opened, and so a block is asked for
    finish(ahead, "raise ValueError(width)")
    await window.synchronise()
    window.insert(uri, 2, 1, cursor["character"], " < 0:\n        ")
    item = await window.ghost_at(uri, {"line": 2, "character": 8}, AUTOMATIC)
    assert item is not None and item["insertText"] == "raise ValueError(width)"
    assert (await window.why())["source"] == "cache"
    assert len(far_end.asked) == 2


async def test_what_is_computed_ahead_is_cancelled_when_the_user_goes_elsewhere(
    open_window: OpenWindow, far_end: FarEnd
) -> None:
    far_end.holds()
    window = await open_window(completionAhead="on")
    uri, cursor = window.show(AREA)
    _, first = window.ask_ghost(uri, cursor)
    finish(await far_end.next(), " * height")
    await window.result(first)
    ahead = await far_end.next()
    window.insert(uri, 2, 1, cursor["character"], " + 2")
    _, newer = window.ask_ghost(uri, {**cursor, "character": cursor["character"] + 4}, AUTOMATIC)
    await ahead.hung_up()
    finish(await far_end.next(), " * height")
    assert await text_of(window, newer) == " * height"


async def test_what_is_computed_ahead_holds_no_secret(open_window: OpenWindow, far_end: FarEnd) -> None:
    far_end.holds()
    window = await open_window(completionAhead="on")
    _, first = window.ask_ghost(*window.show(CONNECT))
    asked = await far_end.next()
    placeholder = re.search(r"REDACTED_[0-9a-f]+", asked.prompt)
    assert placeholder is not None
    finish(asked, f"'{placeholder[0]}'")
    assert await text_of(window, first) == f"'{SECRET}'"
    ahead = await far_end.next()
    assert SECRET not in json.dumps(ahead.body) and placeholder[0] in ahead.prompt


async def test_no_secret_is_kept_with_the_requests_on_the_disk(window: Window, far_end: FarEnd) -> None:
    async def script(completion: Completion) -> None:
        placeholder = re.search(r"REDACTED_[0-9a-f]+", completion.prompt)
        assert placeholder is not None
        completion.head()
        finish(completion, f"'{placeholder[0]}'")

    far_end.script = script
    item = await window.ghost(CONNECT)
    assert item is not None and SECRET in item["insertText"]
    kept = config.data_dir() / "requests.jsonl"
    for _ in range(400):  # it is written a second later
        if kept.exists() and "connect(user" in kept.read_text("utf-8"):
            break
        await asyncio.sleep(0.01)
    assert "connect(user" in kept.read_text("utf-8") and SECRET not in kept.read_text("utf-8")


async def test_a_word_that_the_model_was_not_sure_of_is_not_shown_nor_named_on_the_disk(
    open_window: OpenWindow, far_end: FarEnd
) -> None:
    texts = iter([["wi", "dth", ", depth"], [" depth"]])

    async def script(completion: Completion) -> None:
        completion.head()
        tokens = next(texts)
        told = {"tokens": tokens, "token_logprobs": [*[-0.1] * (len(tokens) - 1), -5.0], "top_logprobs": None}
        completion.event({"choices": [{"index": 0, "text": "".join(tokens), "finish_reason": None, "logprobs": told}]})
        completion.end()

    far_end.script = script
    window = await open_window(completionConfidence=0.5)
    uri, cursor = window.show("print(‸)\n")
    for kind in (INVOKED, AUTOMATIC):  # the second time it is remembered
        item = await window.ghost_at(uri, cursor, kind)
        assert item is not None and item["insertText"] == "width"
    assert await window.ghost("print(‸)\n") is None
    record = await window.why()
    assert record.pop("dropped") == [{"filter": "unsure", "text": " depth"}]  # which is told, and not kept with it
    assert record["outcome"] == "unsure" and "depth" not in json.dumps(record)


GUARD = "if width < 0:\n        raise ValueError(width)\n    return width * height"


async def type_through(window: Window, uri: str, cursor: dict, typed: tuple[str, ...], whole: str) -> None:
    """Type pieces of what is offered, and see the whole rest of it offered each time."""
    version, column, done = 1, cursor["character"], ""
    for piece in typed:
        version, done = version + 1, done + piece
        window.insert(uri, version, cursor["line"], column, piece)
        column += len(piece)
        item = await window.ghost_at(uri, {**cursor, "character": column}, AUTOMATIC)
        assert item is not None and item["insertText"] == whole[len(done) :]


async def test_a_block_that_is_typed_letter_by_letter_stays_a_block(window: Window, far_end: FarEnd) -> None:
    far_end.says(GUARD)
    uri, cursor = window.show("def area(width, height):\n    ‸\n")
    item = await window.ghost_at(uri, cursor, AUTOMATIC)
    assert item is not None and item["insertText"] == GUARD
    asked = len(far_end.asked)
    await type_through(window, uri, cursor, ("i", "f wid", "th < 0:"), GUARD)
    assert len(far_end.asked) == asked


async def test_a_block_that_is_typed_while_it_is_written_comes_whole(window: Window, far_end: FarEnd) -> None:
    far_end.holds()
    uri, cursor = window.show("def area(width, height):\n    ‸\n")
    window.ask_ghost(uri, cursor, AUTOMATIC)
    running = await far_end.next()
    running.say(running.heal + GUARD[:20])
    window.insert(uri, 2, cursor["line"], cursor["character"], "if")
    _, newer = window.ask_ghost(uri, {**cursor, "character": cursor["character"] + 2}, AUTOMATIC)
    await window.synchronise()
    running.say(GUARD[20:])
    running.end()
    assert await text_of(window, newer) == GUARD[2:]
