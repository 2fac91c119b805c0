"""A program on a real terminal: tmux draws it, keys go in, what is on the screen comes out."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

HANG_S = 60.0


class Terminal:
    """One program on a screen of 100 by 40; a context manager that ends it."""

    def __init__(self, tmux: str, folder: Path, command: Sequence[str], env: Mapping[str, str]) -> None:
        self._tmux = [tmux, "-S", str(folder / "tmux"), "-f", os.devnull]
        self._command, self._env, self._folder = command, env, folder

    def __enter__(self) -> Self:
        variables = [f"{name}={value}" for name, value in self._env.items()]
        shell = ["env", *variables, "TERM=tmux-256color", *self._command]
        self._run("new-session", "-d", "-s", "screen", "-x", "100", "-y", "40", *shell)
        return self

    def __exit__(self, *_: object) -> None:
        subprocess.run([*self._tmux, "kill-server"], check=False, capture_output=True)

    def keys(self, *keys: str) -> None:
        """Press keys by tmux's names for them, such as C-x and Tab."""
        self._run("send-keys", "-t", "screen", *keys)

    def types(self, text: str) -> None:
        """Type a text as it is."""
        self._run("send-keys", "-t", "screen", "-l", text)

    @property
    def screen(self) -> str:
        """What is drawn now."""
        return self._run("capture-pane", "-p", "-t", "screen")

    @property
    def cursor(self) -> tuple[int, int]:
        """The line and the column of the cursor, from 0."""
        line, column = self._run("display-message", "-p", "-t", "screen", "#{cursor_y} #{cursor_x}").split()
        return int(line), int(column)

    def shows(self, *texts: str) -> str:
        """Wait until all these texts are drawn, and return the screen."""
        return self.waits(lambda screen: all(text in screen for text in texts), " and ".join(map(repr, texts)))

    def waits(self, is_wanted: Callable[[str], bool], what: str) -> str:
        """Wait until the screen is as wanted, and return it."""
        end = time.monotonic() + HANG_S
        while not is_wanted(screen := self.screen):
            assert time.monotonic() < end, f"never drawn: {what}\n{screen}"
            time.sleep(0.05)  # between two looks at a screen that tells nobody when it changes
        return screen

    def keep(self, name: str, artifacts: Path) -> None:
        """Write the screen to a file, with its colours."""
        artifacts.mkdir(parents=True, exist_ok=True)
        (artifacts / f"{name}.ansi").write_text(self._run("capture-pane", "-e", "-p", "-t", "screen"), "utf-8")

    def _run(self, *arguments: str) -> str:
        done = subprocess.run([*self._tmux, *arguments], check=True, capture_output=True, text=True)
        return done.stdout


def tmux_of(prefix: Path) -> str | None:
    """Return the tmux to use: the one beside the editor, else the system's."""
    own = prefix / "bin" / "tmux"
    return str(own) if own.exists() else shutil.which("tmux")
