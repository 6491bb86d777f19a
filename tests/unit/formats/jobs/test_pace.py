"""The arithmetic of a rate, against a count of what has begun."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from seriatim.formats.jobs.pace import free_from_ms, pace
from seriatim.formats.jobs.settings import Rate

RATES = st.builds(Rate, st.integers(1, 5), st.integers(1, 1_000))
GAPS_MS = st.lists(st.integers(0, 600), min_size=1, max_size=40)


def begun_at(rate: Rate, gaps_ms: list[int]) -> list[int]:
    """Return when jobs begin of which one is tried after each gap."""
    begun, now_ms, paced = [], 10**12, 0
    for gap_ms in gaps_ms:
        now_ms += gap_ms
        if free_from_ms(paced, rate) <= now_ms:
            begun.append(now_ms)
            paced = pace(paced, now_ms, rate.jobs) + rate.per_ms
    return begun


@given(RATES, GAPS_MS)
def test_no_more_begin_than_at_once_and_then_evenly(rate: Rate, gaps_ms: list[int]) -> None:
    begun = begun_at(rate, gaps_ms)
    for first, first_ms in enumerate(begun):
        for last, last_ms in enumerate(begun[first:], first):
            evenly = (last_ms - first_ms) * rate.jobs / rate.per_ms
            assert last - first + 1 <= rate.jobs + evenly


@given(RATES)
def test_as_many_as_it_says_may_begin_at_once(rate: Rate) -> None:
    assert len(begun_at(rate, [0] * 9)) == min(rate.jobs, 9)


@given(st.integers(1, 5), st.integers(1, 200))
def test_after_a_quiet_time_twice_as_many_begin_within_the_time_of_the_rate(
    jobs: int, step_ms: int
) -> None:
    """The bound is met, and so no smaller one may be promised."""
    rate = Rate(jobs, jobs * step_ms)
    begun = begun_at(rate, [0] * jobs + [step_ms] * jobs)
    assert begun[-1] - begun[0] == rate.per_ms
    assert len(begun) == 2 * jobs


@given(RATES, GAPS_MS, st.integers(0, 2_000))
def test_it_is_free_from_the_first_millisecond_that_it_says(
    rate: Rate, gaps_ms: list[int], later_ms: int
) -> None:
    paced = 0
    for now_ms in begun_at(rate, gaps_ms):
        paced = pace(paced, now_ms, rate.jobs) + rate.per_ms
    free_ms = free_from_ms(paced, rate)
    assert free_ms * rate.jobs >= paced + rate.per_ms - rate.per_ms * rate.jobs
    assert (free_ms - 1) * rate.jobs < paced + rate.per_ms - rate.per_ms * rate.jobs
