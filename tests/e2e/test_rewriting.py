"""Fix, Simplify and Document: versioned edits that fit, or a word to the user why there is none."""

from __future__ import annotations

from typing import Any

import pytest

from codefuse_lsp.evaluation.editor import EditorError
from tests.e2e.conftest import OpenWindow
from tests.e2e.far_end import FarEnd
from tests.e2e.window import Window, capabilities, place_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

REQUEST_FAILED = -32803
CODE = "class Box:\r\n  def area(self, w, h):\r\n    return w * hei‸ght\r\n\r\n  def other(self): ...\r\n"
MENDED = "```python\ndef area(self, w, h):\n    return w * h\n```"
PROBLEM = {
    "range": {"start": {"line": 2, "character": 15}, "end": {"line": 2, "character": 21}},
    "message": "undefined name 'height'",
    "source": "pyflakes",
    "code": "F821",
}


async def offered(window: Window, drawn: str, kind: str, language: str = "python", **context: Any) -> dict[str, Any]:
    uri, cursor = window.show(drawn, "box.py", language)
    (action,) = await window.actions(uri, cursor, only=[kind], **context)
    return action


async def resolved(window: Window, drawn: str, kind: str, **context: Any) -> Any:
    """Return the one edit of the one document that an action resolves to, None where there is none."""
    action = await window.request("codeAction/resolve", await offered(window, drawn, kind, **context))
    if "edit" not in action:
        return None
    (change,) = action["edit"]["documentChanges"]
    assert change["textDocument"]["version"] == 1
    (edit,) = change["edits"]
    return edit


def applied(drawn: str, edit: dict[str, Any]) -> str:
    """Return the text after an edit of whole lines."""
    lines = place_of(drawn)[0].splitlines(keepends=True)
    start, end = edit["range"]["start"], edit["range"]["end"]
    assert start["character"] == end["character"] == 0
    return "".join([*lines[: start["line"]], edit["newText"], *lines[end["line"] :]])


async def test_a_problem_is_fixed_in_its_function_and_nothing_else_is_touched(window: Window, far_end: FarEnd) -> None:
    far_end.says("def area(self, w, h):\n    return w * h\n")
    edit = await resolved(window, CODE, "quickfix", diagnostics=[PROBLEM])
    assert applied(CODE, edit) == place_of(CODE)[0].replace("height", "h")
    assert edit["newText"] == "    return w * h\r\n"  # the one line that differs
    prompt = far_end.asked[0].prompt
    assert "in `return w * height`: undefined name 'height' (F821)" in prompt
    assert "```python\ndef area(self, w, h):\n  return w * height\n```" in prompt  # as far left as it goes
    assert prompt.endswith("<|role_start|>bot<|role_end|>```python\n")
    assert "\n```" in far_end.asked[0].body["stop"]


async def test_what_does_not_fit_is_tried_once_more_warmer(window: Window, far_end: FarEnd) -> None:
    far_end.answers("def area(self:\n", "def area(self, w, h):\n    return h * w\n")
    edit = await resolved(window, CODE, "refactor.rewrite.codefuse.simplify")
    assert edit["newText"] == "    return h * w\r\n"
    first, second = (completion.body["temperature"] for completion in far_end.asked)
    assert first < second


async def test_what_fits_neither_time_is_shown_and_not_written(window: Window, far_end: FarEnd) -> None:
    far_end.answers("def size(self):\n    return 1\n")
    assert await resolved(window, CODE, "refactor.rewrite.codefuse.simplify") is None
    told = await window.told("window/showMessage", lambda params: "does not hold `area`" in params["message"])
    assert told["message"].endswith("It is shown instead of written.")
    await window.told("window/showDocument", lambda params: "/answer-area-" in params["uri"])


