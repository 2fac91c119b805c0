"""Notebooks: a cell is completed with the others in sight, whatever is edited, moved or deleted among them."""

from __future__ import annotations

import re
import tempfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from codefuse_lsp.evaluation.editor import EditorError
from tests.e2e.far_end import FarEnd
from tests.e2e.window import Window, capabilities, place_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

Json = dict[str, Any]
Drawn = tuple[str, str]  # language, text
MARKUP, CODE = 1, 2
LOAD = ("python", "import pandas as pd\n%matplotlib inline\nframe = pd.read_csv('sales.csv')")
CLEAN = ("python", "def clean(frame):\n    return frame.dropna()\n")
NOTEBOOKS = capabilities(notebookDocument__synchronization={"dynamicRegistration": False})


class Notebook:
    """A notebook in a window, kept in step with what the server is told."""

    def __init__(self, window: Window, cells: Sequence[Drawn], name: str = "sales.ipynb") -> None:
        self.window = window
        self.folder = Path(tempfile.mkdtemp(dir=window.root))
        self.uri = (self.folder / name).as_uri()
        self.version = 1
        self.cells = [self._cell(drawn) for drawn in cells]
        notebook = {"uri": self.uri, "notebookType": "jupyter-notebook", "version": 1}
        opened = {**notebook, "cells": [self._listed(cell) for cell in self.cells]}
        window.notify("notebookDocument/didOpen", {"notebookDocument": opened, "cellTextDocuments": self.cells})

    def change(self, **cells: Any) -> None:
        self.version += 1
        identifier = {"uri": self.uri, "version": self.version}
        self.window.notify("notebookDocument/didChange", {"notebookDocument": identifier, "change": {"cells": cells}})

    def splice(self, start: int, deleted: int, *drawn: Drawn) -> None:
        """Take cells out and put new ones in."""
        new = [self._cell(one) for one in drawn]
        gone, self.cells[start : start + deleted] = self.cells[start : start + deleted], new
        array = {"start": start, "deleteCount": deleted, "cells": [self._listed(cell) for cell in new]}
        closed = [{"uri": cell["uri"]} for cell in gone]
        self.change(structure={"array": array, "didOpen": new, "didClose": closed})

    def move(self, index: int, to: int) -> None:
        """Move a cell as VS Code does: the stretch between both places is listed anew, nothing opened or closed."""
        self.cells.insert(to, self.cells.pop(index))
        first, last = sorted((index, to))
        stretch = self.cells[first : last + 1]
        array = {"start": first, "deleteCount": len(stretch), "cells": [self._listed(cell) for cell in stretch]}
        self.change(structure={"array": array})

    def edit(self, index: int, line: int, start: int, end: int, text: str) -> None:
        cell = self.cells[index]
        cell["version"] += 1
        where = {"start": {"line": line, "character": start}, "end": {"line": line, "character": end}}
        identifier = {"uri": cell["uri"], "version": cell["version"]}
        self.change(textContent=[{"document": identifier, "changes": [{"range": where, "text": text}]}])

    def close(self) -> None:
        cells = [{"uri": cell["uri"]} for cell in self.cells]
        params = {"notebookDocument": {"uri": self.uri}, "cellTextDocuments": cells}
        self.window.notify("notebookDocument/didClose", params)

    async def ghost(self, index: int, position: Json | None = None) -> Json | None:
        cell = self.cells[index]
        return await self.window.ghost_at(cell["uri"], position or place_of(cell["text"] + "‸")[1])

    def _cell(self, drawn: Drawn) -> Json:
        self.made = getattr(self, "made", -1) + 1
        uri = self.uri.replace("file:", "vscode-notebook-cell:") + f"#W{self.made}sZmlsZQ%3D%3D"
        return {"uri": uri, "languageId": drawn[0], "version": 1, "text": drawn[1]}

    @staticmethod
    def _listed(cell: Json) -> Json:
        return {"kind": MARKUP if cell["languageId"] == "markdown" else CODE, "document": cell["uri"]}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def notebooks(far_end_of_module: FarEnd, home: Path) -> AsyncIterator[Window]:
    """A window of an editor that has notebooks; each test opens its own in it."""
    root = home / "notebooks"
    root.mkdir()
    options = {"endpoint": far_end_of_module.endpoint, "completionAhead": "off"}
    window = await Window.opened(root, options, client=NOTEBOOKS)
    await window.told("codefuse/status", lambda status: status["state"] == "ready")
    yield window
    assert await window.close() == 0


