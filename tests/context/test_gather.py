import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pytest

from codefuse_lsp.context.gather import Gatherer, chosen
from codefuse_lsp.context.snippets import Cursor, Snippet
from tests.context.places import cursor_in

CURSOR = cursor_in("import os\n\n\ndef read(path):\n    with open(path) as file:\n        ‸\n")


def snippet(text: str, score: float = 1.0, *, source: str = "a", path: str = "", line: int = 0) -> Snippet:
    return Snippet(source, path or f"/work/{text.split()[0]}.py", "python", line, text, score)


def numbered(word: str, lines: int = 5) -> str:
    return "".join(f"{word}_{i} = make_{word}({i})\n" for i in range(lines))


@dataclass
class Fixed:
    """A source that says what the test wants, when the test wants."""

    name: str
    snippets: Sequence[Snippet] = ()
    hold: threading.Event | None = None
    error: Exception | None = None
    calls: int = field(default=0)

    def find(self, cursor: Cursor, deadline: float) -> Sequence[Snippet]:
        self.calls += 1
        if self.hold is not None:
            self.hold.wait(60)
        if self.error is not None:
            raise self.error
        return self.snippets


@pytest.fixture
def gatherer() -> Iterator[Gatherer]:
    one = Gatherer()
    yield one
    one.close()


def pick(
    said: dict[str, list[Snippet]], before: Sequence[Snippet] = (), budget: int = 1000, **shares: float
) -> list[str]:
    shares = shares or dict.fromkeys(said, 1.0)
    return [s.text for s in chosen(CURSOR, list(said.items()), before, budget, shares)]


def test_the_best_come_first_and_no_more_than_fit() -> None:
    one, two, three = (snippet(numbered(word), score) for word, score in (("x", 0.2), ("y", 0.9), ("z", 0.5)))
    picked = pick({"a": [one, two, three]}, budget=len(two.text) + len(three.text), a=1.0)
    assert picked == [two.text, three.text]


def test_a_source_gets_its_share_and_what_others_leave() -> None:
    greedy = [snippet(numbered(f"g{i}"), 1 - i / 10, source="a", line=100 * i) for i in range(6)]
    modest = snippet(numbered("m"), source="b")
    size = len(greedy[0].text)
    both = pick({"a": greedy, "b": [modest]}, budget=4 * size, a=0.5, b=0.5)
    assert both == [greedy[0].text, greedy[1].text, modest.text, greedy[2].text]


def test_a_snippet_longer_than_its_share_is_cut_at_a_line_end() -> None:
    assert pick({"a": [snippet(numbered("x", 50))]}, budget=len(numbered("x", 3)) + 4) == [numbered("x", 3)]


def test_what_the_window_shows_is_left_out() -> None:
    own = snippet(numbered("x"), path=CURSOR.window.path, line=2)
    far = snippet(numbered("y"), path=CURSOR.window.path, line=200)
    assert pick({"a": [own, far]}) == [far.text]


def test_what_is_too_much_like_the_cursors_place_is_left_out() -> None:
    alike = snippet("def read(path):\n    with open(path) as file:\n        pass\n")
    assert pick({"a": [alike, snippet(numbered("x"))]}) == [numbered("x")]


def test_of_two_that_are_nearly_the_same_one_is_told() -> None:
    same = numbered("x", 20)
    nearly = same.replace("x_3 = make_x(3)", "x_3 = made_x(3)")
    assert pick({"a": [snippet(same, 0.9), snippet(nearly, 0.8, path="/work/c.py"), snippet(numbered("y"), 0.1)]}) == [
        same,
        numbered("y"),
    ]


def test_what_was_told_before_stays_in_its_place_until_something_is_clearly_better() -> None:
    old, rival = snippet(numbered("old"), 0.50), snippet(numbered("new"), 0.55, path="/work/c.py")
    room = len(old.text) + 2
    assert pick({"a": [old, rival]}, before=[old], budget=room) == [old.text]
    better = snippet(rival.text, 0.80, path="/work/c.py")
    assert pick({"a": [old, better]}, before=[old], budget=room) == [better.text]


def test_a_newcomer_stands_behind_what_was_there() -> None:
    old, newcomer = snippet(numbered("old"), 0.3), snippet(numbered("new"), 0.9, path="/work/c.py")
    assert pick({"a": [newcomer, old]}, before=[old]) == [old.text, newcomer.text]


def test_a_snippet_whose_lines_moved_is_still_the_same() -> None:
    old, other = snippet(numbered("old"), 0.3, line=10), snippet(numbered("other"), 0.35, path="/work/c.py")
    moved = snippet(old.text, 0.3, line=12)
    assert pick({"a": [moved, other]}, before=[old, other]) == [old.text, other.text]


