"""Review: findings stand in the document as diagnostics, move with their lines, and vanish with them."""

from __future__ import annotations

from typing import Any

import pytest

from codefuse_lsp.evaluation.editor import EditorError
from tests.e2e.far_end import FarEnd
from tests.e2e.window import Window

pytestmark = pytest.mark.asyncio(loop_scope="module")

CODE = "import os\n\n\ndef ratio(a, b):\n    total = a + b\n    re‸turn a / total\n"
ANSWER = "6: error: divides by zero where a + b is 0\n5: hint: `total` says little of what it is\n"


async def reviewed(window: Window, drawn: str = CODE) -> str:
    """Review the function at the cursor of a new document and return its uri."""
    uri, cursor = window.show(drawn, "ratio.py")
    (action,) = await window.actions(uri, cursor, only=["refactor.codefuse.review"])
    await window.run_command(action["command"])
    return uri


async def published(window: Window, uri: str) -> list[dict[str, Any]]:
    """Return what was published last for a document, once the server has handled all that was sent."""
    await window.synchronise()
    return [params for params in window.heard["textDocument/publishDiagnostics"] if params["uri"] == uri][-1][
        "diagnostics"
    ]


def rows(diagnostics: list[dict[str, Any]]) -> list[int]:
    return [one["range"]["start"]["line"] for one in diagnostics]


async def test_findings_are_diagnostics_on_the_lines_they_are_about(window: Window, far_end: FarEnd) -> None:
    far_end.says(ANSWER)
    first, second = await published(window, await reviewed(window))
    assert first == {
        "range": {"start": {"line": 5, "character": 4}, "end": {"line": 5, "character": 20}},
        "severity": 1,
        "source": "codefuse",
        "code": "review",
        "message": "Divides by zero where a + b is 0",
    }
    assert (second["severity"], second["range"]["start"]["line"]) == (3, 4)
    assert "4| def ratio(a, b):" in far_end.asked[0].prompt and "1| import os" not in far_end.asked[0].prompt


async def test_the_method_answers_with_them_too(window: Window, far_end: FarEnd) -> None:
    far_end.says(ANSWER)
    uri, _ = window.show(CODE, "ratio.py")
    result = await window.request("codefuse/review", {"textDocument": {"uri": uri}})
    assert [(one["severity"], one["message"][:7]) for one in result["findings"]] == [(1, "Divides"), (3, "`total`")]
    assert result["findings"][0]["range"] == (await published(window, uri))[0]["range"]
    assert "1| import os" in far_end.asked[0].prompt


async def test_a_finding_moves_with_its_lines_and_vanishes_when_they_change(window: Window, far_end: FarEnd) -> None:
    far_end.says(ANSWER)
    uri = await reviewed(window)
    window.insert(uri, 2, 0, 0, "# first\n# second\n")
    assert rows(await published(window, uri)) == [7, 6]
    window.insert(uri, 3, 7, 11, "x")
    assert rows(await published(window, uri)) == [6]
    window.insert(uri, 4, 6, 0, "  ")  # only its indentation: it still reads the same
    assert rows(await published(window, uri)) == [6]
    window.notify(
        "textDocument/didChange",
        {"textDocument": {"uri": uri, "version": 5}, "contentChanges": [{"text": "a = 1\n\n    total = a + b\n"}]},
    )
    assert rows(await published(window, uri)) == [2]
    window.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
    assert await published(window, uri) == []


async def test_another_review_takes_the_place_of_the_first(window: Window, far_end: FarEnd) -> None:
    far_end.answers(ANSWER, "4: warning: no docstring\n")
    uri = await reviewed(window)
    cursor = {"line": 4, "character": 0}
    (action,) = await window.actions(uri, cursor, only=["refactor.codefuse.review"])
    assert await window.run_command(action["command"]) == 1
    assert [one["message"] for one in await published(window, uri)] == ["No docstring"]


@pytest.mark.parametrize("named", [True, False])
async def test_findings_are_cleared_when_asked(window: Window, far_end: FarEnd, named: bool) -> None:
    far_end.says(ANSWER)
    uri = await reviewed(window)
    assert await window.request("codefuse/review/clear", {"uri": "file:///other.py"}) == 0
    assert await window.request("codefuse/review/clear", {"uri": uri} if named else None) >= 2
    assert await published(window, uri) == []


