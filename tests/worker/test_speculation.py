from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.worker.speculation import LONGEST_DRAFT, SHORTEST_DRAFT, SILENCE, PromptLookup


def test_what_followed_the_last_tokens_before_is_proposed() -> None:
    assert PromptLookup().propose([1, 2, 3, 4, 5, 6, 9, 1, 2, 3], 3) == [4, 5, 6]


def test_the_latest_occurrence_speaks() -> None:
    assert PromptLookup().propose([1, 2, 3, 4, 1, 2, 3, 5, 1, 2, 3], 1) == [5]


def test_nothing_is_proposed_where_nothing_is_alike() -> None:
    assert PromptLookup().propose([1, 2, 3, 4, 5], 10) == []
    assert PromptLookup().propose([1, 2], 10) == []


def test_what_goes_round_is_proposed_to_go_on() -> None:
    assert PromptLookup().propose([9, 1, 2, 1, 2, 1, 2], 4) == [1, 2, 1, 2]


def test_drafts_grow_while_they_are_right() -> None:
    lookup, text = PromptLookup(), [*range(50), 0, 1, 2]
    lengths = []
    for _ in range(3):
        draft = lookup.propose(text, 100)
        lengths.append(len(draft))
        lookup.observe(len(text), len(draft), len(draft))
    assert lengths == sorted(lengths) and lengths[-1] == LONGEST_DRAFT


def test_guesses_that_fail_become_short_and_then_silent_for_a_while() -> None:
    lookup, text = PromptLookup(), [*range(50), 0, 1, 2]
    while draft := lookup.propose(text, 100):
        assert len(draft) >= SHORTEST_DRAFT
        lookup.observe(len(text), len(draft), 0)
    text += [*range(200, 200 + SILENCE), 0, 1, 2]
    assert lookup.propose(text, 100)


@given(st.lists(st.integers(0, 3), max_size=60), st.integers(1, 12))
def test_a_proposal_always_stood_behind_the_same_tokens_before(text: list[int], limit: int) -> None:
    lookup = PromptLookup()
    for end in range(len(text) + 1):
        draft = lookup.propose(text[:end], limit)
        assert len(draft) <= limit
        if draft:
            known, key = text[:end], text[end - 3 : end]
            places = [at + 3 for at in range(end - 3) if known[at : at + 3] == key]
            assert draft in [[known[at + i % (end - at)] for i in range(len(draft))] for at in places]
