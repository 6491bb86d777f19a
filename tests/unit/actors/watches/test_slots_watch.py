"""Slots of another process as events: each one once, in order, and none is missed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from seriatim.actors.compute.folds import Folds
from seriatim.actors.node import Node
from seriatim.actors.policy import Policy
from seriatim.actors.runtime.clock import ManualClock
from seriatim.actors.watches import slots_watch
from seriatim.actors.watches.slots_watch import SlotsKind
from seriatim.actors.watches.watch import Watch, World
from seriatim.formats.errors import MalformedError, OverloadedError, UnsupportedError
from seriatim.formats.ids import encode_id
from seriatim.formats.limits import LONG_POLL_MAX_MS, SLOTS_TURN
from seriatim.formats.message import Message, Value
from seriatim.formats.schedule.submission import Submission, submit_item, submit_unsigned
from seriatim.formats.watches.event import Event, check_event
from seriatim.formats.wire.stored import StoredAssignment
from seriatim.store.memory_log import MemoryLog
from tests.support.builders import message_item
from tests.support.records import make_appends, make_id
from tests.support.running_node import post, running
from tests.support.sample_folds import odd
from tests.support.watching import NO_METRICS, quiet_world, watching, world_of

SPAWN = submit_unsigned(Message({"type": "Process", "execution-device": "odd@1.0"}))
PROCESS = encode_id(SPAWN.process)


def say(**fields: Value) -> Submission:
    return submit_unsigned(Message(fields), process=SPAWN.process)


def watch(node: Node, **spec: Value) -> Watch:
    return SlotsKind().open({"process": PROCESS, **spec}, world_of(node, ManualClock()))


def slots_of(events: list[Event]) -> list[Value]:
    return [check_event(event).fields["slot"] for event in events]


@asynccontextmanager
async def node(path: Path) -> AsyncIterator[Node]:
    policy = Policy(accept_unsigned=True)
    async with running(path, policy=policy, folds=Folds(folds=(odd,))) as running_node:
        yield running_node


async def take(watch: Watch, mark: bytes, count: int) -> list[Event]:
    """Return the next *count* events behind *mark*."""
    async with watching(watch, mark, ManualClock()) as events:
        return [await events.next() for _ in range(count)]


def test_each_slot_that_comes_is_one_event(tmp_path: Path) -> None:
    async def main() -> None:
        async with node(tmp_path) as here:
            await post(here, SPAWN)
            found = watch(here)
            async with watching(found, await found.first_mark(), ManualClock()) as events:
                receipt = await post(here, say(data="one"))
                event = await events.next()
                assert event.key == f"{PROCESS}-1"
                assert event.fields == {
                    "process": PROCESS,
                    "slot": 1,
                    "timestamp-ms": receipt.timestamp_ms,
                    "message": encode_id(receipt.message_id),
                }
                # It waits, and hears of the next one.
                asked = events.ask()
                await asyncio.sleep(0)
                await post(here, say(data="two"))
                assert (await asked).key == f"{PROCESS}-2"

    asyncio.run(main())


def test_what_is_there_when_a_trigger_is_added_is_no_event(tmp_path: Path) -> None:
    async def main() -> None:
        async with node(tmp_path) as here:
            for each in (SPAWN, say(data="before")):
                await post(here, each)
            mark = await watch(here).first_mark()
            async with watching(watch(here), b"", ManualClock()) as events:
                asked = events.ask()
                await asyncio.sleep(0)
                await post(here, say(data="after"))
                assert (await asked).key == f"{PROCESS}-2"
            # A trigger that keeps its first mark misses nothing, though nobody has watched.
            assert slots_of(await take(watch(here), mark, 1)) == [2]

    asyncio.run(main())


def test_a_watch_goes_on_behind_its_last_durable_event(tmp_path: Path) -> None:
    async def main() -> None:
        async with node(tmp_path) as here:
            mark = await watch(here).first_mark()
            await post(here, SPAWN)
            for number in range(4):
                await post(here, say(data=f"{number}"))
            first = await take(watch(here), mark, 2)
            assert slots_of(first) == [0, 1]
            # The second one was not made durable: it comes again, by the same key.
            again = await take(watch(here), first[0].mark, 4)
            assert slots_of(again) == [1, 2, 3, 4]
            assert again[0] == first[1]

    asyncio.run(main())


def test_only_messages_whose_fields_are_equal_match(tmp_path: Path) -> None:
    async def main() -> None:
        async with node(tmp_path) as here:
            await post(here, SPAWN)
            for value in (7, "7", 7.0, True, 1):
                await post(here, say(action="go", count=value))
            tags = {"Action": "go", "Count": "7"}
            await post(here, submit_item(message_item(SPAWN.process, "signed", tags=tags)))
            mark = b"0"
            assert slots_of(await take(watch(here, match={"count": 7}), mark, 1)) == [1]
            assert slots_of(await take(watch(here, match={"count": True}), mark, 1)) == [4]
            assert slots_of(await take(watch(here, match={"count": 1}), mark, 1)) == [5]
            both = {"count": "7", "action": "go"}
            assert slots_of(await take(watch(here, match=both), mark, 2)) == [2, 6]

    asyncio.run(main())


def test_a_computed_slot_says_how_its_fold_has_failed(tmp_path: Path) -> None:
    async def main() -> None:
        async with node(tmp_path) as here:
            for each in (SPAWN, say(word="object"), say(word="fine")):
                await post(here, each)
            _, failed, fine = await take(watch(here, computed=True), b"0", 3)
            error = failed.fields["error"]
            assert isinstance(error, dict)
            assert error["code"] == "bad_state"
            assert "object" in error["reason"]
            assert "error" not in fine.fields

    asyncio.run(main())


def log_of(slots: int) -> MemoryLog:
    log = MemoryLog()
    log.append(make_appends(SPAWN.process, range(slots)))
    return log


def test_it_waits_for_long_and_asks_the_log_each_time() -> None:
    waits: list[tuple[int, int]] = []
    log = log_of(2)

    async def wait_for(process: bytes, slot: int, deadline_ms: int) -> bool:
        assert process == SPAWN.process
        waits.append((slot, deadline_ms))
        if len(waits) == 3:  # an arrival that nobody was told of
            log.append(make_appends(SPAWN.process, [2]))
        return True

    async def main() -> None:
        world = World(ManualClock(), log, wait_for, None, NO_METRICS)
        events = await take(SlotsKind().open({"process": PROCESS}, world), b"", 1)
        assert slots_of(events) == [2]
        assert waits == [(2, LONG_POLL_MAX_MS)] * 3

    asyncio.run(main())


def test_a_long_past_that_does_not_match_is_read_in_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[int] = []
    turns: list[int] = [0]

    async def wait_for(process: bytes, slot: int, deadline_ms: int) -> bool:
        waits.append(slot)
        turns.append(0)
        return slot < 3 * SLOTS_TURN

    async def take_turns() -> None:
        while True:
            turns[-1] += 1
            await asyncio.sleep(0)

    async def main() -> None:
        world = World(ManualClock(), log_of(3 * SLOTS_TURN), wait_for, None, NO_METRICS)
        spec: dict[str, Value] = {"process": PROCESS, "match": {"no": "such"}}
        other = asyncio.create_task(take_turns())
        async with watching(SlotsKind().open(spec, world), b"0", ManualClock()) as found:
            with pytest.raises(OverloadedError, match="try again"):
                await found.next()
        # It need not be read again.
        assert found.mark == str(2 * SLOTS_TURN).encode()
        other.cancel()
        assert waits == [SLOTS_TURN, 2 * SLOTS_TURN, 3 * SLOTS_TURN]
        assert all(turns), "others waited for all of it"

    monkeypatch.setattr(slots_watch, "SLOTS_UNMARKED_MAX", 2 * SLOTS_TURN)
    # These builders' records have no message that can be read.
    monkeypatch.setattr(StoredAssignment, "fields", property(lambda _: {}))
    asyncio.run(main())


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ({}, "process of the watch: expected text of 1 to 4096 characters, found nothing"),
        ({"process": "abc"}, "process of the watch: expected the id of a process, 43 characters"),
        ({"process": 7}, "process of the watch: expected text"),
        ({"process": PROCESS, "match": {}}, "match of the watch: expected a map of 1 to 64"),
        ({"process": PROCESS, "match": "a"}, "match of the watch: expected a map of 1 to 64"),
        ({"process": PROCESS, "computed": "yes"}, "computed of the watch: expected true or false"),
        ({"process": PROCESS, "slot": 7}, "cannot have 'slot'; it can have computed, match, proc"),
    ],
)
def test_a_spec_that_is_none_is_refused(spec: dict[str, Value], sentence: str) -> None:
    with pytest.raises(MalformedError) as caught:
        SlotsKind().check(spec)
    assert caught.value.code == "bad_watch"
    assert sentence in str(caught.value)


def test_a_node_that_computes_nothing_says_so() -> None:
    spec: dict[str, Value] = {"process": encode_id(make_id("a")), "computed": True}
    SlotsKind().check(spec)
    with pytest.raises(UnsupportedError, match="computes nothing"):
        SlotsKind().open(spec, quiet_world(ManualClock()))


@pytest.mark.parametrize("mark", [b"x", b"-1", b"1" * 20])
def test_what_is_no_mark_is_refused(mark: bytes) -> None:
    async def main() -> None:
        with pytest.raises(MalformedError) as caught:
            await take(SlotsKind().open({"process": PROCESS}, quiet_world(ManualClock())), mark, 1)
        assert caught.value.code == "bad_mark"

    asyncio.run(main())
