"""Pages of records in CBOR: what is read is stored, written and read again as the same records."""

from __future__ import annotations

from seriatim.formats.errors import SchedulerError
from seriatim.formats.schedule.assignment import Block
from seriatim.formats.schedule.record import decode_record
from seriatim.formats.schedule.variant import Variant
from seriatim.formats.wire.cbor_schedule import RecordPage, decode_page, encode_entry, page_open
from seriatim.formats.wire.stored import StoredAssignment
from tests.support.builders import every_kind, seal_log


def seeds() -> list[bytes]:
    """Return a page of every variant, with every kind of message."""
    logs = [(every_kind(variant)[0].process, variant) for variant in Variant]
    return [
        write(RecordPage(process, variant, dict(enumerate(seal_log(every_kind(variant)))), False))
        for process, variant in logs
    ]


def write(page: RecordPage) -> bytes:
    """Return *page* as a node writes it."""
    opening = page_open(
        page.process, page.variant, Block(), slots=len(page.records), continues=page.continues
    )
    stored = [StoredAssignment(page.process, *each) for each in page.records.items()]
    return opening + b"".join(map(encode_entry, stored))


def check(raw: bytes) -> None:
    """See ``target.py``."""
    try:
        page = decode_page(raw)
    except SchedulerError:
        return
    assert list(page.records) == sorted(page.records)
    assert decode_page(write(page)) == page
    for slot, record in page.records.items():
        assert decode_record(record.encode(), process=page.process, slot=slot) == record
