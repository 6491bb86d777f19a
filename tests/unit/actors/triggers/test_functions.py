"""Functions that triggers call: at least once for each time, and what overlaps."""

from __future__ import annotations

import asyncio
import functools
import threading
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import seriatim
from seriatim.actors.embedding.node import EmbeddedNode
from seriatim.formats.errors import MalformedError, RefusedError
from seriatim.testing import VirtualClock, pass_time
from tests.support.waiting import until

START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def has_decided(node: EmbeddedNode, count: int) -> bool:
    """Tell whether so many times have begun a call, or are missed."""
    said = [each.fields for each in node.triggers.history("long")]
    return sum(each["action"] in ("run", "miss") for each in said) == count


async def fires_are_on_disk(node: EmbeddedNode) -> None:
    """Return when no fire is on its way, though calls may last."""
    assert node._node.triggers is not None
    await node._node.triggers._firing.settled()


def ends(node: EmbeddedNode, trigger: str) -> list[tuple[object, object]]:
    return [
        (each.fields.get("code", ""), each.fields.get("reason", ""))
        for each in node.triggers.history(trigger)
        if each.fields.get("action") == "end"
    ]


@pytest.mark.asyncio
async def test_functions_are_called_in_the_loop_or_in_threads_with_or_without_the_fire(
    tmp_path: Path,
) -> None:
    clock, calls = VirtualClock(START), Counter[object]()
    async with seriatim.open(tmp_path, clock=clock) as node:

        @node.every("hour")
        async def told(fire: seriatim.Fire) -> None:
            calls[fire.nominal] += 1

        @node.cron("*/30 * * * *", name="thread")
        def in_thread() -> None:
            calls[threading.current_thread() is threading.main_thread()] += 1

        await pass_time(node, clock, hours=2)
        assert calls == {START + HOUR: 1, START + 2 * HOUR: 1, False: 4}
        await told(seriatim.Fire("", START))  # it stays a function
        assert in_thread.__name__ == "in_thread"


@pytest.mark.asyncio
async def test_a_function_that_raises_has_its_reason_on_disk_and_is_called_at_the_next_time(
    tmp_path: Path,
) -> None:
    clock, calls = VirtualClock(START), []
    async with seriatim.open(tmp_path, clock=clock) as node:

        @node.every("hour", name="bad")
        async def bad() -> None:
            calls.append(clock.now)
            if len(calls) == 1:
                raise ValueError("no \ud800")
            if len(calls) == 2:
                raise SystemExit(3)

        await pass_time(node, clock, hours=3)
        assert calls == [START + n * HOUR for n in (1, 2, 3)]
        assert ends(node, "bad") == [
            ("raised", "ValueError: no ?"),
            ("raised", "SystemExit: 3"),
            ("", ""),
        ]


@pytest.mark.asyncio
async def test_a_call_that_the_end_of_its_program_interrupts_is_made_by_the_next_one(
    tmp_path: Path,
) -> None:
    clock = VirtualClock(START)
    begun: list[datetime] = []
    done: list[datetime] = []
    async with seriatim.open(tmp_path, clock=clock) as node:

        @node.every("hour", name="long")
        async def long(fire: seriatim.Fire) -> None:
            begun.append(fire.nominal)
            await asyncio.Event().wait()

        await node.triggers.defined()
        clock.advance(hours=1)
        await until(lambda: bool(begun))
    async with seriatim.open(tmp_path, clock=clock) as node:
        await pass_time(node, clock, minutes=30)
        assert done == [], "the program has no such function yet"

        @node.every("hour", name="long")
        async def short(fire: seriatim.Fire) -> None:
            done.append(fire.nominal)

        await pass_time(node, clock, minutes=30)
        assert (begun, done) == ([START + HOUR], [START + HOUR, START + 2 * HOUR])
        await pass_time(node, clock, hours=1)
        assert done[2:] == [START + 3 * HOUR]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("overlap", "calls", "codes"),
    [
        ("skip", 1, [""]),
        ("allow", 3, ["", "", ""]),
        ("cancel", 3, ["cancelled", "cancelled", ""]),
    ],
)
async def test_what_is_due_while_a_call_lasts(
    tmp_path: Path, overlap: str, calls: int, codes: list[str]
) -> None:
    clock, begun, gate = VirtualClock(START), [], asyncio.Event()
    async with seriatim.open(tmp_path, clock=clock) as node:

        @node.every("hour", name="long", overlap=overlap)
        async def long(fire: seriatim.Fire) -> None:
            begun.append(fire.nominal)
            await gate.wait()

        await node.triggers.defined()
        for hour in range(1, 4):
            clock.advance(hours=1)
            await until(partial(has_decided, node, hour))
            await fires_are_on_disk(node)
            await until(lambda: len(begun) >= (1 if overlap == "skip" else hour))  # noqa: B023  # waited for at once
        gate.set()
        await node.triggers.settled()
        assert len(begun) == calls
        assert [code for code, _ in ends(node, "long")] == codes
        missed = [e.fields for e in node.triggers.history("long") if "last" in e.fields]
        assert [each["reason"] for each in missed] == ["overlap"] * (3 - calls)


