"""What has ended is forgotten in its time; what is wanted stays, and holds up nothing."""

from __future__ import annotations

import pytest

from seriatim.actors.queue.commands import Cancel, Change, Done, Purge, Report
from seriatim.actors.queue.retention import _ROWS_AT_ONCE
from seriatim.formats.jobs.state import JobState
from seriatim.formats.limits import QUEUE_WANTED_PAUSE_MS
from tests.support.stepped_queue import SteppedQueue

KEPT_MS = 1_000
WANTED = [f"wanted-{number}" for number in range(2 * _ROWS_AT_ONCE)]


def end(queue: SteppedQueue, *jobs: str) -> None:
    """End *jobs*, each in a slot of its own."""
    for each in jobs:
        queue.submit({"id": each})
        [grant] = queue.lease()
        queue.do(Report("w", [Done(grant.id, grant.token)]))


def come_to_rest(queue: SteppedQueue) -> None:
    """Make batches for as long as there is something to do at once; it ends."""
    for _ in range(100):
        if queue.machine.wake_ms(queue.wall_ms, queue.monotonic_ms) != 0:
            return
        queue.batch()
    raise AssertionError("it never comes to rest")


@pytest.fixture
def queue() -> SteppedQueue:
    """A queue in which the oldest rows have nothing but what ``child`` wants."""
    queue = SteppedQueue()
    queue.do(Change({"kept_ms": KEPT_MS}))
    end(queue, *WANTED)
    queue.submit({"id": "child", "after": [*WANTED, "never"], "inputs": WANTED})
    return queue


def test_what_is_wanted_holds_up_nothing_behind_it(queue: SteppedQueue) -> None:
    end(queue, *(f"other-{number}" for number in range(3 * _ROWS_AT_ONCE)))
    queue.pass_ms(KEPT_MS)
    come_to_rest(queue)
    assert queue.machine.fold.numbers.states() == {"done": len(WANTED), "blocked": 1}
    assert queue.rows() == queue.replayed()


def test_what_is_wanted_holds_up_nothing_however_long_it_takes_to_look_through_it(
    queue: SteppedQueue,
) -> None:
    """As where there is much of it: it begins anew when it was at the end, and no sooner."""
    end(queue, "other")
    for _ in range(9):
        queue.pass_ms(QUEUE_WANTED_PAUSE_MS)
        queue.batch()
    assert queue.machine.fold.job("other") is None


def test_what_ends_later_is_forgotten_in_its_time_beside_what_is_wanted(
    queue: SteppedQueue,
) -> None:
    queue.pass_ms(KEPT_MS // 2)
    end(queue, "other")
    queue.pass_ms(KEPT_MS // 2)
    come_to_rest(queue)
    assert queue.machine.fold.job("other") is not None
    assert queue.machine.wake_ms(queue.wall_ms, queue.monotonic_ms) == KEPT_MS // 2
    queue.pass_ms(KEPT_MS // 2)
    come_to_rest(queue)
    assert queue.machine.fold.job("other") is None


def test_what_is_wanted_no_more_is_forgotten_soon(queue: SteppedQueue) -> None:
    queue.pass_ms(KEPT_MS)
    come_to_rest(queue)
    queue.do(Cancel("child", "as told"))
    for _ in range(2):
        queue.pass_ms(QUEUE_WANTED_PAUSE_MS)
        come_to_rest(queue)
    assert queue.machine.fold.numbers.states() == {}


def test_of_a_row_that_is_wanted_in_part_the_rest_goes(queue: SteppedQueue) -> None:
    queue.do(Change({"types": {"a": 2}}))
    queue.submit({"id": "one"}, {"id": "two"})
    queue.do(Report("w", [Done(each.id, each.token) for each in queue.lease(room=2)]))
    queue.submit({"id": "other-child", "after": ["one", "never"], "inputs": ["one"]})
    queue.pass_ms(KEPT_MS)
    come_to_rest(queue)
    assert queue.machine.fold.job("one") is not None
    assert queue.machine.fold.job("two") is None
    assert queue.rows() == queue.replayed()


def test_whoever_waits_for_a_slot_waits_for_few_that_are_forgotten_in_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As after a time in which no node was there to forget what has ended in thousands."""
    monkeypatch.setattr("seriatim.actors.queue.retention.QUEUE_EVENTS_MAX", 3)
    queue = SteppedQueue()
    queue.do(Change({"kept_ms": KEPT_MS}))
    for number in range(_ROWS_AT_ONCE):
        queue.submit({"id": f"a{number}"}, {"id": f"b{number}"})
        queue.do(Purge(JobState.PENDING))
    queue.pass_ms(KEPT_MS)
    queue.batch()
    assert queue.machine.fold.numbers.states() == {"cancelled": 2 * _ROWS_AT_ONCE - 4}
    come_to_rest(queue)
    assert queue.machine.fold.numbers.states() == {}
    assert queue.rows() == queue.replayed()
