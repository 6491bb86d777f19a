"""The log in LMDB: one transaction and one fsync per batch, however many processes it touches.

======================== ============================================ ==========================
database                 key                                          value
======================== ============================================ ==========================
``log``                  process 32, slot 8                           record
``ids``                  id 32, process 32                            slot 8, the first one
``views``                process 32, slot 8                           view
``processes``            process 32                                   sequence 8 of its slot 0
``commits``              sequence 8 of the batch's first entry        (process 32, slot 8) each
``renditions``           process 32, slot 8                           checksum 8, what was signed
``outbox``               sequence 8                                   process 32, slot 8
``uploads``              process 32, slot 8                           1 byte: parts that are left
======================== ============================================ ==========================

There is no table of heads: the head is the last key of its process, one seek away, so nothing
can disagree with the log.

py-lmdb may hand over the GIL in every call, so calls are few. An append makes one put for the
record, one per id and one for the view, in bulk; three seeks per process that it touches; and
one put for the batch. Sorting the puts by key was measured, and brings nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256
from itertools import islice
from typing import TYPE_CHECKING, Final

from seriatim.formats.errors import CorruptRecordError, SlotConflictError
from seriatim.formats.ids import ID_BYTES, encode_id
from seriatim.formats.limits import PAGE_CHUNK_BYTES
from seriatim.formats.schedule.record import (
    HEADER_BYTES,
    Head,
    Record,
    decode_head,
    decode_record,
    peek_timestamp_ms,
)
from seriatim.formats.schedule.upload import Part
from seriatim.store.environment import Environment
from seriatim.store.keys import (
    AFTER_LAST_SLOT,
    PLACE_BYTES,
    SLOT_MAX,
    check_id,
    clamp_range,
    number,
    number_bytes,
    place_key,
    place_slot,
)
from seriatim.store.log import Append, Log, Outgoing, Place, Rendition, Uploaded

if TYPE_CHECKING:
    from lmdb import Cursor, Transaction

_CHECKSUM_BYTES: Final = 8
_RUN_MAX: Final = 32
"""Entries that are read between two looks at a key."""


class LmdbLog(Log):
    """`Log` over an `Environment`, which it owns: closing the log closes the environment."""

    def __init__(self, environment: Environment) -> None:
        """Use *environment*, opened by its writer or by a reader."""
        self._environment = environment
        self._log = environment.database(b"log")
        self._ids = environment.database(b"ids")
        self._views = environment.database(b"views")
        self._processes = environment.database(b"processes")
        self._commits = environment.database(b"commits")
        self._renditions = environment.database(b"renditions")
        self._outbox = environment.database(b"outbox")
        self._uploads = environment.database(b"uploads")

    def head(self, process: bytes) -> Head | None:
        """See `Log.head`."""
        check_id(process)
        with self._environment.reading() as transaction:
            cursor = transaction.cursor(self._log)
            if not _seek_head(cursor, process):
                return None
            slot, stored = place_slot(cursor.key()), bytes(cursor.value())
        return decode_head(stored, process=process, slot=slot)

    def append(self, batch: Sequence[Append], uploaded: Sequence[Uploaded] = ()) -> int:
        """See `Log.append`."""
        with self._environment.writing() as transaction:
            cursor = transaction.cursor(self._log)
            _check_slots(cursor, batch)
            cursor.putmulti([(place_key(e.process, e.slot), e.record) for e in batch])
            self._put_indexes(transaction, batch)
            sequence = self._put_commit(transaction, batch)
            self._put_outgoing(transaction, batch, sequence)
            for each in uploaded:
                self._take_off(transaction, each)
        return sequence

    def add_renditions(self, batch: Sequence[Rendition]) -> list[bytes]:
        """See `Log.add_renditions`."""
        stored: list[bytes] = []
        with self._environment.writing() as transaction:
            for each in batch:
                key = place_key(check_id(each.process), each.slot)
                value = _checksum(each.signed) + each.signed
                is_first = transaction.put(key, value, overwrite=False, db=self._renditions)
                known = None if is_first else transaction.get(key, db=self._renditions)
                stored.append(each.signed if known is None else bytes(known[_CHECKSUM_BYTES:]))
        return stored

    def rendition(self, process: bytes, slot: int) -> bytes | None:
        """See `Log.rendition`."""
        check_id(process)
        if not 0 <= slot <= SLOT_MAX:
            return None
        with self._environment.reading() as transaction:
            found = transaction.get(place_key(process, slot), db=self._renditions)
            if found is None:
                return None
            checksum, signed = bytes(found[:_CHECKSUM_BYTES]), bytes(found[_CHECKSUM_BYTES:])
        if _checksum(signed) != checksum:
            raise CorruptRecordError(
                process=encode_id(process), slot=slot, reason="its rendition is damaged"
            )
        return signed

    def outbox(self, first: int, limit: int) -> list[Outgoing]:
        """See `Log.outbox`."""
        with self._environment.reading() as transaction:
            cursor = transaction.cursor(self._outbox)
            if limit <= 0 or not cursor.set_range(number_bytes(first)):
                return []
            return [
                Outgoing(
                    number(sequence),
                    bytes(place[:ID_BYTES]),
                    place_slot(place),
                    _part(transaction.get(place, b"\0", db=self._uploads)),
                )
                for sequence, place in islice(cursor.iternext(), limit)
            ]

    def outbox_size(self) -> int:
        """See `Log.outbox_size`."""
        with self._environment.reading() as transaction:
            return int(transaction.stat(self._outbox)["entries"])

    def upload_left(self, process: bytes, slot: int) -> Part | None:
        """See `Log.upload_left`."""
        with self._environment.reading() as transaction:
            stored = transaction.get(place_key(check_id(process), slot), db=self._uploads)
            return None if stored is None else _part(stored)

    def read(self, process: bytes, slot: int) -> Record | None:
        """See `Log.read`."""
        stored = self._peek(process, slot, bytes_max=None)
        return None if stored is None else decode_record(stored, process=process, slot=slot)

    def read_range(self, process: bytes, first: int, last: int) -> Iterator[tuple[int, Record]]:
        """See `Log.read_range`."""
        check_id(process)
        slots = clamp_range(first, last)
        while slots:
            with self._environment.reading() as transaction:
                stored = _copy_chunk(transaction.cursor(self._log), process, slots)
            if not stored:
                return
            for slot, value in zip(slots, stored, strict=False):
                yield slot, decode_record(value, process=process, slot=slot)
            slots = slots[len(stored) :]

    def read_views(
        self, process: bytes, first: int, last: int, *, separator: bytes
    ) -> Iterator[bytes]:
        """See `Log.read_views`."""
        check_id(process)
        slots = clamp_range(first, last)
        while slots:
            with self._environment.reading() as transaction:
                cursor = transaction.cursor(self._views)
                count, joined = _join_chunk(cursor, process, slots, separator)
            if not count:
                return
            slots = slots[count:]
            yield joined

    def timestamp_ms(self, process: bytes, slot: int) -> int | None:
        """See `Log.timestamp_ms`."""
        header = self._peek(process, slot, bytes_max=HEADER_BYTES)
        return None if header is None else peek_timestamp_ms(header, process=process, slot=slot)

    def find(self, any_id: bytes) -> list[Place]:
        """See `Log.find`."""
        check_id(any_id)
        places = []
        with self._environment.reading() as transaction:
            cursor = transaction.cursor(self._ids)
            if cursor.set_range(any_id):
                for key, slot in cursor.iternext():
                    if key[:ID_BYTES] != any_id:
                        break
                    places.append(Place(bytes(key[ID_BYTES:]), number(slot)))
        return places

    def find_in(self, process: bytes, any_id: bytes) -> int | None:
        """See `Log.find_in`."""
        with self._environment.reading() as transaction:
            slot = transaction.get(check_id(any_id) + check_id(process), db=self._ids)
            return None if slot is None else number(slot)

    def processes(self, *, after: bytes | None = None, limit: int) -> list[bytes]:
        """See `Log.processes`."""
        found: list[bytes] = []
        # No id lies between `after` and `after` with a zero byte behind it.
        start = b"\0" if after is None else check_id(after) + b"\0"
        with self._environment.reading() as transaction:
            cursor = transaction.cursor(self._processes)
            if limit > 0 and cursor.set_range(start):
                for process in cursor.iternext(keys=True, values=False):
                    found.append(bytes(process))
                    if len(found) == limit:
                        break
        return found

    def commits(self, first: int, limit: int) -> list[Place]:
        """See `Log.commits`."""
        sequences = clamp_range(first, first + limit - 1)
        packed = b""
        with self._environment.reading() as transaction:
            cursor = transaction.cursor(self._commits)
            if sequences and _seek_batch(cursor, sequences.start):
                skipped = (sequences.start - number(cursor.key())) * PLACE_BYTES
                wanted = skipped + (sequences.stop - sequences.start) * PLACE_BYTES
                for batch in cursor.iternext(keys=False, values=True):
                    packed += batch
                    if len(packed) >= wanted:
                        break
                packed = packed[skipped:wanted]
        return [
            Place(packed[at : at + ID_BYTES], place_slot(packed[at : at + PLACE_BYTES]))
            for at in range(0, len(packed), PLACE_BYTES)
        ]

    def close(self) -> None:
        """See `Log.close`."""
        self._environment.close()

    def _peek(self, process: bytes, slot: int, *, bytes_max: int | None) -> bytes | None:
        check_id(process)
        if not 0 <= slot <= SLOT_MAX:
            return None
        with self._environment.reading() as transaction:
            stored = transaction.get(place_key(process, slot), db=self._log)
            return None if stored is None else bytes(stored[:bytes_max])

    def _put_indexes(self, transaction: Transaction[memoryview], batch: Sequence[Append]) -> None:
        ids = [
            (check_id(any_id) + entry.process, number_bytes(entry.slot))
            for entry in batch
            for any_id in entry.ids
        ]
        # The slots of a process rise within a batch, so that here too the first one stays.
        transaction.cursor(self._ids).putmulti(ids, overwrite=False)
        views = [(place_key(e.process, e.slot), e.view) for e in batch if e.view]
        transaction.cursor(self._views).putmulti(views)

    def _put_commit(self, transaction: Transaction[memoryview], batch: Sequence[Append]) -> int:
        cursor = transaction.cursor(self._commits)
        sequence = 0
        if cursor.last():
            sequence = number(cursor.key()) + len(cursor.value()) // PLACE_BYTES
        if batch:
            key = number_bytes(sequence)
            cursor.put(key, b"".join(place_key(e.process, e.slot) for e in batch), append=True)
        for at, entry in enumerate(batch, sequence):
            if entry.slot == 0:
                transaction.put(entry.process, number_bytes(at), db=self._processes)
        return sequence

    def _put_outgoing(
        self, transaction: Transaction[memoryview], batch: Sequence[Append], sequence: int
    ) -> None:
        for at, entry in enumerate(batch, sequence):
            if entry.upload:
                place = place_key(entry.process, entry.slot)
                transaction.put(number_bytes(at), place, db=self._outbox, append=True)
                transaction.put(place, bytes([entry.upload]), db=self._uploads)

    def _take_off(self, transaction: Transaction[memoryview], uploaded: Uploaded) -> None:
        place = place_key(uploaded.process, uploaded.slot)
        stored = transaction.get(place, db=self._uploads)
        if stored is None:
            return
        left = _part(stored) & ~uploaded.parts
        transaction.put(place, bytes([left]), db=self._uploads)
        if not left:
            transaction.delete(number_bytes(uploaded.sequence), db=self._outbox)


def _part(stored: memoryview | bytes) -> Part:
    return Part(stored[0])


def _checksum(signed: bytes) -> bytes:
    return sha256(signed).digest()[:_CHECKSUM_BYTES]


def _check_slots(cursor: Cursor[memoryview], batch: Sequence[Append]) -> None:
    """Refuse *batch* unless every entry takes the next slot of its process."""
    next_slots: dict[bytes, int] = {}
    for entry in batch:
        expected = next_slots.get(entry.process)
        if expected is None:
            known = _seek_head(cursor, check_id(entry.process))
            expected = place_slot(cursor.key()) + 1 if known else 0
        if entry.slot != expected:
            raise SlotConflictError(
                process=encode_id(entry.process), expected=expected, given=entry.slot
            )
        next_slots[entry.process] = expected + 1


def _seek_head(cursor: Cursor[memoryview], process: bytes) -> bool:
    """Put *cursor* on the last entry of *process*; tell whether it has one."""
    past_it = cursor.set_range(process + AFTER_LAST_SLOT)
    on_entry = cursor.prev() if past_it else cursor.last()
    return on_entry and cursor.key()[:ID_BYTES] == process


def _seek_batch(cursor: Cursor[memoryview], sequence: int) -> bool:
    """Put *cursor* on the batch in which *sequence* stands, or would stand at the end."""
    key = number_bytes(sequence)
    if cursor.set_range(key):
        return cursor.key() == key or cursor.prev()
    return cursor.last()


def _copy_chunk(cursor: Cursor[memoryview], process: bytes, slots: range) -> list[bytes]:
    """Copy a chunk of records; a hole in the log is damage, not its end."""
    values = [bytes(value) for value in _chunk(cursor, process, slots)]
    if not values and cursor.key()[:ID_BYTES] == process:
        raise CorruptRecordError(
            process=encode_id(process), slot=slots.start, reason="the record is missing"
        )
    return values


def _join_chunk(
    cursor: Cursor[memoryview], process: bytes, slots: range, separator: bytes
) -> tuple[int, bytes]:
    values = _chunk(cursor, process, slots)
    return len(values), separator.join(values)


def _chunk(cursor: Cursor[memoryview], process: bytes, slots: range) -> list[memoryview]:
    """Return the values of *slots* of *process* up to the first gap, about a chunk of them.

    At least one where there is one. They live only as long as the cursor's transaction.
    """
    values: list[memoryview] = []
    size = 0
    run_max = _RUN_MAX
    while slots:
        run = _run(cursor, process, slots[:run_max])
        if not run and run_max > 1:
            run_max = 1  # the end or a gap is near: from here one by one
            continue
        if not run:
            break
        for value in run:
            size += len(value)
            if values and size > PAGE_CHUNK_BYTES:
                return values
            values.append(value)
        slots = slots[len(run) :]
    return values


def _run(cursor: Cursor[memoryview], process: bytes, slots: range) -> list[memoryview]:
    """Return the values of all of *slots* of *process*, or none when one is missing.

    Keys are sorted and differ, so that many of them between the first and the last slot are all
    of them: only the two ends are compared.
    """
    if not cursor.set_range(place_key(process, slots[0])):
        return []
    values = list(islice(cursor.iternext(keys=False), len(slots)))
    is_whole = len(values) == len(slots) and cursor.key() == place_key(process, slots[-1])
    return values if is_whole else []
