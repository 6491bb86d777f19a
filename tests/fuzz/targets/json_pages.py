"""Pages in JSON, ours and the legacy API's: what is read is shown and read again as the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from seriatim.formats.errors import SchedulerError
from seriatim.formats.schedule.record import Record, decode_record
from seriatim.formats.schedule.variant import Variant
from seriatim.formats.wire.legacy_page import LegacyPageReader
from seriatim.formats.wire.page import PageReader
from seriatim.formats.wire.schedule_page import SchedulePageReader
from tests.fuzz import seeds as recorded
from tests.support.builders import every_kind, seal_log
from tests.support.hyperbeam import PROCESS as HYPERBEAM_PROCESS
from tests.support.hyperbeam import RECORDED, stored_of
from tests.support.sources import legacy_page, schedule_page

SHAPES: Final[tuple[tuple[PageReader, Callable[..., bytes]], ...]] = (
    (LegacyPageReader(), legacy_page),
    (SchedulePageReader(), schedule_page),
)
PROCESS: Final = every_kind(Variant.LEGACY)[0].process


def seeds() -> list[bytes]:
    """Return recorded pages, and one of every variant in each shape."""
    pages = recorded.files("su-schedule/GET-list*.json")
    for variant in Variant:
        drafts = every_kind(variant)
        records = seal_log(drafts)
        pages += [show(drafts[0].process, records) for _, show in SHAPES]
    stored = [stored_of(each).record for each in RECORDED[:3]]
    return [*pages, schedule_page(HYPERBEAM_PROCESS, stored)]


def check(raw: bytes) -> None:
    """See ``target.py``."""
    for reader, show in SHAPES:
        try:
            entries = reader.entries(raw)
        except SchedulerError:
            continue
        for entry in entries:
            for process in (PROCESS, HYPERBEAM_PROCESS):
                try:
                    record = reader.record(process, entry)
                except SchedulerError:
                    continue
                check_record(reader, show, record, process, entry.slot)


def check_record(
    reader: PageReader, show: Callable[..., bytes], record: Record, process: bytes, slot: int
) -> None:
    """Return when *record* can be stored and shown, and is the same each time."""
    assert decode_record(record.encode(), process=process, slot=slot) == record
    (again,) = reader.entries(show(process, [record], slot))
    assert again.slot == slot
    assert reader.record(process, again) == record
