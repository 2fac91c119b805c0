from __future__ import annotations

from dataclasses import dataclass

import pytest

from codefuse_lsp.worker.scheduler import QueueFull, Scheduler

GHOST, ACTION, CHAT = 0, 1, 2


@dataclass(eq=False)
class Job:
    name: str
    priority: int
    cancelled: bool = False


def started(scheduler: Scheduler[Job]) -> list[str]:
    """Admit everybody who may start; return their names."""
    names = []
    while (pair := scheduler.admit())[0] is not None:
        assert pair[0] is not None
        names.append(pair[0].name)
    return names


def test_the_best_class_starts_first_and_within_it_the_first_to_come() -> None:
    scheduler: Scheduler[Job] = Scheduler(max_running=4)
    for job in (Job("chat", CHAT), Job("ghost 1", GHOST), Job("action", ACTION), Job("ghost 2", GHOST)):
        scheduler.add(job)
    assert started(scheduler) == ["ghost 1", "ghost 2", "action", "chat"]


def test_ghost_text_runs_to_its_end_before_a_chat_takes_another_step() -> None:
    scheduler: Scheduler[Job] = Scheduler(max_running=2)
    chat, ghost = Job("chat", CHAT), Job("ghost", GHOST)
    scheduler.add(chat)
    started(scheduler)
    assert scheduler.schedule() is chat
    scheduler.add(ghost)
    started(scheduler)
    assert [scheduler.schedule() for _ in range(3)] == [ghost, ghost, ghost]
    scheduler.finish(ghost)
    assert scheduler.schedule() is chat


def test_two_chats_take_turns() -> None:
    scheduler: Scheduler[Job] = Scheduler(max_running=2)
    first, second = Job("first", CHAT), Job("second", CHAT)
    for job in (first, second):
        scheduler.add(job)
    started(scheduler)
    assert [scheduler.schedule() for _ in range(4)] == [first, second, first, second]


def test_ghost_text_takes_the_place_of_the_newest_chat_when_all_places_are_taken() -> None:
    scheduler: Scheduler[Job] = Scheduler(max_running=2)
    for name in ("old chat", "new chat"):
        scheduler.add(Job(name, CHAT))
    started(scheduler)
    scheduler.add(Job("ghost", GHOST))
    admitted, evicted = scheduler.admit()
    assert admitted is not None and evicted is not None
    assert (admitted.name, evicted.name) == ("ghost", "new chat")
    scheduler.finish(admitted)
    assert started(scheduler) == ["new chat"]


def test_nobody_is_evicted_for_an_equal() -> None:
    scheduler: Scheduler[Job] = Scheduler(max_running=1)
    scheduler.add(Job("first", GHOST))
    scheduler.add(Job("second", GHOST))
    assert started(scheduler) == ["first"]


def test_a_cancelled_job_never_starts_and_a_running_one_leaves() -> None:
    scheduler: Scheduler[Job] = Scheduler(max_running=1)
    running, waiting = Job("running", CHAT), Job("waiting", CHAT)
    scheduler.add(running)
    started(scheduler)
    scheduler.add(waiting)
    running.cancelled = waiting.cancelled = True
    assert set(scheduler.drop_cancelled()) == {running, waiting}
    assert scheduler.admit() == (None, None)
    assert scheduler.schedule() is None


def test_a_full_queue_refuses() -> None:
    scheduler: Scheduler[Job] = Scheduler(max_running=1, max_waiting=2)
    for number in range(2):
        scheduler.add(Job(str(number), CHAT))
    with pytest.raises(QueueFull):
        scheduler.add(Job("one too many", CHAT))
