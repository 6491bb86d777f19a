"""Schedules as HTTP messages: what is rebuilt from a page is a record that can be stored."""

from __future__ import annotations

from base64 import b64decode

import orjson

from seriatim.formats.errors import SchedulerError
from seriatim.formats.schedule.assignment import Block
from seriatim.formats.schedule.record import decode_record
from seriatim.formats.wire import http_schedule
from seriatim.formats.wire.http_page import HttpPageReader
from tests.support.hyperbeam import PROCESS, RECORDED, SCHEDULER, original

_READER = HttpPageReader()


def seeds() -> list[bytes]:
    """Return a recorded page, and one of recorded assignments whose signatures are their own."""
    vector = SCHEDULER / "http" / "10-get-schedule-default.json"
    entries = [http_schedule.encode_entry(each["slot"], original(each)) for each in RECORDED[:3]]
    return [
        b64decode(orjson.loads(vector.read_bytes())["response"]["body_b64"]),
        http_schedule.encode_page(entries, PROCESS, Block(), continues=False).body,
    ]


def check(raw: bytes) -> None:
    """See ``target.py``."""
    try:
        entries = _READER.entries(raw)
    except SchedulerError:
        return
    slots = [entry.slot for entry in entries]
    assert slots == sorted(set(slots))
    for entry in entries:
        assert entry.raw
        try:
            record = _READER.record(PROCESS, entry)
        except SchedulerError:
            continue
        assert decode_record(record.encode(), process=PROCESS, slot=entry.slot) == record
