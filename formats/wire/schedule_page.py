"""Reading our JSON schedule (``schedule.py``): it loses nothing, so every record comes back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from seriatim.formats.ans104.codec import DEVICE, from_message, item_of
from seriatim.formats.codecs.cbor import CborCodec, unsigned_id
from seriatim.formats.codecs.fields import commitments_from_plain
from seriatim.formats.codecs.json import message_from_plain
from seriatim.formats.errors import FormatError
from seriatim.formats.ids import b64url_decode, decode_id
from seriatim.formats.schedule.assignment import Block, placed_as
from seriatim.formats.schedule.http_assignment import assignment_id_text, http_assignment_fields
from seriatim.formats.schedule.record import NO_ID, Kind, Record
from seriatim.formats.schedule.variant import Variant
from seriatim.formats.tabm.cbor import decode_cbor, encode_cbor
from seriatim.formats.tabm.json import from_plain
from seriatim.formats.tabm.model import COMMITMENTS_KEY
from seriatim.formats.wire.page import (
    PageEntry,
    bad_page,
    check_is_not_aos2,
    check_says,
    check_slot,
    parse_page,
    sort_entries,
    text_of,
)
from seriatim.formats.wire.schedule import assignment_to_plain
from seriatim.formats.wire.stored import StoredAssignment

_CBOR: Final = CborCodec()


class _Signed(NamedTuple):
    """An assignment's id and stored bytes."""

    id: bytes = NO_ID
    stored: bytes = b""


class SchedulePageReader:
    """`PageReader` of ``~scheduler@1.0/schedule`` in JSON."""

    def entries(self, raw: bytes) -> Sequence[PageEntry]:
        """See `PageReader.entries`."""
        page = parse_page(raw)
        assignments = page.get("assignments")
        if not isinstance(assignments, dict):
            for edge in page["edges"] if isinstance(page.get("edges"), list) else ():
                check_is_not_aos2(edge.get("node") if isinstance(edge, dict) else None)
            raise bad_page("a schedule has assignments, by slot")
        return sort_entries([_entry(key, plain) for key, plain in assignments.items()])

    def record(self, process: bytes, entry: PageEntry) -> Record:
        """See `PageReader.record`."""
        try:
            record = _record(process, entry)
            proven = assignment_to_plain(StoredAssignment(process, entry.slot, record))
        except ValueError as error:  # a number of the assignment is none
            raise bad_page(f"slot {entry.slot}: {error}") from error
        check_says(entry.plain, proven, slot=entry.slot)
        return record


def _record(process: bytes, entry: PageEntry) -> Record:
    plain = entry.plain
    message_id = decode_id(text_of(plain, "message"))
    kind, message = _message(plain, message_id)
    record = Record(
        Variant.from_tag(text_of(plain, "variant")),
        kind,
        check_slot(plain.get("timestamp")),
        message_id,
        NO_ID,
        decode_id(text_of(plain, "hash-chain")),
        message,
        b"",
    )
    if COMMITMENTS_KEY not in plain:
        return record
    if kind is Kind.TABM:
        signed = _http_assignment(process, entry, record)
    else:
        signed = _item_assignment(plain)
    return record._replace(assignment_id=signed.id, assignment=signed.stored)


def _entry(key: str, plain: Any) -> PageEntry:
    slot = check_slot(plain.get("slot") if isinstance(plain, dict) else None)
    if key != str(slot):
        raise bad_page(f"slot {slot} stands under {key[:32]!r}")
    return PageEntry(slot, plain)


def _message(plain: dict[str, Any], message_id: bytes) -> tuple[Kind, bytes]:
    """Return what the message is, and its stored bytes."""
    if "body" not in plain:
        return Kind.REFERENCE, b""
    body = plain["body"]
    commitments = body.get(COMMITMENTS_KEY) if isinstance(body, dict) else None
    if isinstance(commitments, dict) and any(map(_is_items, commitments.values())):
        return Kind.ITEM, from_message(message_from_plain(body)).raw
    if not commitments:
        # Nothing says of an unsigned message which of two it is, but its id.
        try:
            unsigned = _CBOR.encode(message_from_plain(body))
        except FormatError:
            unsigned = b""
        if unsigned and unsigned_id(unsigned) == message_id:
            return Kind.UNSIGNED, unsigned
    return Kind.TABM, encode_cbor(from_plain(body))


def _is_items(commitment: object) -> bool:
    return isinstance(commitment, dict) and commitment.get("commitment-device") == DEVICE


def _item_assignment(plain: dict[str, Any]) -> _Signed:
    """Return the assignment that is a data item; it has no data."""
    commitments = commitments_from_plain(plain[COMMITMENTS_KEY])
    if len(commitments) != 1:
        raise bad_page("an assignment has one commitment")
    item = item_of(next(iter(commitments.values())), data=b"")
    return _Signed(item.id, item.raw)


def _http_assignment(process: bytes, entry: PageEntry, record: Record) -> _Signed:
    """Return the assignment that is an HTTP message: its fields follow from what it says."""
    plain = entry.plain
    block = Block(
        check_slot(plain.get("block-height")),
        b64url_decode(text_of(plain, "block-hash")),
        check_slot(plain.get("block-timestamp")),
    )
    draft = placed_as(process, entry.slot, record, block)
    fields = http_assignment_fields(draft, record.hash_chain, decode_cbor(record.message))
    signed = {**fields, COMMITMENTS_KEY: from_plain(plain[COMMITMENTS_KEY])}
    return _Signed(decode_id(assignment_id_text(signed)), encode_cbor(signed))
