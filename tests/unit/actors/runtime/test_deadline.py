"""Deadlines: never early, at most a grain late, one timer for all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from seriatim.actors.runtime.clock import ManualClock, ManualTimer
from seriatim.actors.runtime.deadline import Deadlines
from seriatim.actors.runtime.future import Future
from seriatim.formats.errors import DeadlineExceededError
from seriatim.formats.limits import DEADLINE_GRAIN_MS

if TYPE_CHECKING:
    from collections.abc import Callable


class CountingClock(ManualClock):
    """Counts the timers that were ever set."""

    set_count = 0

    def call_later(self, delay_ms: int, callback: Callable[[], object]) -> ManualTimer:
        self.set_count += 1
        return super().call_later(delay_ms, callback)


def watch(deadlines: Deadlines, deadline_ms: int) -> Future[int]:
    future: Future[int] = Future()
    if deadlines.watch(future, "the actor", deadline_ms):
        deadlines.arm()
    return future


@pytest.mark.parametrize("start_ms", [0, 1, DEADLINE_GRAIN_MS - 1, DEADLINE_GRAIN_MS])
@pytest.mark.parametrize("deadline_ms", [1, DEADLINE_GRAIN_MS, 12_345])
def test_a_deadline_is_kept_within_a_grain(start_ms: int, deadline_ms: int) -> None:
    clock = ManualClock()
    clock.advance(start_ms)
    future = watch(Deadlines(clock), deadline_ms)
    clock.advance(deadline_ms - 1)
    assert not future.done()
    clock.advance(DEADLINE_GRAIN_MS)
    error = future.error()
    assert isinstance(error, DeadlineExceededError)
    assert error.deadline_ms == deadline_ms
    assert "the actor" in str(error)


def test_a_shorter_deadline_that_comes_later_is_kept_too() -> None:
    clock = ManualClock()
    deadlines = Deadlines(clock)
    long, short = watch(deadlines, 30_000), watch(deadlines, 500)
    clock.advance(600)
    assert (short.done(), long.done()) == (True, False)
    clock.advance(30_000)
    assert long.done()


def test_ten_thousand_asks_share_one_timer() -> None:
    clock = CountingClock()
    deadlines = Deadlines(clock)
    futures = [watch(deadlines, 30_000) for _ in range(10_000)]
    assert clock.set_count == 1
    clock.advance(30_000)
    assert all(future.done() for future in futures)


def test_an_answered_future_is_not_held_until_its_deadline() -> None:
    deadlines = Deadlines(ManualClock())
    futures = [watch(deadlines, 30_000) for _ in range(100)]
    assert deadlines.watched == 100
    for future in futures:
        future.resolve(1)
    assert deadlines.watched == 0


def test_the_timer_rests_when_nothing_is_watched() -> None:
    clock = ManualClock()
    deadlines = Deadlines(clock)
    watch(deadlines, 1_000).resolve(1)
    clock.advance(1_000)
    assert clock.due_ms() is None
    assert not watch(deadlines, 1_000).done(), "and starts again"
    assert clock.due_ms() == 2_000


def test_closed_deadlines_fire_no_more() -> None:
    clock = ManualClock()
    deadlines = Deadlines(clock)
    future = watch(deadlines, 1_000)
    deadlines.close()
    clock.advance(5_000)
    assert not future.done()
    assert clock.due_ms() is None
    future.resolve(1)
