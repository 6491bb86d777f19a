"""Triggers that are due by events, of an embedded node."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

import seriatim
from seriatim.actors.embedding.node import EmbeddedNode
from seriatim.actors.own_log import OwnLog
from seriatim.actors.watches.registry import WatchRegistry
from seriatim.actors.watches.watch import World
from seriatim.formats.errors import MalformedError, RefusedError, UnavailableError, UnsupportedError
from seriatim.formats.ids import decode_id
from seriatim.formats.message import Value
from seriatim.formats.schedule.submission import Submission
from seriatim.formats.signing.scheme import WalletKind
from seriatim.formats.watches.event import Event, NoEvent
from seriatim.formats.wire.receipt import Receipt
from seriatim.testing import VirtualClock, pass_time
from tests.support import packages
from tests.support.waiting import until

START = datetime(2026, 1, 1, tzinfo=UTC)


TIDES = """
import asyncio
from seriatim.formats.watches.event import Event, NoEvent
from seriatim.formats.wire.receipt import Receipt

class Tides:
    name = "tides"

    def check(self, spec):
        pass

    def open(self, spec, world):
        return self

    async def first_mark(self):
        return b"0"

    async def events(self, mark):
        for number in range(int(mark), 3):
            yield Event(f"tide {number}", {"number": number}, str(number + 1).encode())
        await asyncio.Event().wait()
