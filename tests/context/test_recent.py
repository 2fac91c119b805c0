from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.context.recent import MAX_LINES, MAX_PLACES, Recent
from codefuse_lsp.context.snippets import Document
from tests.context.places import cursor_at, cursor_in

LINES = [f"line {i}\n" for i in range(300)]
OTHER = Document("/work/b.py", "python", 1, LINES)
CURSOR = cursor_in("x = ‸\n")


def recent() -> Recent:
    return Recent("recent edits", {OTHER.path: OTHER}.get)


def starts(source: Recent) -> list[int]:
    return [snippet.start_line for snippet in source.find(CURSOR, 0.0)]


def test_the_latest_place_is_the_best_and_has_a_margin() -> None:
    source = recent()
    source.touched(OTHER.path, 50, 51, 1.0)
    source.touched(OTHER.path, 200, 202, 2.0)
    first, second = source.find(CURSOR, 0.0)
    assert (first.start_line, second.start_line) == (197, 47)
    assert first.score > second.score
    assert second.text == "".join(LINES[47:54])


def test_places_near_each_other_are_one_and_far_ones_are_not() -> None:
    source = recent()
    for line in (100, 104, 110, 180, 102):
        source.touched(OTHER.path, line, line + 1, float(line))
    assert starts(source) == [97, 177]


def test_a_place_follows_the_lines_above_it() -> None:
    source = recent()
    source.touched(OTHER.path, 100, 102, 1.0)
    source.moved(OTHER.path, 10, removed=0, added=5)
    assert starts(source) == [102]
    source.moved(OTHER.path, 200, removed=3, added=0)
    source.moved("/work/c.py", 0, removed=0, added=50)
    assert starts(source) == [102]


def test_what_is_in_the_window_closed_or_not_to_be_read_is_left_out() -> None:
    own = Document("/work/a.py", "python", 1, LINES)
    cursor = cursor_at(own, 150, budget_chars=400)
    source = recent()
    source.touched(own.path, 150, 151, 1.0)
    source.touched(own.path, 10, 11, 2.0)
    source.touched("/work/unknown.py", 10, 11, 3.0)
    source.touched(OTHER.path, 10, 11, 4.0)
    assert [(s.path, s.start_line) for s in source.find(cursor, 0.0)] == [(OTHER.path, 7), (own.path, 7)]
    source.closed(OTHER.path)
    assert [s.path for s in source.find(cursor, 0.0)] == [own.path]


def test_a_piece_of_a_private_key_is_left_out() -> None:
    key = Document("/work/k.py", "python", 1, ["-----BEGIN PRIVATE KEY-----\n", *["A" * 64 + "\n"] * 40])
    source = Recent("recent edits", {key.path: key}.get)
    source.touched(key.path, 20, 25, 1.0)
    assert source.find(CURSOR, 0.0) == []


events = st.one_of(
    st.tuples(st.just("touched"), st.integers(-5, 400), st.integers(-5, 500)),
    st.tuples(st.just("moved"), st.integers(0, 400), st.integers(0, 90)),
)


@given(st.lists(events, max_size=60))
def test_places_stay_bounded_whatever_happens(happened: list[tuple[str, int, int]]) -> None:
    source = recent()
    for at, (kind, line, number) in enumerate(happened):
        if kind == "touched":
            source.touched(OTHER.path, line, number, float(at))
        else:
            source.moved(OTHER.path, line, removed=number, added=number // 2)
    assert len(source._places) <= MAX_PLACES
    assert all(0 <= place.start < place.stop <= place.start + MAX_LINES for place in source._places)
