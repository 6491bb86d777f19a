"""Pages of records in CBOR: what is read is stored, written and read again as the same records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from seriatim.formats.errors import SchedulerError
from seriatim.formats.ids import ID_BYTES
from seriatim.formats.schedule.assignment import Block
from seriatim.formats.schedule.record import Record, decode_record
from seriatim.formats.schedule.variant import Variant
from seriatim.formats.wire.cbor_page import CborPageReader
from seriatim.formats.wire.cbor_schedule import encode_entry, page_open
from seriatim.formats.wire.page import PageEntry
from seriatim.formats.wire.stored import StoredAssignment
from tests.support.builders import every_kind, seal_log

READER = CborPageReader()


def seeds() -> list[bytes]:
    """Return a page of every variant, with every kind of message."""
    logs = [(every_kind(variant)[0].process, variant) for variant in Variant]
    return [
        write(process, variant, dict(enumerate(seal_log(every_kind(variant)))))
        for process, variant in logs
    ]


def write(process: bytes, variant: Variant, records: Mapping[int, Record]) -> bytes:
    """Return a page as a node writes it."""
    opening = page_open(process, variant, Block(), slots=len(records), continues=False)
    stored = [StoredAssignment(process, *each) for each in records.items()]
    return opening + b"".join(map(encode_entry, stored))


def read(raw: bytes, process: bytes) -> dict[int, Record]:
    """Return the records of a page of *process*, as a follower reads them."""
    return {entry.slot: READER.record(process, entry) for entry in READER.entries(raw)}


def named_process(entries: Sequence[PageEntry]) -> bytes:
    """Return the process that a page names, or none that any page could name."""
    named = entries[0].plain["process"] if entries else None
    return named if isinstance(named, bytes) else b""


def check(raw: bytes) -> None:
    """See ``target.py``."""
    try:
        entries = READER.entries(raw)
        process = named_process(entries)
        records = read(raw, process)
    except SchedulerError:
        return
    assert list(records) == sorted(records)
    if not records or len(process) != ID_BYTES:
        return
    variant = records[entries[0].slot].variant
    assert read(write(process, variant, records), process) == records
    for slot, record in records.items():
        assert decode_record(record.encode(), process=process, slot=slot) == record
