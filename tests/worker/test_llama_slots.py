from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.generation.request import Priority
from codefuse_lsp.worker.llama_slots import MAX_HOLD_S, MAX_WAITING, QueueFull, SlotTable, Ticket

GHOST, ACTION, CHAT, IDLE = Priority


def ticket(
    priority: int, ids: list[int] | None = None, client: str = "", document: str = "", since: float = 0
) -> Ticket:
    return Ticket(priority, client, document, ids or [1], since)


def entered(table: SlotTable, *tickets: Ticket, now: float = 0) -> None:
    for one in tickets:
        table.enter(one)
    table.admit(now)


def test_ghost_text_finds_a_slot_however_many_chats_run() -> None:
    table = SlotTable(4)
    chats = [ticket(CHAT) for _ in range(5)]
    entered(table, *chats)
    assert [chat.slot for chat in chats] == [2, 3, None, None, None]
    for chat in chats[:2]:
        chat.begun = True
    ghost = ticket(GHOST)
    entered(table, ghost)
    assert ghost.slot == 0  # llama.cpp computes the prompts of the first slots first


def test_the_better_class_goes_first_then_the_client_with_less() -> None:
    table = SlotTable(2)
    busy = ticket(CHAT, client="a")
    entered(table, busy)
    late = [ticket(IDLE), ticket(CHAT, client="a"), ticket(CHAT, client="b"), ticket(ACTION)]
    entered(table, *late)
    assert table.place(late[3]).position == 0
    assert table.place(late[2]).position == 1
    assert table.place(late[1]).position == 2
    assert table.place(late[0]).position == 3
    table.leave(busy, [1], service_s=2.0)
    table.admit(0)
    assert late[3].slot is not None
    assert table.place(late[1]).expected_wait == pytest.approx(2.0)


def test_the_newest_ghost_text_of_a_document_replaces_its_elders() -> None:
    table, told = SlotTable(2), []
    elder = ticket(GHOST, client="a", document="x")
    elder.notify = lambda: told.append("elder")
    other = ticket(GHOST, client="b", document="x")
    entered(table, elder, other)
    told.clear()
    entered(table, ticket(GHOST, client="a", document="x"))
    assert (elder.replaced, other.replaced, told) == (True, False, ["elder"])


def test_a_prompt_is_held_back_for_ghost_text_but_not_for_long() -> None:
    table = SlotTable(4)
    chat, ghost, later = ticket(CHAT), ticket(GHOST), ticket(CHAT)
    entered(table, chat)
    entered(table, ghost, later)
    assert (chat.slot, later.slot) == (None, None)
    assert table.waiting == [later, chat]
    table.admit(MAX_HOLD_S)
    assert None not in (chat.slot, later.slot)


def test_what_has_given_text_keeps_its_slot() -> None:
    table = SlotTable(2)
    chat = ticket(CHAT)
    entered(table, chat)
    chat.begun = True
    entered(table, ticket(GHOST))
    assert chat.slot == 1


def test_a_prompt_goes_where_its_beginning_is_and_else_where_nobody_was_for_longest() -> None:
    table = SlotTable(6)
    texts = [[1, *range(n, n + 20)] for n in (100, 200, 300)]
    for text in texts:
        one = ticket(GHOST, text)
        entered(table, one)
        table.leave(one, text)
    again = ticket(GHOST, [*texts[1], 7])
    entered(table, again)
    assert again.slot == 1
    fresh = ticket(GHOST, [1, 5, 6, 7])  # shares one token with all of them: not worth losing the newest
    entered(table, fresh)
    assert fresh.slot == 0
    assert table.num_tokens == 63


def test_the_queue_is_bounded() -> None:
    table = SlotTable(2)
    entered(table, *(ticket(CHAT) for _ in range(MAX_WAITING)))
    entered(table, ticket(CHAT))
    with pytest.raises(QueueFull):
        table.enter(ticket(CHAT))


@given(st.lists(st.tuples(st.sampled_from(["enter", "leave", "begin"]), st.integers(0, 3), st.integers(0, 9))))
def test_no_slot_is_ever_given_twice_and_nobody_is_lost(steps: list[tuple[str, int, int]]) -> None:
    table, inside = SlotTable(3), []
    for now, (step, priority, which) in enumerate(steps):
        if step == "enter":
            inside.append(ticket(priority, client=str(which % 3), since=now))
            table.enter(inside[-1])
        elif inside:
            one = inside[which % len(inside)]
            if step == "leave":
                inside.remove(one)
                table.leave(one, None)
            else:
                one.begun = one.slot is not None
        table.admit(now)
        slots = [one.slot for one in table.running]
        assert None not in slots
        assert len(set(slots)) == len(slots)
        assert sorted(map(id, [*table.running, *table.waiting])) == sorted(map(id, inside))
