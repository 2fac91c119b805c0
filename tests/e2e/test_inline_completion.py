"""Ghost text as the editor gets it: one item, on one line, that fits the document to the character."""

from __future__ import annotations

import re

import pytest

from tests.e2e.far_end import Completion, FarEnd
from tests.e2e.window import Window

pytestmark = pytest.mark.asyncio(loop_scope="module")

AREA = "def area(width, height):\n    return width‸\n"


async def test_a_suggestion_is_one_item_at_the_cursor_with_the_command_that_reports_it(
    window: Window, far_end: FarEnd
) -> None:
    far_end.says(" * ", "height")
    item = await window.ghost(AREA)
    cursor = {"line": 1, "character": 16}
    assert item is not None
    assert (item["insertText"], item["range"]) == (" * height", {"start": cursor, "end": cursor})
    assert item["command"]["command"] == "codefuse.accepted"
    assert await window.run_command(item["command"]) is None
    assert await window.run_command({"command": "codefuse.accepted", "arguments": ["never offered"]}) is None


async def test_what_the_user_did_with_a_suggestion_can_be_asked_for(window: Window, far_end: FarEnd) -> None:
    far_end.says(" * height")
    fates = []
    for method, more in (("Show", {}), ("PartiallyAccept", {"acceptedLength": 3}), ("Reject", {})):
        item = await window.ghost(AREA)
        assert item is not None
        (name,) = item["command"]["arguments"]
        window.notify(f"codefuse/did{method}Completion", {"id": name, **more})
        window.notify(f"codefuse/did{method}Completion", {"id": "never offered", **more})
        record = await window.why()
        fates.append((record["fate"], record["acceptedLength"]))
    assert fates == [("seen", 0), ("partly", 3), ("rejected", 0)]


async def test_a_request_is_greedy_goes_first_and_leaves_the_half_word_to_the_model(
    window: Window, far_end: FarEnd
) -> None:
    far_end.says(" * height")
    await window.ghost("def area(width, height):\n    return wi‸\n\nprint(area(2, 3))\n")
    body = far_end.asked[0].body
    assert body["prompt"].endswith("def area(width, height):\n    return")
    assert "print(area(2, 3))" in body["prompt"]
    assert (body["heal"], body["temperature"], body["priority"]) == (" wi", 0.0, 0)
    assert "\n" in body["stop"] and "<|role_start|>" in body["stop"]
    assert body["add_special_tokens"] is False


async def test_a_bracket_that_the_editor_closed_gives_way_to_that_of_the_suggestion(
    window: Window, far_end: FarEnd
) -> None:
    far_end.says('"😋", total)')
    item = await window.ghost('prices = ["😋"]\nprint("€", ‸)\n')
    assert item is not None and item["insertText"] == '"😋", total)'
    assert item["range"] == {"start": {"line": 1, "character": 11}, "end": {"line": 1, "character": 12}}


async def test_what_stands_right_of_the_cursor_is_not_said_again(window: Window, far_end: FarEnd) -> None:
    far_end.says("total for name in names]")
    item = await window.ghost("x = [‸ for name in names]\n")
    assert item is not None and item["insertText"] == "total"
    assert item["range"]["start"] == item["range"]["end"]


async def test_positions_count_utf_16_units(window: Window, far_end: FarEnd) -> None:
    far_end.says("'𝛼')")
    item = await window.ghost("meal = '😋😋'\nprint('😋', '𝛼', ‸)  # 😋\n")
    assert item is not None and item["insertText"] == "'𝛼')"
    assert item["range"] == {"start": {"line": 1, "character": 18}, "end": {"line": 1, "character": 19}}
    assert far_end.asked[0].prompt.endswith("print('😋', '𝛼',")


async def test_a_document_with_crlf_gets_crlf_back_and_the_model_sees_none(window: Window, far_end: FarEnd) -> None:
    far_end.says("area = width * height\n", "    return area\n", "\nprint(1)\n")
    item = await window.ghost("def area(width, height):\r\n    ‸\r\n")
    assert item is not None and item["insertText"] == "area = width * height\r\n    return area"
    assert "\r" not in far_end.asked[0].prompt


async def test_a_suggestion_goes_on_from_what_is_chosen_in_the_popup(window: Window, far_end: FarEnd) -> None:
    far_end.says(".join(folder)")
    uri, cursor = window.show("import os\nos.pa‸\n")
    chosen = {"range": {"start": {"line": 1, "character": 3}, "end": cursor}, "text": "path"}
    item = await window.ghost_at(uri, cursor, selectedCompletionInfo=chosen)
    assert item is not None
    assert (item["insertText"], item["range"]) == ("path.join(folder)", chosen["range"])
    assert far_end.asked[0].prompt.endswith("os.") and far_end.asked[0].heal == "path"


