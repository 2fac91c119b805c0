"""Folders of the workspace come and go while the editor runs, and with them their rules, their code and settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import OpenWindow
from tests.e2e.far_end import FarEnd
from tests.e2e.window import Window, hang_guard

pytestmark = pytest.mark.asyncio(loop_scope="module")

LIBRARY = "def monthly_total(sales, month):\n    return sum(sale.price for sale in sales if sale.month == month)\n"
YEARLY = "def yearly_total(sales, year):\n    return sum(sale.price for sale in sales if sale.year == )\n"
CURSOR = {"line": 1, "character": 60}
DEFAULT_MAX_TOKENS = 96


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder beside the one that is open."""
    folder = tmp_path / "other"
    (folder / "package").mkdir(parents=True)
    (folder / ".gitignore").write_text("plan.py\n", "utf-8")
    (folder / ".codefuse.toml").write_text("completion_max_tokens = 21\n", "utf-8")
    (folder / "package" / "library.py").write_text(LIBRARY, "utf-8")
    return folder


@pytest.fixture
def opened(tmp_path: Path) -> Path:
    folder = tmp_path / "opened"
    folder.mkdir()
    return folder


def change(window: Window, *, added: tuple[Path, ...] = (), removed: tuple[Path, ...] = ()) -> None:
    event: dict[str, Any] = {
        name: [{"uri": folder.as_uri(), "name": folder.name} for folder in folders]
        for name, folders in (("added", added), ("removed", removed))
    }
    window.notify("workspace/didChangeWorkspaceFolders", {"event": event})


async def ask(window: Window, path: Path, far_end: FarEnd) -> dict[str, Any] | None:
    """Ask for ghost text in a document; return what the far end was asked, None where it was not."""
    asked = len(far_end.asked)
    await window.ghost_at(path.as_uri(), CURSOR)
    return far_end.asked[-1].body if len(far_end.asked) > asked else None


async def until(window: Window, path: Path, far_end: FarEnd, *, knows: bool, max_tokens: int) -> None:
    """Ask until the prompt knows the library, or does not, and the settings are these: files are read when they are."""
    async with hang_guard():
        while True:
            body = await ask(window, path, far_end)
            if body and ("monthly_total" in body["prompt"]) is knows and body["max_tokens"] == max_tokens:
                return


async def test_changes_are_asked_for(window: Window) -> None:
    offered = window.server["capabilities"]["workspace"]["workspaceFolders"]
    assert offered == {"supported": True, "changeNotifications": True}


async def test_a_folder_brings_its_neighbours_and_settings_and_takes_them_along(
    open_window: OpenWindow, far_end: FarEnd, opened: Path, folder: Path
) -> None:
    window = await open_window(opened)
    path = folder / "package" / "yearly.py"
    window.open(path.as_uri(), "python", YEARLY)
    for _ in range(2):  # a source that was late answers the next time
        body = await ask(window, path, far_end)
        assert body and "monthly_total" not in body["prompt"] and body["max_tokens"] == DEFAULT_MAX_TOKENS
    change(window, added=(folder,))
    await until(window, path, far_end, knows=True, max_tokens=21)
    change(window, removed=(folder,))
    await until(window, path, far_end, knows=False, max_tokens=DEFAULT_MAX_TOKENS)


async def test_the_rules_of_a_folder_hold_while_it_is_open(
    open_window: OpenWindow, far_end: FarEnd, opened: Path, folder: Path
) -> None:
    window = await open_window(opened)
    path = folder / "package" / "plan.py"
    window.open(path.as_uri(), "python", YEARLY)
    assert await ask(window, path, far_end) is not None
    change(window, added=(folder,))
    await window.synchronise()
    assert await ask(window, path, far_end) is None
    assert (await window.why())["outcome"] == "ignored file"
    change(window, removed=(folder,))
    await window.synchronise()
    assert await ask(window, path, far_end) is not None


async def test_the_settings_of_one_folder_go_when_it_goes_and_those_of_another_stay(
    open_window: OpenWindow, far_end: FarEnd, opened: Path, folder: Path
) -> None:
    (opened / ".codefuse.toml").write_text('ignore = ["private.py"]\n', "utf-8")
    window = await open_window(opened)
    path = opened / "yearly.py"
    window.open(path.as_uri(), "python", YEARLY)
    change(window, added=(folder,))
    await until(window, path, far_end, knows=False, max_tokens=21)
    change(window, removed=(folder,))
    await until(window, path, far_end, knows=False, max_tokens=DEFAULT_MAX_TOKENS)
    private = opened / "private.py"
    window.open(private.as_uri(), "python", YEARLY)
    assert await ask(window, private, far_end) is None


async def test_a_machines_setting_is_refused_to_a_folder_that_comes_later_too(
    open_window: OpenWindow, opened: Path, folder: Path
) -> None:
    (folder / ".codefuse.toml").write_text('endpoint = "http://127.0.0.1:9/evil"\n', "utf-8")
    window = await open_window(opened)
    change(window, added=(folder,))
    shown = await window.told("window/showMessage")
    assert "'endpoint' can only be set by the user" in shown["message"]
