"""What editors get that have no plugin of ours: Helix, Kate, Sublime Text and Zed, by what each says that it can.

Capabilities are those of helix-lsp/src/client.rs (Helix), addons/lspclient/lspclientserver.cpp (Kate),
plugin/core/sessions.py of sublimelsp/LSP (Sublime Text) and crates/lsp/src/lsp.rs (Zed), as far as we look at them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.request import url2pathname

import pytest

from tests.e2e.conftest import OpenWindow
from tests.e2e.far_end import FarEnd
from tests.e2e.test_chat_document import Desk
from tests.e2e.window import Window

pytestmark = pytest.mark.asyncio(loop_scope="module")

KINDS = {"codeActionLiteralSupport": {"codeActionKind": {"valueSet": ["quickfix", "refactor", "source"]}}}
RESOLVES = {"dataSupport": True, "resolveSupport": {"properties": ["edit", "command"]}}
MAKES_FILES = {"documentChanges": True, "resourceOperations": ["create", "rename", "delete"]}
SHOWS = {"workDoneProgress": True, "showDocument": {"support": True}}

EDITORS: dict[str, dict[str, Any]] = {
    "helix": {
        "general": {"positionEncodings": ["utf-8", "utf-32", "utf-16"]},
        "textDocument": {"completion": {"completionItem": {}}, "codeAction": {**KINDS, **RESOLVES}},
        "workspace": {"applyEdit": True, "configuration": True, "workspaceEdit": MAKES_FILES},
        "window": SHOWS,
    },
    "kate": {
        "textDocument": {"completion": {"completionItem": {}}, "codeAction": KINDS},
        "window": {"workDoneProgress": True},
    },
    "sublime": {
        "textDocument": {
            "completion": {"completionItem": {"documentationFormat": ["markdown", "plaintext"]}},
            "codeAction": {**KINDS, "dataSupport": True, "resolveSupport": {"properties": ["edit"]}},
        },
        "workspace": {"applyEdit": True, "configuration": True, "workspaceEdit": {"documentChanges": True}},
        "window": SHOWS,
    },
    "zed": {
        "textDocument": {"completion": {"completionItem": {}}, "codeAction": {**KINDS, **RESOLVES}},
        "workspace": {"applyEdit": True, "configuration": True, "workspaceEdit": MAKES_FILES},
        "window": {"workDoneProgress": True},
        "experimental": {"serverStatusNotification": True, "localDocs": True},
    },
}
every_editor = pytest.mark.parametrize("editor", EDITORS)
SHOW_FILES = {"helix", "sublime"}  # the others have no window/showDocument
SQUARE = "def square(side):\n    return side * ‸side\n"


async def opened(open_window: OpenWindow, editor: str) -> Window:
    return await open_window(
        client=EDITORS[editor], listeners={"workspace/applyEdit": lambda params: {"applied": True}}
    )


@every_editor
async def test_suggestions_stand_in_the_popup(editor: str, open_window: OpenWindow, far_end: FarEnd) -> None:
    far_end.says(" * height)")
    window = await opened(open_window, editor)
    assert "completionProvider" in window.server["capabilities"]
    uri, cursor = window.show("PIZZA = '🍕'; area = (width‸)\n")
    if editor == "helix":
        cursor["character"] += 2  # it counts bytes, of which the pizza has four
    found = await window.request("textDocument/completion", {"textDocument": {"uri": uri}, "position": cursor})
    (item,) = found["items"]
    assert item["textEdit"]["newText"] == "width * height)" and found["isIncomplete"]


@every_editor
async def test_an_explanation_is_shown_as_a_markdown_file_or_else_told(
    editor: str, open_window: OpenWindow, far_end: FarEnd
) -> None:
    far_end.says("It multiplies the side by itself.")
    window = await opened(open_window, editor)
    uri, cursor = window.show(SQUARE)
    (action,) = await window.actions(uri, cursor, only=["refactor.codefuse.explain"])
    await window.run_command(action["command"])
    if editor in SHOW_FILES:
        params = await window.told("window/showDocument")
        text = Path(url2pathname(params["uri"].removeprefix("file://"))).read_text("utf-8")
    else:
        text = (await window.told("window/showMessage"))["message"]
    assert text.startswith("# square") and text.rstrip().endswith("It multiplies the side by itself.")


@every_editor
async def test_tests_are_an_edit_the_editor_can_make(editor: str, open_window: OpenWindow, far_end: FarEnd) -> None:
    far_end.says("\n    assert square(3) == 9\n")
    window = await opened(open_window, editor)
    uri, cursor = window.show(SQUARE, "square.py")
    (action,) = await window.actions(uri, cursor, only=["refactor.codefuse.tests"])
    if "resolveSupport" in EDITORS[editor]["textDocument"]["codeAction"]:
        edit = (await window.request("codeAction/resolve", action))["edit"]
    else:
        assert await window.run_command(action["command"]) is True
        edit = (await window.told("workspace/applyEdit"))["edit"]
    changes = edit.get("documentChanges") or [
        {"textDocument": {"uri": path}, "edits": edits} for path, edits in edit["changes"].items()
    ]
    creates = [change for change in changes if change.get("kind") == "create"]
    assert bool(creates) is (editor in {"helix", "zed"})
    assert changes[-1]["textDocument"]["uri"].endswith("/test_square.py")
    assert "assert square(3) == 9" in changes[-1]["edits"][0]["newText"]


@every_editor
async def test_a_chat_is_written_with_the_popups_help_sent_and_answered(
    editor: str, open_window: OpenWindow, far_end: FarEnd
) -> None:
    far_end.says("It adds.")
    window = await opened(open_window, editor)
    (window.root / "area.py").write_text("def area(w, h):\n    return w + h\n", "utf-8")
    desk = Desk(window, "a.codefuse-chat.md", "## You\n\n🍕 @ar\n")
    cursor = {"line": 2, "character": 8 if editor == "helix" else 6}  # it counts bytes
    found = await window.request("textDocument/completion", {"textDocument": {"uri": desk.uri}, "position": cursor})
    (item,) = found["items"]
    start, end = item["textEdit"]["range"].values()
    assert (start, end) == (cursor | {"character": cursor["character"] - 3}, cursor)
    line = [{"line": number, "character": 0} for number in (2, 3)]
    desk.replace({"start": line[0], "end": line[1]}, f"🍕 {item['textEdit']['newText']}\n")
    actions = await window.actions(desk.uri, {"line": 0, "character": 0}, only=["source"])
    assert [action["title"] for action in actions] == ["CodeFuse: Send"]
    assert await window.run_command(actions[0]["command"]) is True
    await desk.until("It adds.")
    assert "`area.py`:\n```python\ndef area(w, h):" in far_end.asked[0].prompt
    assert [role for role, _ in desk.turns()] == ["human", "bot", "human"]


@every_editor
async def test_nothing_of_ours_is_sent_that_the_editor_did_not_ask_for(
    editor: str, open_window: OpenWindow, far_end: FarEnd
) -> None:
    window = await opened(open_window, editor)
    await window.told("$/progress", lambda params: params["value"]["kind"] == "end")  # the model is there
    assert not [method for method in window.heard if method.startswith("codefuse/")]
