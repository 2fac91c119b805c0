"""Edits: streamed while they are written, accepted whole or hunk by hunk, refused where the text has moved on."""

from __future__ import annotations

from typing import Any

import pytest

from codefuse_lsp.evaluation.editor import EditorError
from codefuse_lsp.lsp.proposals import KEPT
from tests.e2e.conftest import OpenWindow
from tests.e2e.far_end import FarEnd
from tests.e2e.window import Window, capabilities

pytestmark = pytest.mark.asyncio(loop_scope="module")

REQUEST_FAILED, INVALID_PARAMS = -32803, -32602
STACK = (
    "class Stack:\n    def __init__(self):\n        self.items = []\n\n    def push(self, item):\n"
    "        self.items.append(item)\n\n    def pop(self):\n        return self.items.pop()\n"
)
POP = "    def pop(self):\n        return self.items.pop()\n"
NEW_POP = "def pop(self):\n    if not self.items:\n        raise IndexError('empty')\n    return self.items.pop()\n"
EXPECTED = (
    "    def pop(self):\n        if not self.items:\n            raise IndexError('empty')\n"
    "        return self.items.pop()\n"
)


def lines(start: int, stop: int) -> dict[str, Any]:
    return {"start": {"line": start, "character": 0}, "end": {"line": stop, "character": 0}}


def asked(uri: str, where: dict[str, Any], instruction: str = "Refuse to pop nothing.", **more: Any) -> dict[str, Any]:
    return {"textDocument": {"uri": uri, "version": 1}, "range": where, "instruction": instruction, **more}


async def propose(window: Window, text: str = STACK, where: Any = None, **more: Any) -> dict[str, Any]:
    uri, _ = window.show(text)
    return await window.request("codefuse/edit", asked(uri, where or lines(7, 9), **more))


def streamed(window: Window, token: str) -> str:
    values = [params["value"] for params in window.heard["$/progress"] if params["token"] == token]
    assert [value["seq"] for value in values] == list(range(len(values)))
    return "".join(value["text"] for value in values)


def apply(text: str, edit: dict[str, Any]) -> str:
    """Return a text with an edit of whole lines applied, as an editor does it."""
    (change,) = edit["documentChanges"]
    rows = text.splitlines(keepends=True)
    for one in sorted(change["edits"], key=lambda e: -e["range"]["start"]["line"]):
        start, stop = one["range"]["start"], one["range"]["end"]
        assert start["character"] == stop["character"] == 0
        rows[start["line"] : stop["line"]] = [one["newText"]]
    return "".join(rows)


async def test_the_new_text_is_streamed_in_place_and_comes_as_hunks(window: Window, far_end: FarEnd) -> None:
    far_end.says(NEW_POP, "```\nThat refuses it.")
    result = await propose(window, partialResultToken="place")
    assert result["newText"] == EXPECTED and result["oldText"] == POP
    assert result["range"] == lines(7, 9)
    assert (result["version"], result["finishReason"], result["note"]) == (1, "stop", "")
    assert streamed(window, "place") + "\n" == EXPECTED
    (hunk,) = result["hunks"]
    assert hunk["range"] == lines(8, 8)
    assert hunk["newText"] == "        if not self.items:\n            raise IndexError('empty')\n"


async def test_the_prompt_holds_what_stands_round_the_code_and_the_instruction_last(
    window: Window, far_end: FarEnd
) -> None:
    far_end.says(NEW_POP)
    await propose(window)
    (completion,) = far_end.asked
    assert "Before it stands:\n```python\nclass Stack:" in completion.prompt
    assert f"The code to change:\n```python\n{POP}```\nInstruction: Refuse to pop nothing." in completion.prompt
    assert completion.prompt.endswith("<|role_start|>bot<|role_end|>```python\n")
    assert (completion.body["priority"], completion.body["temperature"]) == (1, 0.0)
    assert "\n```" in completion.body["stop"]


