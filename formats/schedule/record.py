"""The stored form of one assignment: the exact bytes that were signed, and what names them.

Layout, all integers big-endian::

    checksum         8   first bytes of SHA-256 over all that follows
    format           1   RECORD_FORMAT
    variant          1   see variant.py
    kind             1   see Kind
    reserved         1   0
    timestamp_ms     8   strictly rising within a process
    message_id      32
    assignment_id   32   zeros when the variant is not signed
    hash_chain      32
    message_bytes    4   length
    assignment_bytes 4   length
    message              see Kind
    assignment           as it was signed: see assignment.py

The header has a fixed size so that a head, a timestamp or an id is read without the rest.
"""

from __future__ import annotations

from enum import IntEnum
from hashlib import sha256
from struct import Struct
from typing import Final, NamedTuple

from seriatim.formats.errors import CorruptRecordError
from seriatim.formats.ids import encode_id
from seriatim.formats.schedule.variant import Variant

RECORD_FORMAT: Final = 1
NO_ID: Final = bytes(32)

_CHECKSUM_BYTES: Final = 8
_HEADER: Final = Struct(">BBBxQ32s32s32sII")
HEADER_BYTES: Final = _CHECKSUM_BYTES + _HEADER.size


class Kind(IntEnum):
    """What the message bytes of a record are."""

    ITEM = 1
    """A signed ANS-104 data item."""
    UNSIGNED = 2
    """An unsigned message: deterministic CBOR of its fields."""
    REFERENCE = 3
    """Only the id of a message that lives elsewhere (legacy assign); no bytes."""
    TABM = 4
    """A HyperBEAM message: deterministic CBOR of its TABM, with its signature if it has one."""


class Record(NamedTuple):
    """One assignment as it is stored. Ids and chain values are 32 raw bytes."""

    variant: Variant
    kind: Kind
    timestamp_ms: int
    message_id: bytes
    assignment_id: bytes
    hash_chain: bytes
    message: bytes
    assignment: bytes

    def encode(self) -> bytes:
        """Return the stored bytes."""
        body = (
            _HEADER.pack(
                RECORD_FORMAT,
                self.variant,
                self.kind,
                self.timestamp_ms,
                self.message_id,
                self.assignment_id,
                self.hash_chain,
                len(self.message),
                len(self.assignment),
            )
            + self.message
            + self.assignment
        )
        return sha256(body).digest()[:_CHECKSUM_BYTES] + body


class Head(NamedTuple):
    """Where a process's log ends: what the next assignment has to follow."""

    slot: int
    variant: Variant
    timestamp_ms: int
    assignment_id: bytes
    hash_chain: bytes


def decode_record(stored: bytes, *, process: bytes, slot: int) -> Record:
    """Return the record in *stored*; *process* and *slot* only name it in errors.

    Raises:
        CorruptRecordError: checksum, format or lengths do not fit.
    """
    fields = _unpack(stored, process=process, slot=slot)
    if sha256(stored[_CHECKSUM_BYTES:]).digest()[:_CHECKSUM_BYTES] != stored[:_CHECKSUM_BYTES]:
        raise _corrupt(process, slot, "the checksum does not match the bytes")
    _, variant_byte, kind_byte, timestamp_ms, message_id, assignment_id, chain, message_len, _ = (
        fields
    )
    try:
        variant, kind = Variant(variant_byte), Kind(kind_byte)
    except ValueError as error:
        raise _corrupt(process, slot, str(error)) from error
    split = HEADER_BYTES + message_len
    return Record(
        variant,
        kind,
        timestamp_ms,
        message_id,
        assignment_id,
        chain,
        stored[HEADER_BYTES:split],
        stored[split:],
    )


def decode_head(stored: bytes, *, process: bytes, slot: int) -> Head:
    """Return what the next assignment must follow, from the last record of a log.

    The checksum is verified: a node must not build on a damaged record.

    Raises:
        CorruptRecordError: as for `decode_record`.
    """
    record = decode_record(stored, process=process, slot=slot)
    return Head(slot, record.variant, record.timestamp_ms, record.assignment_id, record.hash_chain)


def peek_timestamp_ms(stored: bytes, *, process: bytes, slot: int) -> int:
    """Return the timestamp from a stored record, of which the header is enough.

    The checksum is over the whole record, so it is not checked.

    Raises:
        CorruptRecordError: *stored* is shorter than a header.
    """
    if len(stored) < HEADER_BYTES:
        raise _corrupt(process, slot, "the record is shorter than its header")
    timestamp_ms: int = _HEADER.unpack_from(stored, _CHECKSUM_BYTES)[3]
    return timestamp_ms


def _unpack(
    stored: bytes, *, process: bytes, slot: int
) -> tuple[int, int, int, int, bytes, bytes, bytes, int, int]:
    if len(stored) < HEADER_BYTES:
        raise _corrupt(process, slot, "the record is shorter than its header")
    fields: tuple[int, int, int, int, bytes, bytes, bytes, int, int] = _HEADER.unpack_from(
        stored, _CHECKSUM_BYTES
    )
    if fields[0] != RECORD_FORMAT:
        raise _corrupt(process, slot, f"record format {fields[0]} is not known")
    if HEADER_BYTES + fields[7] + fields[8] != len(stored):
        raise _corrupt(process, slot, "the lengths in the header do not add up")
    return fields


def _corrupt(process: bytes, slot: int, reason: str) -> CorruptRecordError:
    return CorruptRecordError(process=encode_id(process), slot=slot, reason=reason)
