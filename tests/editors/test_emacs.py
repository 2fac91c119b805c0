"""The real Emacs with the real server: by a connection of our own, through eglot and through lsp-mode.

Tests in Emacs Lisp run in one batch for each way to the server and are told here one by one.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.editors.emacs.door import Door
from tests.editors.emacs.editor import (
    HERE,
    SERVER,
    Emacs,
    engine_door,  # noqa: F401
    for_driver,
    home_of_its_own,
    installed_emacs,  # noqa: F401
)

CLIENTS = ["own", "eglot", "lsp-mode"]
FILES = ["ghost-tests", "work-tests"]


@dataclass(frozen=True)
class Outcomes:
    """How the tests of a batch went."""

    passed: frozenset[str]
    skipped: frozenset[str]
    output: str


class Batches:
    """Runs each file of tests once for each client, when it is first asked for."""

    def __init__(self, emacs: Emacs, door: Door, folders: pytest.TempPathFactory) -> None:
        self._emacs, self._door, self._folders = emacs, door, folders
        self._ran: dict[tuple[str, str], Outcomes] = {}

    def outcomes(self, client: str, file: str) -> Outcomes:
        if (client, file) not in self._ran:
            folder = self._folders.mktemp(f"{client}-{file}")
            self._door.obey({"do": "forget"})
            arguments = ("-l", "driver", "-l", file, "-f", "ert-run-tests-batch-and-exit")
            ran = self._emacs.batch(*arguments, env=for_driver(self._door, client, folder))
            self._ran[client, file] = read_outcomes(ran.stdout)
        return self._ran[client, file]


@pytest.fixture(scope="session")
def batches(emacs: Emacs, door: Door, tmp_path_factory: pytest.TempPathFactory) -> Batches:
    return Batches(emacs, door, tmp_path_factory)


def read_outcomes(output: str) -> Outcomes:
    """Return what ERT printed of each test."""
    passed = re.findall(r"^ +passed +\d+/\d+ +(\S+)", output, re.MULTILINE)
    skipped = re.findall(r"^ +skipped +\d+/\d+ +(\S+)", output, re.MULTILINE)
    return Outcomes(frozenset(passed), frozenset(skipped), output)


def names_in(file: str) -> list[str]:
    """Return the names of a file's tests."""
    return re.findall(r"^\(ert-deftest (\S+)", (HERE / f"{file}.el").read_text("utf-8"), re.MULTILINE)


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize(("file", "name"), [(file, name) for file in FILES for name in names_in(file)])
def test_in_emacs(client: str, file: str, name: str, batches: Batches) -> None:
    outcomes = batches.outcomes(client, file)
    if name in outcomes.skipped:
        pytest.skip(f"{name} does not apply through {client}, or to a server without the method")
    assert name in outcomes.passed, outcomes.output


@pytest.mark.real_model
def test_with_the_real_small_model(emacs: Emacs, smollm2: Path) -> None:
    folder = Path(tempfile.mkdtemp(prefix="cf-"))  # short enough for a socket
    (folder / "project").mkdir()
    told = {
        **home_of_its_own(folder),
        "XDG_CACHE_HOME": str(smollm2.parents[2]),
        "XDG_RUNTIME_DIR": str(folder),
        "CODEFUSE_TEST_CLIENT": "own",
        "CODEFUSE_TEST_SERVER": "\n".join(SERVER),
        "CODEFUSE_TEST_MODEL": "smollm2",
        "CODEFUSE_TEST_ROOT": str(folder / "project"),
        "CODEFUSE_TEST_HOME": str(folder),
    }
    ran = emacs.batch("-l", "driver", "-l", "model-tests", "-f", "ert-run-tests-batch-and-exit", env=told)
    shutil.rmtree(folder, ignore_errors=True)
    assert ran.returncode == 0, ran.stdout