async def test_a_selection_is_widened_to_whole_statements(window: Window, far_end: FarEnd) -> None:
    far_end.says("total = sum(\n    items,\n    start,\n)\n")
    where = {"start": {"line": 1, "character": 3}, "end": {"line": 2, "character": 4}}
    result = await propose(window, "first()\ntotal = sum(\n    items,\n)\nprint(total)\n", where)
    assert result["range"] == lines(1, 4)
    assert [hunk["newText"] for hunk in result["hunks"]] == ["    start,\n"]


async def test_an_empty_range_puts_code_in_at_the_cursor(window: Window, far_end: FarEnd) -> None:
    far_end.says("def size(self):\n    return len(self.items)\n")
    result = await propose(window, STACK + "\n    \n", lines(10, 10))
    assert result["newText"] == "    def size(self):\n        return len(self.items)\n"
    assert result["oldText"] == "    \n"
    assert "Code is to be put in between." in far_end.asked[0].prompt


async def test_accepting_gives_one_versioned_edit(window: Window, far_end: FarEnd) -> None:
    far_end.says(NEW_POP)
    result = await propose(window)
    edit = (await window.request("codefuse/edit/accept", {"editId": result["editId"]}))["edit"]
    (change,) = edit["documentChanges"]
    assert change["textDocument"] == {"uri": result["uri"], "version": 1}
    assert apply(STACK, edit) == STACK.replace(POP, EXPECTED)
    assert "changeAnnotations" not in edit


async def test_hunks_are_accepted_one_after_the_other_and_after_an_undo(window: Window, far_end: FarEnd) -> None:
    old = "a = 1\nb = 2\nc = 3\n"
    far_end.says("a = 1\na2 = 1\nb = 2\nc = 4\n")
    uri, _ = window.show(old)
    result = await window.request("codefuse/edit", asked(uri, lines(0, 3)))
    first, second = (hunk["id"] for hunk in result["hunks"])

    async def accept(*hunks: str) -> dict[str, Any]:
        return (await window.request("codefuse/edit/accept", {"editId": result["editId"], "hunks": hunks}))["edit"]

    assert apply(old, await accept(first)) == "a = 1\na2 = 1\nb = 2\nc = 3\n"
    window.insert(uri, 2, 1, 0, "a2 = 1\n")
    edit = await accept(second)
    assert edit["documentChanges"][0]["textDocument"]["version"] == 2
    assert apply("a = 1\na2 = 1\nb = 2\nc = 3\n", edit) == "a = 1\na2 = 1\nb = 2\nc = 4\n"
    window.notify(
        "textDocument/didChange",
        {"textDocument": {"uri": uri, "version": 3}, "contentChanges": [{"range": lines(1, 2), "text": ""}]},
    )
    assert apply(old, await accept(first, second)) == "a = 1\na2 = 1\nb = 2\nc = 4\n"


async def test_an_edit_of_a_text_that_was_changed_meanwhile_is_refused(window: Window, far_end: FarEnd) -> None:
    far_end.says(NEW_POP)
    result = await propose(window)
    window.insert(result["uri"], 2, 0, 0, "# mine\n")
    with pytest.raises(EditorError, match="changed meanwhile") as refusal:
        await window.request("codefuse/edit/accept", {"editId": result["editId"]})
    assert refusal.value.code == REQUEST_FAILED


async def test_who_types_while_an_edit_is_written_is_told_and_can_undo(window: Window, far_end: FarEnd) -> None:
    far_end.holds()
    uri, _ = window.show(STACK)
    _, answer = window.ask("codefuse/edit", asked(uri, lines(7, 9)))
    completion = await far_end.next()
    window.insert(uri, 2, 0, 0, "# ")
    completion.say(NEW_POP)
    await window.synchronise()
    completion.end()
    result = await window.result(answer)
    assert "changed meanwhile" in result["note"]
    with pytest.raises(EditorError, match="changed meanwhile"):
        await window.request("codefuse/edit/accept", {"editId": result["editId"]})
    window.replace(uri, 3, 0, 0, 2, "")
    edit = (await window.request("codefuse/edit/accept", {"editId": result["editId"]}))["edit"]
    assert edit["documentChanges"][0]["textDocument"]["version"] == 3


