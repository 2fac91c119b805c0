"""A home of our own for every server that the tests start, a far end to talk to, and editor windows."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from codefuse_lsp.config import ENVIRONMENT_PREFIX
from codefuse_lsp.generation import launcher
from tests.e2e.far_end import FarEnd
from tests.e2e.window import Window

OpenWindow = Callable[..., Awaitable[Window]]


@pytest.fixture(scope="module", autouse=True)
def home() -> Iterator[Path]:
    """Folders of our own, with paths short enough for sockets; the workers that came to live there are ended."""
    folder = Path(tempfile.mkdtemp(prefix="cf-"))
    with pytest.MonkeyPatch.context() as patch:
        for name in ("RUNTIME_DIR", "DATA_HOME", "CONFIG_HOME", "CACHE_HOME"):
            place = folder / name.partition("_")[0].lower()
            place.mkdir(mode=0o700)
            patch.setenv(f"XDG_{name}", str(place))
        for name in [name for name in os.environ if name.startswith(ENVIRONMENT_PREFIX)]:
            patch.delenv(name)
        yield folder
        for worker in launcher.workers():
            launcher.stop(worker)
    shutil.rmtree(folder)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def far_end_of_module() -> AsyncIterator[FarEnd]:
    async with FarEnd() as far_end:
        yield far_end


@pytest_asyncio.fixture(loop_scope="module")
async def far_end(far_end_of_module: FarEnd) -> FarEnd:
    """The module's far end, as good as new."""
    far_end_of_module.reset()
    return far_end_of_module


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def window(far_end_of_module: FarEnd, home: Path) -> AsyncIterator[Window]:
    """A window that all tests of a module share; each opens documents of its own in it."""
    root = home / "shared"
    root.mkdir()
    window = await Window.opened(root, {"endpoint": far_end_of_module.endpoint, "completionAhead": "off"})
    await window.told("codefuse/status", lambda status: status["state"] == "ready")  # typing does not wait for it
    yield window
    assert await window.close() == 0


@pytest_asyncio.fixture(loop_scope="module")
async def open_window(far_end: FarEnd, tmp_path: Path) -> AsyncIterator[OpenWindow]:
    """Opens windows on a folder of the test's own and closes them; what `Window.opened` does not know is an option."""
    async with AsyncExitStack() as windows:

        async def open_one(root: Path = tmp_path, **given: Any) -> Window:
            named = {name: given.pop(name) for name in ("client", "env", "listeners") if name in given}
            window = await Window.opened(
                root, {"endpoint": far_end.endpoint, "completionAhead": "off", **given}, **named
            )
            windows.push_async_callback(window.close)
            return window

        yield open_one