async def test_all_cells_of_all_notebooks_are_asked_for_where_the_client_has_notebooks(
    notebooks: Window, window: Window
) -> None:
    offered = notebooks.server["capabilities"]["notebookDocumentSync"]
    assert offered["notebookSelector"] == [{"notebook": "*"}] and not offered.get("save")
    assert "notebookDocumentSync" not in window.server["capabilities"]


async def test_the_third_cell_is_completed_with_the_two_before_it_in_sight(notebooks: Window, far_end: FarEnd) -> None:
    far_end.says("(frame)\n", "\n# %%\nfurther = 1")
    notebook = Notebook(notebooks, [LOAD, ("markdown", "## Clean\nAll of it."), CLEAN, ("python", "tidy = clean")])
    item = await notebook.ghost(3)
    prompt = far_end.asked[0].prompt
    assert prompt.endswith(
        "# %%\nimport pandas as pd\n# %matplotlib inline\nframe = pd.read_csv('sales.csv')\n\n"
        "# %% [markdown]\n# ## Clean\n# All of it.\n\n"
        "# %%\ndef clean(frame):\n    return frame.dropna()\n\n"
        "# %%\ntidy ="
    )
    assert item is not None and item["insertText"] == "(frame)"
    cursor = {"line": 0, "character": 12}
    assert item["range"] == {"start": cursor, "end": cursor}
    record = await notebooks.why()
    assert (record["file"], record["line"]) == ("sales.ipynb", 1)


async def test_what_is_looked_at_is_what_is_asked(notebooks: Window, far_end: FarEnd) -> None:
    notebook = Notebook(notebooks, [LOAD, CLEAN, ("python", "tidy = clean(")])
    where = {"textDocument": {"uri": notebook.cells[2]["uri"]}, "position": {"line": 0, "character": 13}}
    shown = await notebooks.request("codefuse/inspectPrompt", where)
    assert "pd.read_csv('sales.csv')" in shown["prompt"] and "def clean(frame)" in shown["prompt"]
    await notebook.ghost(2)
    assert far_end.asked[-1].prompt == shown["prompt"]


async def test_an_edit_in_another_cell_is_seen_and_counts_utf_16_units(notebooks: Window, far_end: FarEnd) -> None:
    far_end.says("'😋')")
    notebook = Notebook(notebooks, [("python", "meal = '😋😋', 1"), ("python", "print('😋', )  # 😋")])
    notebook.edit(0, 0, 15, 16, "22")
    notebook.edit(1, 0, 12, 12, "meal, ")
    item = await notebook.ghost(1, {"line": 0, "character": 18})
    assert "meal = '😋😋', 22\n" in far_end.asked[0].prompt
    assert far_end.asked[0].prompt.endswith("print('😋', meal,")
    assert item is not None and item["insertText"] == "'😋')"
    assert item["range"] == {"start": {"line": 0, "character": 18}, "end": {"line": 0, "character": 19}}


async def test_cells_that_are_moved_deleted_or_new_are_seen_where_they_stand(
    notebooks: Window, far_end: FarEnd
) -> None:
    notebook = Notebook(notebooks, [("python", f"value_{n} = {n}") for n in range(3)] + [("python", "total = ")])

    async def order() -> list[str]:
        await notebook.ghost(len(notebook.cells) - 1)
        before = far_end.asked[-1].prompt.rpartition("<|role_end|>")[2]
        return re.findall(r"(\w+) = \d", before)

    assert await order() == ["value_0", "value_1", "value_2"]
    notebook.move(2, 0)
    assert await order() == ["value_2", "value_0", "value_1"]
    notebook.splice(1, 1)
    assert await order() == ["value_2", "value_1"]
    notebook.splice(1, 0, ("python", "value_9 = 9"))
    assert await order() == ["value_2", "value_9", "value_1"]
    notebook.edit(1, 0, 10, 11, "8")
    await order()
    assert "value_9 = 8\n" in far_end.asked[-1].prompt