async def test_an_edit_for_another_version_is_refused_unasked(window: Window, far_end: FarEnd) -> None:
    uri, _ = window.show(STACK)
    window.insert(uri, 2, 0, 0, "# mine\n")
    with pytest.raises(EditorError, match="changed meanwhile"):
        await window.request("codefuse/edit", asked(uri, lines(7, 9)))
    assert far_end.asked == []


async def test_a_discarded_edit_is_not_known_any_more(window: Window, far_end: FarEnd) -> None:
    far_end.says(NEW_POP)
    one = {"editId": (await propose(window))["editId"]}
    assert await window.request("codefuse/edit/discard", one) == {"discarded": True}
    assert await window.request("codefuse/edit/discard", one) == {"discarded": False}
    with pytest.raises(EditorError, match="not known any more; please ask again"):
        await window.request("codefuse/edit/accept", one)


async def test_an_unknown_hunk_is_named(window: Window, far_end: FarEnd) -> None:
    far_end.says(NEW_POP)
    result = await propose(window)
    with pytest.raises(EditorError, match="no hunk nine"):
        await window.request("codefuse/edit/accept", {"editId": result["editId"], "hunks": ["nine"]})


async def test_a_cancel_keeps_the_finished_lines_and_the_rest_of_the_old_ones(window: Window, far_end: FarEnd) -> None:
    far_end.holds()
    uri, _ = window.show("a = 1\nb = 2\nc = 3\n")
    request_id, answer = window.ask("codefuse/edit", asked(uri, lines(0, 3), partialResultToken="cut"))
    completion = await far_end.next()
    completion.say("a = 10\nb = 2\nc =")
    await window.told("$/progress", lambda params: params["token"] == "cut" and "b = 2" in params["value"]["text"])
    window.cancel(request_id)
    result = await window.result(answer)
    await completion.hung_up()
    assert (result["newText"], result["finishReason"]) == ("a = 10\nb = 2\nc = 3\n", "cancelled")
    edit = (await window.request("codefuse/edit/accept", {"editId": result["editId"]}))["edit"]
    assert apply("a = 1\nb = 2\nc = 3\n", edit) == "a = 10\nb = 2\nc = 3\n"


async def test_a_cancel_before_the_first_line_proposes_nothing(window: Window, far_end: FarEnd) -> None:
    far_end.holds()
    uri, _ = window.show(STACK)
    request_id, answer = window.ask("codefuse/edit", asked(uri, lines(7, 9)))
    await far_end.next()
    window.cancel(request_id)
    result = await window.result(answer)
    assert (result["newText"], result["hunks"], result["finishReason"]) == (POP, [], "cancelled")


async def test_an_answer_that_was_cut_says_so_and_keeps_the_old_rest(window: Window, far_end: FarEnd) -> None:
    far_end.says("a = 10\nb =", reason="length")
    result = await propose(window, "a = 1\nb = 2\n", lines(0, 2))
    assert result["newText"] == "a = 10\nb = 2\n" and "was cut at" in result["note"]


