"""Write tests: a versioned edit where the project keeps its tests, or a word to the user why there is none."""

from __future__ import annotations

import ast
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

from codefuse_lsp.evaluation.editor import EditorError
from tests.e2e.conftest import OpenWindow
from tests.e2e.far_end import FarEnd
from tests.e2e.window import Window, capabilities

pytestmark = pytest.mark.asyncio(loop_scope="module")

REQUEST_FAILED = -32803
AREA = "def area(width, height):\n    return width * height\n"
ANSWER = (
    "\n    assert area(2, 3) == 6\n\n\ndef test_area_of_nothing():\n    assert area(0, 3) == 0\n\n\n"
    "def test_cut_off():\n    assert area("
)
EXPECTED = (
    "from area import area\n\n\ndef test_area():\n    assert area(2, 3) == 6\n\n\n"
    "def test_area_of_nothing():\n    assert area(0, 3) == 0\n"
)
RUBBISH = "))) I cannot do that ((("
START = {"line": 0, "character": 0}
APPLIES = capabilities(textDocument__codeAction__resolveSupport=None)


@pytest.fixture
def folder(window: Window) -> Path:
    """A new folder in the workspace."""
    return Path(tempfile.mkdtemp(prefix="project-", dir=window.root))


@pytest.fixture
def project(folder: Path) -> Path:
    """A Python project with a folder for tests."""
    (folder / "tests").mkdir()
    (folder / "area.py").write_text(AREA, "utf-8")
    return folder


def put(window: Window, path: Path, language: str, text: str) -> str:
    window.open(path.as_uri(), language, text)
    return path.as_uri()


async def offered(window: Window, uri: str) -> dict[str, Any]:
    (action,) = await window.actions(uri, START, only=["refactor.codefuse.tests"])
    return action


async def edit_of(window: Window, path: Path, language: str = "python", text: str = AREA) -> list[dict[str, Any]]:
    """Return the changes that the action of a new document resolves to."""
    action = await offered(window, put(window, path, language, text))
    assert "edit" not in action and "command" not in action
    return (await window.request("codeAction/resolve", action))["edit"]["documentChanges"]


async def test_a_new_file_is_made_in_the_folder_of_tests_and_holds_only_what_parses(
    window: Window, far_end: FarEnd, project: Path
) -> None:
    far_end.says(ANSWER)
    create, insert = await edit_of(window, project / "area.py")
    uri = (project / "tests" / "test_area.py").as_uri()
    assert (create["kind"], create["uri"]) == ("create", uri)
    assert create["options"].get("overwrite", False) is False
    assert insert["textDocument"] == {"uri": uri, "version": None}
    (change,) = insert["edits"]
    assert (change["newText"], change["range"]) == (EXPECTED, {"start": START, "end": START})
    assert far_end.asked[0].prompt.endswith("```python\nfrom area import area\n\n\ndef test_area():")
    assert "\n```" in far_end.asked[0].body["stop"]


async def test_in_a_workspace_that_is_not_trusted_nothing_is_run_and_that_is_told_once(
    window: Window, far_end: FarEnd, project: Path
) -> None:
    far_end.says(ANSWER)
    for _ in range(2):
        await edit_of(window, project / "area.py")
    await window.synchronise()
    told = "Tests are not run before they are offered, since this workspace is not trusted."
    assert window.messages().count(told) == 1 and "window/showMessageRequest" not in window.heard


