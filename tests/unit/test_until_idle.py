"""`until_idle` is the moment after which nothing comes: what tests say of nothing rests on it."""

from __future__ import annotations

import asyncio

import pytest

from seriatim.actors.runtime.clock import ManualClock, pause
from tests.support.waiting import until_idle


@pytest.mark.parametrize("turns", [0, 1, 2, 100, 10_000])
def test_what_comes_by_itself_has_come_however_many_turns_it_takes(turns: int) -> None:
    came: list[int] = []

    async def come() -> None:
        for _ in range(turns):
            await asyncio.sleep(0)
        came.append(turns)

    async def main() -> None:
        coming = asyncio.create_task(come())
        await until_idle()
        assert came == [turns]
        await coming

    asyncio.run(main())


def test_what_is_handed_from_one_to_the_next_has_come() -> None:
    async def main() -> None:
        events = [asyncio.Event() for _ in range(100)]

        async def hand_on(place: int) -> None:
            await events[place].wait()
            if place:
                events[place - 1].set()

        tasks = [asyncio.create_task(hand_on(place)) for place in range(100)]
        await until_idle()
        assert not any(task.done() for task in tasks)
        events[-1].set()
        await until_idle()
        assert all(task.done() for task in tasks)

    asyncio.run(main())


def test_what_waits_for_a_clock_has_not_come() -> None:
    async def main() -> None:
        clock = ManualClock()
        waiting = asyncio.create_task(pause(clock, 10))
        await until_idle()
        clock.advance(9)
        await until_idle()
        assert not waiting.done()
        clock.advance(1)
        await until_idle()
        assert waiting.done()

    asyncio.run(main())
