"""Only the latest request counts; what nobody waits for any more is cancelled all the way to the model."""

from __future__ import annotations

import asyncio

import psutil
import pytest

from codefuse_lsp.evaluation.editor import EditorError
from tests.e2e.far_end import Completion, FarEnd
from tests.e2e.window import AUTOMATIC, Window, hang_guard

pytestmark = pytest.mark.asyncio(loop_scope="module")

CANCELLED = -32800
AREA = "def area(width, height):\n    return width‸\n"
MIB = 1 << 20


async def text_of(window: Window, answer: asyncio.Future[dict]) -> str:
    return (await window.result(answer))["items"][0]["insertText"]


async def idle(window: Window) -> None:
    """Wait until the server is asking nobody."""
    async with hang_guard():
        while (await window.status())["busy"]:
            await asyncio.sleep(0)


def finish(completion: Completion, text: str) -> None:
    completion.say(completion.heal + text)
    completion.end()


async def test_a_newer_request_for_a_document_ends_the_older_one(window: Window, far_end: FarEnd) -> None:
    far_end.holds()
    uri, cursor = window.show(AREA)
    _, older = window.ask_ghost(uri, cursor)
    first = await far_end.next()
    _, newer = window.ask_ghost(uri, cursor)
    assert await window.result(older) is None
    await first.hung_up()
    finish(await far_end.next(), " * height")
    assert await text_of(window, newer) == " * height"


async def test_a_running_answer_that_begins_with_what_is_typed_goes_on(window: Window, far_end: FarEnd) -> None:
    far_end.holds()
    uri, cursor = window.show(AREA)
    _, older = window.ask_ghost(uri, cursor, AUTOMATIC)
    running = await far_end.next()
    for number, letter in enumerate(" * h"):
        place = cursor["character"] + number
        window.insert(uri, number + 2, 1, place, letter)
        _, newer = window.ask_ghost(uri, {"line": 1, "character": place + 1}, AUTOMATIC)
    assert await window.result(older) is None
    finish(running, " * height")
    assert await text_of(window, newer) == "eight"
    assert far_end.asked == [running]


async def test_a_running_answer_that_says_something_else_is_cancelled(window: Window, far_end: FarEnd) -> None:
    far_end.holds()
    uri, cursor = window.show(AREA)
    window.ask_ghost(uri, cursor, AUTOMATIC)
    running = await far_end.next()
    running.say(running.heal + " + 1")
    window.insert(uri, 2, 1, cursor["character"], " *")
    _, newer = window.ask_ghost(uri, {**cursor, "character": cursor["character"] + 2}, AUTOMATIC)
    await running.hung_up()
    finish(await far_end.next(), " height")
    assert await text_of(window, newer) == " height"


async def test_what_is_typed_of_a_suggestion_and_taken_back_is_answered_without_the_model(
    window: Window, far_end: FarEnd
) -> None:
    far_end.says(" * height")
    uri, cursor = window.show(AREA)
    assert await window.ghost_at(uri, cursor, AUTOMATIC) is not None
    for number, letter in enumerate(" * he"):
        place = cursor["character"] + number
        window.insert(uri, number + 2, 1, place, letter)
        item = await window.ghost_at(uri, {"line": 1, "character": place + 1}, AUTOMATIC)
        assert item is not None and item["insertText"] == " * height"[number + 1 :]
    assert len(far_end.asked) == 1


async def test_who_asks_again_at_the_same_place_gets_others_to_choose_from(window: Window, far_end: FarEnd) -> None:
    said = iter([" * height", " * height", " + height", " * 2", " * 3"])

    async def script(completion: Completion) -> None:
        completion.head()
        finish(completion, next(said))

    far_end.script = script
    uri, cursor = window.show(AREA)
    _, first = window.ask_ghost(uri, cursor)
    assert [item["insertText"] for item in (await window.result(first))["items"]] == [" * height"]
    _, again = window.ask_ghost(uri, cursor)
    assert [item["insertText"] for item in (await window.result(again))["items"]] == [
        " * height",
        " + height",
        " * 2",
    ]


async def test_documents_do_not_disturb_each_other(window: Window, far_end: FarEnd) -> None:
    far_end.holds()
    asked = [window.ask_ghost(*window.show(AREA))[1] for _ in range(3)]
    completions = [await far_end.next() for _ in asked]
    for number, completion in enumerate(reversed(completions)):
        finish(completion, f" * {number}")
    assert {await text_of(window, answer) for answer in asked} == {" * 0", " * 1", " * 2"}


