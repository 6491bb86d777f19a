"""Builders of stored records and appends, small and distinct, for every test of the store."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

from seriatim.formats.schedule.record import Kind, Record
from seriatim.formats.schedule.upload import Part
from seriatim.formats.schedule.variant import Variant
from seriatim.store.log import Append


def make_id(name: str) -> bytes:
    """Return the id, 32 bytes, that stands for *name* in every test."""
    return sha256(name.encode()).digest()


def make_record(process: bytes, slot: int, *, message: bytes | None = None) -> Record:
    """Return a record for *slot* of *process*, different from that of every other place."""
    seed = process + slot.to_bytes(8, "big")
    return Record(
        variant=Variant.NATIVE,
        kind=Kind.ITEM,
        timestamp_ms=1_000 + slot,
        message_id=sha256(b"message" + seed).digest(),
        assignment_id=sha256(b"assignment" + seed).digest(),
        hash_chain=sha256(b"chain" + seed).digest(),
        message=b"message " + seed if message is None else message,
        assignment=b"assignment " + seed,
    )


def make_append(
    process: bytes,
    slot: int,
    *,
    message: bytes | None = None,
    ids: tuple[bytes, ...] | None = None,
    view: bytes | None = None,
    upload: Part = Part.NOTHING,
) -> Append:
    """Return an append of `make_record`, found by its two ids, with a view of its own."""
    record = make_record(process, slot, message=message)
    return Append(
        process,
        slot,
        record.encode(),
        (record.message_id, record.assignment_id) if ids is None else ids,
        b"view %d" % slot if view is None else view,
        upload,
    )


def make_appends(process: bytes, slots: Iterable[int]) -> list[Append]:
    """Return one append for each of *slots*."""
    return [make_append(process, slot) for slot in slots]