@pytest.mark.parametrize(
    ("files", "source", "language", "code", "answer", "where", "text"),
    [
        pytest.param(
            {"package.json": '{"devDependencies": {"vitest": "3"}}'},
            "src/area.ts",
            "typescript",
            "export function area(w: number, h: number) {\n  return w * h;\n}\n",
            "'multiplies', () => {\n    expect(area(2, 3)).toBe(6);\n  });\n});\n",
            "src/area.test.ts",
            "import { describe, expect, it } from 'vitest';\nimport { area } from './area';\n\n"
            "describe('area', () => {\n  it('multiplies', () => {\n    expect(area(2, 3)).toBe(6);\n  });\n});\n",
            id="vitest",
        ),
        pytest.param(
            {"go.mod": "module shapes\n"},
            "area.go",
            "go",
            "package shapes\n\nfunc Area(w, h int) int {\n\treturn w * h\n}\n",
            '\n\tif Area(2, 3) != 6 {\n\t\tt.Fatal("wrong")\n\t}\n}\n',
            "area_test.go",
            'package shapes\n\nimport "testing"\n\nfunc TestArea(t *testing.T) {\n'
            '\tif Area(2, 3) != 6 {\n\t\tt.Fatal("wrong")\n\t}\n}\n',
            id="go test",
        ),
    ],
)
async def test_each_language_keeps_its_tests_in_its_own_place(
    window: Window,
    far_end: FarEnd,
    folder: Path,
    files: dict[str, str],
    source: str,
    language: str,
    code: str,
    answer: str,
    where: str,
    text: str,
) -> None:
    for name, content in files.items():
        (folder / name).write_text(content, "utf-8")
    (folder / source).parent.mkdir(exist_ok=True)
    far_end.says(answer)
    uri = put(window, folder / source, language, code)
    line = {"line": code[: code.lower().index("area(")].count("\n"), "character": 0}
    (action,) = await window.actions(uri, line, only=["refactor.codefuse.tests"])
    create, insert = (await window.request("codeAction/resolve", action))["edit"]["documentChanges"]
    assert create["uri"] == insert["textDocument"]["uri"] == (folder / where).as_uri()
    assert insert["edits"][0]["newText"] == text


async def test_rust_keeps_its_tests_in_the_file_they_test(window: Window, far_end: FarEnd, folder: Path) -> None:
    far_end.says("\n        assert_eq!(area(2, 3), 6);\n    }\n}\n")
    code = "fn area(w: u32, h: u32) -> u32 {\n    w * h\n}\n"
    (append,) = await edit_of(window, folder / "area.rs", "rust", code)
    assert append["textDocument"] == {"uri": (folder / "area.rs").as_uri(), "version": 1}
    (change,) = append["edits"]
    assert change["range"]["start"] == change["range"]["end"] == {"line": 3, "character": 0}
    assert "mod tests {" in change["newText"] and "assert_eq!(area(2, 3), 6);" in change["newText"]


@pytest.mark.parametrize("is_open", [True, False])
async def test_tests_are_appended_to_the_file_that_is_there(
    window: Window, far_end: FarEnd, project: Path, is_open: bool
) -> None:
    there = project / "tests" / "test_area.py"
    there.write_text("from area import area\n\n\ndef test_area():\n    assert area(1, 1) == 1\n", "utf-8")
    far_end.says("\n    assert area(2, 3) == 6\n")
    if is_open:
        put(window, there, "python", there.read_text("utf-8"))
        window.insert(there.as_uri(), 7, 0, 0, "# mine\n")
    (append,) = await edit_of(window, project / "area.py")
    assert append["textDocument"] == {"uri": there.as_uri(), "version": 7 if is_open else None}
    (change,) = append["edits"]
    assert change["range"]["start"] == change["range"]["end"] == {"line": 5 + is_open, "character": 0}
    assert change["newText"] == "\n\ndef test_area_2():\n    assert area(2, 3) == 6\n"
    ast.parse(there.read_text("utf-8") + change["newText"])
    assert "assert area(1, 1) == 1" in far_end.asked[0].prompt


async def test_the_tests_are_shown_once_their_edit_is_made(
    open_window: OpenWindow, far_end: FarEnd, project: Path
) -> None:
    far_end.says(ANSWER)
    window = await open_window(project)
    action = await offered(window, put(window, project / "area.py", "python", AREA))
    resolved = await window.request("codeAction/resolve", action)
    assert await window.run_command(resolved["command"]) is True
    (shown,) = window.heard["window/showDocument"]
    assert shown["uri"] == (project / "tests" / "test_area.py").as_uri()


