"""Names for a rename: identifiers in the old one's style that the file does not use."""

from __future__ import annotations

from typing import Any

import pytest

from codefuse_lsp.evaluation.editor import EditorError
from tests.e2e.far_end import FarEnd
from tests.e2e.window import Window, capabilities

pytestmark = pytest.mark.asyncio(loop_scope="module")

CODE = "def area(max_w, height):\n    return max‸_w * height  # 🍕\n"
ANSWER = "1. `widthLimit` - says both\n2. height\n3. max_w\n4. class\n5. widest\n6. widest\n"


async def suggested(window: Window, drawn: str = CODE) -> Any:
    uri, position = window.show(drawn)
    return await window.request("codefuse/renameSuggestions", {"textDocument": {"uri": uri}, "position": position})


async def test_names_are_new_valid_and_in_the_style_of_the_old_one(window: Window, far_end: FarEnd) -> None:
    far_end.says(ANSWER)
    result = await suggested(window)
    where = {"start": {"line": 1, "character": 11}, "end": {"line": 1, "character": 16}}
    assert result == {"name": "max_w", "range": where, "suggestions": ["width_limit", "widest"]}
    assert far_end.asked[0].body["max_tokens"] <= 128


async def test_a_model_without_an_idea_suggests_nothing(window: Window, far_end: FarEnd) -> None:
    far_end.says("I would keep it as it is, since it is short and clear.")
    assert (await suggested(window))["suggestions"] == []


@pytest.mark.parametrize("drawn", ["x = 'na‸me'\n", "re‸turn\n", "x = 1 ‸ + 2\n", "# na‸me\n"])
async def test_where_there_is_no_name_there_are_no_suggestions(window: Window, far_end: FarEnd, drawn: str) -> None:
    with pytest.raises(EditorError, match="There is no name at the cursor"):
        await suggested(window, drawn)
    assert far_end.asked == []


async def test_the_action_lets_the_user_choose(open_window: Any, far_end: FarEnd) -> None:
    far_end.says(ANSWER)
    client = capabilities(window__showMessage={"messageActionItem": {"additionalPropertiesSupport": False}})
    window = await open_window(
        client=client, listeners={"window/showMessageRequest": lambda asked: asked["actions"][0]}
    )
    uri, cursor = window.show(CODE)
    (action,) = await window.actions(uri, cursor, only=["refactor.rewrite.codefuse.rename"])
    assert action["title"] == "CodeFuse: Suggest names for max_w"
    assert await window.run_command(action["command"]) == "width_limit"
    (asked,) = window.heard["window/showMessageRequest"]
    assert [item["title"] for item in asked["actions"]] == ["width_limit", "widest"]


async def test_a_client_that_asks_nothing_tells_the_names(window: Window, far_end: FarEnd) -> None:
    far_end.says(ANSWER)
    uri, cursor = window.show(CODE)
    (action,) = await window.actions(uri, cursor, only=["refactor.rewrite.codefuse.rename"])
    assert await window.run_command(action["command"]) is None
    assert "Names for max_w: width_limit, widest" in window.messages()
