"""The clock that users' tests move, and a node that obeys it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

import seriatim
from seriatim.testing import VirtualClock


def test_time_passes_as_told_and_timers_run_at_their_own() -> None:
    clock = VirtualClock(datetime(2026, 3, 1, 12, tzinfo=timezone(timedelta(hours=2))))
    ran: list[datetime] = []
    for hours in (2, 1, 5):
        clock.call_later(hours * 3_600_000, lambda: ran.append(clock.now))
    clock.advance(hours=3, minutes=1, seconds=1, milliseconds=1)
    start = datetime(2026, 3, 1, 10, tzinfo=UTC)
    assert ran == [start + timedelta(hours=hours) for hours in (1, 2)]
    assert clock.now == start + timedelta(hours=3, minutes=1, seconds=1, milliseconds=1)
    clock.set(start - timedelta(days=9))
    assert clock.monotonic_ms() == 3 * 3_600_000 + 61_001, "an operator's hand moves no timer"
    clock.advance(days=1)
    assert len(ran) == 3
    assert clock.now == start - timedelta(days=8)


def test_what_no_clock_does_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        VirtualClock(datetime(2026, 3, 1))  # noqa: DTZ001  # that is the fault
    clock = VirtualClock()
    with pytest.raises(ValueError, match="no time zone"):
        clock.set(datetime(2026, 3, 1))  # noqa: DTZ001  # that is the fault
    with pytest.raises(ValueError, match="cannot go back"):
        clock.advance(hours=-1)


def test_a_node_takes_its_time_from_the_clock_that_it_is_given(tmp_path: Path) -> None:
    async def main() -> None:
        clock = VirtualClock(datetime(2030, 1, 1, tzinfo=UTC))
        async with seriatim.open(tmp_path, clock=clock) as node:
            process = await node.spawn({"name": "timed"})
            clock.advance(hours=3)
            await node.schedule(process, {"a": 1})
            clock.set(datetime(2020, 1, 1, tzinfo=UTC))
            await node.schedule(process, {"a": 2})
            stamps = [entry.timestamp_ms for entry in node.read(process)]
        start_ms = 1_893_456_000_000
        assert stamps == [start_ms, start_ms + 3 * 3_600_000, start_ms + 3 * 3_600_000 + 1]

    asyncio.run(main())
