import time
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.context import neighbours
from codefuse_lsp.context.neighbours import CHUNK_LINES, SEGMENT_LINES, Neighbours, Segment, segmented
from codefuse_lsp.context.similarity import words
from codefuse_lsp.context.snippets import Cursor, Document, Snippet
from tests.context.places import cursor_at, cursor_in

FILLER = [f"filler_{i} = unrelated_{i}({i})\n" for i in range(200)]
INVOICE = [
    "def send_invoice(customer, invoice):\n",
    "    address = customer.billing_address\n",
    "    message = render_invoice(invoice, address)\n",
    "    mailer.deliver(message, customer.email)\n",
]
REMINDER = """\
def send_reminder(customer, invoice):
    address = customer.billing_address
    ‸
    mailer.deliver(reminder)
"""
CURSOR = cursor_in(REMINDER)


def document(path: str, lines: Sequence[str], version: int = 1) -> Document:
    return Document(path, "python", version, list(lines))


def found(cursor: Cursor, *documents: Document) -> Sequence[Snippet]:
    return Neighbours(lambda cursor, deadline: documents).find(cursor, time.monotonic() + 60)


def test_the_chunk_with_the_most_words_in_common_comes_first() -> None:
    other = document("/work/billing.py", [*FILLER[:100], *INVOICE, *FILLER[100:]])
    best, *_ = found(CURSOR, document("/work/x.py", FILLER), other)
    assert best.path == "/work/billing.py"
    assert "send_invoice" in best.text
    assert best.text.splitlines()[0] + "\n" == other.lines[best.start_line]


def test_a_place_with_nothing_in_common_is_not_told() -> None:
    assert found(CURSOR, document("/work/x.py", FILLER)) == []
    assert found(cursor_in("‸"), document("/work/x.py", FILLER)) == []


def test_of_its_own_document_only_what_the_window_leaves_out_is_told() -> None:
    own = document("/work/a.py", [*INVOICE, *FILLER, *INVOICE, *FILLER])
    cursor = cursor_at(own, len(INVOICE) + len(FILLER) + 3, budget_chars=1000)
    starts = [snippet.start_line for snippet in found(cursor, own)]
    assert 0 in starts
    assert all(
        start + CHUNK_LINES <= cursor.window_lines.start or start >= cursor.window_lines.stop for start in starts
    )


def test_a_letter_typed_on_the_cursors_line_changes_nothing() -> None:
    other = document("/work/billing.py", [*FILLER, *INVOICE])
    typed = cursor_in(REMINDER.replace("‸", "rem‸"))
    assert found(CURSOR, other) == found(typed, other)


def test_an_edit_indexes_only_the_segment_that_it_is_in(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [f"name_{i} = value_{i}\n" for i in range(SEGMENT_LINES * 5)]
    before = segmented(lines, [])
    read: list[int] = []
    index = neighbours._segment
    monkeypatch.setattr(neighbours, "_segment", lambda ls, a, b: (read.append(b - a), index(ls, a, b))[1])
    edited = [*lines[:1000], "one_more = 1\n", *lines[1000:]]
    after = segmented(edited, before)
    assert sum(read) == SEGMENT_LINES + 1
    read.clear()
    segmented([*edited[:1001], "another = 2\n", *edited[1001:]], after)
    assert sum(read) <= SEGMENT_LINES / 3
    assert [line for segment in after for line in segment.lines] == edited


@given(
    st.lists(st.sampled_from(["a\n", "b\n", "c\n"]), max_size=60),
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 5), st.lists(st.just("new\n"), max_size=5)), max_size=5),
)
def test_segments_hold_the_document_after_any_edits(lines: list[str], edits: list[tuple[int, int, list[str]]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(neighbours, "SEGMENT_LINES", 12)
        patch.setattr(neighbours, "EDITED_SEGMENT_LINES", 5)
        segments: list[Segment] = segmented(lines, [])
        for at, removed, added in edits:
            lines = [*lines[:at], *added, *lines[at + removed :]]
            segments = segmented(lines, segments)
            assert [line for segment in segments for line in segment.lines] == lines


@given(st.lists(st.text("abc \n", max_size=30).map(lambda text: text.replace("\n", " ") + "\n"), max_size=80))
def test_scores_are_jaccards_figure_of_each_chunk(lines: list[str]) -> None:
    asked = frozenset({"aa", "ab", "abc", "cc"})
    for segment in segmented(lines, []):
        for score, start in segment.scores(asked):
            chunk = words("".join(lines[start : start + CHUNK_LINES]))
            assert score == len(asked & chunk) / len(asked | chunk)


def test_what_is_not_indexed_by_the_deadline_comes_next_time() -> None:
    source = Neighbours(lambda cursor, deadline: [document("/work/billing.py", INVOICE)])
    assert source.find(CURSOR, time.monotonic() - 1) == []
    assert source.find(CURSOR, time.monotonic() + 60)


def test_no_piece_of_a_private_key_is_told() -> None:
    key = ["-----BEGIN PRIVATE KEY-----\n", *["customer/invoice+address/billing+mailer+deliver+reminder\n"] * 40]
    assert found(CURSOR, document("/work/keys.py", [*key, "-----END PRIVATE KEY-----\n"])) == []


def test_documents_of_any_shape_are_indexed() -> None:
    shapes = [[], [""], ["\n"] * 3000, ["x" * 1_000_000], ["a b c " * 1000], [f"w{i} v{i}\n" * 30 for i in range(600)]]
    documents = [document(f"/work/{i}.py", shape) for i, shape in enumerate(shapes)]
    assert found(CURSOR, *documents) == []


def test_the_index_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "MAX_DOCUMENTS", 3)
    source = Neighbours(lambda cursor, deadline: [document(f"/work/{i}.py", INVOICE) for i in range(9)])
    source.find(CURSOR, time.monotonic() + 60)
    assert len(source._index) <= 3
    assert len(source._places) <= 3
