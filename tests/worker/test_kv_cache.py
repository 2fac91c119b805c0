from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.worker.kv_cache import SMALLEST_CAPACITY, Slot, SlotLayer, SlotPool, common_prefix


def states(*values: float) -> torch.Tensor:
    """Keys or values with one head and one dimension, (1, 1, L, 1)."""
    return torch.tensor(values).reshape(1, 1, -1, 1)


def remember(slot: Slot, token_ids: list[int]) -> None:
    """Append tokens whose keys are their ids."""
    for layer in slot.layers:
        layer.update(states(*token_ids), states(*token_ids))
    slot.token_ids.extend(token_ids)


def keys_of(slot: Slot) -> list[int]:
    layer = slot.layers[0]
    assert layer._k is not None
    return [int(value) for value in layer._k[0, 0, : layer.length, 0]]


def test_a_layer_returns_all_that_it_holds_also_after_growing() -> None:
    layer = SlotLayer()
    layer.update(states(*range(SMALLEST_CAPACITY - 1)), states(*range(SMALLEST_CAPACITY - 1)))
    keys, values = layer.update(states(-1, -2, -3), states(-4, -5, -6))
    assert keys.shape == values.shape == (1, 1, SMALLEST_CAPACITY + 2, 1)
    assert keys[0, 0, -4:, 0].tolist() == [SMALLEST_CAPACITY - 2, -1, -2, -3]
    assert values[0, 0, -3:, 0].tolist() == [-4, -5, -6]


def test_the_next_keystroke_finds_the_slot_of_the_last_one() -> None:
    pool = SlotPool(num_slots=2, num_layers=1)
    slot = pool.acquire([1, 2, 3, 4])
    remember(slot, [1, 2, 3, 4, 9, 9])
    pool.release(slot)
    again = pool.acquire([1, 2, 3, 4, 5])
    assert again is slot
    assert again.token_ids == keys_of(again) == [1, 2, 3, 4]


def test_the_last_token_of_a_known_prompt_is_computed_again() -> None:
    pool = SlotPool(num_slots=1, num_layers=1)
    slot = pool.acquire([1, 2, 3])
    remember(slot, [1, 2, 3])
    pool.release(slot)
    assert pool.acquire([1, 2, 3]).token_ids == [1, 2]


def test_a_prefix_is_copied_from_a_slot_that_is_in_use() -> None:
    pool = SlotPool(num_slots=2, num_layers=2)
    busy = pool.acquire([1, 2, 3, 4])
    remember(busy, [1, 2, 3, 4])
    other = pool.acquire([1, 2, 3, 7])
    assert other is not busy
    assert other.token_ids == keys_of(other) == [1, 2, 3]
    remember(other, [7])
    assert keys_of(busy) == [1, 2, 3, 4]


def test_a_long_conversation_survives_a_short_text_with_the_same_first_token() -> None:
    pool = SlotPool(num_slots=2, num_layers=1)
    chat = pool.acquire([1, 2, 3, 4, 5, 6])
    remember(chat, [1, 2, 3, 4, 5, 6])
    pool.release(chat)
    assert pool.acquire([1, 8, 8]) is not chat
    assert chat.token_ids == [1, 2, 3, 4, 5, 6]


def test_the_least_recently_used_slot_goes_first() -> None:
    pool = SlotPool(num_slots=2, num_layers=1)
    first = pool.acquire([1, 1, 1])
    remember(first, [1, 1, 1])
    second = pool.acquire([2, 2, 2])
    remember(second, [2, 2, 2])
    pool.release(second)
    pool.release(first)
    assert pool.acquire([3, 3, 3]) is second


def test_no_slot_is_left_when_all_are_in_use() -> None:
    pool = SlotPool(num_slots=1, num_layers=1)
    pool.acquire([1, 2])
    assert not pool.has_free
    with pytest.raises(LookupError):
        pool.acquire([1, 2])


def test_truncating_mends_layers_that_a_failed_pass_left_uneven() -> None:
    slot = Slot([SlotLayer(), SlotLayer()])
    remember(slot, [1, 2, 3])
    slot.layers[0].update(states(4), states(4))
    slot.truncate(3)
    assert [layer.length for layer in slot.layers] == [3, 3]


@given(st.lists(st.integers(0, 2)), st.lists(st.integers(0, 2)))
def test_common_prefix_is_the_longest(left: list[int], right: list[int]) -> None:
    length = common_prefix(left, right)
    assert left[:length] == right[:length]
    assert length == min(len(left), len(right)) or left[length] != right[length]
