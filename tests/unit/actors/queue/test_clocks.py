"""Somebody sets the wall clock: what lasts is no longer for it, and no instant is early."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seriatim.actors.queue.commands import Cancel, Change, Done, Failed, Report, Retry
from seriatim.actors.queue.queue_time import QueueTime
from seriatim.formats.jobs.state import JobState
from tests.support.stepped_queue import START_MS, SteppedQueue, claim, submit

DAY_MS = 86_400_000
PUT_BACK = "put back"
PUT_FORWARD_AND_MENDED = "put forward, and mended"
# What became of the wall clock before; it is put back afterwards, too.
CLOCKS = ["as it is", PUT_BACK, PUT_FORWARD_AND_MENDED]


@pytest.fixture
def queue() -> SteppedQueue:
    queue = SteppedQueue()
    queue.do(Change({"types": {"a": 9}}))
    return queue


def set_clock(queue: SteppedQueue, how: str) -> None:
    """Set the wall clock of *queue*."""
    if how == PUT_BACK:
        queue.wall_ms -= DAY_MS
    elif how == PUT_FORWARD_AND_MENDED:
        queue.wall_ms += DAY_MS
        queue.submit({"id": "seen-tomorrow", "priority": -1})
        queue.wall_ms -= DAY_MS


def state_after(queue: SteppedQueue, passed_ms: int, job: str = "one") -> JobState:
    """Return how *job* is when time has passed; the queue has said that there is something then."""
    before, wake_ms = queue.job(job).state, queue.machine.wake_ms(queue.wall_ms, queue.monotonic_ms)
    queue.pass_ms(passed_ms)
    queue.batch()
    assert queue.job(job).state is before or (wake_ms is not None and wake_ms <= passed_ms)
    assert queue.rows() == queue.replayed()
    return queue.job(job).state


@given(st.lists(st.tuples(st.integers(-1_000, 1_000), st.integers(0, 100)), max_size=9))
def test_the_time_of_a_queue_goes_on_whatever_becomes_of_the_wall_clock(
    moves: list[tuple[int, int]],
) -> None:
    time, wall_ms, monotonic_ms = QueueTime(), START_MS, 5
    before_ms = time.read(wall_ms, monotonic_ms, 0)
    assert before_ms == START_MS
    for set_by_ms, passed_ms in moves:
        wall_ms, monotonic_ms = wall_ms + set_by_ms, monotonic_ms + passed_ms
        at_ms = time.read(wall_ms, monotonic_ms, before_ms)
        assert at_ms == max(wall_ms, before_ms + passed_ms)
        before_ms = at_ms


# What lasts.


@pytest.mark.parametrize("how", CLOCKS)
def test_a_delay_is_as_long_as_was_said(queue: SteppedQueue, how: str) -> None:
    set_clock(queue, how)
    queue.submit({"id": "one", "delay_ms": 2_000})
    set_clock(queue, PUT_BACK)
    assert state_after(queue, 1_999) is JobState.SCHEDULED
    assert state_after(queue, 1) is JobState.PENDING


@pytest.mark.parametrize("how", CLOCKS)
def test_a_backoff_is_as_long_as_was_said(queue: SteppedQueue, how: str) -> None:
    backoff = {"base_ms": 500, "jitter": 0}
    # The instant is over, and is none any more for what comes after.
    queue.submit({"id": "one", "retries": 1, "backoff": backoff, "due_ms": queue.wall_ms})
    [grant] = queue.lease()
    set_clock(queue, how)
    queue.do(Report("w", [Failed(grant.id, grant.token, "raised", "it did", {})]))
    set_clock(queue, PUT_BACK)
    assert state_after(queue, 499) is JobState.SCHEDULED
    assert state_after(queue, 1) is JobState.PENDING


@pytest.mark.parametrize("how", CLOCKS)
def test_a_rate_is_what_was_said(queue: SteppedQueue, how: str) -> None:
    queue.do(Change({"rates": {"a": [1, 1_000]}}))
    set_clock(queue, how)
    queue.submit({"id": "zero"}, {"id": "one"})
    queue.lease()
    set_clock(queue, PUT_BACK)
    waiter = queue.do(claim("v"))
    queue.pass_ms(999)
    queue.batch()
    assert waiter.answer is None
    assert queue.machine.wake_ms(queue.wall_ms, queue.monotonic_ms) == 1
    queue.pass_ms(1)
    queue.batch()
    assert waiter.answer is not None


@pytest.mark.parametrize("how", CLOCKS)
def test_a_window_is_as_long_as_was_said(queue: SteppedQueue, how: str) -> None:
    unique = {"key": "k", "window_ms": 1_000}
    set_clock(queue, how)
    queue.submit({"id": "one", "unique": unique})
    set_clock(queue, PUT_BACK)
    queue.pass_ms(999)
    [again] = queue.do(submit({"id": "two", "unique": unique}))
    assert (again.id, again.repeated) == ("one", True)
    queue.pass_ms(1)
    [other] = queue.do(submit({"id": "three", "unique": unique}))
    assert (other.id, other.repeated) == ("three", False)


@pytest.mark.parametrize("how", CLOCKS)
def test_what_has_ended_is_kept_as_long_as_was_said(queue: SteppedQueue, how: str) -> None:
    queue.do(Change({"kept_ms": 1_000}))
    set_clock(queue, how)
    queue.submit({"id": "one"})
    [grant] = queue.lease()
    queue.do(Report("w", [Done(grant.id, grant.token)]))
    set_clock(queue, PUT_BACK)
    queue.pass_ms(999)
    queue.batch()
    assert queue.machine.fold.job("one") is not None
    wake_ms = queue.machine.wake_ms(queue.wall_ms, queue.monotonic_ms)
    assert wake_ms is not None
    assert wake_ms <= 1
    queue.pass_ms(1)
    queue.batch()
    assert queue.machine.fold.job("one") is None


def test_after_a_start_no_more_is_waited_for_once_more_than_was_recorded(
    queue: SteppedQueue,
) -> None:
    queue.submit({"id": "one", "delay_ms": 2_000})
    queue.pass_ms(1_500)
    queue.batch()
    set_clock(queue, PUT_BACK)
    queue.restart()
    queue.batch()
    assert queue.job("one").state is JobState.SCHEDULED
    assert state_after(queue, 2_000) is JobState.PENDING


def test_after_a_start_the_wall_clock_says_how_much_has_passed(queue: SteppedQueue) -> None:
    queue.submit({"id": "one", "delay_ms": 2_000})
    queue.wall_ms += 2_000
    queue.restart()
    queue.batch()
    assert queue.job("one").state is JobState.PENDING


# Instants.


def test_an_instant_is_not_early_while_the_time_of_the_queue_is_ahead(queue: SteppedQueue) -> None:
    set_clock(queue, PUT_FORWARD_AND_MENDED)
    queue.submit({"id": "one", "due_ms": queue.wall_ms + 1_000})
    assert state_after(queue, 999) is JobState.SCHEDULED
    queue.do(Cancel("one", "as told"))
    assert queue.do(Retry("one")) is JobState.SCHEDULED
    queue.restart()
    assert state_after(queue, 0) is JobState.SCHEDULED
    assert state_after(queue, 1) is JobState.PENDING


def test_an_instant_comes_when_the_wall_clock_is_put_to_it(queue: SteppedQueue) -> None:
    queue.submit({"id": "one", "due_ms": queue.wall_ms + DAY_MS})
    queue.wall_ms += DAY_MS
    assert state_after(queue, 0) is JobState.PENDING


def test_a_job_that_was_waited_for_has_its_instant_by_the_wall_clock(queue: SteppedQueue) -> None:
    set_clock(queue, PUT_FORWARD_AND_MENDED)
    due_ms = queue.wall_ms + 1_000
    queue.submit({"id": "parent"}, {"id": "one", "after": ["parent"], "due_ms": due_ms})
    queue.do(Cancel("seen-tomorrow", "as told"))
    [grant] = queue.lease()
    queue.do(Report("w", [Done(grant.id, grant.token)]))
    assert queue.job("one").state is JobState.SCHEDULED
    assert state_after(queue, 1_000) is JobState.PENDING


def test_a_deadline_is_not_early_while_the_time_of_the_queue_is_ahead(queue: SteppedQueue) -> None:
    set_clock(queue, PUT_FORWARD_AND_MENDED)
    queue.submit({"id": "one", "deadline_ms": queue.wall_ms + 1_000})
    assert state_after(queue, 999) is JobState.PENDING
    assert state_after(queue, 1) is JobState.FAILED


def test_a_delay_that_ends_at_the_deadline_of_its_job_is_no_deadline(queue: SteppedQueue) -> None:
    """One is of the queue's time, the other of the wall clock, though they are one number."""
    set_clock(queue, PUT_FORWARD_AND_MENDED)
    ahead_ms = queue.machine.fold.at_ms
    queue.submit({"id": "one", "delay_ms": 1_000, "deadline_ms": ahead_ms + 1_000})
    assert queue.job("one").due_ms == queue.job("one").spec["deadline_ms"]
    assert state_after(queue, 1_000) is JobState.PENDING


