from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.edits.hunks import applied, hunks
from codefuse_lsp.errors import CodeFuseError, DocumentChanged
from codefuse_lsp.lsp.document import Document
from codefuse_lsp.lsp.proposals import KEPT, Proposal, Proposals

OLD, NEW = "a\nb\nc\nd\ne\n", "a1\na2\nb\nd\ne\nf\n"


def proposal(old: str, new: str) -> Proposal:
    made = Proposal("file:///a.py", "Do it.", hunks(old, new))
    made.fits(old)
    return made


def document(text: str) -> Document:
    return Document("file:///a.py", text, 1, "python")


LINES = st.lists(st.sampled_from("abcdef"), max_size=10).map(lambda lines: "".join(f"{line}\n" for line in lines))


@given(LINES, LINES, st.data())
def test_hunks_taken_one_by_one_in_any_order_make_the_new_text(old: str, new: str, data: st.DataObject) -> None:
    made, text = proposal(old, new), old
    for hunk in data.draw(st.permutations(made.hunks)):
        text = applied(text, made.chosen(document(text), [hunk.id]))
    assert text == new


def test_a_hunk_that_was_taken_is_not_taken_again() -> None:
    made = proposal(OLD, NEW)
    text = applied(OLD, made.chosen(document(OLD), None))
    assert text == NEW and made.chosen(document(NEW), None) == []


def test_an_undo_brings_all_hunks_back() -> None:
    made = proposal(OLD, NEW)
    made.chosen(document(OLD), [made.hunks[0].id])
    assert applied(OLD, made.chosen(document(OLD), None)) == NEW


def test_any_other_text_is_refused() -> None:
    made = proposal(OLD, NEW)
    with pytest.raises(DocumentChanged, match="changed meanwhile"):
        made.chosen(document(OLD + "x"), None)


def test_the_oldest_proposals_are_forgotten_first() -> None:
    kept, made = Proposals(), [proposal(OLD, NEW) for _ in range(KEPT + 1)]
    for one in made:
        kept.keep(one)
    with pytest.raises(CodeFuseError, match="not known any more"):
        kept.find(made[0].id)
    assert kept.find(made[1].id) is made[1]
    assert kept.discard(made[1].id) and not kept.discard(made[1].id)
