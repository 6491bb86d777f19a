"""The uploader: the order, the pauses, what is refused, and who waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest

from seriatim.actors.runtime.clock import ManualClock
from seriatim.formats.errors import (
    NotUploadedError,
    RefusedError,
    UnavailableError,
)
from seriatim.formats.limits import (
    UPLOAD_CONFIRM_DEADLINE_MS,
    UPLOAD_PAUSE_MAX_MS,
    UPLOAD_PAUSE_MIN_MS,
    UPLOAD_REFUSED_PAUSE_MS,
    UPLOAD_TRIES_MAX,
    UPLOADS_ASIDE_MAX,
    UPLOADS_MAX,
    UPLOADS_STOP_MS,
)
from seriatim.formats.schedule.upload import Part
from seriatim.formats.schedule.variant import Variant
from seriatim.store.log import Place
from seriatim.store.memory_log import MemoryLog
from tests.support.builders import every_kind, make_draft, messages, seal_log, spawn
from tests.support.running_node import outcome
from tests.support.uploads import Item, ToldCarrier, Uploads
from tests.support.waiting import until_idle

SPAWN = spawn(Variant.LEGACY)
PROCESS = SPAWN.process
RECORDS = seal_log(
    [
        make_draft(each, slot, Variant.LEGACY)
        for slot, each in enumerate([SPAWN, *messages(PROCESS, 40)])
    ]
)
BOTH = Part.MESSAGE | Part.ASSIGNMENT


@asynccontextmanager
async def uploading() -> AsyncIterator[tuple[Uploads, ToldCarrier, ManualClock]]:
    carrier, clock = ToldCarrier(), ManualClock()
    uploads = Uploads(MemoryLog(), clock, carrier)
    try:
        yield uploads, carrier, clock
    finally:
        closing = asyncio.ensure_future(uploads.uploader.close())
        await until_idle()
        clock.advance(UPLOADS_STOP_MS)
        await closing


def run(main: Callable[[], Awaitable[None]]) -> None:
    async def whole() -> None:
        await main()

    asyncio.run(whole())


def test_what_is_signed_goes_message_first_and_nothing_is_left() -> None:
    async def main() -> None:
        async with uploading() as (uploads, carrier, _):
            drafts = every_kind(Variant.LEGACY)
            uploads.append(drafts[0].process, seal_log(drafts))
            await until_idle()
            by_slot = [[p for place, p in carrier.sent if place.slot == slot] for slot in range(5)]
            both = [Part.MESSAGE, Part.ASSIGNMENT]
            # Slot 2 is a message that nobody signed, slot 3 one that lives elsewhere.
            assert by_slot == [both, both, [], [Part.ASSIGNMENT], both]
            assert uploads.uploader.waiting == 0

    run(main)


def test_a_native_log_is_not_uploaded() -> None:
    async def main() -> None:
        async with uploading() as (uploads, carrier, _):
            drafts = every_kind(Variant.NATIVE)
            uploads.append(drafts[0].process, seal_log(drafts))
            await until_idle()
            assert carrier.sent == []

    run(main)


def test_so_many_are_on_their_way_at_once_and_no_more() -> None:
    async def main() -> None:
        async with uploading() as (uploads, carrier, _):
            carrier.held = asyncio.Event()
            uploads.append(PROCESS, RECORDS)
            await until_idle()
            assert [place.slot for place, _ in carrier.sent] == list(range(UPLOADS_MAX))
            carrier.held.set()
            await until_idle()
            assert len(carrier.acknowledged) == 2 * len(RECORDS)
            assert set(carrier.acknowledged.values()) == {1}

    run(main)


async def advance_to_next(clock: ManualClock) -> int:
    """Move to the next timer, and return how far that was."""
    due_ms = clock.due_ms()
    assert due_ms is not None
    pause_ms = due_ms - clock.monotonic_ms()
    clock.advance(pause_ms)
    await until_idle()
    return pause_ms


def test_a_bundler_that_is_away_is_tried_again_after_pauses_that_grow() -> None:
    async def main() -> None:
        async with uploading() as (uploads, carrier, clock):
            carrier.behaviour = lambda _: UnavailableError("planted")
            uploads.append(PROCESS, RECORDS[:1])
            await until_idle()
            pauses = [await advance_to_next(clock) for _ in range(UPLOAD_TRIES_MAX - 1)]
            assert len(carrier.sent) == UPLOAD_TRIES_MAX
            assert UPLOAD_PAUSE_MIN_MS <= pauses[0] <= UPLOAD_PAUSE_MIN_MS * 1.25
            assert all(later > 1.5 * sooner for sooner, later in pairwise(pauses))
            assert uploads.uploader.aside == 1
            for _ in range(40):
                assert await advance_to_next(clock) <= UPLOAD_PAUSE_MAX_MS * 1.25
            assert len(carrier.sent) > UPLOAD_TRIES_MAX
            carrier.behaviour = lambda _: None
            clock.advance(UPLOAD_PAUSE_MAX_MS * 2)
            await until_idle()
            assert (uploads.uploader.waiting, uploads.uploader.aside) == (0, 0)

    run(main)


def test_items_that_are_never_taken_keep_nobody_back() -> None:
    async def main() -> None:
        async with uploading() as (uploads, carrier, clock):
            bad = set(range(UPLOADS_MAX))
            error = UnavailableError("an error of the bundler, at this item")
            carrier.behaviour = lambda item: error if item[0].slot in bad else None
            uploads.append(PROCESS, RECORDS)
            while uploads.uploader.waiting > len(bad):
                await until_idle()
                assert await advance_to_next(clock) >= 0
            assert clock.monotonic_ms() < UPLOAD_REFUSED_PAUSE_MS

    run(main)


def test_a_stop_leaves_no_timer_behind() -> None:
    async def main() -> None:
        carrier, clock = ToldCarrier(), ManualClock()
        uploads = Uploads(MemoryLog(), clock, carrier)
        carrier.behaviour = lambda _: RefusedError("planted")
        uploads.append(PROCESS, RECORDS)
        await until_idle()
        await uploads.uploader.close()
        assert clock.due_ms() is None

    run(main)


def test_a_bundler_may_say_how_long_to_wait() -> None:
    async def main() -> None:
        async with uploading() as (uploads, carrier, clock):
            carrier.behaviour = lambda _: UnavailableError("planted", retry_after_ms=60_000)
            uploads.append(PROCESS, RECORDS[:1])
            await until_idle()
            clock.advance(59_999)
            await until_idle()
            assert len(carrier.sent) == 1
            clock.advance(20_000)
            await until_idle()
            assert len(carrier.sent) == 2

    run(main)


@pytest.mark.parametrize("error", [RefusedError("planted"), RuntimeError("a bug of a carrier")])
def test_what_is_refused_stands_in_nobodys_way_and_is_tried_again_later(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with uploading() as (uploads, carrier, clock):
            bad = (Place(PROCESS, 3), Part.ASSIGNMENT)
            carrier.behaviour = lambda item: error if item == bad else None
            uploads.append(PROCESS, RECORDS)
            await until_idle()
            assert (uploads.uploader.waiting, uploads.uploader.aside) == (1, 1)
            assert uploads.log.upload_left(PROCESS, 3) == Part.ASSIGNMENT, "the message has gone"
            assert "slot 3 is not uploaded" in caplog.text
            refusal = await outcome(uploads.uploader.confirm(PROCESS, 3))
            assert isinstance(refusal, NotUploadedError)
            assert str(error) in str(refusal)
            carrier.behaviour = lambda _: None
            clock.advance(UPLOAD_REFUSED_PAUSE_MS)
            await until_idle()
            assert (uploads.uploader.waiting, uploads.uploader.aside) == (0, 0)
            assert set(carrier.acknowledged.values()) == {1}

    run(main)


def test_what_is_refused_stands_in_nobodys_way_however_much_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("seriatim.actors.uploads.uploader.UPLOADS_ASIDE_MAX", 3)
    assert UPLOADS_ASIDE_MAX > 3
    taken = len(RECORDS) - 1

    async def main() -> None:
        async with uploading() as (uploads, carrier, clock):
            asked: list[int] = []

            def behave(item: Item) -> Exception | None:
                asked.append(item[0].slot)
                return None if item[0].slot == taken else RefusedError("planted")

            carrier.behaviour = behave
            uploads.append(PROCESS, RECORDS)
            await until_idle()
            assert uploads.uploader.aside == 3
            assert uploads.log.upload_left(PROCESS, taken) == Part(0)
            assert sorted({*asked}) == list(range(len(RECORDS)))
            for _ in range(2):
                asked.clear()
                clock.advance(UPLOAD_REFUSED_PAUSE_MS - 1)
                await until_idle()
                assert asked == [], "too early"
                clock.advance(1)
                await until_idle()
                assert sorted(asked) == list(range(taken)), "each once more"
            carrier.behaviour = lambda _: None
            clock.advance(UPLOAD_REFUSED_PAUSE_MS)
            await until_idle()
            assert (uploads.uploader.waiting, uploads.uploader.aside) == (0, 0)
            assert set(carrier.acknowledged.values()) == {1}

    run(main)


def test_an_acknowledgement_that_the_disk_refuses_is_written_later_and_nothing_sent_again() -> None:
    async def main() -> None:
        async with uploading() as (uploads, carrier, clock):
            uploads.store_fails = 3
            uploads.append(PROCESS, RECORDS[:1])
            await until_idle()
            assert uploads.log.upload_left(PROCESS, 0) == BOTH
            clock.advance(3 * UPLOAD_PAUSE_MIN_MS)
            await until_idle()
            clock.advance(UPLOAD_PAUSE_MIN_MS)
            await until_idle()
            clock.advance(UPLOAD_PAUSE_MIN_MS)
            await until_idle()
            assert uploads.uploader.waiting == 0
            assert set(carrier.acknowledged.values()) == {1}

    run(main)


def test_whoever_waits_hears_when_all_of_it_is_uploaded() -> None:
    async def main() -> None:
        async with uploading() as (uploads, carrier, _):
            carrier.held = asyncio.Event()
            uploads.append(PROCESS, RECORDS[:1])
            waiting = [asyncio.ensure_future(uploads.uploader.confirm(PROCESS, 0)) for _ in "ab"]
            await until_idle()
            assert not any(each.done() for each in waiting)
            carrier.held.set()
            assert await asyncio.gather(*waiting) == [True, True]
            assert await uploads.uploader.confirm(PROCESS, 0), "and later, too"
            assert not await uploads.uploader.confirm(PROCESS, 1), "which never was to be uploaded"

    run(main)


def test_nobody_waits_longer_than_the_deadline() -> None:
    async def main() -> None:
        async with uploading() as (uploads, carrier, clock):
            carrier.held = asyncio.Event()
            uploads.append(PROCESS, RECORDS[:1])
            waiting = asyncio.ensure_future(outcome(uploads.uploader.confirm(PROCESS, 0)))
            await until_idle()
            clock.advance(UPLOAD_CONFIRM_DEADLINE_MS)
            error = await waiting
            assert isinstance(error, NotUploadedError)
            assert error.retryable
            carrier.held.set()
            await until_idle()
            assert await uploads.uploader.confirm(PROCESS, 0)

    run(main)


def test_a_node_that_stops_answers_who_waits_and_lets_nobody_wait() -> None:
    async def main() -> None:
        async with uploading() as (uploads, carrier, _):
            carrier.held = asyncio.Event()
            uploads.append(PROCESS, RECORDS[:1])
            waiting = asyncio.ensure_future(outcome(uploads.uploader.confirm(PROCESS, 0)))
            await until_idle()
            uploads.uploader.release()
            assert isinstance(await waiting, NotUploadedError)
            assert isinstance(await outcome(uploads.uploader.confirm(PROCESS, 0)), NotUploadedError)

    run(main)


def test_a_stop_waits_for_what_is_on_its_way_and_not_for_ever() -> None:
    async def main() -> None:
        carrier, clock = ToldCarrier(), ManualClock()
        uploads = Uploads(MemoryLog(), clock, carrier)
        carrier.held = asyncio.Event()
        uploads.append(PROCESS, RECORDS[:1])
        await until_idle()
        closing = asyncio.ensure_future(uploads.uploader.close())
        await until_idle()
        assert not closing.done()
        carrier.held.set()
        await closing
        left = uploads.log.upload_left(PROCESS, 0)
        assert left == Part.ASSIGNMENT, "the message was acknowledged while the node was closing"
        again = Uploads(uploads.log, clock, carrier)
        carrier.held = asyncio.Event()
        again.append(PROCESS, RECORDS[1:2], 1)
        await until_idle()
        closing = asyncio.ensure_future(again.uploader.close())
        await until_idle()
        clock.advance(UPLOADS_STOP_MS)
        await closing
        assert again.log.upload_left(PROCESS, 0) == Part.ASSIGNMENT
        assert again.log.upload_left(PROCESS, 1) == BOTH

    run(main)


def test_a_stop_hears_what_is_on_its_way_though_others_were_told_to_wait() -> None:
    async def main() -> None:
        carrier, clock = ToldCarrier(), ManualClock()
        uploads = Uploads(MemoryLog(), clock, carrier)
        carrier.held = asyncio.Event()
        away = UnavailableError("planted")
        carrier.behaviour = lambda item: away if item[0].slot == 0 else None
        uploads.append(PROCESS, RECORDS[:2])
        await until_idle()
        on_its_way, carrier.held = carrier.held, None
        uploads.append(PROCESS, RECORDS[2:3], 2)
        carrier.behaviour = lambda _: away
        await until_idle()
        assert clock.due_ms() is not None, "they pause"
        carrier.behaviour = lambda _: None
        closing = asyncio.ensure_future(uploads.uploader.close())
        await until_idle()
        assert not closing.done(), "two are on their way"
        on_its_way.set()
        await closing
        assert len(carrier.acknowledged) >= 2
        for place, part in carrier.acknowledged:
            assert not (uploads.log.upload_left(*place) or Part.NOTHING) & part

    run(main)
