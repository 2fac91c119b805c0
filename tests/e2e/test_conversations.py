"""What was said is found, shown, gone on with from any turn, and survives what ends an editor."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from codefuse_lsp.evaluation.editor import EditorError
from tests.e2e.conftest import OpenWindow
from tests.e2e.far_end import Completion, FarEnd
from tests.e2e.window import Window

pytestmark = pytest.mark.asyncio(loop_scope="module")

REQUEST_FAILED = -32803
OLD_S = 1.0  # of an answer, what is older is on the disk: it is written every half second
HUMAN, BOT, END = "<|role_start|>human<|role_end|>", "<|role_start|>bot<|role_end|>", "</s>"
Json = dict[str, Any]


async def say(window: Window, message: str, **params: Any) -> Json:
    return await window.request("codefuse/chat", {"message": message, **params})


async def do(window: Window, what: str, **params: Any) -> Json:
    return await window.request(f"codefuse/conversations{what}", params)


async def opened(window: Window, conversation: str, **params: Any) -> list[Json]:
    return (await do(window, "/open", conversationId=conversation, **params))["turns"]


def streamed(window: Window, token: str) -> str:
    told = [params["value"] for params in window.heard["$/progress"] if params["token"] == token]
    assert [value["seq"] for value in told] == list(range(len(told)))
    return "".join(value["text"] for value in told)


async def under_way(far_end: FarEnd) -> Completion:
    """Return the next request that the test is to answer."""
    while not (completion := await far_end.next()).is_open:
        continue
    return completion


async def refused(window: Window, method: str, params: Json) -> str:
    with pytest.raises(EditorError) as refusal:
        await window.request(method, params)
    assert refusal.value.code == REQUEST_FAILED and str(refusal.value).endswith(".")
    return str(refusal.value)


async def test_a_conversation_is_listed_found_opened_renamed_exported_and_deleted(
    window: Window, far_end: FarEnd
) -> None:
    far_end.says("Because it reads\n```python\nx = 1\n```\n")
    uri, _ = window.show("slow = 1\n", "slow.py")
    asked = await say(window, "Why is the zebra slow?", references=[{"uri": uri}])
    name = asked["conversationId"]

    listed = await do(window, "", query="ZEBRA")
    assert listed["total"] == 1
    (item,) = listed["items"]
    assert item["conversationId"] == name and item["turns"] == 2 and isinstance(item["updated"], int)
    assert item["title"] == item["snippet"] == "Why is the zebra slow?"
    assert (await do(window, "", query="reads x"))["items"][0]["conversationId"] == name
    assert (await do(window, "", query="nowhere said")) == {"items": [], "total": 0}
    assert (await window.request("codefuse/conversations", None))["total"] >= 1

    question, answer = await opened(window, name)
    assert (question["turnId"], answer["turnId"]) == (asked["questionId"], asked["turnId"])
    assert (question["role"], answer["role"]) == ("human", "bot")
    assert question["references"] == [{"uri": uri}] and question["parentId"] is None
    assert answer["parentId"] == question["turnId"] and answer["siblings"] == [answer["turnId"]]
    assert (question["finishReason"], answer["finishReason"]) == ("", "stop")
    assert answer["codeBlocks"] == asked["codeBlocks"]
    (block,) = asked["codeBlocks"]
    assert (block["language"], block["code"], block["index"]) == ("python", "x = 1\n", 0)
    assert block["path"].endswith("slow.py")
    assert asked["text"][block["start"] : block["end"]] == "```python\nx = 1\n```\n"

    assert await do(window, "/rename", conversationId=name, title="  Zebras\n run ") == {"title": "Zebras run"}
    markdown = (await do(window, "/export", conversationId=name))["markdown"]
    assert markdown.startswith(
        "# Zebras run\n\n## You\n\nWhy is the zebra slow?\n\nRefers to:\n\n- `slow.py`\n\n## CodeF"
    )
    assert await do(window, "/rename", conversationId=name, title="") == {"title": "Why is the zebra slow?"}

    assert await do(window, "/delete", conversationId=name, turnId=answer["turnId"]) == {"deleted": True}
    assert [turn["turnId"] for turn in await opened(window, name)] == [question["turnId"]]
    assert await do(window, "/delete", conversationId=name) == {"deleted": True}
    assert "no such conversation" in await refused(window, "codefuse/conversations/open", {"conversationId": name})


async def test_a_question_is_answered_again_with_the_same_history_and_references(
    window: Window, far_end: FarEnd
) -> None:
    far_end.says("One.")
    first = await say(window, "first?")
    name = first["conversationId"]
    uri, _ = window.show("x = 1\n", "again.py")
    output = {"kind": "terminal", "text": "boom: it broke"}
    second = await say(window, "second?", conversationId=name, references=[{"uri": uri}, output])
    prompt = far_end.asked[-1].prompt
    assert "boom: it broke" in prompt
    far_end.says("Two, ", "again.")
    again = await do(
        window, "/regenerate", conversationId=name, turnId=second["turnId"], partialResultToken="regenerated"
    )
    assert far_end.asked[-1].prompt == prompt
    assert again["text"] == streamed(window, "regenerated") == "Two, again."
    assert again["questionId"] == second["questionId"] and again["turnId"] != second["turnId"]
    *_, answer = await opened(window, name)
    assert (answer["text"], answer["siblings"]) == ("Two, again.", [second["turnId"], again["turnId"]])
    assert (await opened(window, name, turnId=second["turnId"]))[-1]["text"] == "One."
    stored = (await opened(window, name))[2]["references"]
    assert stored == [{"uri": uri}, {"kind": "terminal"}]  # what it printed is not written down
    by_question = await do(window, "/regenerate", conversationId=name, turnId=first["questionId"])
    assert by_question["questionId"] == first["questionId"]


async def test_a_question_is_edited_in_a_branch_of_its_own(window: Window, far_end: FarEnd) -> None:
    far_end.says("One.")
    first = await say(window, "first?")
    name = first["conversationId"]
    uri, _ = window.show("x = 1\n", "edited.py")
    second = await say(window, "secnod?", conversationId=name, references=[{"uri": uri}])
    far_end.says("Two.")
    edited = await do(
        window, "/edit", conversationId=name, turnId=second["questionId"], message="second?", partialResultToken="edit"
    )
    prompt = far_end.asked[-1].prompt
    assert prompt.startswith(f"{HUMAN}first?{BOT}One.{END}{HUMAN}") and prompt.endswith(f"second?{BOT}")
    assert "secnod" not in prompt and "x = 1" in prompt
    assert streamed(window, "edit") == "Two."
    assert [turn["text"] for turn in await opened(window, name)] == ["first?", "One.", "second?", "Two."]
    question = (await opened(window, name))[2]
    assert question["siblings"] == [second["questionId"], edited["questionId"]]
    alone = await do(window, "/edit", conversationId=name, turnId=first["questionId"], message="anew?", references=[])
    assert far_end.asked[-1].prompt == f"{HUMAN}anew?{BOT}"
    assert [turn["turnId"] for turn in await opened(window, name)] == [alone["questionId"], alone["turnId"]]


async def test_a_question_asked_after_an_earlier_turn_begins_a_branch(window: Window, far_end: FarEnd) -> None:
    far_end.says("One.")
    first = await say(window, "first?")
    name = first["conversationId"]
    await say(window, "second?", conversationId=name)
    other = await say(window, "third?", conversationId=name, parentTurnId=first["turnId"])
    assert far_end.asked[-1].prompt == f"{HUMAN}first?{BOT}One.{END}{HUMAN}third?{BOT}"
    await say(window, "fourth?", conversationId=name)
    assert "third?" in far_end.asked[-1].prompt and "second?" not in far_end.asked[-1].prompt
    assert [turn["text"] for turn in await opened(window, name, turnId=other["questionId"])][2::2] == [
        "third?",
        "fourth?",
    ]


async def test_a_long_branch_is_opened_a_page_at_a_time(window: Window, far_end: FarEnd) -> None:
    far_end.says("Yes.")
    name = (await say(window, "0?"))["conversationId"]
    for number in range(1, 4):
        await say(window, f"{number}?", conversationId=name)
    last = await do(window, "/open", conversationId=name, limit=3)
    assert [turn["text"] for turn in last["turns"]] == ["Yes.", "3?", "Yes."] and last["earlier"] == 5
    before = last["turns"][0]["turnId"]
    page = await do(window, "/open", conversationId=name, limit=3, beforeTurnId=before)
    assert [turn["text"] for turn in page["turns"]] == ["1?", "Yes.", "2?"] and page["earlier"] == 2
    rest = await do(window, "/open", conversationId=name, beforeTurnId=page["turns"][0]["turnId"])
    assert [turn["text"] for turn in rest["turns"]] == ["0?", "Yes."] and rest["earlier"] == 0


async def test_a_second_question_waits_for_no_first_in_its_conversation(window: Window, far_end: FarEnd) -> None:
    far_end.says("One.")
    first = await say(window, "first?")
    name = first["conversationId"]
    far_end.holds()
    request_id, running = window.ask("codefuse/chat", {"message": "second?", "conversationId": name})
    completion = await under_way(far_end)
    told = await refused(window, "codefuse/chat", {"message": "third?", "conversationId": name})
    assert "An answer is being written in this conversation" in told
    _, beside = window.ask(
        "codefuse/chat", {"message": "third?", "conversationId": name, "parentTurnId": first["turnId"]}
    )
    other = await under_way(far_end)
    other.say("3")
    other.end()
    assert (await window.result(beside))["text"] == "3"
    completion.say("2")
    window.cancel(request_id)
    far_end.says("4")
    _, after = window.ask("codefuse/chat", {"message": "fourth?", "conversationId": name})  # in the same breath
    assert (await window.result(running))["finishReason"] == "cancelled"
    assert (await window.result(after))["text"] == "4"


async def test_the_time_of_the_first_token_and_of_waiting_are_told(window: Window, far_end: FarEnd) -> None:
    far_end.holds()
    _, answer = window.ask("codefuse/chat", {"message": "when?"})
    completion = await under_way(far_end)
    completion.event({"choices": [], "queue": {"position": 2, "expected_wait": 1.5}})
    status = await window.told("codefuse/status", lambda status: status.get("queuePosition") == 2)
    assert status["busy"] is True
    completion.say("Now.")
    completion.end()
    result = await window.result(answer)
    assert 0 < result["waitedMs"] <= result["firstTokenMs"]
    assert (await window.status())["queuePosition"] is None
    far_end.says("")
    silent = await say(window, "nothing?")
    assert silent["firstTokenMs"] is None and silent["waitedMs"] >= 0


async def test_an_answer_that_fails_keeps_question_and_text_and_can_be_had_again(
    window: Window, far_end: FarEnd
) -> None:
    far_end.writes(b'data: {"choices": [{"index": 0, "text": "Be"}]}\n\n')
    with pytest.raises(EditorError) as refusal:
        await say(window, "why did it fail?")
    assert "ended in the middle" in str(refusal.value)
    (item,) = (await do(window, "", query="why did it fail?"))["items"]
    question, answer = await opened(window, item["conversationId"])
    assert (question["text"], answer["text"], answer["finishReason"]) == ("why did it fail?", "Be", "error")
    far_end.says("Because.")
    again = await do(window, "/regenerate", conversationId=item["conversationId"], turnId=answer["turnId"])
    assert again["text"] == "Because." and again["questionId"] == question["turnId"]


async def test_the_error_of_an_answer_names_the_turns_that_were_kept(window: Window, far_end: FarEnd) -> None:
    far_end.refuses("400 Bad Request", "Too much.")
    request_id, answer = window.ask("codefuse/chat", {"message": "what was kept?"})
    with pytest.raises(EditorError, match="Too much"):
        await window.result(answer)
    (error,) = [message["error"] for message in window.answers if message["id"] == request_id]
    turns = await opened(window, error["data"]["conversationId"])
    assert [turn["turnId"] for turn in turns] == [error["data"]["questionId"], error["data"]["turnId"]]
    assert turns[1]["finishReason"] == "error" and error["code"] == REQUEST_FAILED


async def test_an_empty_answer_is_not_told_to_the_model_later(window: Window, far_end: FarEnd) -> None:
    far_end.refuses("400 Bad Request", "Too much.")
    far_end.says("One.")
    name = (await say(window, "first?"))["conversationId"]
    far_end.refuses("400 Bad Request", "Too much.")
    await refused(window, "codefuse/chat", {"message": "too much?", "conversationId": name})
    far_end.says("Two.")
    await say(window, "second?", conversationId=name)
    assert far_end.asked[-1].prompt == f"{HUMAN}first?{BOT}One.{END}{HUMAN}second?{BOT}"


async def test_a_server_killed_in_mid_answer_has_kept_all_that_was_a_second_old(
    open_window: OpenWindow, far_end: FarEnd
) -> None:
    killed, other, clock = await open_window(), await open_window(), asyncio.get_running_loop().time
    far_end.holds()
    killed.ask("codefuse/chat", {"message": "count to kill", "partialResultToken": "count"})
    completion = await under_way(far_end)
    (item,) = (await do(other, "", query="count kill"))["items"]
    shown: list[float] = []  # when each word was on the screen

    async def kept(window: Window, at: float) -> list[Json]:
        """Return the turns that another editor finds, which have all that was old by then."""
        question, answer = await opened(window, item["conversationId"])
        words = answer["text"].split()
        assert words == [f"word{number}" for number in range(len(words))] and len(words) <= len(shown)
        assert len(words) >= sum(at - moment >= OLD_S for moment in shown)
        return [question, answer]

    while not shown or shown[-1] - shown[0] < 3 * OLD_S:  # more than one write
        completion.say(f"word{len(shown)} ")
        await killed.told("$/progress", lambda params: f"word{len(shown)} " in params["value"].get("text", ""))
        shown.append(clock())
        assert (await kept(other, shown[-1]))[1]["finishReason"] == "running"
    killed.process.kill()
    at = clock()
    await killed.process.wait()
    await killed.close()
    after = await open_window()
    question, answer = await kept(after, at)
    assert (question["text"], answer["finishReason"]) == ("count to kill", "interrupted")
    far_end.says("go on")
    assert (await say(after, "on", conversationId=item["conversationId"]))["text"] == "go on"
    assert f"{BOT}{answer['text']}{END}" in far_end.asked[-1].prompt


async def test_an_editor_that_leaves_in_mid_answer_keeps_what_was_said(
    open_window: OpenWindow, far_end: FarEnd
) -> None:
    leaving = await open_window()
    far_end.holds()
    leaving.ask("codefuse/chat", {"message": "leave in the middle", "partialResultToken": "left"})
    completion = await under_way(far_end)
    completion.say("so far")
    await leaving.told("$/progress", lambda params: params["token"] == "left")
    assert await leaving.close() == 0
    after = await open_window()
    (item,) = (await do(after, "", query="leave middle"))["items"]
    answer = (await opened(after, item["conversationId"]))[1]
    assert (answer["text"], answer["finishReason"]) == ("so far", "cancelled")


async def test_two_editors_in_one_conversation_each_get_a_branch(open_window: OpenWindow, far_end: FarEnd) -> None:
    left, right = await open_window(), await open_window()
    far_end.says("One.")
    name = (await say(left, "first?"))["conversationId"]
    far_end.holds()
    answers = []
    for window in (left, right):
        answers.append(window.ask("codefuse/chat", {"message": "together?", "conversationId": name})[1])
        (await under_way(far_end)).say("Yes.")
    for completion in far_end.open:
        completion.end()
    results = [await window.result(answer) for window, answer in zip((left, right), answers, strict=True)]
    branches = [await opened(left, name, turnId=result["turnId"]) for result in results]
    assert [[turn["text"] for turn in branch] for branch in branches] == [["first?", "One.", "together?", "Yes."]] * 2
    assert branches[0][2]["siblings"] == branches[1][2]["siblings"] and len(branches[0][2]["siblings"]) == 2


async def test_a_history_that_fails_in_mid_chat_is_told_and_the_chat_goes_on(
    open_window: OpenWindow, far_end: FarEnd, tmp_path: Path
) -> None:
    folder = tmp_path / "data"
    window = await open_window(env={"XDG_DATA_HOME": str(folder)})
    far_end.says("One.")
    name = (await say(window, "first?"))["conversationId"]
    (database,) = folder.rglob("conversations.sqlite3")
    damage = sqlite3.connect(database)
    damage.execute("DROP TABLE turns")
    damage.close()
    far_end.says("Two.")
    assert (await say(window, "second?", conversationId=name))["text"] == "Two."
    shown = await window.told("window/showMessage")
    assert "chat history" in shown["message"]


async def test_what_cannot_be_is_refused_in_a_sentence(window: Window, far_end: FarEnd) -> None:
    far_end.says("One.")
    asked = await say(window, "first?")
    name, question, answer = asked["conversationId"], asked["questionId"], asked["turnId"]
    cases: list[tuple[str, Json, str]] = [
        ("codefuse/chat", {"message": "  \n"}, "The question is empty"),
        ("codefuse/chat", {"message": "x" * 200_001}, "200,001 characters"),
        ("codefuse/chat", {"message": "a", "conversationId": "nobody"}, "no such conversation"),
        ("codefuse/chat", {"message": "a", "parentTurnId": answer}, "needs the conversation"),
        ("codefuse/chat", {"message": "a", "conversationId": name, "parentTurnId": "none"}, "no such turn"),
        ("codefuse/chat", {"message": "a", "conversationId": name, "parentTurnId": question}, "is a question"),
        ("codefuse/conversations", {"limit": 0}, "limit is 0"),
        ("codefuse/conversations", {"offset": -1}, "offset is -1"),
        ("codefuse/conversations", {"query": "x" * 1001}, "longer than 1000"),
        ("codefuse/conversations/open", {"conversationId": "nobody"}, "no such conversation"),
        ("codefuse/conversations/open", {"conversationId": name, "turnId": "none"}, "no such turn"),
        ("codefuse/conversations/open", {"conversationId": name, "limit": 0}, "limit is 0"),
        ("codefuse/conversations/open", {"conversationId": name, "beforeTurnId": "none"}, "no such turn"),
        ("codefuse/conversations/export", {"conversationId": "nobody"}, "no such conversation"),
        ("codefuse/conversations/delete", {"conversationId": "nobody"}, "no such conversation"),
        ("codefuse/conversations/delete", {"conversationId": name, "turnId": "none"}, "no such turn"),
        ("codefuse/conversations/rename", {"conversationId": "nobody", "title": "a"}, "no such conversation"),
        ("codefuse/conversations/rename", {"conversationId": name, "title": "x" * 201}, "longer than 200"),
        ("codefuse/conversations/regenerate", {"conversationId": name, "turnId": "none"}, "no such turn"),
        ("codefuse/conversations/edit", {"conversationId": name, "turnId": question, "message": ""}, "is empty"),
        ("codefuse/conversations/edit", {"conversationId": name, "turnId": answer, "message": "a"}, "Only a question"),
        ("codefuse/conversations/edit", {"conversationId": name, "turnId": "none", "message": "a"}, "no such turn"),
    ]
    for method, params, said in cases:
        assert said in await refused(window, method, params), (method, params)
    assert [turn["turnId"] for turn in await opened(window, name)] == [question, answer]
    assert (await say(window, "go on", conversationId=name))["text"] == "One."


async def test_a_slow_disk_makes_nobody_wait_but_the_writes(
    open_window: OpenWindow, far_end: FarEnd, tmp_path: Path
) -> None:
    """Others are answered while a chat streams into a slow history: here a database that somebody holds."""
    folder = tmp_path / "slow"
    window = await open_window(env={"XDG_DATA_HOME": str(folder)})
    far_end.says("One.")
    await say(window, "first?")
    (database,) = folder.rglob("conversations.sqlite3")
    holder = sqlite3.connect(database, isolation_level=None)
    far_end.holds()
    _, answer = window.ask("codefuse/chat", {"message": "held?", "partialResultToken": "held"})
    completion = await under_way(far_end)
    holder.execute("BEGIN IMMEDIATE")
    completion.say("word " * 100)
    await window.told("$/progress", lambda params: params["token"] == "held")
    await asyncio.wait_for(window.status(), 4)  # answered while the write waits, which it does for five seconds
    holder.execute("ROLLBACK")
    holder.close()
    completion.end()
    assert (await window.result(answer))["text"] == "word " * 100
    assert window.messages() == []
