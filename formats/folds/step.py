"""What a fold is given, read from a stored assignment."""

from __future__ import annotations

from seriatim.formats.folds.fold import Step
from seriatim.formats.ids import encode_id
from seriatim.formats.schedule.record import decode_record
from seriatim.formats.wire.stored import StoredAssignment


def read_step(process: bytes, slot: int, raw: bytes, *, number: int = 1) -> Step:
    """Return the step that the encoded record *raw* at *slot* of *process* is.

    Args:
        process: its id, 32 raw bytes.
        slot: the slot.
        raw: as `Record.encode` has made it.
        number: the pass, from 1.

    Raises:
        CorruptRecordError: the record is damaged.
        FormatError: what is stored of the message cannot be read.
    """
    record = decode_record(raw, process=process, slot=slot)
    stored = StoredAssignment(process, slot, record)
    return Step(
        encode_id(process),
        slot,
        record.timestamp_ms,
        encode_id(record.message_id),
        stored.fields,
        record.message if stored.item is not None else b"",
        number,
    )
