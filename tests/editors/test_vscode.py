"""VS Code: the packed extension in the real workbench, with the real language server and an engine that is scripted."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.editors import workbench as vscode
from tests.editors.scripted_engine import ScriptedEngine
from tests.editors.workbench import Workbench

ROOT = Path(__file__).parents[2]
EXTENSION = ROOT / "editors" / "vscode"
SERVER = Path(sys.executable).with_name("codefuse-lsp")
INSTALLS = os.environ.get("CODEFUSE_INSTALL_EDITORS") == "1"


def installed() -> None:
    """See that the editor is there, or skip."""
    if INSTALLS:
        subprocess.run([Path(__file__).parent / "vscode" / "install.sh"], check=True, timeout=600)
    if not vscode.is_installed():
        pytest.skip("NO VS CODE: set CODEFUSE_INSTALL_EDITORS=1 to have it installed")


def packed() -> Path:
    """Return the extension packed from the sources as they are."""
    if not (EXTENSION / "node_modules").exists():
        if not INSTALLS:
            pytest.skip("NO VS CODE EXTENSION: set CODEFUSE_INSTALL_EDITORS=1, or run `npm ci` in editors/vscode")
        subprocess.run(["npm", "ci", "--silent", "--no-fund", "--no-audit"], cwd=EXTENSION, check=True, timeout=600)
    subprocess.run(["npm", "run", "--silent", "package"], cwd=EXTENSION, check=True, timeout=300, capture_output=True)
    return EXTENSION / "dist" / "codefuse.vsix"


@pytest.fixture(scope="module")
def engine() -> Iterator[ScriptedEngine]:
    with ScriptedEngine() as engine:
        yield engine


@pytest.fixture(scope="module")
def window(engine: ScriptedEngine) -> Iterator[Workbench]:
    """A window on an empty folder, whose language server is ready."""
    installed()
    home = Path(tempfile.mkdtemp(prefix="cf-"))  # short enough for sockets
    places = {f"XDG_{name}_HOME": str(home / name.lower()) for name in ("DATA", "CONFIG", "CACHE")}
    with Workbench(home, packed(), places) as window:
        window.settings()
        window.machine_settings(
            codefuse__server__path=str(SERVER),
            codefuse__server__environment={"PYTHONPATH": str(ROOT)},
            codefuse__endpoint=engine.endpoint,
            codefuse__completionAhead="off",
        )
        window.open()
        window.status("ready")
        yield window


@pytest.fixture(autouse=True)
def nothing_said(engine: ScriptedEngine) -> None:
    engine.forget()


def test_what_is_typed_is_completed_in_ghost_text_and_tab_takes_it(window: Workbench, engine: ScriptedEngine) -> None:
    engine.answers("def area", "height):\n    return width * height")
    window.show("area.py", "# The area of a rectangle.\n│\n")
    window.type("def area(width, ", delay_ms=30)
    assert window.ghost().strip() == "height:"  # round the bracket that the editor has closed
    window.screenshot("ghost-text")
    window.press("Tab")
    window.no_ghost()
    assert window.saved("area.py") == "# The area of a rectangle.\ndef area(width, height):\n"
