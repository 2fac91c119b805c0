from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, field

from codefuse_lsp.evaluation.bench.keystrokes import Key, Passage, keystrokes
from codefuse_lsp.evaluation.bench.typist import Record, Session, Typist

LINE = "width_of_all = sum(widths)"


@dataclass
class Paper:
    """A desk that says what the test wants after each text; what it says nothing for stays unanswered."""

    says: dict[str, str]  # what stands before the cursor -> ghost text
    text: str = ""
    keys: list[Key] = field(default_factory=list)
    told: list[Record] = field(default_factory=list)

    async def open(self, passage: Passage) -> None:
        self.text = passage.before

    def press(self, key: Key) -> Awaitable[str | None]:
        self.keys.append(key)
        self.text = self.text[: len(self.text) - key.erased] + key.text
        answer = asyncio.get_running_loop().create_future()
        answer.set_result(self.says.get(self.text))
        return answer

    async def records(self) -> list[Record]:
        return self.told


def right_keys(typed: str) -> int:
    """A seed with which nothing is typed wrong."""
    return next(seed for seed in range(1000) if not any(key.erased for key in keystrokes(typed, 99, seed)))


async def play(desk: Paper, *, accepts: bool = False) -> Session:
    passage = Passage("a", "", "\n", LINE)
    return await Typist(desk, pace=0.0, accepts=accepts).play([passage], 99, right_keys(LINE))


async def test_who_types_through_presses_every_key_though_a_suggestion_foresees_it() -> None:
    desk = Paper({"width": "_of_all = sum(widths)", "width_": "off"})
    session = await play(desk)
    assert desk.text == LINE and session.keys == len(LINE) and session.kept == len(LINE)
    assert session.typed_through == 2  # the _ behind width, and the o behind width_
    assert session.accepted == 0 and len(session.shown_ms) == 2


async def test_who_accepts_takes_what_is_right_to_its_end_with_one_key() -> None:
    desk = Paper({"width": "_of_all", "width_of_all = ": "sum(w", "width_of_all = sum(": "heights)"})
    session = await play(desk, accepts=True)
    assert desk.text == LINE and session.kept == len(LINE)
    assert session.accepted == 2 and session.keys == len(LINE) - len("_of_all") - len("sum(w") + 2
    assert "_of_all" in [key.text for key in desk.keys]


async def test_a_suggestion_for_an_earlier_key_is_nobodys() -> None:
    session = await play(Paper({"w": "idth_of_all"}), accepts=True)
    assert session.accepted == 1
    session = await play(Paper({"w": "idths"}), accepts=True)
    assert session.accepted == 0 and session.typed_through == 1


def record(source: str, outcome: str = "shown", prompt_tokens: int = 100, cached_tokens: int = 90) -> Record:
    return {
        "id": "x", "file": "a.py", "source": source, "outcome": outcome,
        "prompt_tokens": prompt_tokens, "cached_tokens": cached_tokens,
    }  # fmt: skip


def test_the_figures_of_a_session_are_counted_from_its_records() -> None:
    records = [
        record("model"),
        record("model", "cancelled"),
        record("cache"),
        record("running"),
        record("running", "cancelled"),
        record("", "line finished"),
        record("", "cancelled"),
    ]
    session = Session(keys=7, kept=4, shown_ms=[5.0, 1.0], records=records)
    assert session.asked == 2 and session.asked_per_kept == 0.5
    assert session.spared == 40.0  # the cache and a running answer, of five that had a source
    assert session.cached == session.cached_later == 90.0
    assert session.counts("model", "cache", "running", "") == [1, 1, 1, 1, 3]
    assert session.ms(50) == 1.0 and session.ms(95) == 5.0


def test_nothing_typed_has_figures_too() -> None:
    session = Session()
    assert (session.spared, session.cached, session.asked_per_kept, session.ms(95)) == (0, 0, 0, 0)