@pytest.mark.asyncio
async def test_what_is_queued_behind_a_call_comes_when_that_has_ended(tmp_path: Path) -> None:
    clock, begun, gate = VirtualClock(START), [], asyncio.Event()
    async with seriatim.open(tmp_path, clock=clock) as node:

        @node.every("hour", name="long", overlap="queue", misfire="all")
        async def long(fire: seriatim.Fire) -> None:
            begun.append(fire.nominal)
            await gate.wait()

        await node.triggers.defined()
        clock.advance(hours=3)
        await until(lambda: bool(begun))
        assert len(begun) == 1
        gate.set()
        await pass_time(node, clock)
        assert begun == [START + n * HOUR for n in (1, 2, 3)]


@pytest.mark.asyncio
async def test_a_schedule_that_was_changed_in_the_program_is_changed_on_disk(
    tmp_path: Path,
) -> None:
    clock, called = VirtualClock(START), []
    for text in ("hour", "2 hours"):
        async with seriatim.open(tmp_path, clock=clock) as node:

            @node.every(text, name="report")
            async def report() -> None:
                called.append(clock.now)

            await pass_time(node, clock, hours=4)
    assert called == [START + n * HOUR for n in (1, 2, 3, 4, 6, 8)]


@pytest.mark.asyncio
async def test_what_is_wrong_with_a_decorator_is_said_at_once(tmp_path: Path) -> None:
    async with seriatim.open(tmp_path, clock=VirtualClock(START)) as node:

        async def function() -> None: ...

        def blocking() -> None: ...

        with pytest.raises(MalformedError, match="at byte 12"):
            node.cron("0 9 * * mon-fry")(function)
        with pytest.raises(MalformedError):
            node.cron("every 5 minutes")(function)
        with pytest.raises(MalformedError, match="thread cannot be cancelled"):
            node.every("hour", overlap="cancel")(blocking)
        node.every("hour")(function)
        with pytest.raises(RefusedError, match="name="):
            node.every("2 hours")(function)


def test_blocking_code_has_the_same(tmp_path: Path) -> None:
    called = threading.Event()
    with seriatim.open_blocking(tmp_path) as node:
        process = node.spawn()

        @node.every("5 ms")
        def tick() -> None:
            called.set()

        trigger = node.triggers.add("every day at 9", process=process, name="daily")
        assert node.triggers.pause("daily").state == "paused"
        assert node.triggers.resume("daily") == node.triggers.show(trigger.id)
        assert node.triggers.next("daily", 2)[0] == trigger.next
        assert node.triggers.fire("daily").slot == 1
        assert node.triggers.backfill("daily", START, START + HOUR) == 0
        assert {each.definition.name for each in node.triggers.all()} >= {"daily"}
        node.triggers.remove("daily")
        assert node.triggers.history(trigger.id)[-1].fields["action"] == "remove"
        assert called.wait(30)


@pytest.mark.asyncio
async def test_whatever_a_function_raises_has_its_end(tmp_path: Path) -> None:
    clock = VirtualClock(START)
    async with seriatim.open(tmp_path, clock=clock) as node:
        for kind in (StopIteration, GeneratorExit, KeyError, SystemExit):

            def in_thread(kind: type[BaseException] = kind) -> None:
                raise kind

            async def in_loop(fire: object, kind: type[BaseException] = kind) -> None:
                raise kind

            name = kind.__name__
            node.triggers.call("every hour", functools.partial(in_thread, kind), {"name": name})
            node.triggers.call("every hour", in_loop, {"name": f"async {name}"})
        await pass_time(node, clock, hours=2)
        for kind in (StopIteration, GeneratorExit, KeyError, SystemExit):
            for name in (kind.__name__, f"async {kind.__name__}"):
                said = ends(node, name)
                assert [code for code, _ in said] == ["raised", "raised"], name
                assert kind.__name__ in str(said[0][1])


