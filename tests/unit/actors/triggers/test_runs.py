"""Runs under load, when they are cancelled, and when the node ends under them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import seriatim
from seriatim.actors.embedding.node import EmbeddedNode
from seriatim.actors.triggers import firing
from seriatim.actors.triggers.fires import Fires
from seriatim.actors.triggers.table import TriggerTable
from seriatim.formats.errors import MalformedError, OverloadedError, StoreError
from seriatim.formats.limits import RUNS_OF_TRIGGER_MAX
from seriatim.formats.triggers.due import next_step
from seriatim.testing import VirtualClock, pass_time
from tests.support.waiting import until

START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def table_of(node: EmbeddedNode) -> TriggerTable:
    table = node._node.triggers
    assert table is not None
    return table


def words(node: EmbeddedNode, trigger: str) -> list[str]:
    said = node.triggers.history(trigger, limit=500)
    return [str(each.fields["action"]) for each in said]


def codes(node: EmbeddedNode, trigger: str) -> list[object]:
    said = [each.fields for each in node.triggers.history(trigger)]
    return [each.get("code", "") for each in said if each["action"] == "end"]


@pytest.mark.asyncio
async def test_a_run_that_is_cancelled_before_its_first_step_has_its_end(tmp_path: Path) -> None:
    clock = VirtualClock(START)
    calls: list[datetime] = []
    async with seriatim.open(tmp_path, clock=clock) as node:

        @node.every("hour", name="long", overlap="cancel", misfire="all")
        async def long(fire: seriatim.Fire) -> None:
            calls.append(fire.nominal)

        await node.triggers.defined()
        clock.advance(hours=6)
        await pass_time(node, clock)
        assert calls[-1] == START + 6 * HOUR
        assert words(node, "long").count("run") == words(node, "long").count("end") == 6
        assert list(table_of(node)._book.rows.begun()) == []
        assert codes(node, "long").count("") == len(calls)


@pytest.mark.asyncio
async def test_a_function_that_waits_for_what_was_cancelled_has_failed(tmp_path: Path) -> None:
    clock = VirtualClock(START)
    async with seriatim.open(tmp_path, clock=clock) as node:

        @node.every("hour", name="bad")
        async def bad() -> None:
            task = asyncio.ensure_future(asyncio.Event().wait())
            task.cancel()
            await task

        await pass_time(node, clock, hours=2)
        assert codes(node, "bad") == ["raised", "raised"]


@pytest.mark.asyncio
async def test_what_is_removed_while_it_runs_says_so(tmp_path: Path) -> None:
    clock, begun = VirtualClock(START), asyncio.Event()
    async with seriatim.open(tmp_path, clock=clock) as node:

        @node.every("hour", name="long")
        async def long() -> None:
            begun.set()
            await asyncio.Event().wait()

        await node.triggers.defined()
        clock.advance(hours=1)
        await begun.wait()
        trigger = node.triggers.show("long").id
        await node.triggers.remove("long")
        assert node.triggers.history(trigger)[-1].fields["reason"] == "its trigger was removed"


@pytest.mark.asyncio
async def test_runs_beside_each_other_have_a_bound_and_leave_room_to_others(
    tmp_path: Path,
) -> None:
    clock, gate = VirtualClock(START), asyncio.Event()
    others: list[datetime] = []
    async with seriatim.open(tmp_path, clock=clock) as node:

        @node.every("minute", name="many", overlap="allow")
        async def many() -> None:
            await gate.wait()

        @node.every("hour", name="other")
        async def other() -> None:
            others.append(clock.now)

        await node.triggers.defined()
        for _ in range(60):
            clock.advance(minutes=1)
            await table_of(node)._firing.settled()
        await until(lambda: len(others) == 1)
        assert words(node, "many").count("run") == RUNS_OF_TRIGGER_MAX
        assert words(node, "many").count("miss") == 60 - RUNS_OF_TRIGGER_MAX
        gate.set()
        await node.triggers.settled()


@pytest.mark.asyncio
async def test_events_queue_in_their_order_once_they_are_on_disk(tmp_path: Path) -> None:
    calls: list[object] = []
    active = 0
    async with seriatim.open(tmp_path, clock=VirtualClock(START)) as node:

        @node.on({"kind": "webhook"}, name="hook")
        async def hook(fire: seriatim.Fire) -> None:
            nonlocal active
            active += 1
            assert active == 1
            await asyncio.sleep(0)
            calls.append(fire.event["key"])
            active -= 1

        await node.triggers.defined()
        found = await asyncio.gather(*(node.triggers.occur("hook", str(n)) for n in range(8)))
        await node.triggers.settled()
        assert calls == [str(number) for number in range(8)]
        assert len({each.number for each in found}) == 8
        assert (await node.triggers.occur("hook", "3")).number == -1
        assert codes(node, "hook") == [""] * 8


@pytest.mark.asyncio
async def test_more_events_than_may_run_are_told_to_come_again(tmp_path: Path) -> None:
    gate = asyncio.Event()
    async with seriatim.open(tmp_path, clock=VirtualClock(START)) as node:

        @node.on({"kind": "webhook"}, name="hook")
        async def hook() -> None:
            await gate.wait()

        await node.triggers.defined()
        for number in range(RUNS_OF_TRIGGER_MAX):
            await node.triggers.occur("hook", str(number))
        with pytest.raises(OverloadedError):
            await node.triggers.occur("hook", "one more")
        gate.set()
        await node.triggers.settled()
        await node.triggers.occur("hook", "one more")


@pytest.mark.asyncio
async def test_too_much_that_waits_holds_up_deciding_only_until_it_is_less(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(firing, "FIRES_WAITING_MAX", 5)
    clock = VirtualClock(START)
    async with seriatim.open(tmp_path, clock=clock) as node:
        process = await node.spawn({"name": "target"})
        for number in range(8):
            message = {"number": number}
            await node.triggers.add("every second", process=process, message=message)
        clock.advance(seconds=1)
        assert table_of(node)._firing._waiting == 5
        for each in [each.id async for each in node.triggers.all()]:
            await node.triggers.pause(each)  # what was decided of it is not, any more
            await node.triggers.resume(each)
        await pass_time(node, clock, seconds=10)
        assert table_of(node)._firing._waiting == 0
        assert (node.slot(process) or 0) >= 80


@pytest.mark.asyncio
async def test_a_queue_of_late_times_is_decided_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decisions = 0

    def counted(*arguments: Any) -> object:
        nonlocal decisions
        decisions += 1
        return next_step(*arguments)

    monkeypatch.setattr(firing, "next_step", counted)
    clock, gate = VirtualClock(START), asyncio.Event()
    calls: list[datetime] = []
    async with seriatim.open(tmp_path, clock=clock) as node:

        @node.every("minute", name="queued", overlap="queue", misfire="all")
        async def queued(fire: seriatim.Fire) -> None:
            calls.append(fire.nominal)
            await gate.wait()

        await node.triggers.defined()
        clock.advance(minutes=1)
        await until(lambda: bool(calls))
        clock.advance(minutes=39)
        gate.set()
        await pass_time(node, clock)
        assert calls == [START + n * timedelta(minutes=1) for n in range(1, 41)]
        assert decisions < 5 * 40


@pytest.mark.asyncio
async def test_a_closed_table_stays_silent(tmp_path: Path) -> None:
    clock = VirtualClock(START)
    async with seriatim.open(tmp_path, clock=clock) as node:
        process = await node.spawn()
        for number in range(50):
            await node.triggers.add("every second", process=process, message={"n": number})
        clock.advance(seconds=3)
        await asyncio.sleep(0)
    table = table_of(node)
    drains = len(table._firing._drains)
    for _ in range(20):
        clock.advance(seconds=1)
        await asyncio.sleep(0)
    assert table._firing._alarms._timer is None
    assert len(table._firing._drains) <= drains


@pytest.mark.asyncio
@pytest.mark.parametrize("damage", [b"\xff", b"", b"\xa1\x61", b"\x01", b"\xa0"])
async def test_a_damaged_row_stops_its_own_trigger_only(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: bytes
) -> None:
    clock = VirtualClock(START)
    async with seriatim.open(tmp_path, clock=clock) as node:
        process = await node.spawn()
        bad = await node.triggers.add("every hour", process=process, name="bad")
        worse = await node.triggers.add("every hour", process=process, name="worse")
        good = await node.triggers.add("every hour", process=process, name="good")
        rows = ((("triggers", "defined", bad.id), damage), (("triggers", "live", worse.id), damage))
        await table_of(node)._book.keep(rows)
        await pass_time(node, clock, hours=2)
        assert node.slot(process) == 2
    async with seriatim.open(tmp_path, clock=clock) as node:
        await pass_time(node, clock, hours=2)
        assert node.slot(process) == 4
        assert [each.id async for each in node.triggers.all()] == [good.id]
        with pytest.raises(StoreError, match="another name"):
            await node.triggers.pause("bad")
    assert bad.id in caplog.text
    assert worse.id in caplog.text


@pytest.mark.asyncio
async def test_events_that_wait_are_called_for_in_their_order_by_the_next_program(
    tmp_path: Path,
) -> None:
    keys = [str(number) for number in range(12)]
    calls: list[object] = []
    async with seriatim.open(tmp_path, clock=VirtualClock(START)) as node:

        @node.on({"kind": "webhook"}, name="hook")
        async def hangs() -> None:
            await asyncio.Event().wait()

        await node.triggers.defined()
        for key in keys:
            await node.triggers.occur("hook", key)
    async with seriatim.open(tmp_path, clock=VirtualClock(START)) as node:

        @node.on({"kind": "webhook"}, name="hook")
        async def goes_on(fire: seriatim.Fire) -> None:
            calls.append(fire.event["key"])

        await node.triggers.settled()
        assert calls == keys


@pytest.mark.asyncio
@pytest.mark.parametrize("change", ["removed", "changed"])
async def test_an_interrupted_run_has_its_end_when_its_trigger_goes(
    tmp_path: Path, change: str
) -> None:
    clock, begun = VirtualClock(START), asyncio.Event()
    async with seriatim.open(tmp_path, clock=clock) as node:

        @node.every("hour", name="long")
        async def long() -> None:
            begun.set()
            await asyncio.Event().wait()

        await node.triggers.defined()
        trigger = node.triggers.show("long").id
        clock.advance(hours=1)
        await begun.wait()
    async with seriatim.open(tmp_path, clock=clock) as node:
        if change == "removed":
            await node.triggers.remove("long")
        else:
            process = await node.spawn()
            await node.triggers.add("every hour", process=process, name="long")
        assert list(table_of(node)._book.rows.begun()) == []
        ended = node.triggers.history(trigger)[-1].fields
        assert (ended["code"], change in str(ended["reason"])) == ("cancelled", True)


class WordlessError(BaseException):
    def __str__(self) -> str:
        raise ValueError


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "error", [WordlessError(), MalformedError("x\ud800", code="bad"), BaseException("\ud800")]
)
async def test_no_error_of_a_coroutine_is_too_odd_for_an_end(
    tmp_path: Path, error: BaseException
) -> None:
    clock = VirtualClock(START)
    async with seriatim.open(tmp_path, clock=clock) as node:

        @node.every("hour", name="odd")
        async def odd() -> None:
            raise error

        await pass_time(node, clock, hours=3)
        assert len(codes(node, "odd")) == 3


@pytest.mark.asyncio
async def test_a_fault_of_ours_holds_up_its_own_trigger_and_not_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = VirtualClock(START)
    place = Fires.place
    faults = 2

    async def faulty(fires: Fires, *arguments: Any, **named: Any) -> None:
        nonlocal faults
        if faults:
            faults -= 1
            raise AssertionError("a fault of ours")
        await place(fires, *arguments, **named)

    monkeypatch.setattr(Fires, "place", faulty)
    async with seriatim.open(tmp_path, clock=clock) as node:
        process = await node.spawn()
        await node.triggers.add("in 1 minute", process=process)
        clock.advance(minutes=1)

        def placed() -> bool:
            clock.advance(milliseconds=100)
            return node.slot(process) == 1

        await until(placed)
        assert not faults


@pytest.mark.asyncio
async def test_a_change_at_a_time_of_both_decides_it_once(tmp_path: Path) -> None:
    clock = VirtualClock(START)
    async with seriatim.open(tmp_path, clock=clock) as node:
        process = await node.spawn({"name": "target"})
        await node.triggers.add("every hour", process=process, name="n", misfire="all")
    clock.advance(hours=2)
    async with seriatim.open(tmp_path, clock=clock) as node:
        at_once = {"start": "now", "name": "n"}
        await node.triggers.add("every 30 minutes", process=process, **at_once)  # type: ignore[arg-type]  # a plain map
        await pass_time(node, clock, minutes=30)
        fired = [entry.fields["nominal-time"] for entry in node.read(process, first=1)]
        assert fired == [int((START + 2.5 * HOUR).timestamp() * 1000)]


@pytest.mark.asyncio
async def test_what_can_never_fire_since_the_clock_was_set_back_is_refused(
    tmp_path: Path,
) -> None:
    clock = VirtualClock(START)
    async with seriatim.open(tmp_path, clock=clock) as node:
        process = await node.spawn({"name": "target"})
        await node.triggers.add("every hour", process=process, name="n")
        await pass_time(node, clock, hours=5)
        clock.set(START + 2 * HOUR)
        with pytest.raises(MalformedError, match="set back"):
            await node.triggers.add("in 10 minutes", process=process, name="n")


@pytest.mark.asyncio
async def test_a_program_that_defines_what_is_late_or_over_goes_on(tmp_path: Path) -> None:
    clock = VirtualClock(START)
    calls: list[datetime] = []
    when = (START + HOUR).isoformat()

    def act() -> None:
        calls.append(clock.now)

    async def run() -> str:
        async with seriatim.open(tmp_path, clock=clock) as node:
            process = await node.spawn({"name": "target"})
            await node.triggers.add(when, process=process, name="message")
            node.triggers.call(when, act, {"name": "call"})
            await pass_time(node, clock, minutes=30)
            return node.triggers.show("message").state

    assert await run() == "live"
    clock.advance(hours=1)  # its time comes while no program runs
    assert await run() == "over"
    assert await run() == "over"
    assert len(calls) == 1


@pytest.mark.asyncio
async def test_triggers_are_counted_however_they_come_and_go(tmp_path: Path) -> None:
    async with seriatim.open(tmp_path, clock=VirtualClock(START)) as node:
        process = await node.spawn()
        for _ in range(3):
            await node.triggers.add("every hour", process=process)
            await node.triggers.add("every 2 hours", process=process, name="n")
            await node.triggers.pause("n")
            await node.triggers.remove("n")
        assert table_of(node)._count == 1
    async with seriatim.open(tmp_path, clock=VirtualClock(START)) as node:
        assert table_of(node)._count == 1
