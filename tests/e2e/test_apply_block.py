"""Blocks of code put into files: merged, inserted or in the place of a range, and never outside of the workspace."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

from codefuse_lsp.evaluation.editor import EditorError
from tests.e2e.conftest import OpenWindow
from tests.e2e.far_end import FarEnd
from tests.e2e.test_edit import apply, lines
from tests.e2e.window import Window, capabilities

pytestmark = pytest.mark.asyncio(loop_scope="module")

AREA = "import os\n\n\ndef area(w, h):\n    return w + h\n\n\ndef edge(w, h):\n    return 2 * (w + h)\n"
BLOCK = "def area(w, h):\n    return w * h\n"
MERGED = AREA.replace("w + h\n\n\ndef edge", "w * h\n\n\ndef edge")


@pytest.fixture
def folder(window: Window) -> Path:
    """A new folder in the workspace."""
    return Path(tempfile.mkdtemp(prefix="project-", dir=window.root))


async def put(window: Window, code: str = BLOCK, mode: str = "merge", **where: Any) -> dict[str, Any]:
    return await window.request("codefuse/applyCodeBlock", {"code": code, "mode": mode, **where})


async def refused(window: Window, **where: Any) -> str:
    with pytest.raises(EditorError) as refusal:
        await put(window, **where)
    assert refusal.value.code == -32803 and str(refusal.value).endswith(".")
    return str(refusal.value)


async def test_a_block_is_merged_into_the_document_as_it_is_in_the_editor(window: Window, far_end: FarEnd) -> None:
    uri, _ = window.show(AREA)
    window.insert(uri, 2, 0, 0, "# mine\n")
    result = await put(window, textDocument={"uri": uri, "version": 2})
    (change,) = result["edit"]["documentChanges"]
    assert change["textDocument"] == {"uri": uri, "version": 2}
    assert apply("# mine\n" + AREA, result["edit"]) == "# mine\n" + MERGED
    (hunk,) = result["hunks"]
    assert (hunk["oldText"], hunk["newText"]) == ("    return w + h\n", "    return w * h\n")
    assert hunk["range"] == lines(5, 6)
    assert (result["label"], result["uri"], result["note"]) == ("CodeFuse: Merge into area.py", uri, "")
    assert far_end.asked == []


async def test_a_document_of_another_version_is_refused(window: Window) -> None:
    uri, _ = window.show(AREA)
    window.insert(uri, 2, 0, 0, "# mine\n")
    assert "changed meanwhile" in await refused(window, textDocument={"uri": uri, "version": 1})


async def test_a_block_without_a_certain_place_goes_to_the_cursor_and_says_so(window: Window) -> None:
    uri, _ = window.show(AREA)
    result = await put(window, "check()\nlog()\n", textDocument={"uri": uri}, range=lines(4, 4))
    assert "put at the cursor" in result["note"]
    assert apply(AREA, result["edit"]) == AREA.replace("w + h\n\n", "w + h\n    check()\n    log()\n\n", 1)


async def test_a_block_that_is_there_already_changes_nothing_and_says_so(window: Window) -> None:
    uri, _ = window.show(AREA)
    result = await put(window, "def area(w, h):\n    return w + h\n", textDocument={"uri": uri})
    assert result["hunks"] == [] and "already" in result["note"]


async def test_a_block_that_would_break_the_file_is_refused(window: Window) -> None:
    uri, _ = window.show(AREA)
    assert "syntax error" in await refused(window, code="def area(w, h:\n", textDocument={"uri": uri})


@pytest.mark.parametrize(
    ("mode", "code", "start", "stop", "expected"),
    [
        pytest.param("insert", "x = 1\ny = 2\n", (1, 0), (1, 0), "if a:\n    x = 1\n    y = 2\n    b()\n", id="line"),
        pytest.param("insert", "c, ", (2, 6), (2, 6), "if a:\n\n    b(c, )\n", id="amid a line"),
        pytest.param("replace", "c()\nd()\n", (2, 0), (3, 0), "if a:\n\n    c()\n    d()\n", id="whole lines"),
        pytest.param("replace", "c()\nd()\n", (2, 4), (2, 7), "if a:\n\n    c()\n    d()\n", id="what stands on one"),
        pytest.param("replace", "c\n", (0, 3), (0, 4), "if c:\n\n    b()\n", id="a part of a line"),
    ],
)
async def test_a_block_is_put_where_the_user_points(
    window: Window, mode: str, code: str, start: tuple[int, int], stop: tuple[int, int], expected: str
) -> None:
    text = "if a:\n\n    b()\n"
    uri, _ = window.show(text)
    where = [{"line": line, "character": column} for line, column in (start, stop)]
    result = await put(window, code, mode, textDocument={"uri": uri}, range={"start": where[0], "end": where[1]})
    assert apply(text, result["edit"]) == expected


@pytest.mark.parametrize("mode", ["insert", "replace"])
async def test_where_to_put_a_block_has_to_be_said(window: Window, mode: str) -> None:
    uri, _ = window.show(AREA)
    assert f"Say where to {mode}" in await refused(window, mode=mode, textDocument={"uri": uri})


async def test_an_unknown_mode_is_named(window: Window) -> None:
    assert "not 'paste'" in await refused(window, mode="paste", path="a.py")


async def test_a_path_names_a_file_of_the_workspace(window: Window, folder: Path) -> None:
    (folder / "area.py").write_text(AREA, "utf-8")
    result = await put(window, path=f"{folder.name}/area.py")
    (change,) = result["edit"]["documentChanges"]
    assert change["textDocument"] == {"uri": (folder / "area.py").as_uri(), "version": None}
    assert apply(AREA, result["edit"]) == MERGED
    assert (folder / "area.py").read_text("utf-8") == AREA


async def test_a_path_of_a_file_that_is_open_names_the_document(window: Window, folder: Path) -> None:
    (folder / "area.py").write_text("x = 1\n", "utf-8")
    uri = (folder / "area.py").as_uri()
    window.open(uri, "python", AREA)
    result = await put(window, path=f"{folder.name}/area.py")
    assert result["edit"]["documentChanges"][0]["textDocument"] == {"uri": uri, "version": 1}
    assert apply(AREA, result["edit"]) == MERGED


async def test_a_document_that_is_open_under_a_links_name_is_the_one_that_its_path_means(
    open_window: OpenWindow, tmp_path: Path
) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "area.py").write_text("x = 1\n", "utf-8")
    (tmp_path / "link").symlink_to(tmp_path / "real", target_is_directory=True)
    window = await open_window(tmp_path / "link")
    uri = (tmp_path / "link" / "area.py").as_uri()
    for scheme in ("git", "file"):  # the first is what was committed
        window.open(uri.replace("file:", f"{scheme}:"), "python", AREA)
    result = await put(window, path="area.py")
    assert result["edit"]["documentChanges"][0]["textDocument"] == {"uri": uri, "version": 1}
    assert apply(AREA, result["edit"]) == MERGED
    created = await put(window, path="./src/new.py")
    assert created["uri"] == (tmp_path / "link" / "src" / "new.py").as_uri()

    (tmp_path / "real" / "same.py").symlink_to("area.py")
    assert (await put(window, path="same.py"))["uri"] == uri


async def test_a_file_that_is_not_there_is_made(window: Window, folder: Path) -> None:
    result = await put(window, "# src/new.py\n" + BLOCK, path=f"{folder.name}/src/new.py")
    create, fill = result["edit"]["documentChanges"]
    uri = (folder / "src" / "new.py").as_uri()
    assert (create["kind"], create["uri"]) == ("create", uri)
    assert create["options"].get("overwrite", False) is False
    assert [edit["newText"] for edit in fill["edits"]] == [BLOCK]
    assert (result["uri"], result["label"]) == (uri, "CodeFuse: New file new.py")
    assert not (folder / "src").exists()


async def test_a_client_that_cannot_make_files_gets_the_text_alone(open_window: OpenWindow, tmp_path: Path) -> None:
    window = await open_window(client=capabilities(workspace__workspaceEdit={"documentChanges": True}))
    (fill,) = (await put(window, path="new.py"))["edit"]["documentChanges"]
    assert [edit["newText"] for edit in fill["edits"]] == [BLOCK]


async def test_a_client_without_versions_gets_plain_changes(open_window: OpenWindow) -> None:
    window = await open_window(client=capabilities(workspace__workspaceEdit={}))
    result = await put(window, path="new.py")
    assert [edit["newText"] for edit in result["edit"]["changes"][result["uri"]]] == [BLOCK]


async def test_what_a_path_names_is_confirmed_where_the_client_can_ask(open_window: OpenWindow) -> None:
    window = await open_window(client=capabilities(workspace__workspaceEdit__changeAnnotationSupport={}))
    edit = (await put(window, path="new.py"))["edit"]
    ((name, annotation),) = edit["changeAnnotations"].items()
    assert annotation["needsConfirmation"] is True
    assert edit["documentChanges"][0]["annotationId"] == name


@pytest.mark.parametrize(
    "path",
    ["../outside.py", "/etc/passwd.py", "a/../../outside.py", "link/outside.py", ".", "", "..\\outside.py", "a\0.py"],
)
async def test_no_path_leads_out_of_the_workspace(window: Window, path: str, tmp_path: Path) -> None:
    if not (window.root / "link").exists():
        (window.root / "link").symlink_to(tmp_path, target_is_directory=True)
    assert not (await refused(window, path=path)).startswith("[")


async def test_a_uri_of_a_file_that_is_not_open_is_held_to_the_same(window: Window, tmp_path: Path) -> None:
    (tmp_path / "outside.py").write_text(AREA, "utf-8")
    said = await refused(window, textDocument={"uri": (tmp_path / "outside.py").as_uri()})
    assert "outside of the workspace" in said


@pytest.mark.parametrize("path", [".env", ".git/hooks/pre-commit", "sub/id_rsa", "secret/a.py", ".ssh/config"])
async def test_no_path_leads_to_what_must_not_be_read(open_window: OpenWindow, tmp_path: Path, path: str) -> None:
    (tmp_path / ".codefuseignore").write_text("secret/\n", "utf-8")
    window = await open_window()
    assert await refused(window, path=path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="has no pipes with names")
async def test_what_is_no_text_file_is_refused(window: Window, folder: Path) -> None:
    os.mkfifo(folder / "pipe.py")
    (folder / "binary.py").write_bytes(b"\0\1")
    for name in ("pipe.py", "binary.py", ""):
        assert "is no text file" in await refused(window, path=f"{folder.name}/{name}")


async def test_a_window_without_a_folder_has_no_place_for_a_path(open_window: OpenWindow) -> None:
    window = await open_window()
    removed = [{"uri": window.root.as_uri(), "name": ""}]
    window.notify("workspace/didChangeWorkspaceFolders", {"event": {"added": [], "removed": removed}})
    assert "Open a folder first" in await refused(window, path="a.py")


async def test_nothing_named_is_nowhere(window: Window) -> None:
    assert "No file is named" in await refused(window)
