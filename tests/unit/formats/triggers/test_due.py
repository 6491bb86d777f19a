"""What a trigger does next, against a list of its nominal times and a rule said otherwise."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seriatim.formats.limits import FIRE_LATE_MS
from seriatim.formats.recurrence.interval import Interval
from seriatim.formats.recurrence.recurrence import jitter_of
from seriatim.formats.triggers.definition import Misfire, Timing
from seriatim.formats.triggers.due import (
    Fire,
    Miss,
    Wait,
    last_until,
    longest_wait,
    next_step,
)

TRIGGER = "nightly"


@dataclass(frozen=True)
class Times:
    """A recurrence that is a list."""

    times: tuple[int, ...]
    elapsed_from_ms: int | None = None

    def after(self, instant_ms: int) -> int | None:
        place = bisect_right(self.times, instant_ms)
        return self.times[place] if place < len(self.times) else None


def run(timing: Timing, cursor_ms: int, now_ms: int) -> tuple[list[int], list[tuple[int, int]]]:
    """Take every step that there is at *now_ms*; return the fires, and the ranges of misses."""
    fires: list[int] = []
    misses: list[tuple[int, int]] = []
    while not isinstance(step := next_step(timing, TRIGGER, cursor_ms, now_ms), Wait):
        assert step.cursor_ms > cursor_ms
        cursor_ms = step.cursor_ms
        if isinstance(step, Fire):
            fires.append(step.nominal_ms)
        else:
            misses.append((step.first_ms, step.last_ms))
    return fires, misses


def expected(timing: Timing, times: list[int], now_ms: int) -> list[int]:
    """Return what fires at *now_ms* of *times*, by the words of the documentation."""
    due = []
    for nominal_ms in times:
        if nominal_ms + jitter_of(TRIGGER, nominal_ms, jitter_ms=timing.jitter_ms) > now_ms:
            break  # one after the other: nothing overtakes it
        due.append(nominal_ms)
    late = [each for each in due if now_ms - each > FIRE_LATE_MS + timing.jitter_ms]
    on_time = due[len(late) :]
    young = [each for each in late if now_ms - each <= timing.window_ms]
    if timing.misfire is Misfire.ALL:
        return young + on_time
    if timing.misfire is Misfire.ONCE and young and not on_time:
        return young[-1:]
    return on_time


TIMES = st.lists(st.integers(0, 600_000), min_size=1, max_size=12, unique=True).map(sorted)


@given(
    times=TIMES,
    now_ms=st.integers(0, 900_000),
    misfire=st.sampled_from(Misfire),
    window_ms=st.integers(0, 900_000),
    jitter_ms=st.sampled_from([0, 1, 5_000, 200_000]),
)
def test_what_fires_is_what_the_policy_says_and_all_else_is_missed(
    times: list[int], now_ms: int, misfire: Misfire, window_ms: int, jitter_ms: int
) -> None:
    timing = Timing(Times(tuple(times)), jitter_ms, misfire, window_ms)
    fires, misses = run(timing, -1, now_ms)
    missed = [each for each in times for first, last in misses if first <= each <= last]
    assert fires == expected(timing, times, now_ms)
    decided = sorted(fires + missed)
    assert decided == times[: len(decided)], "in order, each once, and none left out"
    undecided = times[len(decided) :]
    if undecided:
        jitter = jitter_of(TRIGGER, undecided[0], jitter_ms=jitter_ms)
        assert undecided[0] + jitter > now_ms


@given(
    times=TIMES,
    moments=st.lists(st.integers(0, 900_000), min_size=1, max_size=6),
    misfire=st.sampled_from(Misfire),
)
def test_no_time_is_decided_twice_however_the_clock_jumps(
    times: list[int], moments: list[int], misfire: Misfire
) -> None:
    timing = Timing(Times(tuple(times)), 0, misfire, 300_000)
    decided: list[int] = []
    for now_ms in moments:
        fires, misses = run(timing, decided[-1] if decided else -1, now_ms)
        missed = [each for each in times for first, last in misses if first <= each <= last]
        decided += sorted(fires + missed)
    assert decided == times[: len(decided)]


@given(times=TIMES, until_ms=st.integers(0, 700_000))
def test_the_last_time_until_one_is_found(times: list[int], until_ms: int) -> None:
    past = [each for each in times if each <= until_ms]
    if past:
        assert last_until(Times(tuple(times)), past[0], until_ms) == past[-1]


def test_the_last_of_a_billion_times_is_found_at_once() -> None:
    asked: list[int] = []

    class Asked(Interval):
        def after(self, instant_ms: int) -> int | None:
            asked.append(instant_ms)
            return Interval.after(self, instant_ms)

    year_ms = 365 * 86_400_000
    timing = Timing(Asked(30, 0), 0, Misfire.ONCE, year_ms)
    step = next_step(timing, TRIGGER, -1, year_ms)
    assert isinstance(step, Miss)
    assert step.last_ms > year_ms - FIRE_LATE_MS - 31
    assert len(asked) < 100


@pytest.mark.parametrize("misfire", Misfire)
def test_what_is_late_by_a_minute_is_no_misfire(misfire: Misfire) -> None:
    timing = Timing(Times((1_000,)), 0, misfire, 0)
    assert next_step(timing, TRIGGER, 0, 1_000 + FIRE_LATE_MS) == Fire(1_000)
    assert isinstance(next_step(timing, TRIGGER, 0, 1_001 + FIRE_LATE_MS), Miss)


@pytest.mark.parametrize(
    ("cursor_ms", "now_ms", "wait_ms"),
    [
        (10_000, 10_000, 11_000),  # an interval and a tenth
        (10_000, 15_000, 5_500),  # what is left of it
        (10_000, 0, 11_000),  # the clock is behind what is decided
        (10_000, 21_000, 0),  # it is due
    ],
)
def test_an_interval_is_waited_for_a_tenth_longer_at_most(
    cursor_ms: int, now_ms: int, wait_ms: int
) -> None:
    assert longest_wait(20_000, cursor_ms, now_ms) == wait_ms
