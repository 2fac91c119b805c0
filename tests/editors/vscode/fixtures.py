"""The packed extension in the workbench, with the real server, and what tests do in it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import filelock
import pytest

from tests.editors import workbench as vscode
from tests.editors.scripted_engine import ScriptedEngine
from tests.editors.workbench import Workbench, eventually

ROOT = Path(__file__).parents[3]
EXTENSION = ROOT / "editors" / "vscode"
SERVER = Path(sys.executable).with_name("codefuse-lsp")
INSTALLS = os.environ.get("CODEFUSE_INSTALL_EDITORS") == "1"

STACK = (
    "class Stack:\n    def __init__(self):\n        self.items = []\n\n"
    "    def push(self, item):\n        self.items.append(item)\n\n"
    "    def pop(self):\n        return self.items.pop()\n"
)
NEW_STACK = (
    'class Stack:\n    """Last in, first out."""\n\n    def __init__(self):\n        self.items = []\n\n'
    "    def push(self, item):\n        self.items.append(item)\n\n"
    '    def pop(self):\n        if not self.items:\n            raise IndexError("empty")\n'
    "        return self.items.pop()\n"
)


def installed() -> None:
    """See that the editor is there, or skip."""
    if INSTALLS:
        subprocess.run([Path(__file__).with_name("install.sh")], check=True, timeout=600)
    if not vscode.is_installed():
        pytest.skip("NO VS CODE: set CODEFUSE_INSTALL_EDITORS=1 to have it installed")


def packed(folder: Path) -> Path:
    """Return the extension packed from the sources as they are, in a folder."""
    if not (EXTENSION / "node_modules").exists():
        if not INSTALLS:
            pytest.skip("NO VS CODE EXTENSION: set CODEFUSE_INSTALL_EDITORS=1, or run `npm ci` in editors/vscode")
        subprocess.run(["npm", "ci", "--silent", "--no-fund", "--no-audit"], cwd=EXTENSION, check=True, timeout=600)
    package = ["npm", "run", "--silent", "package"]
    subprocess.run(package, cwd=EXTENSION, check=True, timeout=300, capture_output=True)
    return Path(shutil.copy(EXTENSION / "dist" / "codefuse.vsix", folder))


@pytest.fixture(scope="module")
def engine() -> Iterator[ScriptedEngine]:
    with ScriptedEngine() as engine:
        yield engine


@pytest.fixture(scope="session")
def vsix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    vscode.HOME.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(vscode.HOME.with_suffix(".lock")):  # other processes of the tests want both as well
        installed()
        return packed(tmp_path_factory.mktemp("extension"))


def started(window: Workbench, **machine: Any) -> None:
    """Open the window with the real server, and settings of the machine that it runs with."""
    window.settings()
    environment = {"PYTHONPATH": str(ROOT)}
    window.machine_settings(codefuse__server__path=str(SERVER), codefuse__server__environment=environment, **machine)
    window.open()
    window.status("ready")
    window.show("first.py")
    window.run("Trigger Inline Suggestion")  # until an idle moment, up to 5 s after a first file, it sees no typing
    eventually(lambda: "first.py" in asked_about(window))


@contextlib.contextmanager
def opened(
    engine: ScriptedEngine,
    vsix: Path,
    artifacts: Path,
    prepare: Callable[[Workbench], object] = lambda _: None,
    **machine: Any,
) -> Iterator[Workbench]:
    """A window whose language server is ready; `prepare` has it before it is opened."""
    home = Path(tempfile.mkdtemp(prefix="cf-"))  # short enough for sockets
    with Workbench(home, vsix, artifacts, places(home)) as window:
        prepare(window)
        started(window, codefuse__endpoint=engine.endpoint, codefuse__completionAhead="off", **machine)
        yield window


@pytest.fixture(scope="module")
def window(engine: ScriptedEngine, vsix: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    """A window on an empty folder, whose language server is ready."""
    with opened(engine, vsix, tmp_path_factory.mktemp("artifacts"), codefuse__verifyTests="off") as window:
        yield window


@pytest.fixture(autouse=True)
def nothing_said(engine: ScriptedEngine) -> None:
    engine.forget()


def places(home: Path) -> dict[str, str]:
    return {f"XDG_{name}_HOME": str(home / name.lower()) for name in ("DATA", "CONFIG", "CACHE")}


def fates(window: Workbench) -> list[tuple[str, int]]:
    """Return what the server was told of its last suggestions: their fates, and how much of them was taken."""
    return [(record["fate"], record["accepted_length"]) for record in last_requests(window)]


def asked_about(window: Workbench) -> list[str]:
    """Return the files of the last requests for ghost text."""
    return [record["file"] for record in last_requests(window)]


def last_requests(window: Workbench) -> list[dict[str, Any]]:
    command = [SERVER, "why", "--json", "--count", "5"]
    environment = {**os.environ, **places(window.home), "PYTHONPATH": str(ROOT)}
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60, env=environment).stdout
    return list(json.loads(said))


class Chat:
    """The chat in the side bar."""

    def __init__(self, window: Workbench) -> None:
        self.window = window

    def begin(self) -> None:
        self.window.run("CodeFuse: New Conversation")
        self.wait(".welcome")
        self.wait("#question:focus")

    def wait(self, selector: str, text: str | None = None, **details: Any) -> None:
        self.window.wait(selector, text, view=1, **details)

    def until(self, selector: str, test: str) -> list[str]:
        return self.window.until(selector, test, view=1)

    def ask(self, question: str) -> None:
        """Ask, and wait until the question stands in the conversation; the answer may be there as well by then."""
        asked = self.window.do("count", view=1, selector=".turn.human")
        self.window.type(question)
        self.window.press("Enter")
        self.until(".turn.human", f"texts.length == {asked + 1}")

    def answered(self) -> str:
        """Wait for the whole answer and return it as it is drawn."""
        self.wait(".turn.bot.writing", state="detached")
        return self.until(".turn.bot", "texts.length")[-1]

    def evaluate(self, body: str) -> Any:
        return self.window.do("evaluate", view=1, body=body)


@pytest.fixture
def chat(window: Workbench) -> Chat:
    window.close_editors()
    chat = Chat(window)
    chat.begin()
    return chat
