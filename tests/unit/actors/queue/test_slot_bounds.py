"""A slot is one transaction: whatever is due in it, it takes as much as that has room for."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seriatim.actors.queue import machine, times
from seriatim.actors.queue.commands import (
    Cancel,
    Change,
    Done,
    Failed,
    Purge,
    Remove,
    Report,
    Retry,
)
from seriatim.formats.errors import RefusedError
from seriatim.formats.jobs import telling
from seriatim.formats.jobs.spec import Otherwise
from seriatim.formats.jobs.state import JobState
from seriatim.formats.limits import JOB_ARGS_MAX_BYTES, QUEUE_CHANGED_MAX_BYTES
from tests.support.stepped_queue import SteppedQueue, claim, submit

FEW = 3


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slots with room for few children."""
    monkeypatch.setattr(telling, "QUEUE_TOLD_MAX", FEW)


@pytest.fixture
def queue() -> SteppedQueue:
    return SteppedQueue()


def settle(queue: SteppedQueue, *, restarts: random.Random | None = None) -> int:
    """Make slots until nothing is due at once; return how many."""
    count = 0
    while queue.machine.wake_ms(queue.wall_ms, queue.monotonic_ms) == 0:
        queue.batch()
        count += 1
        if restarts is not None and restarts.random() < 0.5:
            queue.restart()
        assert count < 1_000
    return count


def family(children: int) -> list[dict[str, Any]]:
    return [{"id": "p"}, *({"id": f"c{n:03}", "after": ["p"]} for n in range(children))]


def end(queue: SteppedQueue, job: str) -> None:
    (grant,) = queue.lease()
    assert grant.id == job
    queue.do(Report("w", [Done(job, grant.token, b"1")]))


@pytest.mark.usefixtures("few")
def test_many_children_are_told_slot_by_slot_in_their_order(queue: SteppedQueue) -> None:
    queue.submit(*family(10))
    end(queue, "p")
    assert queue.machine.fold.numbers.states() == {"done": 1, "pending": FEW, "blocked": 7}
    assert [job.id for job in queue.machine.fold.live.values() if job.waits is None] == [
        "c000",
        "c001",
        "c002",
    ]
    assert settle(queue) == 3
    assert queue.machine.fold.numbers.states() == {"done": 1, "pending": 10}
    assert queue.replayed() == queue.rows()


@pytest.mark.usefixtures("few")
def test_whoever_starts_meanwhile_tells_the_others(queue: SteppedQueue) -> None:
    queue.submit(*family(10))
    end(queue, "p")
    queue.restart()
    assert settle(queue, restarts=random.Random(1)) == 3
    assert queue.machine.fold.numbers.states() == {"done": 1, "pending": 10}
    assert queue.replayed() == queue.rows()


@pytest.mark.usefixtures("few")
def test_what_happens_to_a_child_meanwhile_is_not_undone(queue: SteppedQueue) -> None:
    queue.submit(*family(10))
    queue.do(Cancel("p", "no"))
    assert queue.machine.fold.numbers.states() == {"cancelled": 1, "failed": FEW, "blocked": 7}
    queue.batch(Cancel("c009", "nor this"), Retry("c000"), submit({"id": "late", "after": ["p"]}))
    assert queue.job("c009").state is JobState.CANCELLED
    assert queue.job("c000").state is JobState.PENDING
    assert queue.job("late").state is JobState.FAILED
    settle(queue)
    assert queue.machine.fold.numbers.states() == {"cancelled": 2, "failed": 9, "pending": 1}
    assert queue.replayed() == queue.rows()


@pytest.mark.usefixtures("few")
def test_a_parent_that_begins_once_more_tells_nobody(queue: SteppedQueue) -> None:
    queue.submit(*family(10))
    queue.do(Cancel("p", "no"))
    queue.do(Retry("p"))
    assert settle(queue) == 0
    assert queue.machine.fold.numbers.states() == {"pending": 1, "failed": FEW, "blocked": 7}
    end(queue, "p")
    settle(queue)
    assert queue.machine.fold.numbers.states() == {"done": 1, "failed": FEW, "pending": 7}
    assert queue.replayed() == queue.rows()


@pytest.mark.usefixtures("few")
def test_a_parent_is_not_forgotten_before_its_children_know(queue: SteppedQueue) -> None:
    queue.submit(*family(10))
    queue.do(Cancel("p", "no"))
    with pytest.raises(RefusedError) as caught:
        queue.do(Remove("p"))
    assert caught.value.code == "wanted"
    settle(queue)
    queue.do(Remove("p"))
    assert queue.replayed() == queue.rows()