async def test_the_kernel_may_speak_another_language(notebooks: Window, far_end: FarEnd) -> None:
    far_end.says("b")
    notebook = Notebook(notebooks, [("markdown", "Sum"), ("rust", "let b = 1;"), ("rust", "let c = 2 + ")], "r.ipynb")
    item = await notebook.ghost(2)
    assert item is not None and item["insertText"] == "b"
    assert far_end.asked[0].prompt.endswith("// %% [markdown]\n// Sum\n\n// %%\nlet b = 1;\n\n// %%\nlet c = 2 +")
    assert "pandas" not in far_end.asked[0].prompt


async def test_a_cell_of_text_is_completed_as_text(notebooks: Window, far_end: FarEnd) -> None:
    far_end.says(" the mean of all sales.")
    notebook = Notebook(notebooks, [CLEAN, ("markdown", "## Result\n\nWe show")])
    item = await notebook.ghost(1)
    assert item is not None and item["insertText"] == " the mean of all sales."
    assert "```python\ndef clean(frame):\n    return frame.dropna()\n```\n\n## Result" in far_end.asked[0].prompt


async def test_a_notebook_that_is_ignored_is_read_by_nobody(notebooks: Window, far_end: FarEnd) -> None:
    (notebooks.root / ".gitignore").write_text("private*\n", "utf-8")
    notebook = Notebook(notebooks, [LOAD, ("python", "frame.")], "private.ipynb")
    assert await notebook.ghost(1) is None
    assert (await notebooks.why())["outcome"] == "ignored file"
    assert far_end.asked == []


async def test_a_cell_is_never_read_from_the_disk(notebooks: Window, far_end: FarEnd) -> None:
    notebook = Notebook(notebooks, [LOAD, ("python", "frame.")])
    (notebook.folder / "sales.ipynb").write_text('{"cells": ["what the disk holds"]}', "utf-8")
    await notebook.ghost(1)
    notebook.close()
    assert await notebook.ghost(1) is None
    references = [{"uri": notebook.cells[1]["uri"]}]
    await notebooks.request("codefuse/chat", {"message": "well?", "references": references})
    assert not any("what the disk holds" in completion.prompt for completion in far_end.asked)
    assert "frame." not in far_end.asked[-1].prompt


async def test_code_in_a_cell_is_explained_and_gets_no_tests(notebooks: Window, far_end: FarEnd) -> None:
    far_end.says("It drops rows.")
    notebook = Notebook(notebooks, [LOAD, CLEAN])
    cell, cursor = notebook.cells[1]["uri"], {"line": 1, "character": 4}
    found = await notebooks.actions(cell, cursor)
    assert "refactor.codefuse.tests" not in [action["kind"] for action in found]
    (action,) = (action for action in found if action["kind"] == "refactor.codefuse.explain")
    await notebooks.run_command(action["command"])
    assert "def clean(frame):" in far_end.asked[0].prompt and "`sales.ipynb`" in far_end.asked[0].prompt
    view = Path((await notebooks.told("window/showDocument"))["uri"].removeprefix("file://")).read_text("utf-8")
    assert view.startswith("# clean\n\n`sales.ipynb`") and "It drops rows." in view
    with pytest.raises(EditorError, match="no test can import a notebook's cell"):
        await notebooks.run_command({"command": "codefuse.writeTests", "arguments": action["command"]["arguments"]})


async def test_what_a_client_says_of_notebooks_it_has_not_opened_changes_nothing(
    notebooks: Window, far_end: FarEnd
) -> None:
    notebook = Notebook(notebooks, [LOAD, ("python", "frame.")])
    notebook.uri, real = "file:///elsewhere.ipynb", notebook.uri
    notebook.change(structure={"array": {"start": 0, "deleteCount": 9}})
    notebooks.notify("notebookDocument/didSave", {"notebookDocument": {"uri": real}})
    notebooks.notify("notebookDocument/didClose", {"notebookDocument": {"uri": notebook.uri}, "cellTextDocuments": []})
    notebook.uri = real
    await notebook.ghost(1)
    assert "pd.read_csv('sales.csv')" in far_end.asked[0].prompt
    assert notebooks.messages() == []


async def test_a_script_sees_a_notebook_that_is_open_beside_it(notebooks: Window, far_end: FarEnd) -> None:
    Notebook(
        notebooks,
        [LOAD, ("python", "def monthly_total(frame, month):\n    return frame[frame.month == month].sum()\n")],
    )
    await notebooks.ghost("def yearly_total(frame, year):\n    return frame[frame.year == ‸\n")
    assert "def monthly_total(frame, month)" in far_end.asked[0].prompt
