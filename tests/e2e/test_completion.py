"""The same text in the popup, for clients that have no ghost text, and for no others."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from codefuse_lsp.evaluation.editor import EditorError
from tests.e2e.conftest import OpenWindow
from tests.e2e.far_end import FarEnd
from tests.e2e.window import Window, capabilities

pytestmark = pytest.mark.asyncio(loop_scope="module")

INVOKED, TRIGGERED = 1, 2  # CompletionTriggerKind


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def old_window(far_end_of_module: FarEnd, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Window]:
    """A client without inline completion."""
    client = capabilities(textDocument__inlineCompletion=None)
    root = tmp_path_factory.mktemp("old")
    window = await Window.opened(root, {"endpoint": far_end_of_module.endpoint}, client)
    yield await until_ready(window)
    await window.close()


async def until_ready(window: Window) -> Window:
    """Wait for the model, as who types does not."""
    uri, position = window.show("x = ‸\n")
    await window.request("codefuse/inspectPrompt", {"textDocument": {"uri": uri}, "position": position})
    return window


async def complete(window: Window, drawn: str, **context: Any) -> dict[str, Any]:
    uri, position = window.show(drawn)
    where: dict[str, Any] = {"textDocument": {"uri": uri}, "position": position}
    return await window.request("textDocument/completion", where | ({"context": context} if context else {}))


async def test_the_popup_gets_one_item_that_replaces_the_word_begun(old_window: Window, far_end: FarEnd) -> None:
    far_end.says("th * height")
    found = await complete(old_window, "def area(width, height):\n    return '😋', wid‸\n", triggerKind=INVOKED)
    (item,) = found["items"]
    assert found["isIncomplete"] is True
    assert item["textEdit"]["newText"] == item["filterText"] == item["label"] == "width * height"
    start, end = item["textEdit"]["range"].values()
    assert (start["character"], end["character"]) == (17, 20)
    assert item["command"]["command"] == "codefuse.accepted"
    assert item["documentation"] == "width * height"


async def test_the_label_of_a_long_suggestion_is_its_first_line_cut_short(old_window: Window, far_end: FarEnd) -> None:
    line = "return " + " + ".join(f"value_{number}" for number in range(20))
    far_end.says(f"{line}\n")
    (item,) = (await complete(old_window, "def total():\n    ‸\n"))["items"]
    assert item["label"] == f"{line[:59]}…"
    assert item["textEdit"]["newText"] == line


async def test_the_text_is_coloured_only_for_clients_that_read_markdown(
    open_window: OpenWindow, far_end: FarEnd
) -> None:
    formats = capabilities(textDocument__completion={"completionItem": {"documentationFormat": ["markdown"]}})
    formats["textDocument"].pop("inlineCompletion")
    far_end.says(" * height")
    window = await until_ready(await open_window(client=formats))
    (item,) = (await complete(window, "area = width‸\n"))["items"]
    assert item["documentation"] == {"kind": "markdown", "value": "```python\nwidth * height\n```\n"}


async def test_where_there_is_nothing_the_list_is_empty_and_asked_for_again(
    old_window: Window, far_end: FarEnd
) -> None:
    far_end.refuses("500 Internal Server Error")
    found = await complete(old_window, "x = ‸\n", triggerKind=TRIGGERED, triggerCharacter=" ")
    assert found == {"isIncomplete": True, "items": []}


async def test_a_letter_that_is_typed_is_no_wish_for_other_suggestions(old_window: Window, far_end: FarEnd) -> None:
    """To the protocol a letter typed is an invocation of the popup."""
    far_end.says("th * height")
    uri, position = old_window.show("def area(width, height):\n    return wid‸\n")
    where: dict[str, Any] = {"textDocument": {"uri": uri}, "context": {"triggerKind": INVOKED}}
    for version, typed in enumerate(("", "t", "h"), 1):
        if typed:
            old_window.insert(uri, version, 1, position["character"], typed)
            position["character"] += 1
        found = await old_window.request("textDocument/completion", {**where, "position": position})
        assert found["items"][0]["textEdit"]["newText"] == "width * height"
    assert [one.heal for one in far_end.asked if one.body["priority"] == 0] == [" wid"]  # others are asked ahead


async def test_only_clients_without_ghost_text_are_offered_it(old_window: Window, window: Window) -> None:
    offered = old_window.server["capabilities"]["completionProvider"]
    assert "." in offered["triggerCharacters"]
    assert "completionProvider" not in window.server["capabilities"]
    assert window.server["capabilities"]["inlineCompletionProvider"] == {}
    with pytest.raises(EditorError) as refusal:
        await complete(window, "x = ‸\n")
    assert refusal.value.code == -32601
