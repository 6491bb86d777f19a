"""The two heaps of a queue: until when leases hold, and when jobs are due or overdue."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from seriatim.actors.queue.leases import Leases
from seriatim.actors.queue.times import Times
from seriatim.formats.jobs.job import Job, Order
from seriatim.formats.jobs.spec import read_asked
from seriatim.formats.jobs.state import JobState
from seriatim.formats.limits import QUEUE_EVENTS_MAX

JOBS = st.integers(0, 4)
ACTS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["begin", "renew", "end"]), JOBS),
        st.tuples(st.just("pass"), st.sampled_from([1, 60, 100, 500])),
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
                jobs[int(name[1:])].state = JobState.PENDING
        elif act == "begin" and each.state is JobState.PENDING:
            each.state, each.worker = JobState.LEASED, "w"
            leases.begin(each, now_ms)
            ends[each.id] = now_ms + each.lease_ms
        elif act == "renew" and each.state is JobState.LEASED:
            leases.renew(each, now_ms)
            ends[each.id] = now_ms + each.lease_ms
        elif act == "end" and each.state is JobState.LEASED:
            each.state = JobState.PENDING
            del ends[each.id]
        next_ms = leases.next_ms()
        assert not ends or (next_ms is not None and next_ms <= min(ends.values()))
        assert sorted(leases.of("w")) == sorted(ends)
    assert leases.of("v") == ()


def test_leases_that_nobody_has_any_more_are_forgotten_in_their_time() -> None:
    leases = Leases()
    for number in range(1_000):
        each = job("one", JobState.LEASED, lease_ms=100)
        leases.begin(each, number)
        each.state = JobState.DONE
    assert list(leases.over(10_000)) == []
    assert leases.next_ms() is None


def test_of_what_has_ended_nothing_is_kept() -> None:
    leases = Leases()
    for number in range(1_000):
        each = job(f"j{number}", JobState.LEASED)
        leases.begin(each, number)
        leases.end(each)
    assert len(leases._heap) < 100
    assert not leases._ends
    assert not leases.of("")


def test_times_come_up_in_their_order_and_what_has_changed_does_not() -> None:
    times = Times()
    due = job("due", JobState.SCHEDULED, due_ms=5)
    later = job("later", JobState.SCHEDULED, due_ms=5)
    over = job("over", JobState.LEASED, deadline_ms=5)
    gone = job("gone", JobState.CANCELLED, due_ms=5)
    pending = job("pending", JobState.PENDING, due_ms=5)
    for each in (due, later, over, gone, pending):
        times.add(5, each)
    live = {each.id: each for each in (due, later, over, pending)}
    later.due_ms = 9
    assert times.next_ms() == 5
    assert times.over(4, live) == ([], [])
    assert times.over(5, live) == ([due], [over])
    assert times.next_ms() is None


def test_of_many_times_some_come_up_at_once_and_the_others_then() -> None:
    times = Times()
    live = {
        name: job(name, JobState.SCHEDULED, due_ms=1)
        for name in (f"j{number}" for number in range(QUEUE_EVENTS_MAX + 5))
    }
    for each in live.values():
        times.add(1, each)
    assert len(times.over(1, live)[0]) == QUEUE_EVENTS_MAX
    assert times.next_ms() == 1
    assert len(times.over(1, live)[0]) == 5
