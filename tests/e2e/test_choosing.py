"""Which of several answers an editor is shown, when the model can tell how probable the code below is after each."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tests.e2e.conftest import OpenWindow
from tests.e2e.far_end import Completion, FarEnd
from tests.e2e.window import AUTOMATIC, INVOKED, Window

pytestmark = pytest.mark.asyncio(loop_scope="module")

HALF = "def half(total):\n    part = ‸\n    return part\n"
TOP = {" total": 0.5, " len": 0.3, " sum": 0.1}
PROBABLE = {" total * 2": -9.0, " len(total)": -8.0, " sum(total)": -7.0, " total / 2": -1.0}


MISSING = "def half(total):\n    ‸\n    return share * total\n"


class Model:
    """Writes a line for each beginning that an answer is held to, and finds the code below probable after one."""

    def __init__(self, far_end: FarEnd, **card: Any) -> None:
        self.scored: list[str] = []
        self.judges = True
        far_end.card = {**far_end.card, "prompt_format": "plain", "scores": True, **card}
        far_end.script = self.answer

    async def answer(self, completion: Completion) -> None:
        if completion.body.get("forced") and not self.judges:
            completion.head("503 Service Unavailable")
            completion.over.set()
            return
        completion.head()
        if forced := completion.body.get("forced"):
            self.scored.append(forced)
            score = next((value for text, value in PROBABLE.items() if text in forced), -20.0)
            completion.event(choice(forced, "stop", {"tokens": [forced], "token_logprobs": [score]}))
        elif completion.heal == " / 2":
            completion.say(completion.heal)
        elif completion.heal == " " and completion.prompt.endswith("share ="):
            completion.say(" 1 / 2")
        elif completion.heal in (" len", " sum"):
            completion.say(completion.heal + "(total)")
        else:
            told = {"tokens": [" total", " * 2"], "token_logprobs": [math.log(0.5), math.log(0.5)]}
            tops = [{text: math.log(p) for text, p in TOP.items()}, {" * 2": math.log(0.5), " / 2": math.log(0.4)}]
            completion.event(choice(" total * 2", None, {**told, "top_logprobs": tops}))
        completion.end()


def choice(text: str, reason: str | None, logprobs: dict[str, Any]) -> dict[str, Any]:
    return {"choices": [{"index": 0, "text": text, "finish_reason": reason, "logprobs": logprobs}]}


async def opened(
    open_window: OpenWindow, far_end: FarEnd, card: dict[str, Any] | None = None, **options: Any
) -> tuple[Model, Window]:
    model = Model(far_end, **(card or {}))
    window = await open_window(**options)
    await window.told("codefuse/status", lambda status: status["state"] == "ready")
    return model, window


async def shown(window: Window, kind: int) -> list[str]:
    uri, cursor = window.show(HALF)
    found = await window.result(window.ask_ghost(uri, cursor, kind)[1])
    return [item["insertText"] for item in found["items"]]


async def after_typing(window: Window, uri: str, cursor: dict[str, int], text: str) -> list[str]:
    """Type a text where the cursor stands, and return what is shown behind it."""
    window.insert(uri, 2, cursor["line"], cursor["character"], text)
    after = {**cursor, "character": cursor["character"] + len(text)}
    found = await window.result(window.ask_ghost(uri, after, AUTOMATIC)[1])
    return [item["insertText"] for item in found["items"]]


async def test_the_answer_that_the_code_below_follows_from_is_shown_and_others_where_the_user_asked(
    open_window: OpenWindow, far_end: FarEnd
) -> None:
    model, window = await opened(open_window, far_end)
    assert await shown(window, INVOKED) == ["total / 2", "sum(total)", "len(total)"]
    assert all(text.endswith("\n    return part") for text in model.scored)


async def test_while_somebody_types_one_is_shown_and_what_it_goes_on_with_is_not_asked_for_again(
    open_window: OpenWindow, far_end: FarEnd
) -> None:
    _, window = await opened(open_window, far_end, completionCandidates=4)
    uri, cursor = window.show(HALF)
    found = await window.result(window.ask_ghost(uri, cursor, AUTOMATIC)[1])
    assert [item["insertText"] for item in found["items"]] == ["total / 2"]
    asked = len(far_end.asked)
    assert await after_typing(window, uri, cursor, "total") == [" / 2"]
    assert len(far_end.asked) == asked


async def test_with_one_candidate_the_code_below_is_told_in_the_prompt(
    open_window: OpenWindow, far_end: FarEnd
) -> None:
    model, window = await opened(open_window, far_end, completionCandidates=1)
    assert await shown(window, INVOKED) == ["total * 2"]
    assert "return part" in far_end.asked[-1].prompt and not model.scored


async def test_where_the_far_end_judges_nothing_the_most_probable_line_is_shown(
    open_window: OpenWindow, far_end: FarEnd
) -> None:
    model, window = await opened(open_window, far_end, {"scores": False})
    assert await shown(window, INVOKED) == ["len(total)", "total * 2", "total / 2"]
    assert "return part" in far_end.asked[-1].prompt and not model.scored


async def test_a_stranger_is_not_asked_to_begin_with_another_word(open_window: OpenWindow, far_end: FarEnd) -> None:
    _, window = await opened(open_window, far_end, {"scores": False, "device": ""})
    assert await shown(window, INVOKED) == ["total * 2"]
    assert len(far_end.asked) == 1 and "logprobs" not in far_end.asked[0].body


async def test_a_name_that_the_code_below_uses_and_nothing_defines_is_defined(
    open_window: OpenWindow, far_end: FarEnd
) -> None:
    model, window = await opened(open_window, far_end)
    uri, cursor = window.show(MISSING)
    found = await window.result(window.ask_ghost(uri, cursor, INVOKED)[1])
    assert found["items"][0]["insertText"] == "share = 1 / 2"
    assert any("share = 1 / 2\n    return share" in text for text in model.scored)
    defined = MISSING.replace("(total)", "(total, share)")
    uri, cursor = window.show(defined)
    asked = len(far_end.asked)
    await window.result(window.ask_ghost(uri, cursor, INVOKED)[1])
    assert not any("share =" in completion.prompt for completion in far_end.asked[asked:])


async def test_a_name_that_looks_like_a_secret_begins_no_answer(open_window: OpenWindow, far_end: FarEnd) -> None:
    _, window = await opened(open_window, far_end)
    secret = "AKIA" + "Q3EGTBXJ7RZ2M5NW"
    uri, cursor = window.show(MISSING.replace("share", secret))
    await window.result(window.ask_ghost(uri, cursor, INVOKED)[1])
    assert far_end.asked and not any(secret in str(completion.body) for completion in far_end.asked)


async def test_where_there_is_time_for_one_answer_only_that_defines_it_and_the_prompt_is_told_as_it_is(
    open_window: OpenWindow, far_end: FarEnd
) -> None:
    model, window = await opened(open_window, far_end, completionCandidates=1)
    uri, cursor = window.show(MISSING)
    found = await window.result(window.ask_ghost(uri, cursor, AUTOMATIC)[1])
    assert found["items"][0]["insertText"] == "share = 1 / 2" and not model.scored
    (asked,) = far_end.asked
    assert asked.prompt.endswith("\n    share =") and asked.heal == " "
    where = {"textDocument": {"uri": uri}, "position": cursor}
    told = await window.request("codefuse/inspectPrompt", where)
    assert (told["prompt"], told["heal"]) == (asked.prompt, asked.heal)
    assert await after_typing(window, uri, cursor, "share") == [" = 1 / 2"] and len(far_end.asked) == 1


async def test_what_is_typed_otherwise_is_gone_on_with(open_window: OpenWindow, far_end: FarEnd) -> None:
    _, window = await opened(open_window, far_end, completionCandidates=1)
    uri, cursor = window.show(MISSING.replace("‸", "part = ‸"))
    found = await window.result(window.ask_ghost(uri, cursor, AUTOMATIC)[1])
    assert found["items"][0]["insertText"] == "total * 2"


async def test_when_the_judge_is_gone_the_first_answer_is_shown(open_window: OpenWindow, far_end: FarEnd) -> None:
    model, window = await opened(open_window, far_end)
    model.judges = False
    assert await shown(window, INVOKED) == ["total * 2"]