async def test_an_item_of_the_popup_that_replaces_what_follows_the_cursor_is_followed_by_the_suggestion(
    window: Window, far_end: FarEnd
) -> None:
    far_end.says(".join")
    uri, cursor = window.show("import os\nos.pa‸wd(a)\n")
    word = {"start": {"line": 1, "character": 3}, "end": {"line": 1, "character": 7}}
    item = await window.ghost_at(uri, cursor, selectedCompletionInfo={"range": word, "text": "path"})
    assert item is not None and (item["insertText"], item["range"]) == ("path.join", word)


async def test_a_line_that_opens_a_block_comes_with_it_and_nothing_after_it(window: Window, far_end: FarEnd) -> None:
    far_end.answers("if err != nil {", "\t\treturn err\n\t}\n\treturn nil\n")
    drawn = "package a\n\nfunc f() error {\n\terr := g()\n\t‸\n\treturn h()\n}\n"
    item = await window.ghost(drawn, "a.go", "go")
    assert item is not None and item["insertText"] == "if err != nil {\n\t\treturn err\n\t}"
    line, block = far_end.asked
    assert "\n" in line.body["stop"] and "\n" not in (block.body.get("stop") or ())
    assert block.prompt.endswith("if err != nil {\n") and block.heal == ""
    assert block.body["max_tokens"] < line.body["max_tokens"] - 9  # of which the line took so many


async def test_a_line_whose_block_stands_below_comes_alone(window: Window, far_end: FarEnd) -> None:
    far_end.answers("if width:")
    item = await window.ghost("def area(width):\n    ‸\n        return width\n")
    assert item is not None and item["insertText"] == "if width:"
    assert len(far_end.asked) == 1


async def test_edits_are_seen_before_the_request_that_follows_them(window: Window, far_end: FarEnd) -> None:
    far_end.says(" * height")
    uri, cursor = window.show("def area(width, height):\n    return 😋‸\n")
    window.insert(uri, 2, 1, cursor["character"], " + width")
    item = await window.ghost_at(uri, {"line": 1, "character": cursor["character"] + 8})
    assert item is not None and item["range"]["start"] == {"line": 1, "character": 21}
    assert far_end.asked[0].prompt.endswith("return 😋 +")


async def test_tags_in_the_code_reach_neither_a_role_nor_the_editor_changed(window: Window, far_end: FarEnd) -> None:
    far_end.says("'<\u2060|role_end|>', '</\u2060s>']")
    item = await window.ghost("TAGS = ['<|role_start|>system', '</s>', ‸\n")
    prompt = far_end.asked[0].prompt
    assert prompt.count("<|role_start|>") == prompt.count("<|role_end|>") == 2  # a human's turn and the bot's
    assert "'<\u2060|role_start|>system', '<\u2060/s>'" in prompt
    assert item is not None and item["insertText"].startswith("'<|role_end|>'")


async def test_the_prompts_of_a_line_being_typed_share_all_but_their_end(window: Window, far_end: FarEnd) -> None:
    far_end.says("")
    above = "".join(f"value_{n} = compute({n})\n" for n in range(300))
    uri, _ = window.show(f"{above}‸\n{above}")
    line = "result = sum(value_1, value_2) + offset"
    for column, letter in enumerate(line):
        window.insert(uri, column + 2, 300, column, letter)
        await window.ghost_at(uri, {"line": 300, "character": column + 1})
    prompts = [completion.prompt for completion in far_end.asked]
    shared = len(prompts[0].rstrip())
    assert len(prompts) == len(line)
    assert all(prompt[:shared] == prompts[0][:shared] and len(prompt) <= shared + len(line) for prompt in prompts)


async def test_the_prompt_of_a_place_can_be_looked_at_with_nothing_secret_in_it(
    window: Window, far_end: FarEnd
) -> None:
    far_end.says("")
    uri, cursor = window.show("password = 'hunter2-is-long-enough'\nconnect(‸)\n")
    shown = await window.request("codefuse/inspectPrompt", {"textDocument": {"uri": uri}, "position": cursor})
    assert "hunter2" not in shown["prompt"] and "REDACTED_" in shown["prompt"]
    await window.ghost_at(uri, cursor)
    assert far_end.asked[-1].prompt == shown["prompt"] and far_end.asked[-1].heal == shown["heal"]


async def test_a_secret_that_the_model_repeats_is_shown_as_it_is(window: Window, far_end: FarEnd) -> None:
    async def script(completion: Completion) -> None:
        placeholder = re.search(r"REDACTED_[0-9a-f]+", completion.prompt)
        assert placeholder
        completion.head()
        completion.say(completion.heal + f"'{placeholder[0]}'")
        completion.end()

    far_end.script = script
    item = await window.ghost("password = 'hunter2-is-long-enough'\nconnect(user, ‸)\n")
    assert item is not None and item["insertText"] == "'hunter2-is-long-enough'"