async def test_an_answer_that_was_cut_is_not_written(window: Window, far_end: FarEnd) -> None:
    far_end.says("def area(self, w, h):\n    return w\n", reason="length")
    assert await resolved(window, CODE, "refactor.rewrite.codefuse.simplify") is None
    await window.told("window/showMessage", lambda params: "cut after" in params["message"])


async def test_a_model_with_nothing_to_change_says_so(window: Window, far_end: FarEnd) -> None:
    far_end.says("def area(self, w, h):\n    return w * height\n")
    assert await resolved(window, CODE, "refactor.rewrite.codefuse.simplify") is None
    await window.told("window/showMessage", lambda params: "change nothing" in params["message"])
    assert len(far_end.asked) == 1


async def test_a_new_turn_that_the_far_end_did_not_stop_at_is_no_code(window: Window, far_end: FarEnd) -> None:
    far_end.says("def area(self, w, h):\n    return h * w\n<|role_start|>human<|role_end|>Thanks")
    edit = await resolved(window, CODE, "refactor.rewrite.codefuse.simplify")
    assert edit["newText"] == "    return h * w\r\n"


async def test_a_tag_in_the_users_code_is_code(window: Window, far_end: FarEnd) -> None:
    code = "def tag():\n    retu‸rn '<|role_start|>'\n"
    joined = "<\u2060|role_start|>"  # as the model was shown it
    far_end.says(f"def tag():\n    text = '{joined}'\n    return text\n")
    edit = await resolved(window, code, "refactor.rewrite.codefuse.simplify")
    assert edit["newText"] == "    text = '<|role_start|>'\n    return text\n"
    assert "'<|role_start|>'" not in far_end.asked[0].prompt and f"'{joined}'" in far_end.asked[0].prompt


async def test_documentation_is_put_in_without_a_word_of_code(window: Window, far_end: FarEnd) -> None:
    far_end.says("Return the area.\n\n    Args:\n        w: the width.\n    ")
    edit = await resolved(window, CODE, "refactor.codefuse.document")
    place = {"line": 2, "character": 0}
    assert edit["range"] == {"start": place, "end": place}
    said = '    """Return the area.\r\n\r\n    Args:\r\n        w: the width.\r\n    """\r\n'
    assert edit["newText"] == said
    assert far_end.asked[0].prompt.endswith('```python\n"""') and '"""' in far_end.asked[0].body["stop"]
    assert "Google style" in far_end.asked[0].prompt


async def test_a_secret_is_replaced_in_the_prompt_and_is_there_in_the_edit(window: Window, far_end: FarEnd) -> None:
    key = "AKIA" + "Q3EXAMPLE7Z4BCDE"
    code = f"def connect():\n    ke‸y = '{key}'\n    return open(key)\n"

    async def script(completion: Any) -> None:
        completion.head()
        name = completion.prompt.partition("key = '")[2].partition("'")[0]
        completion.say(f"def connect():\n    return open('{name}')\n")
        completion.end()

    far_end.script = script
    edit = await resolved(window, code, "refactor.rewrite.codefuse.simplify")
    assert key not in far_end.asked[0].prompt
    assert edit["newText"] == f"    return open('{key}')\n"


async def test_code_that_changes_meanwhile_is_not_edited(window: Window, far_end: FarEnd) -> None:
    far_end.holds()
    action = await offered(window, CODE, "refactor.codefuse.document")
    _, answer = window.ask("codeAction/resolve", action)
    completion = await far_end.next()
    window.insert(action["data"]["uri"], 2, 0, 0, "# ")
    await window.synchronise()
    completion.say("Return the area.")
    completion.end()
    with pytest.raises(EditorError, match="changed meanwhile; please ask again") as refusal:
        await window.result(answer)
    assert refusal.value.code == REQUEST_FAILED


async def test_a_cancel_ends_the_answer_at_the_far_end(window: Window, far_end: FarEnd) -> None:
    far_end.holds()
    request, answer = window.ask("codeAction/resolve", await offered(window, CODE, "refactor.codefuse.document"))
    completion = await far_end.next()
    window.cancel(request)
    await completion.hung_up()
    with pytest.raises(EditorError) as refusal:
        await window.result(answer)
    assert refusal.value.code == -32800