def test_sources_are_asked_together_and_answer_in_order(gatherer: Gatherer) -> None:
    sources = [Fixed("a", [snippet(numbered("x"))]), Fixed("b", [snippet(numbered("y"), source="b")])]
    found = gatherer.gather(CURSOR, sources, budget_chars=1000, shares={"a": 0.5, "b": 0.5}, deadline_s=60)
    assert [s.source for s in found] == ["a", "b"]


def test_a_late_source_is_not_waited_for_and_its_last_word_stands(gatherer: Gatherer) -> None:
    late, quick = Fixed("a", [snippet(numbered("x"))]), Fixed("b", [snippet(numbered("y"), source="b")])
    shares = {"a": 0.5, "b": 0.5}
    late.hold = threading.Event()
    assert [
        s.source for s in gatherer.gather(CURSOR, [late, quick], budget_chars=1000, shares=shares, deadline_s=1)
    ] == ["b"]
    assert late.calls == 1
    gatherer.gather(CURSOR, [late, quick], budget_chars=1000, shares=shares, deadline_s=1)
    assert late.calls == 1  # it is still at its first question
    late.hold.set()
    found: tuple[Snippet, ...] = ()
    until = time.monotonic() + 30
    while len(found) < 2 and time.monotonic() < until:
        found = gatherer.gather(CURSOR, [late, quick], budget_chars=1000, shares=shares, deadline_s=1)
    assert [s.source for s in found] == ["b", "a"]
    late.hold = threading.Event()
    again = gatherer.gather(CURSOR, [late, quick], budget_chars=1000, shares=shares, deadline_s=1)
    late.hold.set()
    assert again == found


def test_a_source_that_fails_says_nothing_and_the_log_has_no_code(
    gatherer: Gatherer, caplog: pytest.LogCaptureFixture
) -> None:
    broken = Fixed("a", error=ValueError("x = 'the code of a user'"))
    other = Fixed("b", [snippet(numbered("y"), source="b")])
    found = gatherer.gather(CURSOR, [broken, other], budget_chars=1000, shares={"b": 1.0}, deadline_s=60)
    assert [s.source for s in found] == ["b"]
    assert "ValueError" in caplog.text
    assert "the code of a user" not in caplog.text


def test_documents_have_memories_of_their_own_and_a_closed_one_is_forgotten(gatherer: Gatherer) -> None:
    source = Fixed("a", [snippet(numbered("x"))])
    other = cursor_in("y = ‸\n", path="/work/other.py")
    gatherer.gather(CURSOR, [source], budget_chars=1000, shares={"a": 1.0}, deadline_s=60)
    gatherer.forget(CURSOR.window.uri)
    source.hold = threading.Event()
    assert gatherer.gather(CURSOR, [source], budget_chars=1000, shares={"a": 1.0}, deadline_s=0.01) == ()
    assert gatherer.gather(other, [source], budget_chars=1000, shares={"a": 1.0}, deadline_s=0.01) == ()
    source.hold.set()


def typed(text: str) -> Cursor:
    return cursor_in(f"import os\n\n\ndef read(path):\n    with open(path) as file:\n        {text}‸\n")


def test_while_only_the_cursors_line_changes_no_source_is_asked_again(gatherer: Gatherer) -> None:
    source = Fixed("a", [snippet(numbered("x"))])
    shares = {"a": 1.0}
    first = gatherer.gather(typed("r"), [source], budget_chars=1000, shares=shares, deadline_s=60)
    again = gatherer.gather(typed("return"), [source], budget_chars=1000, shares=shares, deadline_s=60)
    assert first == again != () and source.calls == 1


def test_another_line_another_place_or_another_budget_is_another_question(gatherer: Gatherer) -> None:
    source = Fixed("a", [snippet(numbered("x"))])
    below = cursor_in("import os\n\n\ndef read(path):\n    with open(path) as file:\n        return\n        ‸\n")
    for cursor, budget in ((typed("r"), 1000), (below, 1000), (typed("r"), 1000), (typed("r"), 900)):
        gatherer.gather(cursor, [source], budget_chars=budget, shares={"a": 1.0}, deadline_s=60)
    assert source.calls == 4


def test_what_was_found_goes_stale(gatherer: Gatherer, monkeypatch: pytest.MonkeyPatch) -> None:
    source = Fixed("a", [snippet(numbered("x"))])
    for _ in range(2):
        gatherer.gather(typed("r"), [source], budget_chars=1000, shares={"a": 1.0}, deadline_s=60)
    assert source.calls == 1
    monkeypatch.setattr("codefuse_lsp.context.gather.RECHECK_S", 0.0)
    gatherer.gather(typed("re"), [source], budget_chars=1000, shares={"a": 1.0}, deadline_s=60)
    assert source.calls == 2
