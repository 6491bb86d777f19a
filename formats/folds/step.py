"""What a fold is given, read from a stored assignment."""

from __future__ import annotations

from seriatim.formats.folds.fold import Step
from seriatim.formats.ids import encode_id
from seriatim.formats.schedule.record import Record
from seriatim.formats.wire.stored import StoredAssignment


def read_step(process: bytes, slot: int, record: Record, *, number: int = 1) -> Step:
    """Return the step that *record* at *slot* of *process* is.

    Args:
        process: its id, 32 raw bytes.
        slot: the slot.
        record: as it is stored.
        number: the pass, from 1.

    Raises:
        FormatError: what is stored of the message cannot be read.
    """
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
