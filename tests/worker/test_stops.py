from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.worker.stops import StopMatcher


def run(stops: tuple[str, ...], pieces: list[str], skip: int = 0) -> tuple[str, bool]:
    """Push pieces until a stop; return what was shown and whether a stop ended it."""
    matcher, shown = StopMatcher(stops, skip), ""
    for piece in pieces:
        text, stopped = matcher.push(piece)
        shown += text
        if stopped:
            return shown, True
    return shown + matcher.flush(), False


def test_a_stop_string_across_pieces_is_found_and_not_shown() -> None:
    assert run(("<|role_start|>",), ["x = 1", "<|ro", "le_start", "|>human"]) == ("x = 1", True)


def test_the_beginning_of_a_stop_string_that_goes_on_otherwise_is_shown() -> None:
    assert run(("<|role_start|>",), ["a <|ro", "w|> b"]) == ("a <|row|> b", False)


def test_nothing_is_held_back_that_cannot_become_a_stop_string() -> None:
    assert StopMatcher(("\n\n",)).push("x = 1")[0] == "x = 1"
    assert StopMatcher(("\n\n",)).push("x = 1\n")[0] == "x = 1"


def test_a_healed_line_break_does_not_stop_the_answer() -> None:
    assert run(("\n",), ["\n  ", "  ret", "urn x", "\nprint"], skip=len("\n    ret")) == ("\n    return x", True)


pieces = st.lists(st.text(alphabet="ab", max_size=4), max_size=8)
stops = st.lists(st.text(alphabet="ab", min_size=1, max_size=3), max_size=3).map(tuple)


@given(stops, pieces, st.integers(0, 5))
def test_pieces_do_not_matter_to_where_the_answer_ends(stops: tuple[str, ...], pieces: list[str], skip: int) -> None:
    whole = "".join(pieces)
    ends = [at for stop in stops if (at := whole.find(stop, skip)) >= 0]
    assert run(stops, pieces, skip)[1] == bool(ends)
    if not ends:
        assert run(stops, pieces, skip)[0] == whole
    else:
        # Piece by piece, a stop is seen as soon as it is complete: the first to end, not the first to begin.
        first = min(at + len(stop) for stop in stops if (at := whole.find(stop, skip)) >= 0)
        assert whole[:first].startswith(run(stops, pieces, skip)[0])