async def test_a_long_answer_that_was_cut_leaves_no_line_there_twice(window: Window, far_end: FarEnd) -> None:
    far_end.count_tokens = lambda prompt: len(prompt) // 20  # so that it fits
    old = [f"name_{number} = {number}\n" for number in range(700)]
    far_end.says("".join(["name_0 = 'zero'\n", *old[1:600]]), "name_600", reason="length")
    result = await propose(window, "".join(old), lines(0, 700))
    assert result["newText"] == "".join(["name_0 = 'zero'\n", *old[1:]]) and "was cut at" in result["note"]
    assert [(hunk["oldText"], hunk["newText"]) for hunk in result["hunks"]] == [(old[0], "name_0 = 'zero'\n")]
    far_end.says("".join(f"other_{number} = {number}\n" for number in range(600)), reason="length")
    result = await propose(window, "".join(old), lines(0, 700))
    assert (result["newText"], result["hunks"]) == ("".join(old), []) and "it is not certain where" in result["note"]


async def test_a_second_edit_of_a_document_ends_the_first_with_a_sentence(window: Window, far_end: FarEnd) -> None:
    far_end.holds()
    uri, _ = window.show(STACK)
    _, first = window.ask("codefuse/edit", asked(uri, lines(7, 9)))
    older = await far_end.next()
    _, second = window.ask("codefuse/edit", asked(uri, lines(7, 9)))
    newer = await far_end.next()
    with pytest.raises(EditorError, match="Another edit of this document was begun"):
        await window.result(first)
    await older.hung_up()
    newer.say(NEW_POP)
    newer.end()
    assert (await window.result(second))["newText"] == EXPECTED


async def test_line_ends_of_the_document_are_kept(window: Window, far_end: FarEnd) -> None:
    far_end.says("a = 1\nb = 3\n")
    result = await propose(window, "a = 1\r\nb = 2\r\n", lines(0, 2))
    assert result["newText"] == "a = 1\r\nb = 3\r\n"
    assert [hunk["newText"] for hunk in result["hunks"]] == ["b = 3\r\n"]


async def test_a_last_line_without_an_end_stays_without(window: Window, far_end: FarEnd) -> None:
    far_end.says("a = 2\n")
    where = {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 5}}
    assert (await propose(window, "a = 1", where))["newText"] == "a = 2"


async def test_an_edit_that_breaks_the_file_says_so(window: Window, far_end: FarEnd) -> None:
    far_end.says("def pop(self:\n    return\n")
    assert "syntax error" in (await propose(window))["note"]


async def test_what_an_answer_leaves_out_is_taken_from_the_old_code(window: Window, far_end: FarEnd) -> None:
    far_end.says("class Stack:\n    limit = 9\n    # ... existing code ...\n")
    result = await propose(window, where=lines(0, 9))
    assert result["newText"] == STACK.replace("class Stack:\n", "class Stack:\n    limit = 9\n")
    assert result["note"] == ""


async def test_an_answer_that_leaves_out_who_knows_what_says_so(window: Window, far_end: FarEnd) -> None:
    far_end.says("class Stack:\n    # ... existing code ...\n    limit = 9\n    # ... existing code ...\n")
    assert "leaves out code" in (await propose(window, where=lines(0, 9)))["note"]


async def test_an_answer_that_changes_nothing_says_so(window: Window, far_end: FarEnd) -> None:
    far_end.says(POP)
    result = await propose(window)
    assert (result["hunks"], result["newText"]) == ([], POP) and "change nothing" in result["note"]


async def test_a_far_end_that_takes_questions_only_is_asked_one(open_window: OpenWindow, far_end: FarEnd) -> None:
    far_end.says(f"Here you go:\n```python\n{NEW_POP}```\nIt refuses now.")
    window = await open_window(promptFormat="messages")
    assert (await propose(window))["newText"] == EXPECTED
    (completion,) = far_end.asked
    assert completion.body["messages"][-1]["role"] == "user"


async def test_only_so_many_proposals_are_kept(window: Window, far_end: FarEnd) -> None:
    far_end.says("a = 2\n")
    uri, _ = window.show("a = 1\n")
    results = [await window.request("codefuse/edit", asked(uri, lines(0, 1))) for _ in range(KEPT + 1)]
    with pytest.raises(EditorError, match="not known any more"):
        await window.request("codefuse/edit/accept", {"editId": results[0]["editId"]})
    assert (await window.request("codefuse/edit/accept", {"editId": results[1]["editId"]}))["edit"]