async def test_they_are_cleared_by_a_command_too(window: Window, far_end: FarEnd) -> None:
    far_end.says(ANSWER)
    uri = await reviewed(window)
    assert await window.run_command({"command": "codefuse.clearReview", "arguments": [uri]}) == 2
    assert await published(window, uri) == []


async def test_a_review_that_was_cut_keeps_its_whole_lines_and_that_is_told(window: Window, far_end: FarEnd) -> None:
    far_end.says("6: error: divides by zero where a + b is 0\n5: hint: `total` says lit", reason="length")
    uri = await reviewed(window, CODE.replace("ratio", "cut"))
    assert [one["message"] for one in await published(window, uri)] == ["Divides by zero where a + b is 0"]
    told = "The review of cut was cut after 512 tokens (setting chat_max_tokens)."
    assert told in window.messages()
    far_end.says("6: error: divides by", reason="length")
    uri = await reviewed(window, CODE.replace("ratio", "cut"))
    assert await published(window, uri) == [] and window.messages().count(told) == 2
    assert "The review of cut found nothing." not in window.messages()


async def test_findings_in_what_does_not_fit_the_model_stay(window: Window, far_end: FarEnd) -> None:
    text = "def long(n):\n" + "".join(f"    n = n * {row} + {row}  # step {row} of many\n" for row in range(2, 401))
    uri, _ = window.show(text, "long.py")
    for first, answer in ((390, "395: error: overflows\n"), (0, "3: warning: is slow\n")):
        far_end.says(answer)
        where = {"start": {"line": first, "character": 0}, "end": {"line": 400, "character": 0}}
        await window.request("codefuse/review", {"textDocument": {"uri": uri}, "range": where})
    assert rows(await published(window, uri)) == [394, 2]
    assert "Only the beginning of long fits the model's context; the rest was not reviewed." in window.messages()


async def test_nothing_found_is_said(window: Window, far_end: FarEnd) -> None:
    far_end.says("none")
    await reviewed(window, CODE.replace("ratio", "clean"))
    await window.told("window/showMessage", lambda params: params["message"] == "The review of clean found nothing.")


async def test_a_file_with_one_function_is_called_by_its_own_name(window: Window, far_end: FarEnd) -> None:
    far_end.says("none")
    uri, _ = window.show(CODE, "area.py")
    await window.request("codefuse/review", {"textDocument": {"uri": uri}})
    await window.told("window/showMessage", lambda params: params["message"] == "The review of area.py found nothing.")


async def test_an_answer_that_cannot_be_placed_is_shown(window: Window, far_end: FarEnd) -> None:
    far_end.says("I like this code a lot.")
    await reviewed(window, CODE.replace("ratio", "liked"))
    await window.told("window/showDocument", lambda params: "/review-liked-" in params["uri"])


async def test_a_finding_can_be_fixed(window: Window, far_end: FarEnd) -> None:
    far_end.says(ANSWER)
    uri = await reviewed(window)
    finding = (await published(window, uri))[0]
    far_end.says("def ratio(a, b):\n    total = a + b\n    return a / total if total else 0\n")
    (fix,) = await window.actions(uri, finding["range"]["start"], only=["quickfix"], diagnostics=[finding])
    assert fix["title"] == "CodeFuse: Fix: Divides by zero where a + b is 0"
    (change,) = (await window.request("codeAction/resolve", fix))["edit"]["documentChanges"]
    assert change["edits"][0]["newText"] == "    return a / total if total else 0\n"


async def test_code_that_changes_meanwhile_gets_no_findings(window: Window, far_end: FarEnd) -> None:
    far_end.holds()
    uri, cursor = window.show(CODE, "ratio.py")
    (action,) = await window.actions(uri, cursor, only=["refactor.codefuse.review"])
    _, answer = window.ask_command(action["command"])
    completion = await far_end.next()
    window.insert(uri, 2, 0, 0, "# ")
    await window.synchronise()
    completion.say(ANSWER)
    completion.end()
    with pytest.raises(EditorError, match="changed meanwhile"):
        await window.result(answer)
