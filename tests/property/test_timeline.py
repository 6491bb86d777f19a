"""Timelines: whatever the window and the pages, the spans are a recount of the whole log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, NamedTuple

import orjson
import pytest

import seriatim
from seriatim.actors.queue import timeline as timeline_module
from seriatim.actors.queue.commands import Change
from seriatim.actors.queue.timeline import Place, Shown, Timeline
from seriatim.actors.reader import Reader
from seriatim.formats.errors import SchedulerError, UnavailableError
from seriatim.formats.ids import encode_id
from seriatim.formats.limits import QUEUE_OPEN_EVERY_SLOTS
from seriatim.formats.wire.stored import StoredAssignment
from tests.support.queue_crowd import QUEUE, SETTINGS, Crowd

if TYPE_CHECKING:
    from seriatim.actors.embedding.node import EmbeddedNode

pytestmark = pytest.mark.asyncio


class Counted(NamedTuple):
    """A span by the recount; ``end`` is the slot and the place of the event that ends it."""

    job: str
    token: int
    worker: str
    began_ms: int
    attempt: int
    type: str
    ended_ms: int | None = None
    how: str = ""
    code: str = ""
    end: tuple[int, int] = (0, 0)


def recount(node: EmbeddedNode, process: bytes) -> list[Counted]:
    """Return all spans of the log, from its first slot to its last."""
    types: dict[str, str] = {}
    attempts: Counter[str] = Counter()
    open_: dict[tuple[str, int], Counted] = {}
    ended = []
    _, *slots = node.read(encode_id(process))
    for each in slots:
        at_ms, data = each.fields["at"], each.fields["data"]
        assert isinstance(at_ms, int)
        assert isinstance(data, str)
        for place, event in enumerate(orjson.loads(data)):
            how = event["event"]
            if how == "submitted":
                types[event["id"]] = event["type"]
                attempts[event["id"]] = 0
            for job in event["jobs"] if how == "granted" else ():
                attempts[job] += 1
                open_[job, each.slot] = Counted(
                    job, each.slot, event["worker"], at_ms, attempts[job], types[job]
                )
            if how in ("done", "failed", "expired", "released"):
                span = open_.pop((event["id"], event["token"]))
                end = (each.slot, place)
                code = event.get("code", "")
                ended.append(span._replace(ended_ms=at_ms, how=how, code=code, end=end))
                if how == "released" and not event.get("begun"):
                    attempts[event["id"]] -= 1
    return [*ended, *open_.values()]


def in_window(counted: list[Counted], from_ms: int, to_ms: int) -> list[Counted]:
    """Return those that overlap the window, as they are at its end, in the order of pages."""
    ended, still = [], []
    for span in counted:
        if span.began_ms >= to_ms or (span.ended_ms is not None and span.ended_ms < from_ms):
            continue
        if span.ended_ms is not None and span.ended_ms < to_ms:
            ended.append(span)
        else:
            still.append(span._replace(ended_ms=None, how="", code=""))
    ended.sort(key=lambda span: span.end)
    return [*ended, *sorted(still, key=lambda span: (span.token, span.job))]


def assert_is(timeline: Timeline, counted: list[Counted], window: tuple[int, int], at: int) -> None:
    found: list[Shown] = []
    place: Place | None = timeline.window(*window)
    while place is not None:
        page = timeline.page(Place.parse(str(place)), at)
        assert len(page.spans) <= at
        found.extend(page.spans)
        place = page.after
    expected = in_window(counted, *window)
    assert [
        (shown.span.job, shown.span.token, shown.span.worker, shown.span.began_ms, *shown.span[4:])
        for shown in found
    ] == [
        (each.job, each.token, each.worker, each.began_ms, each.ended_ms, each.how, each.code)
        for each in expected
    ]
    for shown, each in zip(found, expected, strict=True):
        assert shown.type in (each.type, None)
        assert shown.attempt in (each.attempt, None)
        later = [one.token for one in counted if one.job == each.job and one.token > each.token]
        if not later and shown.type is not None and each.how in ("done", "failed", "expired"):
            assert shown.attempt == each.attempt


def assert_reads_little(timeline: Timeline, process: bytes, from_ms: int) -> None:
    """Assert that a window at the end of the log costs what it has, and not what is before it."""
    log = timeline._log
    head = log.head(process)
    assert head is not None
    assert head.slot > 2 * QUEUE_OPEN_EVERY_SLOTS
    read: list[int] = []

    class Counting(Reader):
        def stored(self, process: bytes, slot: int) -> StoredAssignment:
            read.append(slot)
            return log.stored(process, slot)

        def schedule(self, process: bytes, first: int, last: int) -> Iterator[StoredAssignment]:
            for each in log.schedule(process, first, last):
                read.append(each.slot)
                yield each

    counting = Counting.__new__(Counting)
    watched = Timeline(QUEUE, process, counting, timeline._rows)
    place = watched.window(from_ms, from_ms + 1)
    probes, in_window = 2 * (head.slot.bit_length() + 1), place.last + 1 - place.slot
    assert len(read) <= probes
    watched.page(place, 10_000)
    assert len(read) <= probes + QUEUE_OPEN_EVERY_SLOTS + in_window


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
async def test_the_spans_are_a_recount_whatever_the_window_and_the_pages(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = Random(seed)
    async with seriatim.open(tmp_path) as node:
        queues = node._node.queues
        assert queues is not None
        await queues.change(QUEUE, Change(SETTINGS | {"types": {"a": 9, "b": 9}}))
        crowd = Crowd(queues, random)
        for _ in range(300):
            try:
                await crowd.do_something()
            except UnavailableError:
                raise
            except SchedulerError:
                continue
        while not crowd.held:  # something is open at the end
            await crowd.submit()
            await crowd.claim()
        # From now on nothing is forgotten, so nothing is written.
        await queues.change(QUEUE, Change({"kept_ms": 10**9}))
        process = queues.process(QUEUE)
        counted = recount(node, process)
        assert {each.how for each in counted} == {"done", "failed", "expired", "released", ""}
        timeline = Timeline(QUEUE, process, node._node, queues.reader)
        assert_reads_little(timeline, process, counted[-1].began_ms)
        times = sorted({span.began_ms for span in counted} | {s.ended_ms or 0 for s in counted})
        assert_is(timeline, counted, (0, times[-1] + 1), 7)
        for _ in range(60):
            window = sorted(random.choice(times) + random.randint(-1, 1) for _ in range(2))
            most = random.choice([1, 3, 10_000])
            monkeypatch.setattr(timeline_module, "QUEUE_LOOKED_AT_MAX", most)
            at = random.choice([1, 2, 50])
            assert_is(timeline, counted, (window[0], window[1]), at)