@pytest.mark.asyncio
async def test_a_program_ends_though_its_function_does_not_let_itself_be_cancelled(
    tmp_path: Path,
) -> None:
    clock = VirtualClock(START)
    ended = asyncio.Event()
    async with seriatim.open(tmp_path, clock=clock) as node:
        begun = asyncio.Event()

        @node.every("hour", name="stubborn")
        async def stubborn() -> None:
            begun.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                await asyncio.sleep(0)
            ended.set()

        await node.triggers.defined()
        clock.advance(hours=1)
        await begun.wait()
    assert ended.is_set()
    async with seriatim.open(tmp_path, clock=clock) as node:
        assert len(list(node._node.triggers._book.rows.begun())) == 1  # type: ignore[union-attr]  # it has triggers


def two(first: object, second: object) -> None: ...
def keyword(*, fire: object) -> None: ...
def generator() -> Iterator[int]:
    yield 1


async def async_generator() -> AsyncIterator[int]:
    yield 1


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("function", "words"),
    [
        (two, "one argument"),
        (keyword, "one argument"),
        (generator, "without yield"),
        (async_generator, "without yield"),
        (functools.partial(two, 1), "name="),
        (5, "expected a function"),
    ],
)
async def test_what_cannot_be_called_is_refused_at_once(
    tmp_path: Path, function: Any, words: str
) -> None:
    async with seriatim.open(tmp_path, clock=VirtualClock(START)) as node:
        with pytest.raises(MalformedError, match=words):
            node.every("hour")(function)
        with pytest.raises(MalformedError, match=r"@node\.every"):
            node.every(function)


@pytest.mark.asyncio
async def test_what_was_due_before_a_change_is_missed_and_the_change_says_so(
    tmp_path: Path,
) -> None:
    clock = VirtualClock(START)
    async with seriatim.open(tmp_path, clock=clock) as node:
        process = await node.spawn({"name": "target"})
        await node.triggers.add("every hour", process=process, name="n", misfire="all")
        await pass_time(node, clock, hours=2)
    clock.advance(hours=3)
    async with seriatim.open(tmp_path, clock=clock) as node:
        await node.triggers.add("every 2 hours", process=process, name="n", misfire="all")
        changed = node.triggers.history("n")[-1].fields
        ms = [int((START + n * HOUR).timestamp() * 1000) for n in (3, 5)]
        assert (changed["action"], changed["reason"]) == ("define", "changed")
        assert [changed["first"], changed["last"]] == ms
        await pass_time(node, clock, hours=2)
        assert node.slot(process) == 3


@pytest.mark.asyncio
async def test_the_tables_own_log_is_no_target(tmp_path: Path) -> None:
    async with seriatim.open(tmp_path, clock=VirtualClock(START)) as node:
        process = await node.spawn({"name": "target"})
        trigger = await node.triggers.add("every hour", process=process)
        table = node.triggers.history(trigger.id)[0].process
        with pytest.raises(RefusedError, match="log of the node's own"):
            await node.triggers.add("every hour", process=table, message={"action": "remove"})


@pytest.mark.asyncio
async def test_a_change_of_what_it_does_leaves_its_times_as_they_are(tmp_path: Path) -> None:
    clock = VirtualClock(START)
    async with seriatim.open(tmp_path, clock=clock) as node:
        process = await node.spawn({"name": "target"})
        await node.triggers.add("every 3 hours", process=process, name="n")
        clock.advance(hours=1)
        changed = await node.triggers.add(
            "every 3 hours", process=process, name="n", message={"version": 2}, misfire="all"
        )
        assert changed.next == START + 3 * HOUR
    clock.advance(hours=6)
    async with seriatim.open(tmp_path, clock=clock) as node:
        await node.triggers.add(
            "every 3 hours", process=process, name="n", message={"version": 3}, misfire="all"
        )
        await pass_time(node, clock)
        entries = list(node.read(process, first=1))
        assert [entry.fields["version"] for entry in entries] == [3, 3]
        assert node.triggers.show("n").next == START + 9 * HOUR


@pytest.mark.asyncio
async def test_what_was_due_when_a_trigger_is_removed_is_missed_and_said(tmp_path: Path) -> None:
    clock = VirtualClock(START)
    async with seriatim.open(tmp_path, clock=clock) as node:
        process = await node.spawn({"name": "target"})
        trigger = (await node.triggers.add("every hour", process=process)).id
    clock.advance(hours=2)
    async with seriatim.open(tmp_path, clock=clock) as node:
        await node.triggers.remove(trigger)
        said = node.triggers.history(trigger)[-1].fields
        ms = [int((START + n * HOUR).timestamp() * 1000) for n in (1, 2)]
        assert [said["reason"], said["first"], said["last"]] == ["removed", *ms]
