"""The popup of a chat document: commands behind `/` and references behind `@`, and nothing of the kind elsewhere."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.e2e.far_end import FarEnd
from tests.e2e.window import Window, capabilities, place_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

TRIGGERED = 2  # CompletionTriggerKind
SHOP = "class Shop:\n    def refund(self, order):\n        return order.price\n"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(far_end_of_module: FarEnd, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Window]:
    """A client without a chat of its own, in a folder with some files."""
    root = tmp_path_factory.mktemp("shop")
    for name in ("src/shop.py", "docs/my notes.md", "build/shop.js"):
        (root / name).parent.mkdir()
        (root / name).write_text(SHOP)
    (root / ".gitignore").write_text("build/\n")
    client = capabilities(textDocument__inlineCompletion=None, experimental=None)
    window = await Window.opened(root, {"endpoint": far_end_of_module.endpoint}, client)
    window.open((root / "src" / "shop.py").as_uri(), "python", SHOP)
    yield window
    await window.close()


async def offered(window: Window, drawn: str, name: str = "a.codefuse-chat.md", **context: Any) -> list[dict[str, Any]]:
    uri, position = window.show(drawn, name, "markdown")
    where = {"textDocument": {"uri": uri}, "position": position}
    found = await window.request("textDocument/completion", where | ({"context": context} if context else {}))
    assert found["isIncomplete"] is True  # every letter asks anew
    return found["items"]


def accepted(drawn: str, item: dict[str, Any]) -> str:
    """Return the document with an item in it, and the cursor drawn behind that."""
    text, cursor = place_of(drawn)
    lines = text.split("\n")
    (start, end), new = item["textEdit"]["range"].values(), item["textEdit"]["newText"]
    assert start["line"] == end["line"] == cursor["line"] and end == cursor
    wide = lines[cursor["line"]].encode("utf-16-le")
    before, after = wide[: 2 * start["character"]], wide[2 * end["character"] :]
    lines[cursor["line"]] = f"{before.decode('utf-16-le')}{new}‸{after.decode('utf-16-le')}"
    return "\n".join(lines)


async def test_a_slash_at_the_beginning_of_a_question_offers_commands(desk: Window, far_end: FarEnd) -> None:
    drawn = "## You\n\nOne?\n\n## CodeFuse\n\nTwo.\n\n## You\n\n/fi‸\n"
    (item,) = await offered(desk, drawn, triggerKind=TRIGGERED, triggerCharacter="/")
    assert (item["label"], item["detail"], item["filterText"]) == ("/fix", "Find the bug, and mend it", "/fi")
    assert accepted(drawn, item) == drawn.replace("/fi‸", "/fix ‸")
    listed = await desk.request("codefuse/chat/commands", None)
    assert [one["label"] for one in await offered(desk, "## You\n\n/‸")] == [f"/{one['name']}" for one in listed]
    assert far_end.asked == []


@pytest.mark.parametrize(
    ("typed", "labels", "becomes"),
    [
        ("🍕 why @sh‸ fails", ["shop.py", "Shop", "Shop.refund"], "🍕 why @file:src/shop.py‸ fails"),
        ("🍕 @symbol:ref‸", ["Shop.refund"], "🍕 @symbol:Shop.refund ‸"),
        ("in\n\n@notes‸", ["my notes.md"], 'in\n\n@file:"docs/my notes.md" ‸'),
        ("@di‸", ["@diagnostics", "@diff"], "@diagnostics ‸"),
    ],
)
async def test_an_at_offers_what_words_can_refer_to(desk: Window, typed: str, labels: list[str], becomes: str) -> None:
    drawn = f"# Chat\n\n## You\n{typed}\n"
    items = await offered(desk, drawn, triggerKind=TRIGGERED, triggerCharacter="@")
    assert [item["label"] for item in items] == labels
    assert [item["sortText"] for item in items] == sorted(item["sortText"] for item in items)
    assert accepted(drawn, items[0]) == f"# Chat\n\n## You\n{becomes}\n"


async def test_nothing_is_offered_that_only_an_editor_could_tell(desk: Window) -> None:
    labels = [item["label"] for item in await offered(desk, "## You\n\n@‸")]
    assert labels[:2] == ["@diagnostics", "@diff"] and not {"@selection", "@terminal"} & set(labels)


@pytest.mark.parametrize("sign", ["/", "@"])
@pytest.mark.parametrize(
    ("drawn", "name"),
    [
        ("# About ‸\n\n## You\n\nWhy?\n", "a.codefuse-chat.md"),
        ("## You\n\nWhy?\n\n## CodeFuse\n\n‸\n", "a.codefuse-chat.md"),
        ("## You‸\n", "a.codefuse-chat.md"),
        ("## You\n\nme‸\n", "a.codefuse-chat.md"),
        ("## You\n\n‸\n", "notes.md"),
    ],
)
async def test_outside_of_a_question_these_signs_mean_nothing_and_no_model_is_asked(
    desk: Window, far_end: FarEnd, drawn: str, name: str, sign: str
) -> None:
    drawn = drawn.replace("‸", f"{sign}‸")
    assert await offered(desk, drawn, name, triggerKind=TRIGGERED, triggerCharacter=sign) == []
    assert far_end.asked == []