async def test_progress_is_shown_and_its_cancel_button_works(window: Window, far_end: FarEnd) -> None:
    far_end.holds()
    action = await offered(window, CODE.replace("area", "perimeter"), "refactor.codefuse.document")
    _, answer = window.ask("codeAction/resolve", action)
    completion = await far_end.next()
    begun = await window.told("$/progress", lambda params: params["value"].get("title") == "Documenting perimeter")
    window.notify("window/workDoneProgress/cancel", {"token": begun["token"]})
    await completion.hung_up()
    with pytest.raises(EditorError):
        await window.result(answer)


async def test_code_too_long_to_write_anew_is_refused_in_numbers(window: Window, far_end: FarEnd) -> None:
    body = "".join(f"    x{n} = {n}\n" for n in range(400))
    with pytest.raises(
        EditorError, match=r"too long to be written anew: .* \d+ more than the 4095 .* Select less"
    ) as refusal:
        await resolved(window, f"def lo‸ng():\n{body}", "refactor.rewrite.codefuse.simplify")
    assert refusal.value.code == REQUEST_FAILED and far_end.asked == []


async def test_long_code_that_is_only_read_is_cut_behind_a_whole_statement(window: Window, far_end: FarEnd) -> None:
    body = "".join(f"    if x{n}:\n        call(\n            {n},\n        )\n" for n in range(400))
    far_end.says("It calls.")
    action = await offered(window, f"def lo‸ng():\n{body}", "refactor.codefuse.explain")
    await window.run_command(action["command"])
    prompt = far_end.asked[0].prompt
    assert len(prompt) // 2 + far_end.asked[0].body["max_tokens"] <= 4096
    assert prompt.partition("\n```\n<|role")[0].endswith("\n        )") and "x300" not in prompt


async def test_half_a_statement_selected_is_the_whole_of_it(window: Window, far_end: FarEnd) -> None:
    far_end.says("total = add(1, 2)\n")
    uri, _ = window.show("a = 1\ntotal = add(\n    1,\n    2,\n)\nb = 2\n")
    where = {"line": 2, "character": 2}, {"line": 2, "character": 4}
    (action,) = await window.actions(uri, *where, only=["refactor.rewrite.codefuse.simplify"])
    (change,) = (await window.request("codeAction/resolve", action))["edit"]["documentChanges"]
    (edit,) = change["edits"]
    assert (edit["range"]["start"]["line"], edit["range"]["end"]["line"]) == (1, 5)
    assert edit["newText"] == "total = add(1, 2)\n"


async def test_a_client_that_resolves_no_edits_has_them_applied(open_window: OpenWindow, far_end: FarEnd) -> None:
    far_end.says("Return the area.")
    client = capabilities(textDocument__codeAction={})
    window = await open_window(client=client, listeners={"workspace/applyEdit": lambda params: {"applied": True}})
    action = await offered(window, CODE, "refactor.codefuse.document")
    assert await window.run_command(action["command"]) is True
    (applied,) = window.heard["workspace/applyEdit"]
    assert applied["label"] == "CodeFuse: Document"
    assert applied["edit"]["documentChanges"][0]["edits"][0]["newText"] == '    """Return the area."""\r\n'


async def test_long_code_is_documented_all_the_same(window: Window, far_end: FarEnd) -> None:
    far_end.says("Count.")
    body = "".join(f"    x{n} = {n}\n" for n in range(900))
    edit = await resolved(window, f"def lo‸ng():\n{body}", "refactor.codefuse.document")
    assert edit["newText"] == '    """Count."""\n'
    prompt = far_end.asked[0].prompt
    assert len(prompt) // 2 + far_end.asked[0].body["max_tokens"] <= 4096 and "x10 = 10" in prompt