async def test_a_client_that_does_not_resolve_gets_the_edit_applied_by_a_command(
    open_window: OpenWindow, far_end: FarEnd, project: Path
) -> None:
    far_end.says(ANSWER)
    window = await open_window(project, client=APPLIES, listeners={"workspace/applyEdit": lambda _: {"applied": True}})
    action = await offered(window, put(window, project / "area.py", "python", AREA))
    assert await window.run_command(action["command"]) is True
    (applied,) = window.heard["workspace/applyEdit"]
    create, insert = applied["edit"]["documentChanges"]
    assert create["kind"] == "create" and insert["edits"][0]["newText"] == EXPECTED
    assert "tests" in applied["label"].lower()


async def test_an_edit_that_the_client_refuses_is_not_said_to_be_applied(
    open_window: OpenWindow, far_end: FarEnd, project: Path
) -> None:
    far_end.says(ANSWER)
    window = await open_window(project, client=APPLIES, listeners={"workspace/applyEdit": lambda _: {"applied": False}})
    action = await offered(window, put(window, project / "area.py", "python", AREA))
    assert await window.run_command(action["command"]) is False


async def test_a_client_that_cannot_create_files_gets_the_text_alone(
    open_window: OpenWindow, far_end: FarEnd, project: Path
) -> None:
    far_end.says(ANSWER)
    window = await open_window(project, client=capabilities(workspace__workspaceEdit={"documentChanges": True}))
    (insert,) = await edit_of(window, project / "area.py")
    assert insert["edits"][0]["newText"] == EXPECTED


async def test_a_line_that_was_cut_off_is_left_out_even_if_it_parses(
    window: Window, far_end: FarEnd, project: Path
) -> None:
    far_end.says("\n    assert area(2, 3) == 6\n    ass", reason="length")
    _, insert = await edit_of(window, project / "area.py")
    assert insert["edits"][0]["newText"].endswith("def test_area():\n    assert area(2, 3) == 6\n")


async def test_a_long_function_with_much_beside_it_fits_the_context(
    window: Window, far_end: FarEnd, project: Path
) -> None:
    far_end.says(ANSWER)
    far_end.holds_to(4_096, far_end.script)
    head = "".join(f"import module_number_{n} as m{n}  # for what comes\n" for n in range(60))
    steps = "".join(f"    width = width * {n} + height - {n}\n" for n in range(260))
    there = "".join(f"def test_other_{n}():\n    assert {n} + 1 > {n}\n\n\n" for n in range(100))
    (project / "tests" / "test_area.py").write_text(there, "utf-8")
    code = f"{head}\n\ndef area(width, height):\n{steps}    return width\n"
    uri = put(window, project / "area.py", "python", code)
    (action,) = await window.actions(uri, {"line": 62, "character": 0}, only=["refactor.codefuse.tests"])
    resolved = await window.request("codeAction/resolve", action)
    assert "assert area(2, 3) == 6" in resolved["edit"]["documentChanges"][-1]["edits"][0]["newText"]
    (completion,) = far_end.asked
    assert "width = width * 9" in completion.prompt and "def test_other_99" in completion.prompt
    assert "Only the beginning of area fits the model's context; the rest is not tested." in window.messages()


async def test_what_does_not_parse_is_tried_once_more_warmer(window: Window, far_end: FarEnd, project: Path) -> None:
    far_end.answers(RUBBISH, ANSWER)
    _, insert = await edit_of(window, project / "area.py")
    assert insert["edits"][0]["newText"] == EXPECTED
    first, second = (completion.body["temperature"] for completion in far_end.asked)
    assert first < second


async def test_what_does_not_parse_twice_is_shown_and_not_written(
    window: Window, far_end: FarEnd, project: Path
) -> None:
    far_end.answers(RUBBISH)
    action = await offered(window, put(window, project / "area.py", "python", AREA))
    resolved = await window.request("codeAction/resolve", action)
    assert "edit" not in resolved and len(far_end.asked) == 2
    await window.told("window/showMessage", lambda message: "do not parse" in message["message"])
    view = Path((await window.told("window/showDocument"))["uri"].removeprefix("file://"))
    assert RUBBISH in view.read_text("utf-8")


