"""Triggers of an embedded node, under a clock that the test moves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import seriatim
from seriatim.actors.embedding.node import EmbeddedNode
from seriatim.actors.own_log import OwnLog
from seriatim.actors.triggers.table import TriggerTable
from seriatim.formats.errors import (
    LimitExceededError,
    MalformedError,
    NotFoundError,
    RefusedError,
    UnavailableError,
)
from seriatim.formats.limits import BACKFILL_MAX, CLOCK_CHECK_MS, FIRE_PAUSE_MAX_MS
from seriatim.formats.schedule.submission import Submission
from seriatim.formats.signing.scheme import WalletKind
from seriatim.formats.wire.receipt import Receipt
from seriatim.testing import VirtualClock, pass_time

START = datetime(2026, 3, 28, 12, tzinfo=UTC)  # the night before Paris puts its clocks forward
MINUTE = timedelta(minutes=1)


@asynccontextmanager
async def opened(
    path: Path, clock: VirtualClock, **options: Any
) -> AsyncIterator[tuple[EmbeddedNode, str]]:
    async with seriatim.open(path, clock=clock, **options) as node:
        yield node, await node.spawn({"name": "target"})


def nominals(node: EmbeddedNode, process: str) -> list[datetime]:
    """Return the nominal times of the fires in the log of *process*, in its order."""
    return [
        datetime.fromtimestamp(int(str(entry.fields["nominal-time"])) / 1000, UTC)
        for entry in node.read(process, first=1)
    ]


def said(node: EmbeddedNode, trigger: str) -> list[Mapping[str, object]]:
    return [each.fields for each in node.triggers.history(trigger)]


def table_of(node: EmbeddedNode) -> TriggerTable:
    table = node._node.triggers
    assert table is not None
    return table


@pytest.mark.asyncio
async def test_the_nth_fire_is_n_intervals_behind_the_start(tmp_path: Path) -> None:
    clock = VirtualClock(START)
    async with opened(tmp_path, clock) as (node, process):
        await node.triggers.add("every 7 minutes", process=process, message={"action": "tick"})
        await pass_time(node, clock, hours=1, seconds=3)
        await pass_time(node, clock, hours=1)
        assert nominals(node, process) == [START + n * 7 * MINUTE for n in range(1, 18)]
        assert {e.fields["action"] for e in node.read(process, first=1)} == {"tick"}


@pytest.mark.asyncio
async def test_a_time_of_day_comes_once_a_day_though_the_clock_is_put_forward(
    tmp_path: Path,
) -> None:
    clock = VirtualClock(START)
    async with opened(tmp_path, clock) as (node, process):
        await node.triggers.add("30 2 * * *", tz="Europe/Paris", process=process)
        await pass_time(node, clock, days=2)
        assert nominals(node, process) == [
            datetime(2026, 3, 29, 1, 0, tzinfo=UTC),  # 02:30 was not shown: 03:00, the gap's end
            datetime(2026, 3, 30, 0, 30, tzinfo=UTC),
        ]


@pytest.mark.asyncio
async def test_the_same_trigger_twice_is_one_and_of_the_same_name_it_is_changed(
    tmp_path: Path,
) -> None:
    clock = VirtualClock(START)
    async with opened(tmp_path, clock) as (node, process):
        message = {"parts": ("a", {"b": 1})}
        first = await node.triggers.add("every hour", process=process, message=message, name="n")
        await pass_time(node, clock, minutes=50)
        again = await node.triggers.add("every hour", process=process, message=message, name="n")
        assert again == first
        assert len(said(node, "n")) == 1
        other = await node.triggers.add("every 2 hours", process=process, name="n")
        assert other.id == first.id
        assert other.next == START + timedelta(hours=2, minutes=50)
        assert [each["action"] for each in said(node, "n")] == ["define", "define"]
        assert [each.id async for each in node.triggers.all()] == [first.id]


@pytest.mark.asyncio
async def test_what_is_due_while_it_is_paused_is_missed_and_the_log_says_so(
    tmp_path: Path,
) -> None:
    clock = VirtualClock(START)
    async with opened(tmp_path, clock) as (node, process):
        trigger = (await node.triggers.add("every 10 minutes", process=process)).id
        await pass_time(node, clock, minutes=15)
        assert (await node.triggers.pause(trigger)).state == "paused"
        assert (await node.triggers.pause(trigger)).next is None
        await pass_time(node, clock, minutes=30)
        assert len(nominals(node, process)) == 1
        assert (await node.triggers.resume(trigger)).next == START + 50 * MINUTE
        await pass_time(node, clock, minutes=10)
        assert nominals(node, process) == [START + 10 * MINUTE, START + 50 * MINUTE]
        resumed = said(node, trigger)[3]
        ms = [int((START + n * MINUTE).timestamp() * 1000) for n in (20, 40)]
        assert [resumed["first"], resumed["last"]] == ms
        assert resumed["reason"] == "paused"


@pytest.mark.asyncio
async def test_what_is_removed_fires_no_more_and_its_history_stays(tmp_path: Path) -> None:
    clock = VirtualClock(START)
    async with opened(tmp_path, clock) as (node, process):
        options = {"start": (START + MINUTE).isoformat()}
        trigger = (await node.triggers.add("every 10 minutes", process=process, **options)).id  # type: ignore[arg-type]  # a plain map
        await pass_time(node, clock, minutes=15)
        await node.triggers.remove(trigger)
        await pass_time(node, clock, minutes=30)
        with pytest.raises(NotFoundError):
            node.triggers.show(trigger)
        assert [each async for each in node.triggers.all()] == []
        before = said(node, trigger)
        assert [each.get("action", "fire") for each in before] == [
            "define",
            "fire",
            "fire",
            "remove",
        ]
        clock.set(START)  # the operator puts the clock back: what has fired does not fire again
        await node.triggers.add("every 10 minutes", process=process, **options)  # type: ignore[arg-type]  # as above
        await pass_time(node, clock, minutes=15)
        assert said(node, trigger)[:4] == before
        assert nominals(node, process) == [START + n * MINUTE for n in (1, 11, 21)]


@pytest.mark.asyncio
async def test_a_backfill_fires_what_has_not_fired_and_nothing_twice(tmp_path: Path) -> None:
    clock = VirtualClock(START)
    async with opened(tmp_path, clock) as (node, process):
        trigger = (await node.triggers.add("*/10 * * * *", process=process)).id
        await pass_time(node, clock, minutes=15)
        day = timedelta(days=1)
        assert await node.triggers.backfill(trigger, START - MINUTE, START + day) == 1
        assert await node.triggers.backfill(trigger, START - 20 * MINUTE, START + day) == 2
        assert await node.triggers.backfill(trigger, START - 20 * MINUTE, START + day) == 0
        assert sorted(nominals(node, process)) == [START + n * MINUTE for n in (-20, -10, 0, 10)]
        await pass_time(node, clock, minutes=10)
        assert len(nominals(node, process)) == 5, "what was to come has come by itself"
        with pytest.raises(LimitExceededError):
            await node.triggers.backfill(trigger, START - BACKFILL_MAX * 10 * MINUTE, START)


@pytest.mark.asyncio
async def test_by_hand_it_fires_beside_its_times_whatever_its_state(tmp_path: Path) -> None:
    clock = VirtualClock(START)
    async with opened(tmp_path, clock) as (node, process):
        trigger = (await node.triggers.add("in 10 minutes", process=process)).id
        by_hand = await node.triggers.fire(trigger)
        assert (by_hand.process, by_hand.slot) == (process, 1)
        await node.triggers.fire(trigger)
        await pass_time(node, clock, minutes=10)
        assert nominals(node, process) == [START, START, START + 10 * MINUTE]
        assert node.triggers.show(trigger).state == "over"
        await node.triggers.fire(trigger)
        assert node.slot(process) == 4
        with pytest.raises(RefusedError):
            await node.triggers.pause(trigger)


@pytest.mark.asyncio
async def test_what_is_over_may_be_defined_once_more(tmp_path: Path) -> None:
    clock = VirtualClock(START)
    async with opened(tmp_path, clock) as (node, process):
        for _ in range(2):
            await node.triggers.add("in 10 minutes", process=process)
            await pass_time(node, clock, minutes=15)
        assert nominals(node, process) == [START + 10 * MINUTE, START + 25 * MINUTE]


@pytest.mark.asyncio
async def test_a_clock_that_is_set_forward_is_noticed_and_one_set_back_doubles_nothing(
    tmp_path: Path,
) -> None:
    clock = VirtualClock(START)
    async with opened(tmp_path, clock) as (node, process):
        await node.triggers.add("every hour", process=process, misfire="all")
        clock.set(START + timedelta(hours=3))
        await pass_time(node, clock, milliseconds=CLOCK_CHECK_MS)
        hours = [START + timedelta(hours=n) for n in (1, 2, 3)]
        assert nominals(node, process) == hours
        clock.set(START)
        await pass_time(node, clock, hours=3)
        assert nominals(node, process) == [*hours, *(START + timedelta(hours=n) for n in (4, 5))]


@pytest.mark.asyncio
async def test_after_a_pause_of_the_node_the_policy_decides(tmp_path: Path) -> None:
    clock = VirtualClock(START)
    async with opened(tmp_path, clock) as (node, _):
        targets = {
            misfire: await node.spawn({"name": misfire}) for misfire in ("once", "all", "skip")
        }
        for misfire, target in targets.items():
            window = {} if misfire == "skip" else {"window": "25 minutes"}
            await node.triggers.add(
                "every 10 minutes",
                process=target,
                misfire=misfire,
                **window,  # type: ignore[arg-type]  # a plain map
            )
    clock.advance(minutes=65)
    async with opened(tmp_path, clock) as (node, _):
        await pass_time(node, clock, milliseconds=CLOCK_CHECK_MS)
        fired = {misfire: nominals(node, target) for misfire, target in targets.items()}
    assert fired == {
        "once": [START + 60 * MINUTE],
        "all": [START + 40 * MINUTE + n * 10 * MINUTE for n in range(3)],
        "skip": [],
    }


@pytest.mark.asyncio
async def test_a_fire_that_cannot_be_placed_now_is_tried_with_longer_and_longer_pauses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = VirtualClock(START)
    async with opened(tmp_path, clock) as (node, process):
        trigger = (await node.triggers.add("in 1 minute", process=process)).id
        world = table_of(node)._book._world
        tried: list[int] = []

        async def refuse(submission: Submission) -> Receipt:
            tried.append(clock.monotonic_ms())
            raise UnavailableError("the disk is full")

        monkeypatch.setattr(
            table_of(node)._book, "_world", world._replace(own=OwnLog(refuse, world.own._store))
        )
        clock.advance(minutes=1)
        for _ in range(600):
            clock.advance(seconds=1)
            await asyncio.sleep(0)
        pauses = [later - earlier for earlier, later in pairwise(tried)]
        assert 8 < len(tried) < 30
        assert all(earlier <= later + 1_000 for earlier, later in pairwise(pauses))
        assert max(pauses) <= FIRE_PAUSE_MAX_MS + 1_000
        monkeypatch.setattr(table_of(node)._book, "_world", world)
        clock.advance(minutes=1)
        await node.triggers.settled()
        assert nominals(node, process) == [START + MINUTE]
        assert node.triggers.show(trigger).state == "over"


@pytest.mark.asyncio
async def test_a_fire_that_can_never_be_placed_is_a_miss_with_the_reason(tmp_path: Path) -> None:
    clock = VirtualClock(START)
    wallet = seriatim.generate(WalletKind.ED25519)
    async with seriatim.open(tmp_path, clock=clock, wallet=wallet) as node:
        process = await node.spawn({"name": "signed"}, variant="ao.N.1")
        trigger = (await node.triggers.add("every hour", process=process)).id
        await pass_time(node, clock, hours=1)
        assert node.slot(process) == 1
        item = next(iter(node.read(process, first=1)))
        assert item.item, "where assignments are signed, a fire is"
    async with seriatim.open(tmp_path, clock=clock) as node:
        await pass_time(node, clock, hours=1)
        missed = said(node, trigger)[-1]
        assert missed["reason"] == "no_wallet"
        assert node.slot(process) == 1


@pytest.mark.asyncio
async def test_nobody_else_says_anything_in_the_tables_log(tmp_path: Path) -> None:
    clock = VirtualClock(START)
    async with opened(tmp_path, clock) as (node, process):
        trigger = await node.triggers.add("every hour", process=process)
        table = node.triggers.history(trigger.id)[0].process
        with pytest.raises(RefusedError) as caught:
            await node.schedule(table, {"action": "remove", "trigger": trigger.id})
        assert caught.value.code == "reserved_process"
        node.verify(table)


@pytest.mark.asyncio
async def test_a_process_that_is_not_known_is_no_target(tmp_path: Path) -> None:
    async with opened(tmp_path, VirtualClock(START)) as (node, _):
        with pytest.raises(NotFoundError):
            await node.triggers.add("every hour", process="A" * 43)
        with pytest.raises(MalformedError):
            await node.triggers.add("every hour", process="no id")
        assert [each async for each in node.triggers.all()] == []
