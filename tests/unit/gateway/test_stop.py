"""Being asked to stop: once, twice within a moment, which is once, and once more later."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator

import pytest

from seriatim.actors.runtime.clock import ManualClock
from seriatim.formats.limits import STOP_AGAIN_MS
from seriatim.gateway.stop import stop_signal

pytestmark = pytest.mark.asyncio


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the statuses with which this OS process would have ended."""
    statuses: list[int] = []
    monkeypatch.setattr(os, "_exit", statuses.append)
    return statuses


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)
    before = {number: signal.getsignal(number) for number in numbers}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


async def send(*numbers: signal.Signals) -> None:
    """Send *numbers* to this OS process; return when the loop has heard all of them."""
    heard = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, heard.set)
    for number in (*numbers, signal.SIGUSR1):
        os.kill(os.getpid(), number)
    await heard.wait()


async def test_two_signals_within_a_moment_are_one(ended: list[int]) -> None:
    """Such as of ``timeout``, which sends one to its child, and one to the group of that."""
    clock = ManualClock()
    stop = stop_signal(clock)
    await send(signal.SIGTERM, signal.SIGTERM)
    clock.advance(STOP_AGAIN_MS - 1)
    await send(signal.SIGINT)
    assert stop.is_set()
    assert ended == []


async def test_a_signal_that_comes_later_ends_at_once(ended: list[int]) -> None:
    clock = ManualClock()
    stop = stop_signal(clock)
    await send(signal.SIGTERM)
    assert stop.is_set()
    clock.advance(STOP_AGAIN_MS)
    await send(signal.SIGINT)
    assert ended == [128 + signal.SIGINT]


async def test_the_first_signal_hurries_nobody_who_stops_already(ended: list[int]) -> None:
    """Because the disk is full, say: that is a stop in order, too."""
    clock = ManualClock()
    stop = stop_signal(clock)
    stop.set()
    clock.advance(STOP_AGAIN_MS)
    await send(signal.SIGTERM)
    assert ended == []
