"""Reading our schedule of stored records (``cbor_schedule.py``): they come as they are on disk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from seriatim.formats.codecs.cbor import load_map
from seriatim.formats.ids import encode_id
from seriatim.formats.schedule.record import Record
from seriatim.formats.wire.cbor_schedule import decode_entry
from seriatim.formats.wire.page import PageEntry, bad_page, check_slot, sort_entries

_VARIANT = "variant"
_PROCESS = "process"


class CborPageReader:
    """`PageReader` of ``~scheduler@1.0/schedule`` in CBOR."""

    def entries(self, raw: bytes) -> Sequence[PageEntry]:
        """See `PageReader.entries`. What a page says of all its slots is put into each entry."""
        page = load_map(raw)
        assignments = page.get("assignments")
        if not isinstance(assignments, list):
            raise bad_page("a schedule has a list of assignments")
        said = {name: page.get(name) for name in (_PROCESS, _VARIANT)}
        return sort_entries([_entry(plain, said) for plain in assignments])

    def record(self, process: bytes, entry: PageEntry) -> Record:
        """See `PageReader.record`."""
        if entry.plain[_PROCESS] != process:
            raise bad_page(f"the page is not one of process {encode_id(process)}")
        return decode_entry(entry.plain, entry.plain[_VARIANT])


def _entry(plain: Any, said: dict[str, Any]) -> PageEntry:
    slot = check_slot(plain.get("slot") if isinstance(plain, dict) else None)
    return PageEntry(slot, {**plain, **said}, is_binary=True)
