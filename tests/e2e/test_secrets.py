"""Secrets in what chats and actions send: the far end never sees one, and the user sees them as they are."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from codefuse_lsp.evaluation.editor import EditorError
from tests.e2e.conftest import OpenWindow
from tests.e2e.far_end import Completion, FarEnd
from tests.e2e.window import Window

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECRET = "hunter2-is-long-enough"
CONNECT = f"def connect(host):\n    password = '{SECRET}'\n    return open_session(host, password)\n"
KEY = "".join(f"{n % 10}MIIEpAIBAAKCAQEA75Dzeimdw2NscJb7{n % 7}Yw1WZV\n" for n in range(20))
PRIVATE_KEY = f"-----BEGIN RSA PRIVATE KEY-----\n{KEY}-----END RSA PRIVATE KEY-----\n"
START = {"line": 0, "character": 0}
REQUEST_FAILED = -32803


def repeats(far_end: FarEnd, before: str = "It is '", after: str = "'.") -> None:
    """Answer with the placeholder that the prompt holds, letter by letter."""

    async def script(completion: Completion) -> None:
        placeholder = re.search(r"REDACTED_[0-9a-f]{8}", completion.prompt)
        completion.head()
        for letter in completion.heal + before + (placeholder[0] if placeholder else "nothing") + after:
            completion.say(letter)
        completion.end()

    far_end.script = script


def saw(far_end: FarEnd) -> str:
    return "".join(str(completion.body) for completion in far_end.asked)


async def say(window: Window, message: str, **params: Any) -> dict[str, Any]:
    return await window.request("codefuse/chat", {"message": message, **params})


async def test_a_secret_in_a_reference_is_told_to_the_user_alone(window: Window, far_end: FarEnd) -> None:
    repeats(far_end)
    uri, _ = window.show(CONNECT)
    result = await say(window, "which password?", references=[{"uri": uri}], partialResultToken="secret")
    streamed = [params["value"]["text"] for params in window.heard["$/progress"] if params["token"] == "secret"]
    assert result["text"] == "".join(streamed) == f"It is '{SECRET}'."
    assert SECRET not in saw(far_end) and "open_session(host, password)" in saw(far_end)


async def test_a_secret_in_a_question_stays_one_in_all_that_follows(window: Window, far_end: FarEnd) -> None:
    repeats(far_end)
    uri, _ = window.show(f"connect(user, '{SECRET}')\n")
    first = await say(window, f"I have set password = '{SECRET}', is it used?", references=[{"uri": uri}])
    assert first["text"] == f"It is '{SECRET}'."
    second = await say(window, "say it again", conversationId=first["conversationId"])
    assert second["text"] == f"It is '{SECRET}'."
    assert SECRET not in saw(far_end)
    assert len(set(re.findall(r"REDACTED_[0-9a-f]{8}", saw(far_end)))) == 1


async def test_lines_from_the_middle_of_a_private_key_are_known_by_those_round_them(
    window: Window, far_end: FarEnd
) -> None:
    far_end.says("A key.")
    uri, _ = window.show(f"KEY = '''{PRIVATE_KEY}'''\n", "keys.py")
    where = {"start": {"line": 5, "character": 0}, "end": {"line": 8, "character": 1}}
    await say(window, "what is this?", references=[{"uri": uri, "range": where}])
    assert "MIIEpA" not in saw(far_end) and "REDACTED_" in saw(far_end)


async def test_an_explanation_shows_the_code_as_it_is_and_was_written_without_the_secret(
    window: Window, far_end: FarEnd
) -> None:
    repeats(far_end)
    before = len(window.heard["window/showDocument"])
    (action,) = await window.actions(*window.show(CONNECT), only=["refactor.codefuse.explain"])
    await window.run_command(action["command"])
    shown = window.heard["window/showDocument"][before]
    view = Path(shown["uri"].removeprefix("file://")).read_text("utf-8")
    assert f"password = '{SECRET}'" in view and f"It is '{SECRET}'." in view
    assert SECRET not in saw(far_end) and "open_session(host, password)" in saw(far_end)


async def test_tests_hold_the_secret_and_the_model_never_did(window: Window, far_end: FarEnd, tmp_path: Path) -> None:
    repeats(far_end, "\n    assert connect('a') == '", "'\n")
    path = tmp_path / "sessions.py"
    path.write_text(CONNECT, "utf-8")
    there = tmp_path / "test_sessions.py"
    there.write_text(f"from sessions import connect\n\nTOKEN = '{SECRET}'\n", "utf-8")
    window.open(path.as_uri(), "python", CONNECT)
    (action,) = await window.actions(path.as_uri(), START, only=["refactor.codefuse.tests"])
    edit = (await window.request("codeAction/resolve", action))["edit"]["documentChanges"][-1]
    assert f"assert connect('a') == '{SECRET}'" in edit["edits"][0]["newText"]
    assert SECRET not in saw(far_end) and "TOKEN = 'REDACTED_" in far_end.asked[0].prompt


async def test_a_file_that_is_ignored_is_refused_with_the_rule(
    open_window: OpenWindow, far_end: FarEnd, tmp_path: Path
) -> None:
    (tmp_path / ".gitignore").write_text("plans/\n", "utf-8")
    (tmp_path / "plans").mkdir()
    path = tmp_path / "plans" / "takeover.py"
    path.write_text("def buy():\n    return 'everything'\n", "utf-8")
    window = await open_window()
    result = await say(window, "well?", references=[{"uri": path.as_uri()}])
    (sentence,) = result["leftOut"]
    assert "plans/takeover.py is ignored by the pattern 'plans/' (.gitignore, line 1)." in sentence
    assert "everything" not in saw(far_end)

    window.open(path.as_uri(), "python", path.read_text("utf-8"))
    assert await window.actions(path.as_uri(), START) == []
    target = {"uri": path.as_uri(), "range": {"start": START, "end": START}}
    for command in ("codefuse.explain", "codefuse.writeTests"):
        with pytest.raises(EditorError, match="is ignored by the pattern 'plans/'") as refusal:
            await window.run_command({"command": command, "arguments": [target]})
        assert refusal.value.code == REQUEST_FAILED
    assert "everything" not in saw(far_end)


async def test_tests_that_are_ignored_are_not_read(open_window: OpenWindow, far_end: FarEnd, tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("test_*\n", "utf-8")
    (tmp_path / "test_area.py").write_text("def test_area():\n    assert 'confidential'\n", "utf-8")
    window = await open_window()
    path = tmp_path / "area.py"
    window.open(path.as_uri(), "python", "def area():\n    return 1\n")
    (action,) = await window.actions(path.as_uri(), START, only=["refactor.codefuse.tests"])
    with pytest.raises(EditorError, match=r"test_area.py is ignored by the pattern 'test_\*'"):
        await window.request("codeAction/resolve", action)
    assert far_end.asked == []


async def test_a_language_in_which_ghost_text_is_off_may_be_asked_about(
    open_window: OpenWindow, far_end: FarEnd
) -> None:
    far_end.says("Fine.")
    window = await open_window(languagesOff=["python"])
    uri, cursor = window.show("a = 1\n‸")
    assert (await say(window, "well?", references=[{"uri": uri}]))["leftOut"] == []
    assert "CodeFuse: Explain" in [action["title"] for action in await window.actions(uri, cursor)]


@pytest.mark.parametrize(
    "uri",
    [
        "git:{root}/.env?%7B%22ref%22%3A%22HEAD%22%7D",
        "gitlens://f00{root}/.env?ref",
        "git:{root}/%2Eenv",
        "vscode-notebook-cell:{root}/secrets.json#W0",
    ],
)
async def test_what_is_no_file_but_stands_for_one_is_under_its_rules(window: Window, far_end: FarEnd, uri: str) -> None:
    uri = uri.format(root=window.root)
    window.open(uri, "python", "color = 'mauve'\nsize = \n")
    assert await window.ghost_at(uri, {"line": 1, "character": 7}) is None
    assert (await window.why())["outcome"] == "ignored file"
    (sentence,) = (await say(window, "well?", references=[{"uri": uri}]))["leftOut"]
    assert "usually hold" in sentence
    assert "mauve" not in saw(far_end)


async def test_another_version_of_a_file_that_is_ignored_is_refused(
    open_window: OpenWindow, far_end: FarEnd, tmp_path: Path
) -> None:
    (tmp_path / ".gitignore").write_text("plans/\n", "utf-8")
    window = await open_window()
    uri = f"git:{tmp_path}/plans/takeover.py?ref"
    window.open(uri, "python", "def buy():\n    return 'everything'\n")
    (sentence,) = (await say(window, "well?", references=[{"uri": uri}]))["leftOut"]
    assert "plans/takeover.py is ignored by the pattern 'plans/'" in sentence
    assert "everything" not in saw(far_end)


@pytest.mark.parametrize("uri", ["sftp://user:{password}@host/app.py", "sftp://user:{password}@host"])
async def test_the_password_in_a_uri_is_not_told(window: Window, far_end: FarEnd, uri: str) -> None:
    uri = uri.format(password="swordfish")
    window.open(uri, "python", "answer = 42\n")
    assert (await say(window, "well?", references=[{"uri": uri}]))["leftOut"] == []
    assert "answer = 42" in saw(far_end) and "swordfish" not in saw(far_end)


async def test_a_secret_that_only_an_earlier_reference_told_stays_one(window: Window, far_end: FarEnd) -> None:
    repeats(far_end)
    uri, _ = window.show(CONNECT)
    first = await say(window, "what do we open it with?", references=[{"uri": uri}])
    assert SECRET in first["text"]
    second = await say(window, f"so I say open('{SECRET}')?", conversationId=first["conversationId"])
    assert second["text"] == f"It is '{SECRET}'."  # the user sees it all the same
    third = await say(window, "and then?", conversationId=first["conversationId"])
    assert third["text"] == second["text"]
    assert SECRET not in saw(far_end)
    assert len(set(re.findall(r"REDACTED_[0-9a-f]{8}", saw(far_end)))) == 1


async def test_a_short_secret_that_was_answered_stays_one_too(window: Window, far_end: FarEnd) -> None:
    repeats(far_end)
    uri, _ = window.show(CONNECT.replace(SECRET, "k7#pq"))
    first = await say(window, "well?", references=[{"uri": uri}])
    assert first["text"] == "It is 'k7#pq'."
    await say(window, "and?", conversationId=first["conversationId"])
    assert "k7#pq" not in saw(far_end)


async def test_a_secret_that_was_never_answered_is_one_in_the_users_next_question(
    window: Window, far_end: FarEnd
) -> None:
    far_end.says("Nothing.")
    uri, _ = window.show(CONNECT)
    first = await say(window, "well?", references=[{"uri": uri}])
    await say(window, f"open('{SECRET}')?", conversationId=first["conversationId"])
    assert SECRET not in saw(far_end) and "open('REDACTED_" in saw(far_end)


async def test_a_secret_stays_one_when_the_server_starts_anew(open_window: OpenWindow, far_end: FarEnd) -> None:
    repeats(far_end)
    before = await open_window()
    uri, _ = before.show(CONNECT)
    first = await say(before, "what do we open it with?", references=[{"uri": uri}])
    assert await before.close() == 0
    after = await open_window()
    second = await say(after, "say it again", conversationId=first["conversationId"])
    assert second["text"] == first["text"] == f"It is '{SECRET}'."
    assert SECRET not in saw(far_end)
