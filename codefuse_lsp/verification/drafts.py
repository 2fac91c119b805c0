"""Tests that a model wrote, and what became of them: values that are handed on, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass

from codefuse_lsp.verification.cases import Case, cases_in
from codefuse_lsp.verification.reports import Coverage


@dataclass(frozen=True, slots=True)
class Draft:
    """What a model wrote: `added` behind `existing`, which is not to be touched."""

    existing: str
    added: str
    language: str

    @property
    def text(self) -> str:
        """The whole file."""
        return self.existing + self.added

    def cases(self) -> list[Case]:
        """Return the tests that were added."""
        rows = self.existing.count("\n")
        return [case for case in cases_in(self.text, self.language) if case.first >= rows]

    def code(self, name: str) -> str:
        """Return a test as it is written, '' for one that is not there."""
        return next((case.code(self.text) for case in self.cases() if case.name == name), "")


@dataclass(frozen=True, slots=True)
class Failure:
    """A test that is to be mended, and what may be told of its failure."""

    name: str
    code: str
    told: str


@dataclass(frozen=True, slots=True)
class Dropped:
    """A test that is not offered, and why."""

    name: str
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class LikelyBug:
    """A test that the code fails although it expects what the code promises."""

    name: str
    code: str
    assertion: str
    expected: str
    actual: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a draft: the text to offer, '' for none."""

    added: str
    passed: tuple[str, ...] = ()
    dropped: tuple[Dropped, ...] = ()
    bugs: tuple[LikelyBug, ...] = ()
    coverage: Coverage | None = None
    rounds: int = 0
    skipped: tuple[str, ...] = ()  # by themselves, of those offered
