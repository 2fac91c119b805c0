"""An Emacs for tests: where it is installed, how it is run in batch, and fixtures that give it and an engine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.editors.emacs.door import ChoosingEngine, Door

HERE = Path(__file__).parent
PACKAGE = HERE.parents[2] / "editors" / "emacs"
LAST_OF_ALL_S = 280  # a batch that takes longer hangs
SERVER = [sys.executable, "-m", "codefuse_lsp", "--stdio"]


@dataclass(frozen=True)
class Emacs:
    """An Emacs that is installed for tests, and the packages beside it."""

    prefix: Path
    package: Path | None = PACKAGE

    @property
    def program(self) -> str:
        return str(self.prefix / "bin" / "emacs")

    @property
    def load_path(self) -> list[str]:
        """Arguments that have it find our package, if it is to, and those of others."""
        if self.package is None:
            return []
        folders = [self.package, HERE, *sorted((self.prefix / "elpa").iterdir())]
        return [part for folder in folders for part in ("-L", str(folder))]

    def batch(self, *arguments: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run it in batch, and end all that it has begun."""
        command = [self.program, "-Q", "--batch", *self.load_path, *arguments]
        with subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **(env or {})},
            start_new_session=True,
        ) as process:
            try:
                output, _ = process.communicate(timeout=LAST_OF_ALL_S)
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
        return subprocess.CompletedProcess(command, process.returncode, output)


@pytest.fixture(scope="session", name="emacs")
def installed_emacs() -> Emacs:
    """Emacs, installed where CODEFUSE_INSTALL_EDITORS=1 says so."""
    prefix = Path(os.environ.get("CODEFUSE_EDITORS") or Path.home() / ".cache" / "codefuse-editors") / "emacs"
    if os.environ.get("CODEFUSE_INSTALL_EDITORS") == "1":
        subprocess.run([HERE / "install.sh"], check=True, timeout=900)
    if not (prefix / "installed").exists():
        pytest.skip("NO EMACS: tests/editors/emacs/install.sh installs one; CODEFUSE_INSTALL_EDITORS=1 runs it")
    return Emacs(prefix)


@pytest.fixture(scope="session", name="door")
def engine_door() -> Iterator[Door]:
    """The scripted engine, with a door to it."""
    with ChoosingEngine() as engine, Door(engine) as door:
        yield door


def home_of_its_own(folder: Path) -> dict[str, str]:
    """Return the variables that keep a server's files in a folder."""
    kinds = {f"XDG_{kind}_HOME": folder / kind.lower() for kind in ("CONFIG", "DATA", "STATE", "CACHE")}
    return {"HOME": str(folder), "PYTHONPATH": str(PACKAGE.parents[1]), **{k: str(v) for k, v in kinds.items()}}


def for_driver(door: Door, client: str, folder: Path) -> dict[str, str]:
    """Return what driver.el is told."""
    (folder / "project").mkdir(parents=True)
    return {
        **home_of_its_own(folder),
        "CODEFUSE_TEST_CLIENT": client,
        "CODEFUSE_TEST_SERVER": "\n".join(SERVER),
        "CODEFUSE_TEST_ENDPOINT": door.engine.endpoint,
        "CODEFUSE_TEST_ENGINE": str(door.port),
        "CODEFUSE_TEST_ROOT": str(folder / "project"),
        "CODEFUSE_TEST_HOME": str(folder),
    }
