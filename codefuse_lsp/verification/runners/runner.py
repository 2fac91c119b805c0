"""What a runner of tests is: a command, how single tests are chosen, and how its report is read. Runs nothing."""

from __future__ import annotations

import shlex
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from codefuse_lsp.errors import CodeFuseError
from codefuse_lsp.verification.reports import Report

PROBES = Path(__file__).parents[1] / "probes"  # what is loaded into a workspace's runner


class NoRunner(CodeFuseError):
    """The project's tests cannot be run; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Project:
    """The files that a runner is looked for with; paths are relative to `root`, a real path."""

    root: Path
    source: str  # the file under test
    test: str  # where its tests stand, which need not be there yet
    language: str
    framework: str  # what the tests are written for
    text: str = ""  # of the tests

    def up(self, name: str) -> Path | None:
        """Return the innermost folder round the tests that holds a file called `name`."""
        folder = (self.root / self.test).parent
        while not (folder / name).is_file():
            if folder == self.root or folder == folder.parent:
                return None
            folder = folder.parent
        return folder

    def within(self, folder: Path, name: str) -> str:
        """Return a file of the project as it is called from one of its folders."""
        return (self.root / name).relative_to(folder).as_posix()


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be run: the words of a command, and variables of its environment."""

    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Runner(ABC):
    """One way to run the tests of one file. `start` is the folder that it begins in, relative to the root."""

    project: Project
    start: str
    command: tuple[str, ...]  # as the user is told
    visible: tuple[Path, ...] = ()  # beside the copy
    test_s: float = 10.0  # that one test may take, where the runner can be told
    title: ClassVar[str] = ""
    tells_starts: ClassVar[bool] = True  # so that the test under way is known when the run is ended

    @property
    def shown(self) -> str:
        """The command as it would be typed."""
        return shlex.join(self.command)

    @abstractmethod
    def order(self, names: Sequence[str] | None, mark: str, *, measured: bool = False) -> Order:
        """Return what runs these tests, None for all of the file; `mark` goes before what a probe tells."""

    @abstractmethod
    def read(self, output: str, names: Sequence[str] | None, mark: str) -> Report:
        """Return what a run's output tells of its tests."""
