"""What is offered where: at once, without the model, and only what the client wants and can show."""

from __future__ import annotations

from typing import Any

import pytest

from codefuse_lsp.evaluation.editor import EditorError
from tests.e2e.conftest import OpenWindow
from tests.e2e.far_end import FarEnd
from tests.e2e.window import Window, capabilities

pytestmark = pytest.mark.asyncio(loop_scope="module")

EXPLAIN, TESTS, DOCUMENT, REVIEW = (f"refactor.codefuse.{name}" for name in ("explain", "tests", "document", "review"))
FIX, SIMPLIFY, NAMES = "quickfix", "refactor.rewrite.codefuse.simplify", "refactor.rewrite.codefuse.rename"
ON_CODE = [EXPLAIN, TESTS, DOCUMENT, SIMPLIFY, REVIEW, NAMES]
OTHERS = {"refactor.codefuse.translate", "refactor.codefuse.commitMessage", "refactor.codefuse.own"}
AREA = "def area(width, height):\n    return width * hei‸ght\n"
LLM_GENERATED = 1


def problem(line: int, message: str = "undefined name") -> dict[str, Any]:
    where = {"start": {"line": line, "character": 0}, "end": {"line": line, "character": 4}}
    return {"range": where, "message": message, "severity": 1, "source": "pyflakes", "code": "F821"}


@pytest.mark.parametrize(
    ("only", "kinds"),
    [
        (None, ON_CODE),
        ([""], ON_CODE),
        (["refactor"], ON_CODE),
        (["refactor.codefuse"], [EXPLAIN, TESTS, DOCUMENT, REVIEW]),
        (["refactor.rewrite"], [SIMPLIFY, NAMES]),
        ([TESTS], [TESTS]),
        (["quickfix", EXPLAIN], [EXPLAIN]),
        (["quickfix", "source.organizeImports"], []),
        (["refactor.code"], []),
        ([], []),
    ],
)
async def test_only_the_kinds_that_are_wanted_are_offered(
    window: Window, far_end: FarEnd, only: list[str] | None, kinds: list[str]
) -> None:
    uri, cursor = window.show(AREA)
    context = {} if only is None else {"only": only}
    found = [action["kind"] for action in await window.actions(uri, cursor, **context)]
    assert [kind for kind in found if kind not in OTHERS] == kinds
    assert far_end.asked == []


async def test_the_kinds_are_announced(window: Window) -> None:
    provider = window.server["capabilities"]["codeActionProvider"]
    assert set(provider["codeActionKinds"]) == {FIX, *ON_CODE, *OTHERS, "source.codefuse.chat"}
    assert provider["resolveProvider"] is True
    commands = window.server["capabilities"]["executeCommandProvider"]["commands"]
    ours = ["explain", "writeTests", "fix", "document", "simplify", "review", "clearReview", "translate", "accepted"]
    assert {f"codefuse.{name}" for name in ours} <= set(commands)


async def test_a_fix_is_offered_with_the_diagnostics_that_it_answers(window: Window) -> None:
    uri, cursor = window.show(AREA)
    here, elsewhere = problem(1, "undefined name\n'hei'"), problem(0)
    (fix,) = await window.actions(uri, cursor, diagnostics=[elsewhere, here], only=["quickfix"])
    assert fix["title"] == "CodeFuse: Fix: undefined name 'hei'"
    assert fix["diagnostics"] == [here]
    (fix,) = await window.actions(uri, cursor, diagnostics=[here, problem(1)], only=["quickfix"])
    assert fix["title"] == "CodeFuse: Fix 2 problems"
    assert await window.actions(uri, cursor, diagnostics=[elsewhere], only=["quickfix"]) == []


@pytest.mark.parametrize(
    ("drawn", "kind", "is_offered"),
    [
        (AREA, DOCUMENT, True),
        ("x = ‸1\n", DOCUMENT, False),
        ("def f(): retu‸rn 1\n", DOCUMENT, False),  # no line for a docstring
        ("x = 'wi‸dth'\n", NAMES, False),
        ("# wi‸dth\n", NAMES, False),
        ("wi‸dth = 1\n", NAMES, True),
        ("i‸f width: pass\n", NAMES, False),
    ],
)
async def test_an_action_is_offered_where_it_can_work(window: Window, drawn: str, kind: str, is_offered: bool) -> None:
    uri, cursor = window.show(drawn)
    assert bool(await window.actions(uri, cursor, only=[kind])) is is_offered


async def test_an_empty_file_and_a_private_one_offer_nothing(window: Window) -> None:
    for drawn, name in (("\n  ‸\n", "area.py"), ("KEY=1‸\n", ".env")):
        uri, cursor = window.show(drawn, name)
        assert await window.actions(uri, cursor) == []


async def test_they_are_offered_while_the_model_still_loads(open_window: OpenWindow, far_end: FarEnd) -> None:
    far_end.may_tell_models.clear()
    window = await open_window()
    assert len(await window.actions(*window.show(AREA))) == len(ON_CODE)


async def test_actions_are_tagged_only_for_clients_that_show_tags(open_window: OpenWindow, window: Window) -> None:
    tagging = capabilities(textDocument__codeAction__tagSupport={"valueSet": [LLM_GENERATED]})
    tagged = await open_window(client=tagging)
    tags = [action["tags"] for action in await tagged.actions(*tagged.show(AREA))]
    assert tags == [[LLM_GENERATED]] * len(ON_CODE)
    other = await open_window(client=capabilities(textDocument__codeAction__tagSupport={"valueSet": []}))
    for untagged in (other, window):
        assert not any("tags" in action for action in await untagged.actions(*untagged.show(AREA)))


async def test_a_client_that_resolves_no_edits_gets_commands(open_window: OpenWindow) -> None:
    window = await open_window(client=capabilities(textDocument__codeAction={}))
    actions = await window.actions(*window.show(AREA))
    commands = [action["command"]["command"] for action in actions]
    assert commands == [
        f"codefuse.{name}" for name in ["explain", "writeTests", "document", "simplify", "review", "suggestNames"]
    ]
    assert not any("data" in action for action in actions)


async def test_data_that_is_not_ours_is_refused_by_its_field(window: Window, far_end: FarEnd) -> None:
    with pytest.raises(EditorError, match=r"range is missing") as refusal:
        await window.request("codeAction/resolve", {"title": "a", "data": {"uri": "file:///a.py"}})
    assert refusal.value.code == -32602
    assert await window.request("codeAction/resolve", {"title": "foreign"}) == {"title": "foreign"}