async def test_code_that_changes_while_its_tests_are_written_gets_none(
    window: Window, far_end: FarEnd, project: Path
) -> None:
    far_end.holds()
    uri = put(window, project / "area.py", "python", AREA)
    _, answer = window.ask("codeAction/resolve", await offered(window, uri))
    completion = await far_end.next()
    window.insert(uri, 2, 0, 0, "# ")
    await window.synchronise()
    completion.say(ANSWER)
    completion.end()
    with pytest.raises(EditorError, match="changed meanwhile; please ask again") as refusal:
        await window.result(answer)
    assert refusal.value.code == REQUEST_FAILED


@pytest.mark.parametrize("meanwhile", ["typed into", "written", "made", "made in the editor", "deleted"])
async def test_a_file_of_tests_that_changes_while_they_are_written_gets_none(
    window: Window, far_end: FarEnd, project: Path, meanwhile: str
) -> None:
    far_end.holds()
    there = project / "tests" / "test_area.py"
    if not meanwhile.startswith("made"):
        there.write_text("import area\n", "utf-8")
    if meanwhile == "typed into":
        put(window, there, "python", "import area\n")
    _, answer = window.ask(
        "codeAction/resolve", await offered(window, put(window, project / "area.py", "python", AREA))
    )
    completion = await far_end.next()
    if meanwhile == "typed into":
        window.insert(there.as_uri(), 2, 0, 0, "import os\n")
    elif meanwhile == "deleted":
        there.unlink()
    elif meanwhile == "made in the editor":
        put(window, there, "python", "import os\n")
    else:
        there.write_text("import os\nimport area\n", "utf-8")
    await window.synchronise()
    completion.say(ANSWER)
    completion.end()
    with pytest.raises(EditorError, match=r"^test_area\.py was changed meanwhile; please ask again") as refusal:
        await window.result(answer)
    assert refusal.value.code == REQUEST_FAILED


async def test_a_file_of_tests_that_is_opened_while_they_are_written_gets_them_in_its_version(
    window: Window, far_end: FarEnd, project: Path
) -> None:
    far_end.holds()
    there = project / "tests" / "test_area.py"
    there.write_text("import area\n", "utf-8")
    _, answer = window.ask(
        "codeAction/resolve", await offered(window, put(window, project / "area.py", "python", AREA))
    )
    completion = await far_end.next()
    put(window, there, "python", "import area\n")
    await window.synchronise()
    completion.say("\n    assert area(2, 3) == 6\n")
    completion.end()
    (append,) = (await window.result(answer))["edit"]["documentChanges"]
    assert append["textDocument"] == {"uri": there.as_uri(), "version": 1}
    assert append["edits"][0]["range"]["start"] == {"line": 1, "character": 0}


async def test_a_far_end_that_refuses_is_quoted(window: Window, far_end: FarEnd, project: Path) -> None:
    far_end.refuses("500 Internal Server Error", "The GPU fell off the bus.")
    action = await offered(window, put(window, project / "area.py", "python", AREA))
    with pytest.raises(EditorError, match="fell off the bus"):
        await window.request("codeAction/resolve", action)


async def test_a_buffer_that_was_never_saved_has_no_place_for_tests(window: Window, far_end: FarEnd) -> None:
    window.open("untitled:Untitled-1", "python", AREA)
    with pytest.raises(EditorError, match="Save the file first"):
        await window.request("codeAction/resolve", await offered(window, "untitled:Untitled-1"))
    assert far_end.asked == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="has no pipes with names")
async def test_a_pipe_in_place_of_a_projects_file_is_not_waited_for(
    window: Window, far_end: FarEnd, folder: Path
) -> None:
    far_end.says("'multiplies', () => {\n    expect(area(2, 3)).toBe(6);\n  });\n});\n")
    os.mkfifo(folder / "package.json")
    code = "export function area(w, h) {\n  return w * h;\n}\n"
    create, _ = await edit_of(window, folder / "area.js", "javascript", code)
    assert create["uri"] == (folder / "area.test.js").as_uri()
