"""The rounds of a kept conversation, and which of them are told as they were told before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from lsprotocol import types

from codefuse_lsp.lsp.protocol.references import Reference as Wanted
from codefuse_lsp.lsp.rounds import MOST_ROUNDS, ROUNDS_STEP, Kept, remarks, rounds_of, running, wanted
from codefuse_lsp.prompts.chat import Round, Talk
from codefuse_lsp.prompts.telling import Telling


@dataclass(frozen=True)
class Turn:
    role: str
    text: str
    secrets: tuple[str, ...] = ()
    references: Sequence[Mapping[str, Any]] = ()


def turns(count: int) -> list[Turn]:
    return [turn for n in range(count) for turn in (Turn("human", f"q{n}", (f"secret {n}",)), Turn("bot", f"a{n}"))]


def test_a_round_is_a_question_with_its_answer_and_the_secrets_of_both() -> None:
    kept = [Turn("bot", "unasked"), Turn("human", "a?", ("s",)), Turn("bot", "b", ("s", "t")), Turn("human", "c?")]
    assert rounds_of(kept) == [Kept("a?", "b", ("s", "t")), Kept("c?")]
    assert Kept("/explain it").asked.startswith("Explain this code")


def test_of_a_very_long_conversation_the_last_rounds_are_looked_at_and_the_window_moves_in_steps() -> None:
    starts = set()
    for count in range(MOST_ROUNDS, MOST_ROUNDS + 2 * ROUNDS_STEP):
        found = running(turns(count), "now?", Telling())
        assert MOST_ROUNDS <= len(found.rounds) < MOST_ROUNDS + ROUNDS_STEP + 1
        assert found.rounds[0].question == f"q{found.older}" and found.rounds[-1] == Kept("now?")
        assert {f"secret {n}" for n in range(found.older + 1)} <= set(found.rounds[0].secrets)
        starts.add(found.older)
    assert len(starts) == 3


@pytest.mark.parametrize("more", [1, ROUNDS_STEP])
def test_what_was_told_is_known_again_when_the_window_has_moved(more: int) -> None:
    before = running(turns(MOST_ROUNDS - 1), "now?", Telling())
    talk = Talk(tuple(Round(one.question, (), one.answer) for one in before.rounds), dropped=90, digest="Earlier.")
    history = [*turns(MOST_ROUNDS - 1), Turn("human", "now?"), Turn("bot", "then")]
    history += [Turn(turn.role, f"more {turn.text}") for turn in turns(more - 1)]
    after = running(history, "and?", Telling(before.keys, talk))
    assert after.older == (0 if more == 1 else ROUNDS_STEP)
    assert after.shared == MOST_ROUNDS - after.older and after.telling.talk.dropped == 90 - after.older
    assert after.telling.talk.rounds[-1].question == "now?"


def test_the_question_is_never_told_as_it_was_before() -> None:
    first = running(turns(2), "now?", Telling())
    told = Telling(first.keys, Talk(tuple(Round(one.question, (), one.answer) for one in first.rounds)))
    assert running(turns(2), "now?", told).shared == 2


def test_what_a_message_mentions_is_looked_for_unless_it_came_with_it() -> None:
    file, symbol = Wanted("file:///w/src/a%20b.py"), Wanted(kind="symbol", name="area")
    message = '@file:"a b.py" and @symbol:area @file:c.py @diff'
    assert wanted(message, [file, symbol]) == [file, symbol, Wanted(kind="file", name="c.py"), Wanted(kind="diff")]
    assert wanted("/commit", []) == [Wanted(kind="diff")]
    assert wanted("/commit", [Wanted("file:///w", kind="diff")]) == [Wanted("file:///w", kind="diff")]


A, B = "file:///w/src/a%20b.py", "file:///w/b.py"


@pytest.mark.parametrize(
    ("message", "references", "problems_of"),
    [
        ("@diagnostics", [], [A, B]),
        ('why @diagnostics in @file:"a b.py"?', [], [A]),
        ("why @diagnostics?", [Wanted(B, kind="selection")], [B]),
        ("why @diagnostics?", [Wanted(A, kind="diagnostics", text="1:1: error")], []),
        ("/fix", [Wanted("file:///w/src/a b.py")], [A]),
        ("/fix @file:b.py", [], [B]),
        ("/fix @diagnostics", [Wanted(B)], [B]),
        ("/fix", [Wanted(A), Wanted(A, kind="diagnostics", text="1:1: error")], []),
        ("/fix it", [Wanted("file:///w/c.py")], []),
        ("/fix", [Wanted(A, kind="diff")], []),
        ("/explain", [Wanted(A)], []),
    ],
)
def test_problems_are_those_of_what_a_message_refers_to(
    message: str, references: list[Wanted], problems_of: list[str]
) -> None:
    found = wanted(message, references, [A, B])
    assert [one.uri for one in found if one.kind == "diagnostics" and one not in references] == problems_of


def test_problems_that_nobody_knows_are_asked_for_only_where_the_user_says_so() -> None:
    assert wanted("/fix", [Wanted(A)]) == [Wanted(A)]
    assert wanted("@diagnostics?", [Wanted(A)]) == [Wanted(A), Wanted(kind="diagnostics")]


def test_a_selection_or_a_terminal_that_came_along_is_the_one_that_is_mentioned() -> None:
    here = types.Range(types.Position(0, 0), types.Position(1, 0))
    given = [Wanted(A, here), Wanted(kind="terminal", name="zsh", text="$ make")]
    assert wanted("@selection fails in @terminal", given) == given
    assert wanted("@selection", []) == [Wanted(kind="selection")]


def test_a_command_without_code_is_told_of() -> None:
    assert remarks("/fix", refers=True) == remarks("/fix it", refers=False) == remarks("/help", refers=False) == []
    assert len(remarks("/fix", refers=False)) == len(remarks("/fax", refers=True)) == 1
