"""Real rewrites through the editing actions: they are applied byte for byte, and their imports find their place."""

from __future__ import annotations

import pytest

from codefuse_lsp.edits.replacement import Unfit
from tests.corpus.functions import GOOD
from tests.corpus.rewrites import REWRITES, Rewritten
from tests.corpus.test_corpus import LEAST_OFFERED, applied

LEAST_REWRITES = 20


def test_they_are_many_and_change_what_is_said() -> None:
    assert len({one.id for one in REWRITES}) >= LEAST_REWRITES
    assert len({one.place.language for one in REWRITES}) >= 12
    assert all(one.better != one.code for one in REWRITES)


@pytest.mark.parametrize("shape", GOOD)
def test_rewrites_are_applied_byte_for_byte(shape: str) -> None:
    refused = list[str]()
    for one in REWRITES:
        try:
            text = applied(one.place, GOOD[shape](one))
        except Unfit as error:
            refused.append(f"{one.id}: {error}")
            continue
        if text != one.expected:
            refused.append(f"{one.id}: otherwise than it was said")
    assert len(refused) <= (1 - LEAST_OFFERED) * len(REWRITES), refused


@pytest.mark.parametrize("one", [one for one in REWRITES if one.imports], ids=lambda one: one.id)
def test_what_a_rewrite_imports_goes_among_the_imports_of_the_file(one: Rewritten) -> None:
    answer = f"Here it is:\n```\n{one.imports}\n{GOOD['no fence'](one)}```\n"
    assert applied(one.place, answer) == one.expected_with_imports