"""


class Feed:
    """A kind of watch whose events a test makes: numbers, from the mark on."""

    name = "feed"

    def __init__(self) -> None:
        self.numbers = 0
        self.more = asyncio.Event()
        self.opened = 0
        self.fails = 0

    def check(self, spec: Mapping[str, Value]) -> None:
        if spec:
            raise MalformedError("nothing: expected nothing", code="bad_watch")

    def open(self, spec: Mapping[str, Value], world: World) -> Feed:
        return self

    def emit(self, count: int = 1) -> None:
        self.numbers += count
        self.more.set()

    async def first_mark(self) -> bytes:
        return str(self.numbers).encode()

    async def events(self, mark: bytes) -> AsyncGenerator[Event, None]:
        self.opened += 1
        number = int(mark)
        while True:
            if self.fails:
                self.fails -= 1
                raise UnavailableError("not now")
            if number < self.numbers:
                yield Event(str(number), {"number": number}, str(number + 1).encode())
                number += 1
            else:
                self.more.clear()
                await self.more.wait()


@pytest.fixture
def feed(monkeypatch: pytest.MonkeyPatch) -> Feed:
    known = Feed()
    monkeypatch.setattr("seriatim.actors.launch.load_watch_kinds", lambda: WatchRegistry([known]))
    return known


def numbers(node: EmbeddedNode, process: str) -> list[object]:
    events = [entry.fields["event"] for entry in node.read(process, first=1)]
    return [each["number"] for each in events if isinstance(each, Mapping)]


@pytest.mark.asyncio
async def test_each_event_fires_once_though_it_is_seen_again(tmp_path: Path, feed: Feed) -> None:
    clock = VirtualClock(START)
    async with seriatim.open(tmp_path, clock=clock) as node:
        process = await node.spawn({"name": "target"})
        feed.emit(3)
        await node.triggers.add({"kind": "feed"}, process=process, name="feed")
        feed.emit(2)
        await until(lambda: node.slot(process) == 2)
        assert numbers(node, process) == [3, 4], "what was there before it was added is no event"
        mark = node._node.triggers.find("feed")  # type: ignore[union-attr]  # it has triggers
    feed.emit(2)
    async with seriatim.open(tmp_path, clock=clock) as node:
        await until(lambda: node.slot(process) == 4)
        table = node._node.triggers
        assert table is not None
        progress = table.show(mark).progress
        event = Event("6", {"number": 6}, progress.mark)
        await table._watching.take(mark, table.show(mark).definition, event)
        assert numbers(node, process) == [3, 4, 5, 6]
        assert len(node.triggers.history("feed")) == 5, "its history has it once, too"


@pytest.mark.asyncio
async def test_a_watch_that_fails_is_begun_anew_after_a_pause(tmp_path: Path, feed: Feed) -> None:
    clock = VirtualClock(START)
    async with seriatim.open(tmp_path, clock=clock) as node:
        process = await node.spawn({"name": "target"})
        feed.fails = 5
        await node.triggers.add({"kind": "feed"}, process=process)
        await until(lambda: feed.opened == 1)
        feed.emit()
        await pass_time(node, clock, milliseconds=100)
        assert feed.opened == 1, "no hot loop"

        def begun_anew() -> bool:
            clock.advance(seconds=1)
            return feed.opened == 6

        await until(begun_anew)
        # The clock stands still now: it would overtake the deadline of what is being placed.
        await until(lambda: node.slot(process) == 1)
        assert feed.opened == 6


@pytest.mark.asyncio
async def test_what_happens_while_it_is_paused_is_no_event(tmp_path: Path, feed: Feed) -> None:
    clock = VirtualClock(START)
    async with seriatim.open(tmp_path, clock=clock) as node:
        process = await node.spawn({"name": "target"})
        await node.triggers.add({"kind": "feed"}, process=process, name="feed")
        await node.triggers.pause("feed")
        feed.emit(5)
        await node.triggers.resume("feed")
        feed.emit()
        await until(lambda: node.slot(process) == 1)
        assert numbers(node, process) == [5]
        with pytest.raises(RefusedError):
            await node.triggers.backfill("feed", START, START)
        assert node.triggers.next("feed") == []


@pytest.mark.asyncio
async def test_a_function_is_told_the_event_also_when_it_is_called_once_more(
    tmp_path: Path, feed: Feed
) -> None:
    clock = VirtualClock(START)
    told: list[object] = []
    async with seriatim.open(tmp_path, clock=clock) as node:

        @node.on({"kind": "feed"}, name="feed")
        async def first(fire: seriatim.Fire) -> None:
            told.append(fire.event["number"])
            await asyncio.Event().wait()

        await node.triggers.defined()
        feed.emit(2)
        await until(lambda: bool(told))
    async with seriatim.open(tmp_path, clock=clock) as node:

        @node.on({"kind": "feed"}, name="feed")
        async def second(fire: seriatim.Fire) -> None:
            told.append((fire.event["number"], fire.event["key"]))

        await until(lambda: len(told) == 3)
    assert told == [0, (0, "0"), (1, "1")], "the second one waited for the first to end"


@pytest.mark.asyncio
async def test_where_assignments_are_signed_the_event_is_json_in_a_tag(
    tmp_path: Path, feed: Feed
) -> None:
    wallet = seriatim.generate(WalletKind.ED25519)
    async with seriatim.open(tmp_path, clock=VirtualClock(START), wallet=wallet) as node:
        process = await node.spawn({"name": "signed"}, variant="ao.N.1")
        await node.triggers.add({"kind": "feed"}, process=process)
        feed.emit()
        await until(lambda: node.slot(process) == 1)
        entry = next(iter(node.read(process, first=1)))
        assert entry.fields["event"] == '{"key":"0","number":0}'


@pytest.mark.asyncio
async def test_what_is_no_watch_is_refused(tmp_path: Path, feed: Feed) -> None:
    async with seriatim.open(tmp_path, clock=VirtualClock(START)) as node:
        process = await node.spawn({"name": "target"})
        with pytest.raises(MalformedError, match="expected nothing"):
            await node.triggers.add({"kind": "feed", "more": 1}, process=process)
        for kind in ({}, {"kind": "fed"}, {"kind": 5}):
            with pytest.raises(UnsupportedError, match="it knows feed"):
                await node.triggers.add(kind, process=process)


@pytest.mark.asyncio
async def test_a_folder_a_level_and_slots_of_another_process_fire(tmp_path: Path) -> None:
    clock, folder = VirtualClock(START), tmp_path / "in"
    folder.mkdir()
    async with seriatim.open(tmp_path / "data", clock=clock) as node:
        source = await node.spawn({"name": "source"})
        target = await node.spawn({"name": "target"})
        watches: list[dict[str, Value]] = [
            {"kind": "file", "path": str(folder), "polling": True},
            {"kind": "slots", "process": source, "match": {"action": "go"}},
            {"kind": "threshold", "metric": "memory", "above": 0},
        ]
        for each in watches:
            await node.triggers.add(each, process=target)
        (folder / "new").write_text("x")
        await node.schedule(source, {"action": "stay"})
        await node.schedule(source, {"action": "go"})

        def seen() -> bool:
            clock.advance(milliseconds=500)
            return node.slot(target) == 3

        await until(seen)
        said = [entry.fields["event"] for entry in node.read(target, first=1)]
        names = {
            str(each.get("file") or each.get("metric") or each.get("slot"))
            for each in said
            if isinstance(each, Mapping)
        }
        assert names == {"new", "memory", "2"}


@pytest.mark.asyncio
async def test_what_is_handed_in_fires_once_by_its_key(tmp_path: Path) -> None:
    async with seriatim.open(tmp_path, clock=VirtualClock(START)) as node:
        process = await node.spawn({"name": "target"})
        await node.triggers.add({"kind": "webhook"}, process=process, name="hook")
        first = await node.triggers.occur("hook", "payment-1", {"amount": 5})
        assert (first.process, first.slot) == (process, 1)
        again = await node.triggers.occur("hook", "payment-1", {"amount": 6})
        assert again.slot == first.slot
        assert again.fields["event"] == {"amount": 5, "key": "payment-1"}
        assert (await node.triggers.occur("hook", "payment-2")).slot == 2
        assert len(node.triggers.history("hook")) == 3
        await node.triggers.pause("hook")
        with pytest.raises(RefusedError) as caught:
            await node.triggers.occur("hook", "payment-3")
        assert caught.value.code == "not_live"
        await node.triggers.add("every hour", process=process, name="hourly")
        with pytest.raises(RefusedError, match="no webhook"):
            await node.triggers.occur("hourly", "payment-3")
        with pytest.raises(MalformedError):
            await node.triggers.add({"kind": "webhook", "secret": "x"}, process=process)


@pytest.mark.asyncio
async def test_a_file_that_is_gone_when_the_node_starts_again_is_deleted(tmp_path: Path) -> None:
    clock, file = VirtualClock(START), tmp_path / "conf"
    file.write_text("x")
    async with seriatim.open(tmp_path / "data", clock=clock) as node:
        target = await node.spawn({"name": "target"})
        await node.triggers.add(
            {"kind": "file", "path": str(file), "polling": True}, process=target
        )
    file.unlink()
    async with seriatim.open(tmp_path / "data", clock=clock) as node:

        def seen() -> bool:
            clock.advance(milliseconds=500)
            return node.slot(target) == 1

        await until(seen)
        (entry,) = node.read(target, first=1)
        assert isinstance(entry.fields["event"], Mapping)
        assert entry.fields["event"]["event"] == "delete"


@pytest.mark.asyncio
async def test_another_package_adds_a_kind_by_its_entry_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry_points = "[seriatim.watches]\nmine = sea:Tides\n"
    site = tmp_path / "site"
    packages.install(site, monkeypatch, name="sea", code=TIDES, entry_points=entry_points)
    async with seriatim.open(tmp_path / "data", clock=VirtualClock(START)) as node:
        process = await node.spawn({"name": "target"})
        await node.triggers.add({"kind": "tides"}, process=process)
        await until(lambda: node.slot(process) == 3)
        assert numbers(node, process) == [0, 1, 2]
        with pytest.raises(UnsupportedError, match="file, slots, threshold, tides, webhook"):
            await node.triggers.add({"kind": "ebbs"}, process=process)


@pytest.mark.asyncio
async def test_how_far_a_watch_has_come_without_an_event_is_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Silent(Feed):
        async def events(self, mark: bytes) -> AsyncGenerator[Event | NoEvent, None]:  # type: ignore[override]  # it says more
            self.opened += 1
            yield NoEvent(str(int(mark) + 10).encode())
            await asyncio.Event().wait()

    silent = Silent()
    monkeypatch.setattr("seriatim.actors.launch.load_watch_kinds", lambda: WatchRegistry([silent]))
    for expected in (b"10", b"20"):
        async with seriatim.open(tmp_path, clock=VirtualClock(START)) as node:
            process = await node.spawn({"name": "target"})
            trigger = await node.triggers.add({"kind": "feed"}, process=process)
            table = node._node.triggers
            assert table is not None

            def mark() -> bytes:
                return table.show(decode_id(trigger.id)).progress.mark  # noqa: B023  # asked at once

            await until(lambda: mark() == expected)  # noqa: B023  # as above
            assert node.slot(process) == 0
            assert len(node.triggers.history(trigger.id)) == 1


@pytest.mark.asyncio
async def test_an_event_that_cannot_be_placed_now_is_not_asked_for_again(
    tmp_path: Path, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = VirtualClock(START)
    async with seriatim.open(tmp_path, clock=clock) as node:
        process = await node.spawn({"name": "target"})
        await node.triggers.add({"kind": "feed"}, process=process)
        await until(lambda: feed.opened == 1)
        table = node._node.triggers
        assert table is not None
        world, tried = table._book._world, 0

        async def refuse(submission: Submission) -> Receipt:
            nonlocal tried
            tried += 1
            raise UnavailableError("the disk is full")

        monkeypatch.setattr(
            table._book, "_world", world._replace(own=OwnLog(refuse, world.own._store))
        )
        feed.emit()

        def tries_again() -> bool:
            clock.advance(milliseconds=100)
            return tried > 3

        await until(tries_again)
        monkeypatch.setattr(table._book, "_world", world)

        def placed() -> bool:
            clock.advance(milliseconds=100)
            return node.slot(process) == 1

        await until(placed)
        assert feed.opened == 1
