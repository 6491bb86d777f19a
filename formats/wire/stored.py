"""A stored assignment with its items read: what every wire shape is made from."""

from __future__ import annotations

from functools import cached_property

from seriatim.formats.ans104.item import DataItem
from seriatim.formats.codecs.cbor import CborCodec
from seriatim.formats.message import Message
from seriatim.formats.schedule.record import Kind, Record


class StoredAssignment:
    """One slot of one process; its parts are decoded when first asked for.

    Attributes:
        process: process id, 32 raw bytes.
        slot: the slot.
        record: the stored record.
    """

    def __init__(
        self, process: bytes, slot: int, record: Record, *, assignment: DataItem | None = None
    ) -> None:
        """Take a record; *assignment* is its signed item where that is at hand already."""
        self.process = process
        self.slot = slot
        self.record = record
        if assignment is not None:
            self.assignment = assignment

    @cached_property
    def item(self) -> DataItem | None:
        """The message as a data item, where it is one."""
        if self.record.kind is Kind.ITEM:
            return DataItem.decode(self.record.message)
        return None

    @cached_property
    def unsigned(self) -> Message | None:
        """The message, where it came without a signature."""
        if self.record.kind is Kind.UNSIGNED:
            return CborCodec().decode(self.record.message)
        return None

    @cached_property
    def assignment(self) -> DataItem | None:
        """The signed assignment item, where the variant is signed."""
        if self.record.assignment:
            return DataItem.decode(self.record.assignment)
        return None