@pytest.mark.parametrize("has_begun", [False, True])
async def test_a_cancelled_request_is_answered_so_and_its_connection_closed(
    window: Window, far_end: FarEnd, has_begun: bool
) -> None:
    far_end.holds()
    request_id, answer = window.ask_ghost(*window.show(AREA))
    completion = await far_end.next()
    if has_begun:
        completion.say(" wi")
    window.cancel(request_id)
    with pytest.raises(EditorError) as refusal:
        await window.result(answer)
    assert refusal.value.code == CANCELLED
    await completion.hung_up()
    await idle(window)


async def test_of_200_keystrokes_that_each_cancel_the_last_only_the_last_gets_text(
    window: Window, far_end: FarEnd
) -> None:
    keystrokes = 200

    async def script(completion: Completion) -> None:
        completion.head()
        if completion.heal == " " + "a" * keystrokes:
            finish(completion, " + b")

    far_end.script = script
    uri, _ = window.show("x =\n")
    before = len(window.answers)
    asked: dict[int, asyncio.Future[object]] = {}
    for number in range(1, keystrokes + 1):
        if asked:
            window.cancel(max(asked))
        window.insert(uri, number + 1, 0, 2 + number, "a" if number > 1 else " a")
        request_id, answer = window.ask_ghost(uri, {"line": 0, "character": 4 + number})
        asked[request_id] = answer
    outcomes = await window.result(asyncio.gather(*asked.values(), return_exceptions=True))

    assert outcomes.pop()["items"][0]["insertText"] == " + b"
    assert {getattr(outcome, "code", outcome) for outcome in outcomes} <= {CANCELLED, None}
    assert sorted(answer["id"] for answer in window.answers[before:]) == sorted(asked)
    for completion in far_end.asked[:-1]:
        await completion.hung_up()
    assert far_end.open == []
    await idle(window)


async def test_10_000_edits_leave_nothing_behind(window: Window, far_end: FarEnd) -> None:
    uri, cursor = window.show(AREA)
    place, behind = cursor, {**cursor, "character": cursor["character"] + 1}
    server = psutil.Process(window.process.pid)
    version = 1

    async def edit(count: int) -> int:
        """Type and delete a character in turn, and return the server's memory after that."""
        nonlocal version
        for number in range(count):
            version += 1
            where, text = ((place, place), "x") if number % 2 == 0 else ((place, behind), "")
            change = {"range": {"start": where[0], "end": where[1]}, "text": text}
            document = {"uri": uri, "version": version}
            window.notify("textDocument/didChange", {"textDocument": document, "contentChanges": [change]})
            if number % 1000 == 999:
                await window.synchronise()
        return server.memory_info().rss

    settled = await edit(2000)
    grown = await edit(10_000) - settled
    assert grown < 3 * MIB, f"{grown / MIB:.1f} MiB for 10,000 edits"  # a future that is kept takes over 1 KiB
    far_end.says(" * height")
    item = await window.ghost_at(uri, cursor)
    assert item is not None and item["insertText"] == " * height"


async def test_a_document_that_is_closed_ends_its_request(window: Window, far_end: FarEnd) -> None:
    far_end.holds()
    uri, cursor = window.show(AREA)
    _, answer = window.ask_ghost(uri, cursor)
    completion = await far_end.next()
    window.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
    assert await window.result(answer) is None
    await completion.hung_up()


async def test_a_window_that_is_closed_hangs_up(window: Window, far_end: FarEnd) -> None:
    far_end.holds()
    closing = await Window.opened(window.root, {"endpoint": far_end.endpoint})
    _, answer = closing.ask_ghost(*closing.show(AREA))
    completion = await far_end.next()
    async with hang_guard():
        assert await closing.close() == 0
    await completion.hung_up()
    assert answer.done() and isinstance(answer.exception(), EditorError)


async def test_an_editor_that_dies_takes_its_server_along_and_the_far_end_is_left(
    window: Window, far_end: FarEnd
) -> None:
    far_end.holds()
    dying = await Window.opened(window.root, {"endpoint": far_end.endpoint})
    _, answer = dying.ask_ghost(*dying.show(AREA))
    completion = await far_end.next()
    assert dying.process.stdin is not None
    dying.process.stdin.close()
    async with hang_guard():
        assert await dying.process.wait() == 1
        await dying.close()
    await completion.hung_up()
    assert answer.done() and answer.exception()