async def test_an_answer_without_code_is_told(window: Window, far_end: FarEnd) -> None:
    far_end.says("\n\n")
    with pytest.raises(EditorError, match="wrote no code"):
        await propose(window)


async def test_an_instruction_is_needed(window: Window, far_end: FarEnd) -> None:
    with pytest.raises(EditorError, match="Say what is to be done"):
        await propose(window, instruction=" ")


async def test_code_that_is_too_long_for_the_model_is_refused_in_numbers(window: Window, far_end: FarEnd) -> None:
    text = "".join(f"value_{n} = {n} * {n}\n" for n in range(600))
    with pytest.raises(EditorError, match=r"too long: .* of the model's 4096\. Select less"):
        await propose(window, text, lines(0, 600))
    assert far_end.asked == []


async def test_a_secret_is_not_told_and_stands_in_the_new_text_again(window: Window, far_end: FarEnd) -> None:
    secret = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
    text = f'token = "{secret}"\nx = 1\n'

    async def script(completion: Any) -> None:
        code = completion.prompt.partition("The code to change:\n```python\n")[2].partition("```")[0]
        completion.head()
        completion.say(code.replace("x = 1", "x = 2"))
        completion.end()

    far_end.script = script
    result = await propose(window, text, lines(0, 2))
    assert secret not in far_end.asked[0].prompt
    assert result["newText"] == text.replace("x = 1", "x = 2")


async def test_a_file_that_must_not_be_read_is_refused(window: Window, far_end: FarEnd) -> None:
    uri = (window.root / ".env").as_uri()
    window.open(uri, "shellscript", "KEY=1\n")
    with pytest.raises(EditorError):
        await window.request("codefuse/edit", asked(uri, lines(0, 1)))
    assert far_end.asked == []


async def test_a_preview_asks_where_the_client_can_ask(open_window: OpenWindow, far_end: FarEnd) -> None:
    far_end.says(NEW_POP)
    window = await open_window(client=capabilities(workspace__workspaceEdit__changeAnnotationSupport={}))
    result = await propose(window)
    edit = (await window.request("codefuse/edit/accept", {"editId": result["editId"], "preview": True}))["edit"]
    ((name, annotation),) = edit["changeAnnotations"].items()
    assert annotation["needsConfirmation"] is True and "Refuse to pop nothing." in annotation["label"]
    assert [one["annotationId"] for one in edit["documentChanges"][0]["edits"]] == [name]


async def test_the_command_applies_the_edit_in_a_client_without_a_plugin(
    open_window: OpenWindow, far_end: FarEnd
) -> None:
    far_end.says(NEW_POP)
    window = await open_window(listeners={"workspace/applyEdit": lambda _: {"applied": True}})
    uri, _ = window.show(STACK)
    target = {"uri": uri, "range": lines(7, 9), "version": 1}
    command = {"command": "codefuse.edit", "arguments": [target, "Refuse to pop nothing."]}
    assert await window.run_command(command) is True
    (applied,) = window.heard["workspace/applyEdit"]
    assert apply(STACK, applied["edit"]) == STACK.replace(POP, EXPECTED)
    assert applied["label"] == "CodeFuse: Refuse to pop nothing."


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({}, "params.textDocument is missing"),
        ({"textDocument": {"uri": "file:///a"}, "instruction": "a"}, "params.range is missing"),
        ({"textDocument": {"uri": "file:///a"}, "range": lines(0, 1)}, "params.instruction is missing"),
    ],
)
async def test_a_bad_field_is_named(window: Window, far_end: FarEnd, params: object, said: str) -> None:
    with pytest.raises(EditorError, match=said) as refusal:
        await window.request("codefuse/edit", params)
    assert refusal.value.code == INVALID_PARAMS
