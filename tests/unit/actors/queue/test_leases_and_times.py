"""What a queue has in memory of leases, stops and times: until when they hold, and no longer."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seriatim.actors.queue.commands import Cancel, Change, Claimed, Done, Failed, Report, Retry
from seriatim.actors.queue.leases import Leases, sooner_ms
from seriatim.actors.queue.times import Times
from seriatim.formats.jobs.job import Job, Order
from seriatim.formats.jobs.spec import read_asked
from seriatim.formats.jobs.state import JobState
from seriatim.formats.limits import NODE_LATE_MS, QUEUE_EVENTS_MAX
from tests.support.stepped_queue import SteppedQueue

JOBS = st.integers(0, 4)
ACTS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["begin", "renew", "end"]), JOBS),
        st.tuples(st.sampled_from(["pass", "miss"]), st.sampled_from([1, 60, 100, 500])),
    ),
    max_size=60,
)


def job(name: str, state: JobState = JobState.PENDING, **said: Any) -> Job:
    spec = read_asked({"type": "a", **said}).spec
    return Job(name, "a", spec, Order(1, 0), 1, state)


@given(ACTS)
def test_a_lease_is_over_when_its_worker_was_silent_for_its_length(
    acts: list[tuple[str, int]],
) -> None:
    leases, now_ms = Leases(), 0
    jobs = [job(f"j{n}", lease_ms=100 * (n + 1)) for n in range(5)]
    ends: dict[str, int] = {}
    for act, number in acts:
        each = jobs[number % 5]
        if act == "pass":
            now_ms += number
            over = [found.id for found in leases.over(now_ms)]
            assert sorted(over) == sorted(n for n, end_ms in ends.items() if end_ms <= now_ms)
            for name in over:
                del ends[name]
                leases.end(jobs[int(name[1:])])
                jobs[int(name[1:])].state = JobState.PENDING
        elif act == "miss":
            now_ms += number
            leases.miss(number)
            ends = {name: end_ms + number for name, end_ms in ends.items()}
        elif act == "begin" and each.state is JobState.PENDING:
            each.state, each.worker = JobState.LEASED, "w"
            leases.begin(each, now_ms)
            ends[each.id] = now_ms + each.lease_ms
        elif act == "renew" and each.state is JobState.LEASED:
            leases.renew(each, now_ms)
            ends[each.id] = now_ms + each.lease_ms
        elif act == "end" and each.state is JobState.LEASED:
            leases.end(each)
            each.state = JobState.PENDING
            del ends[each.id]
        next_ms = leases.next_ms()
        assert not ends or (next_ms is not None and next_ms <= min(ends.values()))
        assert sorted(leases.of("w")) == sorted(ends)
    assert not leases.of("v")


def test_a_lease_is_looked_at_at_half_of_what_is_left_until_that_is_a_moment() -> None:
    looks = [30_000]
    while (wait_ms := sooner_ms(looks[-1])) < looks[-1]:
        looks.append(wait_ms)
    assert looks == [30_000, 15_000, 7_500, 3_750, 1_875, 937, 468]
    assert NODE_LATE_MS < looks[-1] < 2 * NODE_LATE_MS
    assert sooner_ms(-1) == -1


def test_of_what_has_ended_nothing_is_kept() -> None:
    leases = Leases()
    for number in range(1_000):
        each = job(f"j{number}", JobState.LEASED, lease_ms=100)
        each.worker = f"w{number}"
        leases.begin(each, number)
        leases.end(each)
    assert len(leases._heap) < 100
    assert not leases._ends
    assert not leases._workers
    assert list(leases.over(10_000)) == []
    assert leases.next_ms() is None


def test_times_come_up_in_their_order_and_what_has_changed_does_not() -> None:
    live: dict[str, Job] = {}
    times = Times(live)
    due = job("due", JobState.SCHEDULED, due_ms=5)
    later = job("later", JobState.SCHEDULED, due_ms=5)
    over = job("over", JobState.LEASED, deadline_ms=5)
    gone = job("gone", JobState.CANCELLED, due_ms=5)
    pending = job("pending", JobState.PENDING, due_ms=5)
    for each in (due, later, over, gone, pending, due, over):
        times.add_due(each)
        times.add_deadline(each)
    live |= {each.id: each for each in (due, later, over, pending)}
    later.due_ms = 9
    assert times.over(4, 4) == ([], [])
    assert times.waits_ms(4, 4) == [1]
    assert times.over(5, 5) == ([due], [over])
    assert times.waits_ms(5, 5) == []


def test_each_time_is_by_its_own_clock() -> None:
    """An instant is the wall clock's; a delay, and a pause after a failure, the queue's."""
    jobs = [
        job("instant", JobState.SCHEDULED, due_ms=1_006),
        job("delay", JobState.SCHEDULED, delay_ms=1_005),
        job("again", JobState.SCHEDULED, due_ms=1_006),
    ]
    jobs[2].tries = 1
    times = Times({each.id: each for each in jobs})
    for each in jobs:
        times.add_due(each)
    assert sorted(times.waits_ms(1_000, 4)) == [6, 1_002]
    assert times.over(1_006, 1_005) == (jobs[1:], [])
    assert times.over(1_006, 1_006) == (jobs[:1], [])


@pytest.mark.parametrize("said", [{"due_ms": 1}, {"delay_ms": 0}])
def test_of_many_times_some_come_up_at_once_and_the_others_then(said: dict[str, int]) -> None:
    live = {
        name: job(name, JobState.SCHEDULED, **said)
        for name in (f"j{number}" for number in range(QUEUE_EVENTS_MAX + 5))
    }
    times = Times(live)
    for each in live.values():
        times.add_due(each)
    assert len(times.over(1, 1)[0]) == QUEUE_EVENTS_MAX
    assert times.waits_ms(1, 1) == [0]
    assert len(times.over(1, 1)[0]) == 5


def test_of_deadlines_of_what_has_ended_few_are_kept_until_then() -> None:
    live: dict[str, Job] = {}
    times = Times(live)
    last = job("last", JobState.SCHEDULED, due_ms=5, deadline_ms=9)
    live[last.id] = last
    for _ in range(2):
        times.add_due(last)
        times.add_deadline(last)
    for number in range(1_000):
        each = job(f"j{number}", deadline_ms=10**9)
        live[each.id] = each
        times.add_deadline(each)
        del live[each.id]
    assert len(times) < 100
    assert times.over(5, 5) == ([last], [])
    assert times.over(9, 9) == ([], [last])


def test_of_workers_that_are_gone_and_of_what_they_had_nothing_is_kept() -> None:
    queue = SteppedQueue()
    queue.do(Change({"types": {"a": 100}}))
    deadline_ms = queue.wall_ms + 10**9
    for number in range(200):
        queue.submit({"id": f"j{number}", "lease_ms": 100, "deadline_ms": deadline_ms})
        [grant] = queue.lease(f"lost-{number}")
        if number % 2:
            queue.do(Cancel(grant.id, "as told"))
        queue.pass_ms(200)
        queue.batch()
    for grant in queue.lease("good", room=200):
        queue.do(Report("good", [Done(grant.id, grant.token)]))
    assert not queue.machine.fold.live
    assert not queue.machine._leases._ends
    assert not queue.machine._leases._workers
    assert not queue.machine._stops._workers
    queue.submit({"id": "one", "deadline_ms": deadline_ms})
    assert len(queue.machine._times) == 1


def test_who_has_stopped_a_job_is_not_told_to_stop_the_next_one() -> None:
    """That one has the same id, as it was retried."""
    queue = SteppedQueue()
    queue.submit({"id": "one"})
    [grant] = queue.lease()
    queue.do(Cancel("one", "as told"))
    queue.do(Report("w", [Failed(grant.id, grant.token, "cancelled", "it was told to", {})]))
    queue.do(Retry("one"))
    answer = queue.claim().answer
    assert isinstance(answer, Claimed)
    assert ([each.id for each in answer.grants], answer.stops) == (["one"], {})
