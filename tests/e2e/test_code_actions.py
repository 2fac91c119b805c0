"""What is offered where: at once, without the model, and only what the client wants and can show."""

from __future__ import annotations

import pytest

from codefuse_lsp.evaluation.editor import EditorError
from tests.e2e.conftest import OpenWindow
from tests.e2e.far_end import FarEnd
from tests.e2e.window import Window, capabilities

pytestmark = pytest.mark.asyncio(loop_scope="module")

EXPLAIN, TESTS = "refactor.codefuse.explain", "refactor.codefuse.tests"
AREA = "def area(width, height):\n    return width * hei‸ght\n"
LLM_GENERATED = 1


@pytest.mark.parametrize(
    ("only", "kinds"),
    [
        (None, [EXPLAIN, TESTS]),
        ([""], [EXPLAIN, TESTS]),
        (["refactor"], [EXPLAIN, TESTS]),
        (["refactor.codefuse"], [EXPLAIN, TESTS]),
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
    assert [action["kind"] for action in await window.actions(uri, cursor, **context)] == kinds
    assert far_end.asked == []


async def test_the_kinds_are_announced(window: Window) -> None:
    provider = window.server["capabilities"]["codeActionProvider"]
    assert set(provider["codeActionKinds"]) == {EXPLAIN, TESTS, "source.codefuse.chat"}
    assert provider["resolveProvider"] is True
    commands = window.server["capabilities"]["executeCommandProvider"]["commands"]
    assert {"codefuse.explain", "codefuse.writeTests", "codefuse.accepted"} <= set(commands)


async def test_an_empty_file_and_a_private_one_offer_nothing(window: Window) -> None:
    for drawn, name in (("\n  ‸\n", "area.py"), ("KEY=1‸\n", ".env")):
        uri, cursor = window.show(drawn, name)
        assert await window.actions(uri, cursor) == []


async def test_they_are_offered_while_the_model_still_loads(open_window: OpenWindow, far_end: FarEnd) -> None:
    far_end.may_tell_models.clear()
    window = await open_window()
    assert len(await window.actions(*window.show(AREA))) == 2


async def test_actions_are_tagged_only_for_clients_that_show_tags(open_window: OpenWindow, window: Window) -> None:
    tagging = capabilities(textDocument__codeAction__tagSupport={"valueSet": [LLM_GENERATED]})
    tagged = await open_window(client=tagging)
    assert [action["tags"] for action in await tagged.actions(*tagged.show(AREA))] == [[LLM_GENERATED]] * 2
    assert not any("tags" in action for action in await window.actions(*window.show(AREA)))


async def test_a_client_that_resolves_no_edits_gets_commands(open_window: OpenWindow) -> None:
    window = await open_window(client=capabilities(textDocument__codeAction={}))
    actions = await window.actions(*window.show(AREA))
    assert [action["command"]["command"] for action in actions] == ["codefuse.explain", "codefuse.writeTests"]
    assert not any("data" in action for action in actions)


async def test_data_that_is_not_ours_is_refused_by_its_field(window: Window, far_end: FarEnd) -> None:
    with pytest.raises(EditorError, match=r"range is missing") as refusal:
        await window.request("codeAction/resolve", {"title": "a", "data": {"uri": "file:///a.py"}})
    assert refusal.value.code == -32602
    assert await window.request("codeAction/resolve", {"title": "foreign"}) == {"title": "foreign"}
