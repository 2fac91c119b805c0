from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.worker.attention import Span
from codefuse_lsp.worker.kv_cache import Slot, SlotPool

CAPACITY = 32


def remember(pool: SlotPool, *texts: tuple[Slot, list[int]]) -> None:
    """Append tokens whose keys are their ids, and values minus that, in one pass."""
    spans = [Span(slot.index, len(slot.token_ids), len(token_ids)) for slot, token_ids in texts]
    keys = torch.tensor([float(i) for _, token_ids in texts for i in token_ids]).reshape(1, 1, -1, 1)  # (1, H, N, D)
    with pool.cache.writing(spans):
        for layer in range(2):
            pool.cache.update(keys, -keys, layer)
    for slot, token_ids in texts:
        slot.token_ids.extend(token_ids)


def keys_of(pool: SlotPool, slot: Slot) -> list[int]:
    keys, values = pool.cache._layers[1]
    assert torch.equal(keys[slot.index], -values[slot.index]) or len(slot.token_ids) < CAPACITY
    return [int(value) for value in keys[slot.index, 0, : len(slot.token_ids), 0]]


def test_one_pass_writes_the_tokens_of_several_texts_to_their_own_slots() -> None:
    pool = SlotPool(2, CAPACITY)
    first, second = pool.acquire([1, 2]), pool.acquire([7, 8])
    remember(pool, (first, [1, 2]), (second, [7]))
    remember(pool, (second, [8, 9]), (first, [3]))
    assert keys_of(pool, first) == [1, 2, 3]
    assert keys_of(pool, second) == [7, 8, 9]


def test_the_next_keystroke_finds_the_slot_of_the_last_one() -> None:
    pool = SlotPool(2, CAPACITY)
    slot = pool.acquire([1, 2, 3, 4])
    remember(pool, (slot, [1, 2, 3, 4, 9, 9]))
    pool.release(slot)
    again = pool.acquire([1, 2, 3, 4, 5])
    assert again is slot
    assert again.token_ids == keys_of(pool, again) == [1, 2, 3, 4]


def test_the_last_token_of_a_known_prompt_is_computed_again() -> None:
    pool = SlotPool(1, CAPACITY)
    slot = pool.acquire([1, 2, 3])
    remember(pool, (slot, [1, 2, 3]))
    pool.release(slot)
    assert pool.acquire([1, 2, 3]).token_ids == [1, 2]


def test_a_prefix_is_copied_from_a_slot_that_is_in_use() -> None:
    pool = SlotPool(2, CAPACITY)
    busy = pool.acquire([1, 2, 3, 4])
    remember(pool, (busy, [1, 2, 3, 4]))
    other = pool.acquire([1, 2, 3, 7])
    assert other is not busy
    assert other.token_ids == keys_of(pool, other) == [1, 2, 3]
    remember(pool, (other, [7]))
    assert keys_of(pool, busy) == [1, 2, 3, 4]
    assert keys_of(pool, other) == [1, 2, 3, 7]


def test_a_long_conversation_survives_a_short_text_with_the_same_first_token() -> None:
    pool = SlotPool(2, CAPACITY)
    chat = pool.acquire([1, 2, 3, 4, 5, 6])
    remember(pool, (chat, [1, 2, 3, 4, 5, 6]))
    pool.release(chat)
    assert pool.acquire([1, 8, 8]) is not chat
    assert chat.token_ids == [1, 2, 3, 4, 5, 6]


def test_the_least_recently_used_slot_goes_first() -> None:
    pool = SlotPool(2, CAPACITY)
    first = pool.acquire([1, 1, 1])
    remember(pool, (first, [1, 1, 1]))
    second = pool.acquire([2, 2, 2])
    remember(pool, (second, [2, 2, 2]))
    pool.release(second)
    pool.release(first)
    assert pool.acquire([3, 3, 3]) is second


def test_no_slot_is_left_when_all_are_in_use() -> None:
    pool = SlotPool(1, CAPACITY)
    pool.acquire([1, 2])
    with pytest.raises(LookupError):
        pool.acquire([1, 2])


def test_what_was_found_and_what_had_to_be_read_of_prompts_is_counted() -> None:
    pool = SlotPool(1, CAPACITY)
    slot = pool.acquire([1, 2, 3])
    remember(pool, (slot, [1, 2, 3, 9]))
    pool.release(slot, num_prompt=3)
    assert pool.tokens[2:] == (0, 3), "the answer is no part of the prompt"
    slot = pool.acquire([1, 2, 3, 4, 5, 6])
    remember(pool, (slot, [4]))
    pool.release(slot, num_prompt=6)
    assert pool.tokens[2:] == (3, 4), "of a prompt that was given up, no more than was read"


def test_clearing_gives_the_memory_back_and_what_is_in_use_is_read_again() -> None:
    pool = SlotPool(1, CAPACITY)
    slot = pool.acquire([1, 2])
    remember(pool, (slot, [1, 2]))
    assert pool.tokens[:2] == (2, CAPACITY)
    pool.clear()
    assert pool.tokens[:2] == (0, CAPACITY)
    assert not pool.cache._layers
    remember(pool, (slot, [1, 2]))
    assert keys_of(pool, slot) == [1, 2]


@given(st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=CAPACITY), max_size=12))
def test_whatever_is_asked_a_slot_holds_what_it_says(texts: list[list[int]]) -> None:
    pool = SlotPool(3, CAPACITY)
    for number, text in enumerate(texts):
        slot = pool.acquire(text)
        assert slot.token_ids == text[: len(slot.token_ids)]
        remember(pool, (slot, text[len(slot.token_ids) :]))
        assert keys_of(pool, slot) == text
        if number % 2:
            pool.release(slot)
        else:
            for other in pool.slots:
                pool.release(other)
