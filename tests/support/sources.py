"""A source without a network: records served as pages of a real shape, read by the real reader."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import orjson

from seriatim.actors.follow.source import Source
from seriatim.formats.errors import LimitExceededError, UnavailableError
from seriatim.formats.schedule.assignment import Block, Draft
from seriatim.formats.schedule.record import Record
from seriatim.formats.schedule.variant import Variant
from seriatim.formats.wire import cbor_schedule, legacy, schedule
from seriatim.formats.wire.legacy_page import LegacyPageReader
from seriatim.formats.wire.page import PageEntry
from seriatim.formats.wire.schedule_page import SchedulePageReader
from seriatim.formats.wire.stored import StoredAssignment
from tests.support.builders import ANCHOR, make_draft, messages, seal_log, spawn

Tamper = Callable[[dict[str, Any]], None]


def schedule_page(process: bytes, records: Sequence[Record], first: int = 0) -> bytes:
    """Return the page that a node serves of *records*, from slot *first* on."""
    entries = [
        schedule.encode_entry(StoredAssignment(process, slot, record))
        for slot, record in enumerate(records, first)
    ]
    closing = schedule.page_close(process, Block(), continues=False)
    return schedule.page_open() + b",".join(entries) + closing


def record_page(process: bytes, records: Sequence[Record], first: int = 0) -> bytes:
    """Return the page of stored *records*, one at least, in CBOR."""
    opening = cbor_schedule.page_open(
        process, records[0].variant, Block(), slots=len(records), continues=False
    )
    return opening + b"".join(
        cbor_schedule.encode_entry(StoredAssignment(process, slot, record))
        for slot, record in enumerate(records, first)
    )


def legacy_page(process: bytes, records: Sequence[Record], first: int = 0) -> bytes:
    """Return the page that an ao unit serves of *records*, with ``show-anchor``."""
    edges = [
        legacy.encode_edge(StoredAssignment(process, slot, record), str(slot), show_anchor=True)
        for slot, record in enumerate(records, first)
    ]
    return legacy.PAGE_OPEN[False] + b",".join(edges) + legacy.PAGE_CLOSE


class ListSource(Source):
    """Serves *records*, which a test may change at any time.

    Attributes:
        tampers: by slot, what is done to its entry on the way.
        hidden: slots that are left out of pages.
        away: how many of the next requests fail.
        failure: with what.
        reply_slots_max: more slots do not fit into one reply.
        asked: how many requests there were.
        arrivals: set whenever a wait is to end; ``None`` for a source that does not wait.
        waited: the slots that were waited for.
    """

    url = "http://source.example"

    def __init__(self, process: bytes, records: list[Record], *, shape: str = "schedule") -> None:
        self.process = process
        self.records = records
        self.shape = shape
        self.tampers: dict[int, Tamper] = {}
        self.hidden: set[int] = set()
        self.away = 0
        self.failure: Exception = UnavailableError("nobody is there")
        self.reply_slots_max = 1 << 30
        self.asked = 0
        self.arrivals: asyncio.Event | None = None
        self.waited: list[int] = []
        self._reader = SchedulePageReader() if shape == "schedule" else LegacyPageReader()

    async def last(self) -> int:
        self._ask()
        return len(self.records) - 1

    async def page(self, first: int, count: int) -> Sequence[PageEntry]:
        self._ask()
        if count > self.reply_slots_max:
            raise LimitExceededError("a reply", given=count, maximum=self.reply_slots_max)
        make = schedule_page if self.shape == "schedule" else legacy_page
        page = orjson.loads(make(self.process, self.records[first : first + count], first))
        if self.shape == "schedule":
            by_slot = {int(slot): plain for slot, plain in page["assignments"].items()}
            self._change(by_slot)
            page["assignments"] = {str(slot): plain for slot, plain in by_slot.items()}
        else:
            by_slot = dict(enumerate((edge["node"] for edge in page["edges"]), first))
            self._change(by_slot)
            page["edges"] = [{"node": node} for node in by_slot.values()]
        return self._reader.entries(orjson.dumps(page))

    async def arrival(self, slot: int) -> Sequence[PageEntry] | None:
        if self.arrivals is None:
            return None
        self.waited.append(slot)
        await self.arrivals.wait()
        self.arrivals.clear()
        return await self.page(slot, 1)

    def record(self, entry: PageEntry) -> Record:
        return self._reader.record(self.process, entry)

    def _ask(self) -> None:
        self.asked += 1
        if self.away:
            self.away -= 1
            raise self.failure

    def _change(self, by_slot: dict[int, dict[str, Any]]) -> None:
        for slot in self.hidden & set(by_slot):
            del by_slot[slot]
        for slot, tamper in self.tampers.items():
            if slot in by_slot:
                tamper(by_slot[slot])


def drafts_of(variant: Variant, count: int, prefix: str = "") -> list[Draft]:
    """Return a log of *count* slots; another *prefix* gives other messages behind the spawn."""
    first = spawn(variant, "followed")
    rest = messages(first.process, count - 1, prefix, anchor=ANCHOR)
    return [make_draft(each, slot, variant) for slot, each in enumerate([first, *rest])]


def source_of(drafts: list[Draft], *, shape: str = "schedule") -> ListSource:
    """Return a source of *drafts*, sealed."""
    return ListSource(drafts[0].process, seal_log(drafts), shape=shape)


def forked(variant: Variant, slots: int, count: int) -> tuple[ListSource, ListSource]:
    """Return two sources of one scheduler that agree on *slots* slots, and no further."""
    drafts = drafts_of(variant, count)
    other = drafts_of(variant, count, "other ")
    return source_of(drafts), source_of([*drafts[:slots], *other[slots:]])
