"""What is offered while a message is written: commands behind `/`, and what can be referred to behind `@`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from codefuse_lsp.evaluation.editor import EditorError
from tests.e2e.conftest import OpenWindow
from tests.e2e.far_end import FarEnd
from tests.e2e.window import CURSOR, Window, units

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHOP = "class Shop:\n    def refund(self, order):\n        return order.price\n"


async def choices(window: Window, drawn: str, **params: Any) -> list[dict[str, Any]]:
    """Return what is offered at the cursor drawn in a message."""
    before, _, after = drawn.partition(CURSOR)
    asked = {"text": before + after, "offset": units(before), **params}
    return (await window.request("codefuse/chat/complete", asked))["items"]


def accepted(drawn: str, item: dict[str, Any]) -> str:
    """Return the message with a choice in it, as a client that counts in UTF-16 types it."""
    wide = drawn.replace(CURSOR, "").encode("utf-16-le")
    return (wide[: 2 * item["start"]] + item["insertText"].encode("utf-16-le") + wide[2 * item["end"] :]).decode(
        "utf-16-le"
    )


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    for name in ("src/shop.py", "src/shipping.py", "docs/my notes.md", "build/shop.js", ".env"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(SHOP)
    (tmp_path / ".gitignore").write_text("build/\n")
    return tmp_path


async def test_the_commands_are_listed(window: Window) -> None:
    commands = await window.request("codefuse/chat/commands", None)
    names = [command["name"] for command in commands]
    assert {"explain", "tests", "fix", "doc", "review", "simplify", "commit", "help"} <= set(names)
    assert all(set(command) == {"name", "description", "argument"} for command in commands)


async def test_a_slash_at_the_beginning_offers_commands(window: Window) -> None:
    assert len(await choices(window, f"/{CURSOR}")) == len(await window.request("codefuse/chat/commands", None))
    first, *others = await choices(window, f"  /ex{CURSOR}")
    assert (first["label"], first["kind"], first["detail"]) == ("/explain", "command", "Explain code, step by step")
    assert accepted(f"  /ex{CURSOR}", first) == "  /explain " and others == []
    for drawn in (f"a /ex{CURSOR}", f"/explain it {CURSOR}", f"{CURSOR}/ex", f"hello{CURSOR}"):
        assert await choices(window, drawn) == []


async def test_an_at_offers_files_that_may_be_read(open_window: OpenWindow, workspace: Path) -> None:
    window = await open_window(workspace)
    drawn = f"🍕 compare @sh{CURSOR} with it"
    items = await choices(window, drawn)
    assert [item["label"] for item in items] == ["shop.py", "shipping.py"]
    assert accepted(drawn, items[0]) == "🍕 compare @file:src/shop.py with it"
    assert items[0]["reference"] == {"uri": (workspace / "src" / "shop.py").as_uri(), "kind": "file"}
    assert items[0]["detail"] == "src" and items[0]["kind"] == "file"
    assert await choices(window, f"@env{CURSOR}") == []


async def test_a_name_with_blanks_is_quoted_and_understood(
    open_window: OpenWindow, far_end: FarEnd, workspace: Path
) -> None:
    window = await open_window(workspace)
    (item,) = await choices(window, f"@notes{CURSOR}")
    message = accepted(f"@notes{CURSOR}", item)
    assert message == '@file:"docs/my notes.md" '
    await window.request("codefuse/chat", {"message": f"read {message}"})
    assert "`docs/my notes.md`:\n" in far_end.asked[-1].prompt
    assert [one["label"] for one in await choices(window, f'@file:"docs/my{CURSOR}')] == ["my notes.md"]


async def test_open_files_come_first_and_their_symbols_too(open_window: OpenWindow, workspace: Path) -> None:
    window = await open_window(workspace)
    uri = (workspace / "src" / "shipping.py").as_uri()
    window.open(uri, "python", SHOP)
    items = await choices(window, f"@sh{CURSOR}", textDocument={"uri": uri})
    assert [item["label"] for item in items] == ["shipping.py", "shop.py", "Shop", "Shop.refund"]
    drawn = f"why @symbol:ref{CURSOR}"
    (symbol,) = await choices(window, drawn)
    assert (symbol["label"], symbol["detail"], symbol["kind"]) == ("Shop.refund", "src/shipping.py, line 2", "symbol")
    assert accepted(drawn, symbol) == "why @symbol:Shop.refund "
    assert symbol["reference"] == {"uri": uri, "kind": "symbol", "name": "Shop.refund"}


async def test_what_is_before_the_user_can_be_referred_to(window: Window) -> None:
    uri, _ = window.show(SHOP)
    where = {"start": {"line": 1, "character": 0}, "end": {"line": 2, "character": 4}}
    items = await choices(window, f"@{CURSOR}", textDocument={"uri": uri}, range=where)
    special = {item["kind"]: item for item in items}
    assert [item["kind"] for item in items][:4] == ["selection", "diagnostics", "diff", "terminal"]
    assert special["selection"]["reference"] == {"uri": uri, "range": where, "kind": "selection"}
    assert special["diagnostics"]["reference"] == {"uri": uri, "kind": "diagnostics"}
    without = await choices(window, f"@{CURSOR}")
    assert {"selection", "diagnostics"}.isdisjoint(item["kind"] for item in without)


@pytest.mark.parametrize("drawn", [f"me@exa{CURSOR}", f"@a b{CURSOR}", CURSOR, f"@@x{CURSOR}"])
async def test_no_at_no_choices(window: Window, drawn: str) -> None:
    assert await choices(window, drawn) == []


@pytest.mark.parametrize("offset", [-5, 0, 10_000_000])
async def test_an_offset_outside_the_message_is_moved_into_it(window: Window, offset: int) -> None:
    items = (await window.request("codefuse/chat/complete", {"text": "/he", "offset": offset}))["items"]
    assert [item["label"] for item in items] == (["/help"] if offset > 0 else [])


async def test_a_bad_field_is_named(window: Window) -> None:
    with pytest.raises(EditorError, match=r"codefuse/chat/complete: params\.offset is missing"):
        await window.request("codefuse/chat/complete", {"text": "/"})


async def test_the_window_goes_on_while_a_large_folder_is_looked_through(
    open_window: OpenWindow, far_end: FarEnd, tmp_path: Path
) -> None:
    for number in range(60):
        folder = tmp_path / f"package_{number}"
        folder.mkdir()
        for name in range(50):
            (folder / f"service_{number}_{name}.py").touch()
    window = await open_window()
    asked = window.request("codefuse/chat/complete", {"text": "@service_59_4", "offset": 13})
    assert (await window.status())["state"] and "items" in await asked
    items = await choices(window, f"@service_59_49{CURSOR}")
    while not items:  # a slow disk may take its time
        items = await choices(window, f"@service_59_49{CURSOR}")
    assert [item["label"] for item in items] == ["service_59_49.py"]
