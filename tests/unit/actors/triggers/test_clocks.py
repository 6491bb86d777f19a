"""Somebody sets the wall clock: intervals go on, instants wait for it, and nothing comes twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import seriatim
from seriatim.actors.embedding.node import EmbeddedNode
from seriatim.formats.limits import CLOCK_CHECK_MS
from seriatim.testing import VirtualClock, pass_time
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio

START = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
EVERY = 10 * MINUTE
LONGEST = 11 * MINUTE


class Call(NamedTuple):
    """A call of the trigger's function: for when, what the wall clock says, and since the start."""

    nominal: datetime
    wall: datetime
    passed: timedelta


class Beat:
    """A node in which a trigger calls a function, with a clock that is set.

    Attributes:
        calls: of the function, in their order.
        over: what they wait for.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = VirtualClock(START)
        self.calls: list[Call] = []
        self.over = asyncio.Event()
        self.over.set()

    async def act(self, fire: seriatim.Fire) -> None:
        passed = timedelta(milliseconds=self.clock.monotonic_ms())
        self.calls.append(Call(fire.nominal, self.clock.now, passed))
        await self.over.wait()

    @asynccontextmanager
    async def opened(self, when: str, **more: Any) -> AsyncIterator[EmbeddedNode]:
        async with seriatim.open(self.path, clock=self.clock) as node:
            node.triggers.call(when, self.act, {"name": "beat", **more})  # type: ignore[typeddict-item]  # a plain map
            await node.triggers.defined()
            yield node

    def set_by(self, by: timedelta) -> None:
        self.clock.set(self.clock.now + by)

    async def put_forward_and_mend(self, node: EmbeddedNode, by: timedelta = DAY) -> None:
        """Have the wall clock ahead for as long as it takes to be noticed."""
        self.set_by(by)
        await pass_time(node, self.clock, milliseconds=CLOCK_CHECK_MS)
        self.set_by(-by)

    def longest_pause(self) -> timedelta:
        return max(two.passed - one.passed for one, two in pairwise(self.calls))

    def check_nominals(self) -> None:
        nominals = [each.nominal for each in self.calls]
        assert nominals == sorted(set(nominals)), "each once, and in order"


@pytest.mark.parametrize(
    "more", [{}, {"misfire": "all"}, {"misfire": "skip"}, {"start": "now"}, {"jitter": "1m"}]
)
async def test_an_interval_goes_on_when_a_clock_that_was_ahead_is_mended(
    tmp_path: Path, more: dict[str, str]
) -> None:
    beat = Beat(tmp_path)
    async with beat.opened("every 10 minutes", **more) as node:
        await pass_time(node, beat.clock, minutes=25)
        await beat.put_forward_and_mend(node)
        ahead = len(beat.calls)
        await pass_time(node, beat.clock, hours=11)
        assert len(beat.calls) >= ahead + 59
    assert beat.longest_pause() <= LONGEST + MINUTE * ("jitter" in more)
    beat.check_nominals()


@pytest.mark.parametrize("while_it_was_down", [True, False])
async def test_an_interval_goes_on_after_a_start_though_the_clock_was_ahead_before(
    tmp_path: Path, *, while_it_was_down: bool
) -> None:
    beat = Beat(tmp_path)
    async with beat.opened("every 10 minutes") as node:
        await beat.put_forward_and_mend(node)
        if while_it_was_down:
            beat.set_by(DAY)
    if while_it_was_down:
        beat.set_by(-DAY)
    for _ in range(3):
        before = len(beat.calls)
        async with beat.opened("every 10 minutes") as node:
            await pass_time(node, beat.clock, minutes=11, milliseconds=1)
            assert len(beat.calls) == before + 1
    beat.check_nominals()


async def test_an_interval_that_was_defined_by_a_clock_that_was_ahead_begins(
    tmp_path: Path,
) -> None:
    beat = Beat(tmp_path)
    beat.set_by(DAY)
    async with beat.opened("every 10 minutes") as node:
        beat.set_by(-DAY)
        await pass_time(node, beat.clock, minutes=22, milliseconds=2)
    assert [each.nominal - START - DAY for each in beat.calls] == [EVERY, 2 * EVERY]


async def test_an_interval_that_was_ahead_is_met_again_by_the_clock(tmp_path: Path) -> None:
    beat = Beat(tmp_path)
    async with beat.opened("every 10 minutes") as node:
        await beat.put_forward_and_mend(node, 5 * EVERY)
        await pass_time(node, beat.clock, hours=12)
    assert all(each.wall <= each.nominal for each in beat.calls[1:])
    assert all(each.wall == each.nominal for each in beat.calls[-10:])
    assert beat.longest_pause() <= LONGEST
    beat.check_nominals()


async def test_a_clock_that_is_put_back_by_little_again_and_again_makes_no_drift(
    tmp_path: Path,
) -> None:
    beat = Beat(tmp_path)
    async with beat.opened("every 10 minutes") as node:
        for _ in range(20):
            await pass_time(node, beat.clock, minutes=13)
            beat.set_by(-MINUTE / 2)
    assert len(beat.calls) > 20
    assert all(each.wall == each.nominal for each in beat.calls)


async def test_an_interval_that_has_waited_for_its_run_goes_on_at_once(tmp_path: Path) -> None:
    beat = Beat(tmp_path)
    async with beat.opened("every 10 minutes", overlap="queue") as node:
        await beat.put_forward_and_mend(node)
        beat.over.clear()
        beat.clock.advance(minutes=11)
        await until(lambda: len(beat.calls) == 2)
        beat.clock.advance(minutes=40)
        beat.over.set()
        await pass_time(node, beat.clock, milliseconds=1)
        assert len(beat.calls) == 3
    beat.check_nominals()


async def test_while_an_interval_is_ahead_nothing_of_it_is_missed_by_that(tmp_path: Path) -> None:
    beat = Beat(tmp_path)
    async with beat.opened("every 10 minutes") as node:
        await beat.put_forward_and_mend(node)
        number = node.triggers.history("beat")[-1].number
        await pass_time(node, beat.clock, hours=3)
        await node.triggers.pause("beat")
        await pass_time(node, beat.clock, hours=3)
        await node.triggers.resume("beat")
        before = len(beat.calls)
        await pass_time(node, beat.clock, minutes=11, milliseconds=1)
        assert len(beat.calls) == before + 1
        said = node.triggers.history("beat", after=number)
    assert {each.fields["action"] for each in said} == {"run", "end", "pause", "resume"}
    assert all("reason" not in each.fields for each in said)
    beat.check_nominals()


async def test_in_some_minutes_is_so_many_minutes_whatever_the_clock_shows(tmp_path: Path) -> None:
    beat = Beat(tmp_path)
    beat.set_by(DAY)
    async with beat.opened("in 10 minutes") as node:
        beat.set_by(-DAY)
        await pass_time(node, beat.clock, minutes=11, milliseconds=1)
        assert [each.nominal for each in beat.calls] == [START + DAY + EVERY]
        assert node.triggers.show("beat").state == "over"


@pytest.mark.parametrize(
    "what",
    [
        {"when": "0 13 * * *"},
        {"when": "2026-03-02 13:00"},
        {"when": "today at 13:00"},
        {"when": "every 10 minutes", "start": "2026-03-02T13:00:00Z"},
    ],
)
async def test_what_the_clock_has_to_show_comes_no_sooner(
    tmp_path: Path, what: dict[str, str]
) -> None:
    beat = Beat(tmp_path)
    async with beat.opened(**what) as node:
        beat.set_by(-DAY)
        await pass_time(node, beat.clock, hours=24, minutes=59)
        assert not beat.calls
        await pass_time(node, beat.clock, minutes=1)
        assert [each.wall for each in beat.calls] == [START + 6 * EVERY]


async def test_a_time_of_day_that_the_clock_was_ahead_of_comes_no_second_time(
    tmp_path: Path,
) -> None:
    beat = Beat(tmp_path)
    async with beat.opened("0 13 * * *") as node:
        await beat.put_forward_and_mend(node)
        assert [each.nominal for each in beat.calls] == [START + timedelta(hours=1)]
        await pass_time(node, beat.clock, days=2, hours=2)
    assert [each.nominal - START for each in beat.calls] == [
        timedelta(hours=1),
        timedelta(hours=25),
        timedelta(hours=49),
    ]


@pytest.mark.parametrize("when", ["every 10 minutes", "in 10 minutes"])
async def test_what_starts_now_has_not_to_wait_for_a_clock_that_was_put_back_before_its_first_fire(
    tmp_path: Path, when: str
) -> None:
    beat = Beat(tmp_path)
    what = {"when": when, "start": "now", "name": "beat"}
    async with seriatim.open(tmp_path, clock=beat.clock) as node:
        table = node._node.triggers
        assert table is not None
        await table.define({**what, "function": "beat"})  # nobody has the function: none fires
    beat.set_by(-DAY)
    async with beat.opened(**what) as node:
        await pass_time(node, beat.clock, minutes=12)
    assert [each.nominal - START for each in beat.calls][:1] == [
        EVERY if when.startswith("in") else 0 * EVERY
    ]
    beat.check_nominals()
