"""The log in memory: for tests, simulators and embedding without a data folder.

Durable means here: as long as the object lives.
"""

from __future__ import annotations

import threading
from bisect import bisect_right, insort
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from seriatim.formats.errors import SlotConflictError, StoreError
from seriatim.formats.ids import encode_id
from seriatim.formats.limits import PAGE_CHUNK_BYTES
from seriatim.formats.schedule.record import (
    Head,
    Record,
    decode_head,
    decode_record,
    peek_timestamp_ms,
)
from seriatim.formats.schedule.upload import Part
from seriatim.store.keys import check_id, clamp_range
from seriatim.store.log import Append, Log, Outgoing, Place, Rendition, Uploaded


class _Entry(NamedTuple):
    record: bytes
    view: bytes


class MemoryLog(Log):
    """`Log` over dictionaries, held together by one lock."""

    def __init__(self) -> None:
        """Start empty."""
        self._lock = threading.Lock()
        self._closed = False
        self._entries: dict[bytes, list[_Entry]] = {}
        self._ids: dict[bytes, dict[bytes, int]] = {}
        self._processes: list[bytes] = []
        self._commits: list[Place] = []
        self._renditions: dict[Place, bytes] = {}
        self._outbox: dict[int, Place] = {}
        self._uploads: dict[Place, Part] = {}

    def head(self, process: bytes) -> Head | None:
        """See `Log.head`."""
        entries = self._schedule(process)
        if not entries:
            return None
        slot = len(entries) - 1
        return decode_head(entries[slot].record, process=process, slot=slot)

    def append(self, batch: Sequence[Append], uploaded: Sequence[Uploaded] = ()) -> int:
        """See `Log.append`."""
        with self._lock:
            self._check_open()
            self._check_slots(batch)
            sequence = len(self._commits)
            for entry in batch:
                self._apply(entry)
            for each in uploaded:
                self._take_off(each)
        return sequence

    def add_renditions(self, batch: Sequence[Rendition]) -> list[bytes]:
        """See `Log.add_renditions`."""
        with self._lock:
            self._check_open()
            return [
                self._renditions.setdefault(Place(check_id(each.process), each.slot), each.signed)
                for each in batch
            ]

    def rendition(self, process: bytes, slot: int) -> bytes | None:
        """See `Log.rendition`."""
        with self._lock:
            self._check_open()
            return self._renditions.get(Place(check_id(process), slot))

    def outbox(self, first: int, limit: int) -> list[Outgoing]:
        """See `Log.outbox`."""
        with self._lock:
            self._check_open()
            entries = [
                Outgoing(sequence, *place, self._uploads[place])
                for sequence, place in self._outbox.items()
                if sequence >= first
            ]
        return entries[: max(limit, 0)]

    def outbox_size(self) -> int:
        """See `Log.outbox_size`."""
        with self._lock:
            self._check_open()
            return len(self._outbox)

    def upload_left(self, process: bytes, slot: int) -> Part | None:
        """See `Log.upload_left`."""
        with self._lock:
            self._check_open()
            return self._uploads.get(Place(check_id(process), slot))

    def read(self, process: bytes, slot: int) -> Record | None:
        """See `Log.read`."""
        stored = self._stored(process, slot)
        return None if stored is None else decode_record(stored, process=process, slot=slot)

    def read_range(self, process: bytes, first: int, last: int) -> Iterator[tuple[int, Record]]:
        """See `Log.read_range`."""
        for slot in clamp_range(first, last):
            record = self.read(process, slot)
            if record is None:
                return
            yield slot, record

    def read_views(
        self, process: bytes, first: int, last: int, *, separator: bytes
    ) -> Iterator[bytes]:
        """See `Log.read_views`."""
        chunk: list[bytes] = []
        size = 0
        slots = clamp_range(first, last)
        for entry in self._schedule(process)[slots.start : slots.stop]:
            if not entry.view:
                break
            if chunk and size + len(entry.view) > PAGE_CHUNK_BYTES:
                yield separator.join(chunk)
                chunk, size = [], 0
            chunk.append(entry.view)
            size += len(entry.view)
        if chunk:
            yield separator.join(chunk)

    def timestamp_ms(self, process: bytes, slot: int) -> int | None:
        """See `Log.timestamp_ms`."""
        stored = self._stored(process, slot)
        return None if stored is None else peek_timestamp_ms(stored, process=process, slot=slot)

    def find(self, any_id: bytes) -> list[Place]:
        """See `Log.find`."""
        check_id(any_id)
        with self._lock:
            self._check_open()
            places = self._ids.get(any_id, {}).items()
            return [Place(process, slot) for process, slot in sorted(places)]

    def find_in(self, process: bytes, any_id: bytes) -> int | None:
        """See `Log.find_in`."""
        check_id(any_id)
        check_id(process)
        with self._lock:
            self._check_open()
            return self._ids.get(any_id, {}).get(process)

    def processes(self, *, after: bytes | None = None, limit: int) -> list[bytes]:
        """See `Log.processes`."""
        with self._lock:
            self._check_open()
            start = 0 if after is None else bisect_right(self._processes, check_id(after))
            return self._processes[start : start + max(limit, 0)]

    def commits(self, first: int, limit: int) -> list[Place]:
        """See `Log.commits`."""
        sequences = clamp_range(first, first + limit - 1)
        with self._lock:
            self._check_open()
            return self._commits[sequences.start : sequences.stop] if sequences else []

    def close(self) -> None:
        """See `Log.close`."""
        self._closed = True

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError("the log in memory is closed")

    def _check_slots(self, batch: Sequence[Append]) -> None:
        next_slots: dict[bytes, int] = {}
        for entry in batch:
            known = len(self._entries.get(check_id(entry.process), ()))
            expected = next_slots.get(entry.process, known)
            if entry.slot != expected:
                raise SlotConflictError(
                    process=encode_id(entry.process), expected=expected, given=entry.slot
                )
            for any_id in entry.ids:
                check_id(any_id)
            next_slots[entry.process] = expected + 1

    def _apply(self, entry: Append) -> None:
        if entry.slot == 0:
            insort(self._processes, entry.process)
        self._entries.setdefault(entry.process, []).append(_Entry(entry.record, entry.view))
        for any_id in entry.ids:
            self._ids.setdefault(any_id, {}).setdefault(entry.process, entry.slot)
        place = Place(entry.process, entry.slot)
        if entry.upload:
            self._outbox[len(self._commits)] = place
            self._uploads[place] = entry.upload
        self._commits.append(place)

    def _take_off(self, uploaded: Uploaded) -> None:
        place = Place(uploaded.process, uploaded.slot)
        if place not in self._uploads:
            return
        self._uploads[place] &= ~uploaded.parts
        if not self._uploads[place]:
            self._outbox.pop(uploaded.sequence, None)

    def _schedule(self, process: bytes) -> list[_Entry]:
        """Return the entries of *process*; the list only ever grows."""
        check_id(process)
        with self._lock:
            self._check_open()
            return self._entries.get(process, [])

    def _stored(self, process: bytes, slot: int) -> bytes | None:
        entries = self._schedule(process)
        return entries[slot].record if 0 <= slot < len(entries) else None
