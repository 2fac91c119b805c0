"""Translate: a new file beside the code, or the text shown where no file can be made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import OpenWindow
from tests.e2e.far_end import FarEnd
from tests.e2e.window import capabilities

pytestmark = pytest.mark.asyncio(loop_scope="module")

AREA = "def area(w, h):\n    return w * h\n"
GO = "package area\n\nfunc Area(w, h int) int {\n\treturn w * h\n}\n"
START = {"line": 0, "character": 0}


async def offers(window: Any, uri: str) -> dict[str, Any]:
    found = await window.actions(uri, START, only=["refactor.codefuse.translate"])
    return {action["title"]: action for action in found}


def put(window: Any, path: Path, text: str = AREA) -> str:
    window.open(path.as_uri(), "python", text)
    return path.as_uri()


async def test_it_is_offered_for_the_languages_of_the_open_files(open_window: OpenWindow, tmp_path: Path) -> None:
    window = await open_window()
    uri = put(window, tmp_path / "area.py")
    assert await offers(window, uri) == {}
    for name, language in (
        ("a.go", "go"),
        ("b.rs", "rust"),
        ("c.md", "markdown"),
        ("d.json", "json"),
        ("e.py", "python"),
    ):
        window.open((tmp_path / name).as_uri(), language, "x\n")
    assert list(await offers(window, uri)) == ["CodeFuse: Translate to Go", "CodeFuse: Translate to Rust"]


async def test_a_setting_says_which_languages(open_window: OpenWindow, tmp_path: Path) -> None:
    window = await open_window(translateTo=["csharp", "python", "nonsense"])
    assert list(await offers(window, put(window, tmp_path / "area.py"))) == ["CodeFuse: Translate to C#"]


async def test_the_translation_is_a_new_file_beside_the_code(
    open_window: OpenWindow, far_end: FarEnd, tmp_path: Path
) -> None:
    (tmp_path / "area.go").write_text("package area\n", "utf-8")  # which must not be lost
    far_end.says(GO)
    window = await open_window(translateTo=["go"])
    (action,) = (await offers(window, put(window, tmp_path / "area.py"))).values()
    resolved = await window.request("codeAction/resolve", action)
    create, fill = resolved["edit"]["documentChanges"]
    uri = (tmp_path / "area_2.go").as_uri()
    assert (create["kind"], create["uri"], fill["textDocument"]["uri"]) == ("create", uri, uri)
    assert create["options"].get("overwrite", False) is False
    assert fill["edits"][0]["newText"] == GO
    assert await window.run_command(resolved["command"]) is True
    assert window.heard["window/showDocument"][-1]["uri"] == uri
    assert "from Python to Go" in far_end.asked[0].prompt and far_end.asked[0].prompt.endswith("```go\n")


async def test_what_does_not_parse_is_shown_and_no_file(
    open_window: OpenWindow, far_end: FarEnd, tmp_path: Path
) -> None:
    far_end.says("func Area( {")
    window = await open_window(translateTo=["go"])
    (action,) = (await offers(window, put(window, tmp_path / "area.py"))).values()
    assert "edit" not in await window.request("codeAction/resolve", action)
    await window.told("window/showMessage", lambda params: "Go does not parse" in params["message"])


async def test_a_client_that_makes_no_files_is_shown_the_text(
    open_window: OpenWindow, far_end: FarEnd, tmp_path: Path
) -> None:
    far_end.says(GO)
    client = capabilities(workspace__workspaceEdit={"documentChanges": True})
    window = await open_window(client=client, translateTo=["go"])
    (action,) = (await offers(window, put(window, tmp_path / "area.py"))).values()
    assert "edit" not in await window.request("codeAction/resolve", action)
    shown = await window.told("window/showDocument", lambda params: "/go-area-" in params["uri"])
    assert GO in Path(shown["uri"].removeprefix("file://")).read_text("utf-8")
