"""A Neovim with this project's plugin, and folders of its own for all that it and its server keep."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.editors.neovim import driver
from tests.editors.neovim.driver import Neovim
from tests.editors.scripted_engine import ScriptedEngine

OpenNeovim = Callable[..., Neovim]

INSTALL = Path(__file__).with_name("install.sh")
FOLDERS = ("RUNTIME_DIR", "DATA_HOME", "CONFIG_HOME", "CACHE_HOME", "STATE_HOME")


@pytest.fixture(scope="session")
def program() -> str:
    """The path of Neovim."""
    if os.environ.get("CODEFUSE_INSTALL_EDITORS") == "1":
        subprocess.run([INSTALL], check=True)
    path = os.environ.get("CODEFUSE_NEOVIM") or driver.found()
    if path is None:
        pytest.skip("NO NEOVIM: CODEFUSE_INSTALL_EDITORS=1 installs it into ~/.cache/codefuse-editors")
    return path


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A folder with a short path, for sockets."""
    folder = Path(tempfile.mkdtemp(prefix="cf-"))
    for name in FOLDERS:
        (folder / name.lower()).mkdir(mode=0o700)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def env(home: Path) -> dict[str, str]:
    return {f"XDG_{name}": str(home / name.lower()) for name in FOLDERS}


@pytest.fixture(scope="module")
def engine() -> Iterator[ScriptedEngine]:
    with ScriptedEngine() as engine:
        yield engine


@pytest.fixture(scope="module")
def open_neovim(program: str, env: dict[str, str], engine: ScriptedEngine) -> Iterator[OpenNeovim]:
    """Opens editors, whose server asks the scripted engine unless an option says otherwise."""
    with ExitStack() as editors:

        def open_one(size: tuple[int, int] = (110, 32), **options: Any) -> Neovim:
            settings = {"endpoint": engine.endpoint, "completion_ahead": "off", **options.pop("settings", {})}
            return editors.enter_context(Neovim(program, {"settings": settings, **options}, env, size))

        yield open_one
