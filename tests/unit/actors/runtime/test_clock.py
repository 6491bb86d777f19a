"""Clocks: what a timer may rely on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from seriatim.actors.runtime.clock import Clock, ManualClock, SystemClock


def test_timers_fire_in_order_of_their_due_times_each_at_its_own_time() -> None:
    clock = ManualClock(now_ms=100)
    fired: list[tuple[str, int, int]] = []

    def note(name: str) -> Callable[[], None]:
        return lambda: fired.append((name, clock.now_ms(), clock.monotonic_ms()))

    clock.call_later(20, note("second"))
    clock.call_later(10, note("first"))
    clock.call_later(20, note("third"))
    clock.advance(19)
    assert fired == [("first", 110, 10)]
    clock.advance(1)
    assert fired[1:] == [("second", 120, 20), ("third", 120, 20)]


def test_a_timer_without_delay_does_not_fire_inside_of_call_later() -> None:
    clock = ManualClock()
    fired: list[int] = []
    clock.call_later(-5, lambda: fired.append(1))
    assert fired == []
    clock.advance(0)
    assert fired == [1]


def test_a_timer_set_by_a_timer_fires_in_the_same_advance_when_it_comes_due() -> None:
    clock = ManualClock()
    fired: list[int] = []
    clock.call_later(10, lambda: clock.call_later(5, lambda: fired.append(clock.monotonic_ms())))
    clock.advance(15)
    assert fired == [15]


def test_a_cancelled_timer_does_not_fire_and_is_not_due() -> None:
    clock = ManualClock()
    timer = clock.call_later(10, lambda: pytest.fail("cancelled"))
    timer.cancel()
    assert clock.due_ms() is None
    clock.advance(20)


def test_the_wall_clock_goes_back_alone() -> None:
    clock = ManualClock(now_ms=5_000)
    fired: list[int] = []
    clock.call_later(10, lambda: fired.append(clock.now_ms()))
    clock.set_now_ms(1_000)
    assert (clock.now_ms(), clock.monotonic_ms()) == (1_000, 0)
    clock.advance(10)
    assert fired == [1_010]


def test_the_monotonic_clock_refuses_to_go_back() -> None:
    with pytest.raises(ValueError, match="cannot go back by 1 ms"):
        ManualClock().advance(-1)


def test_a_raising_timer_leaves_the_later_ones_for_the_next_advance() -> None:
    clock = ManualClock()
    fired: list[int] = []

    def fail() -> None:
        raise KeyError("boom")

    clock.call_later(3, fail)
    clock.call_later(5, lambda: fired.append(clock.monotonic_ms()))
    with pytest.raises(KeyError):
        clock.advance(10)
    assert clock.monotonic_ms() == 3
    clock.advance(2)
    assert fired == [5]


def test_an_advance_inside_of_an_advance_does_not_take_time_back() -> None:
    clock = ManualClock()
    clock.call_later(1, lambda: clock.advance(100))
    clock.advance(10)
    assert clock.monotonic_ms() == 101


def test_the_system_clock_keeps_its_word_on_a_loop(
    run: Callable[[Coroutine[Any, Any, None]], None],
) -> None:
    async def main() -> None:
        clock: Clock = SystemClock(asyncio.get_running_loop())
        assert clock.now_ms() > 1_700_000_000_000
        started = clock.monotonic_ms()
        fired = asyncio.Event()
        clock.call_later(0, lambda: pytest.fail("cancelled")).cancel()
        clock.call_later(-1, fired.set)
        assert not fired.is_set()
        await fired.wait()
        assert clock.monotonic_ms() >= started

    run(main())
