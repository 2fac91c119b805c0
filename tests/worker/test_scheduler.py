from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.worker.scheduler import PATIENCE, QueueFull, Scheduler

GHOST, ACTION, CHAT, IDLE = 0, 1, 2, 3


@dataclass(eq=False)
class Job:
    name: str
    priority: int
    client: str = "me"
    document: str = ""
    cancelled: bool = False
    prefilling: bool = False


def queue(*jobs: Job, max_running: int = 4, max_waiting: int = 256) -> Scheduler[Job]:
    scheduler: Scheduler[Job] = Scheduler(max_running, max_waiting)
    for job in jobs:
        scheduler.add(job)
    return scheduler


def started(scheduler: Scheduler[Job]) -> list[str]:
    """Admit everybody who may start; return their names."""
    names = []
    while (admission := scheduler.admit()) is not None:
        names.append(admission.admitted.name)
    return names


def names(jobs: list[Job] | tuple[Job, ...]) -> list[str]:
    return [job.name for job in jobs]


def test_the_best_class_starts_first_and_within_it_the_first_to_come() -> None:
    jobs = (Job("chat", CHAT), Job("ghost 1", GHOST), Job("action", ACTION), Job("ghost 2", GHOST))
    assert started(queue(*jobs)) == ["ghost 1", "ghost 2", "action", "chat"]


def test_everyone_who_decodes_shares_a_step_with_one_prompt() -> None:
    scheduler = queue(Job("a", CHAT), Job("b", CHAT), Job("c", CHAT, prefilling=True), Job("d", CHAT, prefilling=True))
    started(scheduler)
    step = scheduler.schedule()
    assert step is not None and step.prefill is not None
    assert names(step.decode) == ["a", "b"]
    assert step.prefill.name == "c"


def test_a_prompt_waits_while_a_better_class_decodes_but_not_for_ever() -> None:
    ghost, chat = Job("ghost", GHOST), Job("chat", CHAT, prefilling=True)
    scheduler = queue(ghost, chat)
    started(scheduler)
    steps = [scheduler.schedule() for _ in range(PATIENCE + 1)]
    assert [step.prefill for step in steps if step] == [None] * PATIENCE + [chat]
    scheduler.finish(ghost)
    after = scheduler.schedule()
    assert after is not None and after.prefill is chat


def test_a_better_classs_prompt_is_read_first() -> None:
    scheduler = queue(Job("chat", CHAT, prefilling=True), Job("ghost", GHOST, prefilling=True))
    started(scheduler)
    step = scheduler.schedule()
    assert step is not None and step.prefill is not None and step.prefill.name == "ghost"


def test_in_the_middle_of_a_pass_only_better_classes_that_are_not_in_it_are_served() -> None:
    busy, ghost, other = Job("busy", GHOST), Job("ghost", GHOST), Job("other", CHAT)
    scheduler = queue(busy, ghost, other)
    started(scheduler)
    step = scheduler.schedule(better_than=CHAT, without={busy})
    assert step is not None and step.sequences == (ghost,)
    scheduler.finish(ghost)
    assert scheduler.schedule(better_than=CHAT, without={busy}) is None


def test_ghost_text_takes_the_place_of_the_newest_chat_when_all_places_are_taken() -> None:
    scheduler = queue(Job("old chat", CHAT), Job("new chat", CHAT), max_running=2)
    started(scheduler)
    scheduler.add(Job("ghost", GHOST))
    admission = scheduler.admit()
    assert admission is not None and admission.evicted is not None
    assert (admission.admitted.name, admission.evicted.name) == ("ghost", "new chat")
    assert names(scheduler.waiting) == ["new chat"]


def test_nobody_makes_room_for_the_own_class_or_a_worse_one() -> None:
    scheduler = queue(Job("chat", CHAT), max_running=1)
    started(scheduler)
    for priority in (CHAT, IDLE):
        scheduler.add(Job("other", priority))
    assert scheduler.admit() is None


def test_the_client_that_was_served_least_goes_first() -> None:
    first = Job("first", CHAT, client="busy")
    scheduler = queue(first, max_running=1)
    started(scheduler)
    scheduler.charge(first, 1000)
    for job in (Job("second", CHAT, client="busy"), Job("third", CHAT, client="busy")):
        scheduler.add(job)
    scheduler.add(Job("newcomer", CHAT, client="quiet"))
    scheduler.charge(first, 1)
    assert names(scheduler.waiting)[0] == "newcomer"


def test_a_newcomer_has_no_claim_to_what_others_got_before() -> None:
    old = Job("old", CHAT, client="old")
    scheduler = queue(old)
    scheduler.charge(old, 10_000)
    newcomer = Job("new", CHAT, client="new")
    scheduler.add(newcomer)
    scheduler.charge(newcomer, 1)
    assert names(scheduler.waiting) == ["old", "new"]


def test_only_the_newest_ghost_text_of_a_document_is_kept() -> None:
    scheduler = queue(Job("running", GHOST, document="1"), max_running=1)
    started(scheduler)
    assert names(scheduler.add(Job("waiting", GHOST, document="1"))) == ["running"]
    assert names(scheduler.add(Job("newest", GHOST, document="1"))) == ["waiting"]
    for other in (
        Job("other document", GHOST, document="2"),
        Job("other client", GHOST, "you", "1"),
        Job("chat", CHAT, document="1"),
        Job("no document", GHOST),
        Job("no document", GHOST),
    ):
        assert scheduler.add(other) == []
    assert started(scheduler) == ["newest"]


def test_a_full_queue_refuses_all_but_a_better_class() -> None:
    scheduler = queue(Job("running", CHAT), max_running=1, max_waiting=2)
    started(scheduler)
    for name in ("first", "second"):
        scheduler.add(Job(name, CHAT))
    with pytest.raises(QueueFull):
        scheduler.add(Job("third", CHAT))
    assert names(scheduler.add(Job("ghost", GHOST))) == ["second"]
    assert names(scheduler.waiting) == ["ghost", "first"]


def test_cancelled_sequences_leave_wherever_they_are_unless_they_are_in_a_pass() -> None:
    jobs = [Job("running", CHAT), Job("busy", CHAT), Job("waiting", CHAT)]
    scheduler = queue(*jobs, max_running=2)
    started(scheduler)
    for job in jobs:
        job.cancelled = True
    assert set(names(scheduler.drop_cancelled(keep={jobs[1]}))) == {"running", "waiting"}
    assert names(scheduler.running) == ["busy"]


@given(st.lists(st.tuples(st.sampled_from([GHOST, ACTION, CHAT, IDLE]), st.sampled_from("abc"), st.booleans())))
def test_nobody_is_lost_and_no_worse_class_runs_while_a_better_one_waits(asked: list[tuple[int, str, bool]]) -> None:
    scheduler: Scheduler[Job] = Scheduler(max_running=3)
    jobs = [Job(str(n), priority, client, prefilling=p) for n, (priority, client, p) in enumerate(asked)]
    for job in jobs:
        scheduler.add(job)
        started(scheduler)
    assert {*scheduler.running, *scheduler.waiting} == set(jobs)
    assert len(scheduler.running) == min(3, len(jobs))
    worst = max((job.priority for job in scheduler.running), default=GHOST)
    assert all(job.priority >= worst for job in scheduler.waiting)
    while jobs:
        step = scheduler.schedule()
        if step is not None:
            for job in step.sequences:
                scheduler.charge(job, 1)
                scheduler.finish(job)
                jobs.remove(job)
        started(scheduler)
    assert not scheduler._served
