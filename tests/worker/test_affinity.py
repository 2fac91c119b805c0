from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.worker.affinity import BLOCK, Readers, heads

PROMPT = "".join(f"def function_{number}():\n    return {number}\n" for number in range(200))


@given(st.text(max_size=3 * BLOCK), st.text(max_size=2 * BLOCK), st.text(max_size=2 * BLOCK))
def test_prompts_share_as_many_heads_as_whole_blocks_from_their_start(common: str, a: str, b: str) -> None:
    one, other = heads(common + a), heads(common + b)
    shared = next((n for n, (x, y) in enumerate(zip(one, other, strict=False)) if x != y), min(len(one), len(other)))
    assert shared >= len(common) // BLOCK
    assert len(one) == len(common + a) // BLOCK
    assert (common + a)[: shared * BLOCK] == (common + b)[: shared * BLOCK]


def test_a_prompt_goes_to_whom_has_read_most_of_it() -> None:
    readers: Readers[str] = Readers()
    readers.remember(heads(PROMPT[: 6 * BLOCK]), "some")
    readers.remember(heads(PROMPT[: 12 * BLOCK]), "most")
    assert readers.of(heads(PROMPT[: 12 * BLOCK] + "and more" * BLOCK), {"some", "most"}) == {"most"}
    assert readers.of(heads(PROMPT[: 6 * BLOCK] + "another end" * 9), {"some", "most"}) == {"some", "most"}


def test_a_short_beginning_in_common_says_nothing() -> None:
    readers: Readers[str] = Readers()
    readers.remember(heads(PROMPT[: 2 * BLOCK]), "one")
    assert readers.of(heads(PROMPT[: 20 * BLOCK]), {"one"}) == set()


def test_nobody_has_read_what_is_shorter_than_a_block() -> None:
    readers: Readers[str] = Readers()
    readers.remember(heads("x = 1"), "one")
    assert heads("x = 1") == () and readers.of((), {"one"}) == set()


def test_a_replica_that_is_gone_is_forgotten_and_the_next_best_taken() -> None:
    readers: Readers[str] = Readers()
    readers.remember(heads(PROMPT), "gone")
    readers.remember(heads(PROMPT[: len(PROMPT) // 2]), "lives")
    assert readers.of(heads(PROMPT), {"lives"}) == {"lives"}


def test_memory_is_bounded_and_what_was_seen_last_stays() -> None:
    readers: Readers[int] = Readers(kept=30)
    for number in range(100):
        readers.remember(heads(f"{number:03}" + "x" * 10 * BLOCK), number)
    assert readers.of(heads("000" + "x" * 10 * BLOCK), range(100)) == set()
    assert readers.of(heads("099" + "x" * 10 * BLOCK), range(100)) == {99}
