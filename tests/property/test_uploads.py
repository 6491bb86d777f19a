"""Whatever bundler, disk and node do: everything is uploaded, and nothing again that is off."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from seriatim.actors.runtime.clock import ManualClock
from seriatim.formats.errors import RefusedError, UnavailableError
from seriatim.formats.limits import UPLOAD_REFUSED_PAUSE_MS
from seriatim.formats.schedule.upload import Part
from seriatim.formats.schedule.variant import Variant
from seriatim.store.log import Append, Place, Uploaded
from seriatim.store.memory_log import MemoryLog
from tests.support.builders import make_draft, messages, seal_log, spawn
from tests.support.uploads import Item, ToldCarrier, Uploads
from tests.support.waiting import until_idle

SLOTS = 12
SPAWN = spawn(Variant.HYPERBEAM)
RECORDS = seal_log(
    [
        make_draft(each, slot, Variant.HYPERBEAM)
        for slot, each in enumerate([SPAWN, *messages(SPAWN.process, SLOTS - 1)])
    ]
)


class CountingLog(MemoryLog):
    """Knows how often it was to refuse."""

    refusals = 0


class ForgettingLog(CountingLog):
    """Takes nothing off its outbox."""

    def append(self, batch: Sequence[Append], uploaded: Sequence[Uploaded] = ()) -> int:
        """See `Log.append`."""
        return super().append(batch)


async def live(seed: int, *, forgets: bool = False) -> tuple[ToldCarrier, CountingLog]:
    """Live several lives, each one killed at some moment, and a last one to the end.

    With *forgets*, a planted fault: what a life has taken off comes back into the next one.
    """
    random = Random(seed)
    log = ForgettingLog() if forgets else CountingLog()
    clock, carrier, killer = ManualClock(), ToldCarrier(), asyncio.current_task()

    def behave(item: Item) -> Exception | None:
        left = log.upload_left(*item[0])
        assert left is not None
        assert left & item[1], "it has been taken off, and comes again"
        return random.choice([None, None, None, UnavailableError("a"), RefusedError("b")])

    carrier.behaviour = behave
    done = 0
    for _ in range(4):
        uploads = Uploads(log, clock, carrier, seed)
        for _ in range(random.randrange(1, 6)):
            count = random.randrange(0, 3)
            uploads.append(SPAWN.process, RECORDS[done : done + count], done)
            done = min(done + count, SLOTS)
            uploads.store_fails = random.randrange(2)
            log.refusals += uploads.store_fails
            for _ in range(random.randrange(60)):
                await asyncio.sleep(0)
            clock.advance(random.choice([0, 1_000, UPLOAD_REFUSED_PAUSE_MS]))
        # Killed: nothing that it would still do happens.
        for task in asyncio.all_tasks() - {killer}:
            task.cancel()
        await until_idle()
    carrier.behaviour = lambda _: None
    uploads = Uploads(log, clock, carrier, seed)
    uploads.append(SPAWN.process, RECORDS[done:], done)
    for _ in range(8):
        await until_idle()
        clock.advance(UPLOAD_REFUSED_PAUSE_MS)
    await uploads.uploader.close()
    return carrier, log


@given(seed=st.integers(0, 2**32))
def test_everything_is_uploaded_and_nothing_comes_again_that_was_taken_off(seed: int) -> None:
    carrier, log = asyncio.run(live(seed))
    assert log.outbox(0, 100) == []
    wanted = {
        (Place(SPAWN.process, slot), part)
        for slot in range(SLOTS)
        for part in (Part.MESSAGE, Part.ASSIGNMENT)
    }
    assert set(carrier.acknowledged) == wanted


def repeats(seed: int, *, forgets: bool = False) -> tuple[int, int]:
    """Return how many items came again, and how many could: the disk had refused to know."""
    carrier, log = asyncio.run(live(seed, forgets=forgets))
    return sum(count - 1 for count in carrier.acknowledged.values()), log.refusals


@given(seed=st.integers(0, 2**32))
def test_only_what_the_disk_did_not_know_of_at_a_kill_comes_twice(seed: int) -> None:
    again, refusals = repeats(seed)
    assert again <= refusals


def test_an_outbox_that_forgets_is_caught() -> None:
    runs = [repeats(seed, forgets=True) for seed in range(20)]
    assert any(again > refusals for again, refusals in runs)
