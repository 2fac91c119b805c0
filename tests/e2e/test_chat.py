"""Chat over the wire: it streams, it stops when told to, and it keeps what was said."""

from __future__ import annotations

import time
from typing import Any

import pytest

from codefuse_lsp.evaluation.editor import EditorError
from tests.e2e.conftest import OpenWindow
from tests.e2e.far_end import FarEnd
from tests.e2e.window import Window

pytestmark = pytest.mark.asyncio(loop_scope="module")

INVALID_PARAMS, REQUEST_FAILED = -32602, -32803
MOST_UPDATES_PER_S = 30
HUMAN, BOT = "<|role_start|>human<|role_end|>", "<|role_start|>bot<|role_end|>"


def deltas(window: Window, token: str) -> list[dict[str, Any]]:
    return [params["value"] for params in window.heard["$/progress"] if params["token"] == token]


async def say(window: Window, message: str, **params: Any) -> dict[str, Any]:
    return await window.request("codefuse/chat", {"message": message, **params})


async def told(window: Window, token: str, text: str) -> None:
    """Wait until `text` has been streamed."""
    await window.told("$/progress", lambda _: "".join(delta["text"] for delta in deltas(window, token)) == text)


async def test_an_answer_streams_in_numbered_pieces_that_make_the_whole(window: Window, far_end: FarEnd) -> None:
    far_end.holds()
    _, answer = window.ask("codefuse/chat", {"message": "why?", "partialResultToken": "streams"})
    completion = await far_end.next()
    said = ""
    for piece in ("Be", "cause ", "of 😋", "\n\n"):
        said += piece
        completion.say(piece)
        await told(window, "streams", said)
    assert not answer.done()
    completion.end("length", cached=7)
    result = await window.result(answer)
    pieces = deltas(window, "streams")
    assert result["text"] == "".join(piece["text"] for piece in pieces) == "Because of 😋\n\n"
    assert [piece["seq"] for piece in pieces] == list(range(4))
    assert {piece["kind"] for piece in pieces} == {"delta"}
    assert result["finishReason"] == "length"
    assert (result["usage"]["cachedTokens"], result["usage"]["completionTokens"]) == (7, 9)
    assert result["leftOut"] == [] and result["conversationId"] and result["turnId"]


async def test_a_fast_answer_is_told_in_at_most_30_updates_a_second(window: Window, far_end: FarEnd) -> None:
    words = [f"word{number} " for number in range(3000)]
    far_end.says(*words)
    began = time.monotonic()
    result = await say(window, "fast", partialResultToken="fast")
    elapsed = time.monotonic() - began
    pieces = deltas(window, "fast")
    assert "".join(piece["text"] for piece in pieces) == result["text"] == "".join(words)
    assert [piece["seq"] for piece in pieces] == list(range(len(pieces)))
    assert len(pieces) <= MOST_UPDATES_PER_S * elapsed + 2
    assert len(pieces) < len(words)


async def test_without_a_token_nothing_streams(window: Window, far_end: FarEnd) -> None:
    far_end.says("a ", "b")
    before = len(window.heard["$/progress"])
    assert (await say(window, "quiet"))["text"] == "a b"
    assert len(window.heard["$/progress"]) == before


async def test_a_question_is_sampled_as_the_model_card_does_behind_everything_else(
    window: Window, far_end: FarEnd
) -> None:
    far_end.says("So.")
    await say(window, "how?")
    body = far_end.asked[0].body
    assert body["prompt"] == f"{HUMAN}how?{BOT}"
    assert (body["max_tokens"], body["temperature"], body["top_p"], body["priority"]) == (512, 0.1, 0.95, 2)
    assert set(body["stop"]) == {"<|role_start|>", "<|role_end|>"}


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("codefuse/chat", {"message": "count"}),
        ("codefuse/commitMessage", {"diff": "diff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -1 +1 @@\n-old\n+new\n"}),
    ],
)
async def test_all_that_was_said_is_streamed_before_the_answer_that_it_failed(
    window: Window, far_end: FarEnd, method: str, params: dict[str, Any]
) -> None:
    far_end.holds()
    token = f"fails {method}"
    _, answer = window.ask(method, {**params, "partialResultToken": token})
    completion = await far_end.next()
    completion.say("one, ")
    await told(window, token, "one, ")
    completion.say("two, ")  # within the pause before the next update
    completion.over.set()
    with pytest.raises(EditorError):
        await window.result(answer)
    assert "".join(delta["text"] for delta in deltas(window, token)) == "one, two, "


async def test_a_cancel_keeps_what_was_said_and_the_conversation_goes_on_from_it(
    window: Window, far_end: FarEnd
) -> None:
    far_end.holds()
    request_id, answer = window.ask("codefuse/chat", {"message": "count", "partialResultToken": "stopped"})
    completion = await far_end.next()
    completion.say("one, two, ")
    await told(window, "stopped", "one, two, ")
    window.cancel(request_id)
    stopped = await window.result(answer)
    assert (stopped["text"], stopped["finishReason"]) == ("one, two, ", "cancelled")
    await completion.hung_up()
    assert (await window.status())["busy"] is False

    far_end.says("three")
    result = await say(window, "go on", conversationId=stopped["conversationId"])
    assert result["conversationId"] == stopped["conversationId"]
    assert far_end.asked[-1].prompt == f"{HUMAN}count{BOT}one, two, </s>{HUMAN}go on{BOT}"