def test_a_job_that_was_stopped_for_its_deadline_was_so_though_the_clock_is_put_back(
    queue: SteppedQueue,
) -> None:
    queue.submit({"id": "one", "deadline_ms": queue.wall_ms + 1_000})
    [grant] = queue.lease()
    assert state_after(queue, 1_000) is JobState.LEASED
    set_clock(queue, PUT_BACK)
    queue.do(Report("w", [Failed(grant.id, grant.token, "cancelled", "it was told to", {})]))
    job = queue.job("one")
    assert job.failures is not None
    assert (job.state, job.failures[-1].code) == (JobState.FAILED, "overdue")


# What a slot says.


def test_a_slot_says_the_wall_clock_where_that_is_behind(queue: SteppedQueue) -> None:
    [(_, before)] = queue.slots
    assert sorted(before) == ["at", "data"]
    queue.pass_ms(7)
    set_clock(queue, PUT_BACK)
    queue.submit({"id": "one"})
    (_, said) = queue.slots[-1]
    assert (said["at"], said["wall"]) == (START_MS + 7, START_MS + 7 - DAY_MS)


def test_a_job_says_what_was_said_of_it(queue: SteppedQueue) -> None:
    queue.submit({"id": "one", "delay_ms": 2_000})
    job = queue.job("one")
    assert (job.spec, job.due_ms) == ({"delay_ms": 2_000}, START_MS + 2_000)
