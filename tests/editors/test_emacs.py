"""The real Emacs with the real server: by a connection of our own, through eglot and through lsp-mode, and drawn.

Tests in Emacs Lisp run in one batch for each way to the server and are told here one by one.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.editors.emacs.door import ChoosingEngine, Door

HERE = Path(__file__).parent / "emacs"
PACKAGE = Path(__file__).parents[2] / "editors" / "emacs"
LAST_OF_ALL_S = 280  # a batch that takes longer hangs
SERVER = [sys.executable, "-m", "codefuse_lsp", "--stdio"]
CLIENTS = ["own", "eglot", "lsp-mode"]


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


@pytest.fixture(scope="session")
def emacs() -> Emacs:
    """Emacs, installed where CODEFUSE_INSTALL_EDITORS=1 says so."""
    prefix = Path(os.environ.get("CODEFUSE_EDITORS") or Path.home() / ".cache" / "codefuse-editors") / "emacs"
    if os.environ.get("CODEFUSE_INSTALL_EDITORS") == "1":
        subprocess.run([HERE / "install.sh"], check=True, timeout=900)
    if not (prefix / "installed").exists():
        pytest.skip(
            "NO EMACS: tests/editors/emacs/install.sh installs one for tests; CODEFUSE_INSTALL_EDITORS=1 runs it"
        )
    return Emacs(prefix)


@pytest.fixture(scope="session")
def door() -> Iterator[Door]:
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


@dataclass(frozen=True)
class Outcomes:
    """How the tests of a batch went."""

    passed: frozenset[str]
    skipped: frozenset[str]
    output: str


@pytest.fixture(scope="session")
def outcomes(
    emacs: Emacs, door: Door, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[tuple[str, str], Outcomes]]:
    """A table that fills as batches are run."""
    table: dict[tuple[str, str], Outcomes] = {}

    class Running(dict[tuple[str, str], Outcomes]):
        def __missing__(self, key: tuple[str, str]) -> Outcomes:
            client, file = key
            folder = tmp_path_factory.mktemp(f"{client}-{file}")
            door.obey({"do": "forget"})
            ran = emacs.batch(
                *("-l", "driver", "-l", file, "-f", "ert-run-tests-batch-and-exit"),
                env=for_driver(door, client, folder),
            )
            table[key] = self[key] = read_outcomes(ran.stdout)
            return self[key]

    yield Running()


def read_outcomes(output: str) -> Outcomes:
    """Return what ERT printed of each test."""
    passed = re.findall(r"^ +passed +\d+/\d+ +(\S+)", output, re.MULTILINE)
    skipped = re.findall(r"^ +skipped +\d+/\d+ +(\S+)", output, re.MULTILINE)
    return Outcomes(frozenset(passed), frozenset(skipped), output)


def tests_in(file: str) -> list[str]:
    """Return the names of a file's tests."""
    return re.findall(r"^\(ert-deftest (\S+)", (HERE / f"{file}.el").read_text("utf-8"), re.MULTILINE)


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize(
    ("file", "name"), [(file, name) for file in ("ghost-tests", "work-tests") for name in tests_in(file)]
)
def test_in_emacs(client: str, file: str, name: str, outcomes: dict[tuple[str, str], Outcomes]) -> None:
    outcome = outcomes[client, file]
    if name in outcome.skipped:
        pytest.skip(f"not through {client}")
    assert name in outcome.passed, outcome.output


@pytest.mark.real_model
def test_with_the_real_small_model(emacs: Emacs, smollm2: Path) -> None:
    folder = Path(tempfile.mkdtemp(prefix="cf-"))  # short enough for a socket
    (folder / "project").mkdir()
    told = {
        **home_of_its_own(folder),
        "XDG_RUNTIME_DIR": str(folder),
        "CODEFUSE_TEST_CLIENT": "own",
        "CODEFUSE_TEST_SERVER": "\n".join(SERVER),
        "CODEFUSE_TEST_MODEL": str(smollm2),
        "CODEFUSE_TEST_ROOT": str(folder / "project"),
        "CODEFUSE_TEST_HOME": str(folder),
    }
    ran = emacs.batch("-l", "driver", "-l", "model-tests", "-f", "ert-run-tests-batch-and-exit", env=told)
    shutil.rmtree(folder, ignore_errors=True)
    assert ran.returncode == 0, ran.stdout
