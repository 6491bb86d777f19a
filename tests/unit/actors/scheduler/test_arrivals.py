"""Readers hear of a slot when it is on disk: not before, not of another one, not for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from seriatim.actors.runtime.clock import ManualClock
from seriatim.actors.scheduler.arrivals import Arrivals
from seriatim.formats.schedule.variant import Variant
from tests.support.builders import message, spawn, unsigned
from tests.support.faulty_log import Fault
from tests.support.nodes import SteppedScheduler
from tests.support.records import make_id
from tests.support.waiting import until_idle

PROCESS = make_id("process")


def waiting(
    arrivals: Arrivals, slot: int, process: bytes = PROCESS, *, deadline_ms: int = 1_000
) -> asyncio.Task[bool]:
    return asyncio.create_task(arrivals.wait(process, slot, deadline_ms))


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(main())


def test_a_reader_hears_of_its_slot_when_it_is_durable_and_of_no_other(
    stepped: SteppedScheduler,
) -> None:
    process = stepped.ask(spawn(Variant.NATIVE)).process
    other = stepped.ask(spawn(Variant.NATIVE, "other")).process

    async def main() -> None:
        arrivals = stepped.scheduler.arrivals
        first, twin, second = (waiting(arrivals, slot, process) for slot in (1, 1, 2))
        await until_idle()
        stepped.ask(unsigned(other, "not this one"))
        reply = stepped.submit(unsigned(process, "this one"))
        stepped.run_until_blocked()
        await until_idle()
        assert not first.done(), "it is given out, and not on disk"
        assert arrivals.waiting == 3
        stepped.settle()
        await until_idle()
        assert reply.get(timeout=0).slot == 1
        assert (await first, await twin, second.done()) == (True, True, False)
        stepped.ask(unsigned(process, "the next"))
        assert await second
        assert arrivals.waiting == 0
        assert arrivals._by_place == {}

    run(main)


def test_a_commit_that_failed_is_no_arrival(stepped: SteppedScheduler) -> None:
    process = stepped.ask(spawn(Variant.NATIVE)).process

    async def main() -> None:
        reader = waiting(stepped.scheduler.arrivals, 1, process)
        await until_idle()
        stepped.submit(message(process, "lost"))
        stepped.run_until_blocked()
        stepped.writer.release(Fault.BEFORE_WRITING)
        stepped.run_until_blocked()
        await until_idle()
        assert not reader.done()
        stepped.ask(message(process, "lost"))
        assert await reader

    run(main)


def test_a_deadline_ends_the_wait() -> None:
    async def main() -> None:
        clock = ManualClock()
        arrivals = Arrivals(clock)
        reader = waiting(arrivals, 1)
        await until_idle()
        clock.advance(999)
        await until_idle()
        assert not reader.done()
        clock.advance(1)
        assert await reader, "it was kept as long as it was meant"
        assert (arrivals.waiting, arrivals._by_place) == (0, {})

    run(main)


def test_who_goes_away_leaves_nothing_behind() -> None:
    async def main() -> None:
        clock = ManualClock()
        arrivals = Arrivals(clock)
        gone, twin = waiting(arrivals, 1), waiting(arrivals, 1)
        await until_idle()
        gone.cancel()
        await until_idle()
        assert arrivals.waiting == 1
        arrivals.announce(PROCESS, 1)
        assert await twin
        assert (arrivals.waiting, arrivals._by_place, clock.due_ms()) == (0, {}, None)

    run(main)


def test_one_reader_too_many_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seriatim.actors.scheduler.arrivals.LONG_POLLS_MAX", 2)

    async def main() -> None:
        arrivals = Arrivals(ManualClock())
        readers = [waiting(arrivals, slot) for slot in (1, 2)]
        await until_idle()
        assert not await arrivals.wait(PROCESS, 3, 1_000)
        arrivals.announce(PROCESS, 1)
        assert await readers[0]
        later = waiting(arrivals, 3)
        await until_idle()
        assert arrivals.waiting == 2
        for reader in (readers[1], later):
            reader.cancel()

    run(main)


def test_a_release_lets_everybody_go_and_nobody_wait() -> None:
    async def main() -> None:
        arrivals = Arrivals(ManualClock())
        readers = [waiting(arrivals, slot) for slot in (1, 1, 2)]
        await until_idle()
        arrivals.release()
        assert [await each for each in readers] == [False] * 3
        assert not await arrivals.wait(PROCESS, 1, 1_000)
        assert (arrivals.waiting, arrivals._by_place) == (0, {})

    run(main)
