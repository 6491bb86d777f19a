"""Counting: each job once, where its slot says so, and each time between its bounds."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from seriatim.actors.queue.tally import BOUNDS_MS, Histogram, Tally
from seriatim.formats.jobs.job import Job, Order
from seriatim.formats.jobs.state import ENDED, JobState


@given(st.lists(st.integers(0, 2 * BOUNDS_MS[-1])))
def test_each_time_is_counted_under_the_first_bound_that_is_not_below_it(times: list[int]) -> None:
    counted = Histogram(BOUNDS_MS)
    for each in times:
        counted.add(each)
    below = 0
    for place, bound in enumerate(BOUNDS_MS):
        below += counted.counts[place]
        assert below == sum(each <= bound for each in times)
    assert (sum(counted.counts), counted.total) == (len(times), sum(times))


def ended(state: JobState, started_ms: int) -> Job:
    job = Job("j", "render", {}, Order(1, 0), 1_000, state)
    job.started_ms, job.ended_ms = started_ms, 7_000
    return job


def test_a_slot_is_counted_by_what_it_says() -> None:
    tally = Tally()
    granted = {"event": "granted", "worker": "w", "jobs": ["a", "b"]}
    done, lost = ({"event": word, "id": "a", "token": 1} for word in ("done", "expired"))
    jobs = [ended(JobState.DONE, 3_000), ended(JobState.DEAD, 2_000), ended(JobState.CANCELLED, 0)]
    tally.add([granted, done, lost, granted], jobs)
    tally.add([], [])
    assert tally.slots == 1, "what says nothing is no slot"
    assert tally.events == {"granted": 4, "done": 1, "expired": 1}
    assert tally.ended == {"done": 1, "dead": 1, "cancelled": 1}
    assert (tally.waits.total, tally.runs.total) == (3_000, 9_000)
    assert sum(tally.runs.counts) == 2, "one of them never began"


@given(st.lists(st.sampled_from(ENDED)))
def test_ends_are_counted_by_state(states: list[JobState]) -> None:
    tally = Tally()
    tally.add([{"event": "any"}], [ended(state, 2_000) for state in states])
    assert tally.ended == Counter(state.value for state in states)


def test_what_attempts_have_used_is_counted_however_they_have_ended() -> None:
    tally = Tally()
    used = {"usage": {"wall_ms": 9, "cpu_ms": 1_500, "memory_peak_bytes": 2**25}}
    not_told = {"usage": {"wall_ms": 9, "cpu_ms": 0, "memory_peak_bytes": 0}}
    tally.add(
        [
            {"event": "done", "id": "a", "token": 1, "outcome": used},
            {"event": "failed", "id": "b", "token": 1, "details": used},
            {"event": "expired", "id": "c", "token": 1, "details": not_told},
            {"event": "done", "id": "d", "token": 1},
        ],
        [],
    )
    assert tally.cpu_ms == 3_000
    assert (tally.memory.total, sum(tally.memory.counts)) == (2 * 2**25, 2)


@given(
    st.none()
    | st.text()
    | st.dictionaries(
        st.sampled_from(["cpu_ms", "memory_peak_bytes"]),
        st.none() | st.text() | st.booleans() | st.floats() | st.integers(max_value=0),
    )
)
def test_what_a_worker_says_amiss_of_its_usage_counts_for_nothing(usage: object) -> None:
    tally = Tally()
    tally.add([{"event": "done", "id": "a", "token": 1, "outcome": {"usage": usage}}], [])
    assert (tally.cpu_ms, sum(tally.memory.counts), tally.slots) == (0, 0, 1)
