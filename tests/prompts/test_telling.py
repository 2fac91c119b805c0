"""A chat goes on being told as it was told before."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.prompts.chat import Reference, Round, Talk
from codefuse_lsp.prompts.telling import MOST_CONVERSATIONS, MOST_DROPPED_CHARS, Telling, Tellings, keys_of

CUT = Reference("a.py", "python", "x = 1\n… 9 lines left out …\n")
PAST = [("one?", "1"), ("two?", "2"), ("three?", "")]


def same(text: str) -> str:
    return text


def telling(dropped: int = 0) -> Telling:
    rounds = (Round("one?", (CUT,), "1"), Round("two?", (CUT,), ""))
    return Telling(keys_of([*PAST[:1], ("two?", "")]), Talk(rounds, "old", dropped, "Earlier." if dropped else ""))


def fresh() -> Talk:
    return Talk((Round("one?", (), "1"), Round("two?", (), "2"), Round("three?")), "new")


def test_a_key_tells_all_that_came_before() -> None:
    assert keys_of(PAST)[:2] == keys_of([PAST[0], ("two?", "otherwise")])
    assert keys_of([("one?", "another answer"), PAST[1]])[1] != keys_of(PAST)[1]
    assert keys_of([("one?", "1two?")])[0] == keys_of(PAST)[0]


def test_what_was_told_keeps_its_excerpts_and_gets_its_answer() -> None:
    shared = telling().shared_with(keys_of(PAST))
    talk = telling().goes_on(fresh(), shared, same)
    assert shared == 2 and talk.system == "new"
    assert talk.rounds == (Round("one?", (CUT,), "1"), Round("two?", (CUT,), "2"), Round("three?"))


def test_what_was_left_out_stays_left_out() -> None:
    talk = telling(dropped=1).goes_on(fresh(), 2, same)
    assert (talk.dropped, talk.digest) == (1, "Earlier.")


def test_another_branch_is_told_afresh_from_where_it_leaves() -> None:
    other = keys_of([("one?", "another answer"), ("two?", "")])
    assert telling(dropped=1).shared_with(other) == 1
    assert telling(dropped=2).goes_on(fresh(), 1, same).dropped == 0


def test_what_is_a_secret_by_now_is_hidden_in_all_of_it() -> None:
    talk = telling(dropped=1).goes_on(fresh(), 2, lambda text: text.replace("x = 1", "HIDDEN").replace("Ear", "H"))
    assert talk.rounds[1].references[0].text.startswith("HIDDEN") and talk.digest == "Hlier."


def test_rounds_that_are_too_old_to_be_looked_at_are_forgotten() -> None:
    since = telling(dropped=1).since(keys_of(PAST)[1])
    assert (since.keys, since.talk.rounds, since.talk.dropped) == (keys_of(PAST)[1:2], (Round("two?", (CUT,), ""),), 0)
    assert since.talk.digest == "Earlier." and telling().since("unknown") == Telling()


def test_what_must_not_be_told_any_more_is_not() -> None:
    told = telling(dropped=1).without(lambda one: one.path == "a.py")
    assert told.talk.digest == "" and all(not this.references for this in told.talk.rounds)
    assert telling().without(lambda one: False) == telling()


def test_the_memory_is_bounded() -> None:
    known, long = Tellings(), replace(CUT, text="x" * (MOST_DROPPED_CHARS // 2 + 1))
    rounds = tuple(Round("q", (replace(long, path=f"{n}.py"),), "a") for n in range(9))
    for number in range(MOST_CONVERSATIONS + 5):
        known.keep(str(number), Telling(("k",) * 9, Talk(rounds, dropped=8)))
    assert known.of("0") == Telling() and len(known.of("9").talk.rounds) == 9
    kept = [one for this in known.of("9").talk.rounds[:8] for one in this.references]
    assert [one.path for one in kept] == ["7.py"] and known.of("9").talk.rounds[8].references


@given(st.lists(st.tuples(st.text("ab"), st.text("ab")), max_size=6), st.lists(st.tuples(st.text("ab"), st.text("ab"))))
def test_the_shared_rounds_are_those_with_the_same_beginning(
    one: list[tuple[str, str]], other: list[tuple[str, str]]
) -> None:
    shared = Telling(keys_of(one)).shared_with(keys_of(other))
    assert [q for q, _ in one[:shared]] == [q for q, _ in other[:shared]]
    assert one[: max(0, shared - 1)] == other[: max(0, shared - 1)]