LINKS = st.lists(st.lists(st.integers(0, 11), max_size=4), min_size=1, max_size=12)


@given(LINKS, st.integers(0, 2**32), st.sampled_from(Otherwise))
def test_cut_into_slots_a_cascade_is_what_it_is_in_one(
    links: list[list[int]], seed: int, otherwise: Otherwise
) -> None:
    names = [f"j{n}" for n in range(len(links))]
    after = [
        [[names[each], otherwise.value] for each in sorted(set(parents)) if each < n]
        for n, parents in enumerate(links)
    ]
    jobs = [{"id": name, "after": each} for name, each in zip(names, after, strict=True)]
    found = []
    for most in (1, 2, 10_000):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(telling, "QUEUE_TOLD_MAX", most)
            queue = SteppedQueue()
            queue.do(Change({"types": {"a": 99}}))
            queue.submit(*jobs)
            end_all(queue, names, random.Random(seed))
            assert queue.replayed() == queue.rows()
        found.append([queue.job(name).state for name in names])
    assert found[0] == found[1] == found[2]


def end_all(queue: SteppedQueue, names: list[str], chance: random.Random) -> None:
    """End each job that still can, one way or the other."""
    restarts = random.Random(0)
    for name in names:
        is_done = chance.random() < 0.5
        if queue.job(name).state.is_ended:
            continue
        if is_done:
            queue.claim(room=99, held=held(queue))
            leased = queue.job(name)
            queue.do(Report("w", [Done(name, leased.token, b"1")]))
        else:
            held_by = queue.job(name)
            queue.do(Cancel(name, "no"))
            if held_by.state is JobState.LEASED:
                stopped = Failed(name, held_by.token, "cancelled", "no", {})
                queue.do(Report("w", [stopped]))
        settle(queue, restarts=restarts)


def held(queue: SteppedQueue) -> list[tuple[str, int]]:
    live = queue.machine.fold.live.values()
    return [(job.id, job.token) for job in live if job.state is JobState.LEASED]


LARGE = {"args": {"text": "x" * (JOB_ARGS_MAX_BYTES - 100)}}
FIT = QUEUE_CHANGED_MAX_BYTES // JOB_ARGS_MAX_BYTES
"""How many of the jobs with large arguments a slot rewrites, at most."""
MANY = 3 * FIT


def submit_large(queue: SteppedQueue, **said: object) -> list[str]:
    return [queue.submit({"id": f"j{n:03}", **LARGE, **said})[0] for n in range(MANY)]


def test_commands_go_into_slots_by_what_they_rewrite(queue: SteppedQueue) -> None:
    submit_large(queue)
    queue.do(Purge(JobState.PENDING))
    assert queue.machine.fold.numbers.states() == {"cancelled": FIT, "pending": MANY - FIT}
    assert queue.machine.is_full


def test_grants_go_into_slots_by_what_they_rewrite(queue: SteppedQueue) -> None:
    queue.do(Change({"types": {"a": MANY}}))
    submit_large(queue)
    queue.batch(*(claim(f"w{n}", 1) for n in range(MANY)))
    assert len(queue.machine.waiting) == MANY - FIT
    assert settle(queue) == 2
    assert not queue.machine.waiting
    assert queue.replayed() == queue.rows()


def test_what_the_time_brings_goes_into_slots_by_what_it_rewrites(queue: SteppedQueue) -> None:
    submit_large(queue, delay_ms=1_000)
    queue.pass_ms(1_000)
    queue.batch()
    assert queue.machine.fold.numbers.states() == {"pending": FIT, "scheduled": MANY - FIT}
    assert settle(queue) == 2
    queue.do(Change({"types": {"a": MANY}}))
    for n in range(MANY):
        queue.lease(f"w{n}")
    queue.pass_ms(60_000)
    queue.batch()
    assert queue.machine.fold.numbers.states() == {"pending": FIT, "leased": MANY - FIT}
    assert settle(queue) == 2
    assert queue.machine.fold.numbers.states() == {"pending": MANY}
    assert queue.replayed() == queue.rows()


def test_small_ones_go_by_their_number(
    queue: SteppedQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "QUEUE_EVENTS_MAX", FEW)
    monkeypatch.setattr(times, "QUEUE_EVENTS_MAX", FEW)
    queue.do(Change({"types": {"a": 9}}))
    queue.submit(*({"id": f"j{n}"} for n in range(9)))
    queue.lease(room=9)
    queue.pass_ms(60_000)
    queue.batch()
    assert queue.machine.fold.numbers.states() == {"pending": FEW, "leased": 6}
    assert settle(queue) == 2
