"""Pauses that get longer."""

from __future__ import annotations

import asyncio

import pytest

from seriatim.actors.runtime.clock import ManualClock
from seriatim.actors.runtime.pauses import Pauses


@pytest.mark.asyncio
async def test_each_pause_is_twice_the_one_before_up_to_a_bound() -> None:
    clock = ManualClock()
    pauses = Pauses(clock, 250, 1_500)

    async def taken_ms() -> int:
        resting = asyncio.ensure_future(pauses.rest())
        await asyncio.sleep(0)
        due_ms = clock.due_ms()
        assert due_ms is not None
        taken_ms = due_ms - clock.monotonic_ms()
        clock.advance(taken_ms)
        await resting
        return taken_ms

    assert [await taken_ms() for _ in range(5)] == [250, 500, 1_000, 1_500, 1_500]
    pauses.restart()
    assert [await taken_ms() for _ in range(2)] == [250, 500]


@pytest.mark.asyncio
async def test_whoever_is_cancelled_leaves_no_timer() -> None:
    clock = ManualClock()
    resting = asyncio.ensure_future(Pauses(clock, 250, 500).rest())
    await asyncio.sleep(0)
    resting.cancel()
    await asyncio.gather(resting, return_exceptions=True)
    assert clock.due_ms() is None
