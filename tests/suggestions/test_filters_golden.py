"""Golden cases: a document with its cursor, what a model writes there, and the document after acceptance."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from codefuse_lsp.context.cursor import CursorContext
from codefuse_lsp.suggestions import filters
from codefuse_lsp.suggestions.cache import AnswerCache
from codefuse_lsp.suggestions.filters import FILTERS, Filter, Place, filtered, is_whole, opened, swallowed
from codefuse_lsp.suggestions.fitting import fitted_on
from codefuse_lsp.suggestions.outcome import Suggestion
from tests.suggestions.places import place_at

FOLDER = Path(__file__).parents[1] / "golden" / "filters"
ALREADY_THERE = "already there"
CURSOR = "│"


@dataclass(frozen=True)
class Case:
    says: str
    language: str
    before: str
    model: str
    after: str | None = None
    silent: str | None = None
    block: bool | None = None
    cut: bool = False

    @property
    def place(self) -> Place:
        prefix, _, suffix = self.before.partition(CURSOR)
        context = CursorContext("file:///golden", "golden", self.language, 1, prefix, suffix)
        place = place_at(context) if self.block is None else Place(context, self.block)
        return replace(place, is_cut=self.cut)

    @property
    def wanted(self) -> str:
        return f"silent: {self.silent}" if self.after is None else self.after


def cases() -> list[Case]:
    found: list[dict[str, Any]] = []
    for path in sorted(FOLDER.glob("*.toml")):
        found += tomllib.loads(path.read_text("utf-8"))["case"]
    return [Case(**case) for case in found]


CASES = cases()


def outcome(case: Case) -> str:
    """Return the document after accepting what is shown, with the cursor in it, or why nothing is."""
    place = case.place
    text, cuts = filtered(case.model, place)
    if not text.strip():
        return f"silent: {cuts[-1].name if cuts else 'nothing to add'}"
    text, replaces = filters.swallowed(text, place)
    if not text.strip():
        return f"silent: {ALREADY_THERE}"
    return place.context.prefix + text + CURSOR + place.context.suffix[replaces:]


@pytest.mark.parametrize("case", CASES, ids=[case.says for case in CASES])
def test_golden(case: Case) -> None:
    assert outcome(case) == case.wanted


@pytest.mark.parametrize("case", CASES, ids=[case.says for case in CASES])
def test_a_golden_case_ends_alike_when_the_stream_is_left_as_soon_as_it_is_whole(case: Case) -> None:
    place = case.place
    whole = next((cut for cut in range(len(case.model)) if is_whole(case.model[:cut], place)), len(case.model))
    assert filtered(case.model[:whole], place)[0] == filtered(case.model, place)[0]


def test_typing_what_is_shown_finds_the_rest_of_it_without_the_model() -> None:
    found = 0
    for case in CASES:
        place, context = case.place, case.place.context
        shown, replaces = swallowed(filtered(case.model, place)[0], place)
        if replaces or not shown:
            continue
        cache = AnswerCache()
        cache.store(place, opened(case.model, place), now=0.0)
        for typed in range(len(shown)):
            here = replace(context, prefix=context.prefix + shown[:typed])
            hit = cache.find(here, now=0.0)
            assert hit is not None, case.says
            left = fitted_on(hit, place_at(here) if typed else place, None).outcome
            assert isinstance(left, Suggestion) and left.text == shown[typed:], case.says
        found += 1
    assert found > 80


def test_there_are_enough_cases_in_enough_languages_with_names_of_their_own() -> None:
    assert len(CASES) >= 120
    assert len({case.language for case in CASES}) >= 12
    assert len({case.says for case in CASES}) == len(CASES)
    for case in CASES:
        assert case.before.count(CURSOR) == 1 and (case.after is None) is not (case.silent is None), case.says
        assert case.after is None or case.after.count(CURSOR) == 1, case.says


@pytest.mark.parametrize("missing", FILTERS, ids=lambda step: step.__name__)
def test_each_filter_is_needed_by_a_case(missing: Filter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filters, "FILTERS", tuple(step for step in FILTERS if step is not missing))
    assert any(outcome(case) != case.wanted for case in CASES)


def test_the_fit_to_the_rest_of_the_line_is_needed_by_a_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filters, swallowed.__name__, lambda text, place: (text, 0))
    assert any(outcome(case) != case.wanted for case in CASES)
