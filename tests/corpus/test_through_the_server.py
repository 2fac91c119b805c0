"""A function of each file of the corpus through the whole server: what a client applies is what was said."""

from __future__ import annotations

import re
from typing import Any

import pytest

from codefuse_lsp.context.doc_comments import doc_place
from codefuse_lsp.lsp.document import split_lines
from tests.corpus.functions import GOOD, Function, functions
from tests.corpus.rewrites import REWRITES
from tests.corpus.test_corpus import LEAST_OFFERED
from tests.e2e.conftest import far_end, far_end_of_module, home, window
from tests.e2e.far_end import FarEnd
from tests.e2e.window import Window, units

__all__ = ["far_end", "far_end_of_module", "home", "window"]
pytestmark = pytest.mark.asyncio(loop_scope="module")

SAMPLE = list({function.path: function for function in functions()}.values())  # the last one of each file


async def edited(window: Window, function: Function, kind: str, number: int, **context: Any) -> str:
    """Return the text of a document after the edit of an action at a function."""
    place = function.place
    uri = (window.root / f"{number}-{kind}" / function.path.name).as_uri()
    window.open(uri, place.language, "".join(place.lines))
    cursor = {"line": place.span.start, "character": 0}
    (action,) = await window.actions(uri, cursor, only=[kind], **context)
    resolved = await window.request("codeAction/resolve", action)
    assert "edit" in resolved, window.messages()[-1]
    (change,) = resolved["edit"]["documentChanges"]
    (edit,) = change["edits"]
    return applied(list(place.lines), edit)


def applied(lines: list[str], edit: dict[str, Any]) -> str:
    start, end = edit["range"]["start"], edit["range"]["end"]
    assert start["character"] == 0 and end["character"] in (0, units(lines[-1]))
    rest = lines[end["line"] :] if end["character"] == 0 else []
    return "".join([*lines[: start["line"]], edit["newText"], *rest])


@pytest.mark.parametrize("number", range(len(SAMPLE)), ids=lambda number: SAMPLE[number].id)
async def test_good_answers_are_applied_byte_for_byte(window: Window, far_end: FarEnd, number: int) -> None:
    function, shape = SAMPLE[number], list(GOOD)[number % len(GOOD)]
    far_end.says(GOOD[shape](function))
    assert await edited(window, function, "refactor.rewrite.codefuse.simplify", number) == function.expected
    row = function.note_row
    where = {"start": {"line": row, "character": 0}, "end": {"line": row, "character": 1}}
    problem = {"range": {"start": where["start"], "end": where["end"]}, "message": "it is not noted"}
    far_end.says(GOOD["a block alone"](function))
    found = await window.actions(uri := (window.root / f"{number}-fix" / function.path.name).as_uri(), where["start"])
    assert found == []  # nothing is open there
    window.open(uri, function.place.language, "".join(function.place.lines))
    (fix,) = await window.actions(uri, where["start"], only=["quickfix"], diagnostics=[problem])
    resolved = await window.request("codeAction/resolve", fix)
    (change,) = resolved["edit"]["documentChanges"]
    assert applied(list(function.place.lines), change["edits"][0]) == function.expected


# What an edit, which is streamed line by line, cannot make up for: it takes the block that was opened for the model,
# and steps as they come.
UNSTREAMED = {"in four spaces", "prose round it", "no fence, prose round it", "another block before it"}


async def test_edits_are_proposed_byte_for_byte(window: Window, far_end: FarEnd) -> None:
    shapes = [shape for shape in GOOD if shape not in UNSTREAMED]
    wrong = list[str]()
    for number, one in enumerate((*functions(), *REWRITES)):
        shape = shapes[number % len(shapes)]
        far_end.says(*re.findall(r"(?s).{1,7}", GOOD[shape](one)))
        uri, place = (window.root / f"{number}-edit" / one.path.name).as_uri(), one.place
        text = "".join(place.lines)
        window.open(uri, place.language, text)
        where = {"start": {"line": place.span.start, "character": 0}, "end": {"line": place.span.stop, "character": 0}}
        asked = {"textDocument": {"uri": uri, "version": 1}, "range": where, "instruction": "Better."}
        result = await window.request("codefuse/edit", asked)
        edit = (await window.request("codefuse/edit/accept", {"editId": result["editId"]}))["edit"]
        for change in reversed(edit["documentChanges"][0]["edits"]):
            text = applied(split_lines(text), change)
        if text != one.expected or result["note"]:
            wrong.append(f"{one.id}, {shape}: {result['note']}")
        window.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
    assert len(wrong) <= (1 - LEAST_OFFERED) * (len(functions()) + len(REWRITES)), wrong


@pytest.mark.parametrize("number", range(len(SAMPLE)), ids=lambda number: SAMPLE[number].id)
async def test_documentation_is_all_that_is_put_in(window: Window, far_end: FarEnd, number: int) -> None:
    function = SAMPLE[number]
    place = function.place
    where = doc_place(place.text, place.language, place.span)
    assert where is not None
    far_end.says(f"Does it.\n{where.style.line}And nothing else.")
    text = await edited(window, function, "refactor.codefuse.document", number)
    lines, old = text.splitlines(keepends=True), list(place.lines)
    assert lines[: where.span.start] == old[: where.span.start]
    kept = [line for line in old[where.span.stop :] if line]
    assert lines[len(lines) - len(kept) :] == kept
    new = "".join(lines[where.span.start : len(lines) - len(kept)])
    assert "Does it." in new and "And nothing else." in new