async def test_a_cancel_before_the_first_word_is_no_error_either(window: Window, far_end: FarEnd) -> None:
    far_end.holds()
    request_id, answer = window.ask("codefuse/chat", {"message": "count"})
    completion = await far_end.next()
    window.cancel(request_id)
    stopped = await window.result(answer)
    assert (stopped["text"], stopped["finishReason"]) == ("", "cancelled")
    await completion.hung_up()


async def test_a_cancel_while_the_model_loads_is_no_error_either(open_window: OpenWindow, far_end: FarEnd) -> None:
    far_end.may_tell_models.clear()
    window = await open_window()
    request_id, answer = window.ask("codefuse/chat", {"message": "count"})
    await window.synchronise()
    window.cancel(request_id)
    stopped = await window.result(answer)
    assert (stopped["text"], stopped["finishReason"]) == ("", "cancelled")
    assert far_end.asked == []


async def test_a_question_asked_at_once_after_the_handshake_is_answered(
    open_window: OpenWindow, far_end: FarEnd
) -> None:
    far_end.says("Here.")
    window = await open_window()
    assert (await say(window, "anybody there?"))["text"] == "Here."


async def test_a_conversation_survives_a_restart_of_the_server(open_window: OpenWindow, far_end: FarEnd) -> None:
    far_end.says("Forty-two.")
    before = await open_window()
    first = await say(before, "the answer?")
    assert await before.close() == 0
    after = await open_window()
    far_end.says("Because.")
    second = await say(after, "why?", conversationId=first["conversationId"])
    assert far_end.asked[-1].prompt == f"{HUMAN}the answer?{BOT}Forty-two.</s>{HUMAN}why?{BOT}"
    assert second["turnId"] != first["turnId"]


async def test_two_questions_at_once_do_not_mix(window: Window, far_end: FarEnd) -> None:
    far_end.holds()
    answers = []
    for token in ("left", "right"):
        answers.append(window.ask("codefuse/chat", {"message": token, "partialResultToken": token})[1])
        completion = await far_end.next()
        completion.say(token)
    for completion in far_end.open:
        completion.end()
    assert [(await window.result(answer))["text"] for answer in answers] == ["left", "right"]
    assert ["".join(delta["text"] for delta in deltas(window, token)) for token in ("left", "right")] == [
        "left",
        "right",
    ]


POSITION = {"line": 0, "character": 0}


@pytest.mark.parametrize(
    ("params", "said"),
    [
        (None, "params.message is missing"),
        ({}, "params.message is missing"),
        ({"message": 5}, "params.message is not valid"),
        ({"message": "a", "conversationId": 5}, "params.conversationId is not valid"),
        ({"message": "a", "references": "a.py"}, "params.references is not valid"),
        ({"message": "a", "references": [{"uri": 5}]}, "params.references[0].uri is not valid"),
        (
            {"message": "a", "references": [{"uri": "file:///a", "range": {"start": POSITION}}]},
            "params.references[0].range.end is missing",
        ),
        ({"message": "a", "partialResultToken": {}}, "params.partialResultToken is not valid"),
    ],
)
async def test_a_bad_field_is_named(window: Window, far_end: FarEnd, params: object, said: str) -> None:
    with pytest.raises(EditorError) as refusal:
        await window.request("codefuse/chat", params)
    assert refusal.value.code == INVALID_PARAMS
    assert str(refusal.value) == f"Invalid params for codefuse/chat: {said}."
    assert far_end.asked == []


async def refused(window: Window, message: str = "why?") -> str:
    with pytest.raises(EditorError) as refusal:
        await say(window, message)
    assert refusal.value.code == REQUEST_FAILED
    assert "Traceback" not in str(refusal.value) and str(refusal.value).endswith(".")
    return str(refusal.value)


async def test_a_far_end_that_refuses_is_quoted(window: Window, far_end: FarEnd) -> None:
    far_end.refuses("400 Bad Request", "The prompt is too long.")
    assert await refused(window) == "The prompt is too long."


async def test_a_far_end_that_breaks_off_is_told_in_a_sentence_and_asked_again(window: Window, far_end: FarEnd) -> None:
    far_end.writes(b'data: {"choices": [{"index": 0, "text": "Be"}]}\n\n')
    assert "ended in the middle" in await refused(window)
    far_end.says("Because.")
    assert (await say(window, "why?"))["text"] == "Because."


async def test_an_endpoint_that_nobody_answers_at_is_named(open_window: OpenWindow) -> None:
    window = await open_window(endpoint="http://127.0.0.1:9/v1")
    assert await refused(window) == "Nothing answers at http://127.0.0.1:9/v1."


async def test_a_chat_works_on_when_its_history_cannot_be_kept(open_window: OpenWindow, far_end: FarEnd) -> None:
    far_end.says("Anyway.")
    window = await open_window(env={"XDG_DATA_HOME": "/dev/null/nowhere"})
    assert (await say(window, "well?"))["text"] == "Anyway."
    shown = await window.told("window/showMessage")
    assert "kept in memory" in shown["message"]
