"""Documents that nobody wrote by hand: a suggestion or silence with a reason, and nobody else is kept waiting."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from codefuse_lsp.evaluation.bench.bad_input import CASES, BadDocument
from tests.e2e.far_end import FarEnd
from tests.e2e.window import AUTOMATIC, INVOKED, Json, Window, units

pytestmark = pytest.mark.asyncio(loop_scope="module")

AREA = "def area(width, height):\n    return width‸\n"
NAMES = sorted(CASES)
SHORT = [name for name in NAMES if "10 MB" not in name]
# What is silent about itself for anything but these has met a fault of ours, or of the far end's in which we believed.
FOREIGN = {"cancelled", "model failed", "model not ready", "too slow"}
SEEN_AT_ONCE = {"empty file", "binary file"}  # without a look, so that such a request is answered in its turn


def show(window: Window, bad: BadDocument) -> tuple[str, Json]:
    uri, _ = window.show(bad.text, "bad", bad.language)
    return uri, {"line": bad.line, "character": bad.character}


@pytest.mark.parametrize(
    ("name", "kind"), [*((name, AUTOMATIC) for name in NAMES), *((name, INVOKED) for name in SHORT)]
)
async def test_a_bad_document_gets_a_suggestion_or_silence_with_a_reason_and_the_next_one_is_served(
    window: Window, far_end: FarEnd, name: str, kind: int
) -> None:
    far_end.says(" * height")
    uri, place = show(window, CASES[name]())
    item = await window.ghost_at(uri, place, kind)
    record = await window.why()
    assert (record["outcome"] == "shown") is (item is not None)
    assert item is not None or (record["detail"] and record["outcome"] not in FOREIGN)
    window.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
    good = await window.ghost(AREA)
    assert good is not None and good["insertText"] == " * height"


@pytest.mark.parametrize("name", NAMES)
async def test_while_a_bad_document_is_looked_at_other_requests_are_answered_first(
    window: Window, far_end: FarEnd, name: str
) -> None:
    far_end.holds()  # so that one which gets as far as the model is still under way then
    uri, place = show(window, CASES[name]())
    await window.synchronise()
    order: list[str] = []
    asked = {"bad": window.ask_ghost(uri, place, AUTOMATIC)[1], "other": window.ask("codefuse/status", None)[1]}
    for which, answer in asked.items():
        answer.add_done_callback(lambda _, which=which: order.append(which))
    await window.result(asked["other"])
    window.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
    await window.result(asyncio.gather(*asked.values(), return_exceptions=True))
    assert order[0] == "other" or (await window.why())["outcome"] in SEEN_AT_ONCE


@pytest.mark.parametrize("name", SHORT)
async def test_edits_and_actions_in_a_bad_document_do_no_harm(window: Window, far_end: FarEnd, name: str) -> None:
    far_end.says(" * height")
    uri, place = show(window, CASES[name]())
    for version, text in enumerate(["\ud83d", "\ude00", "\0", "\r", "\n", "x"], start=2):
        window.insert(uri, version, place["line"], place["character"], text)
    whole: Any = await window.actions(uri, {"line": 0, "character": 0}, place)
    assert isinstance(whole, list)
    await window.ghost_at(uri, place, INVOKED)
    inspect = {"textDocument": {"uri": uri}, "position": place}
    shown = await window.request("codefuse/inspectPrompt", inspect)
    assert shown is None or isinstance(shown["prompt"], str)
    window.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
    good = await window.ghost(AREA)
    assert good is not None and good["insertText"] == " * height"


async def test_a_suggestion_behind_emoji_and_right_to_left_text_stands_where_the_cursor_is(
    window: Window, far_end: FarEnd
) -> None:
    far_end.says("x")
    line = "print('😀👩\u200d👧 שלום', "
    item = await window.ghost(f"{line}‸)\n")
    assert item is not None
    assert item["range"]["start"] == {"line": 0, "character": units(line)}


async def test_what_utf8_cannot_carry_never_reaches_the_model(window: Window, far_end: FarEnd) -> None:
    far_end.says(" * height")
    item = await window.ghost("x = '\ud83d\n" + AREA)
    assert item is not None
    assert "x = '\ufffd" in far_end.asked[-1].prompt
