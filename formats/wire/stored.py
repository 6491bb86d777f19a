"""A stored assignment with its parts read: what every wire shape is made from."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import NamedTuple

from seriatim.formats.ans104.codec import to_message
from seriatim.formats.ans104.item import DataItem
from seriatim.formats.codecs.cbor import CborCodec
from seriatim.formats.codecs.fields import freeze
from seriatim.formats.errors import UnsupportedError
from seriatim.formats.httpsig.commitments import signed_of
from seriatim.formats.httpsig.signature import signature_of
from seriatim.formats.ids import decode_id
from seriatim.formats.message import Message, Value
from seriatim.formats.schedule.http_assignment import path_text
from seriatim.formats.schedule.record import Kind, Record
from seriatim.formats.tabm.cbor import load_cbor
from seriatim.formats.tabm.model import COMMITMENTS_KEY, Tabm
from seriatim.formats.tabm.structured import from_tabm


class Signer(NamedTuple):
    """Who signed a message or an assignment, in whatever form.

    Attributes:
        id: the id that follows from the signature, 32 raw bytes.
        address: the signer's address, 32 raw bytes.
        key: the public key, as the scheme writes it.
        signature: the signature, as the scheme writes it.
    """

    id: bytes
    address: bytes
    key: bytes
    signature: bytes


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
        """The message, where it came as an unsigned message of our own."""
        if self.record.kind is Kind.UNSIGNED:
            return CborCodec().decode(self.record.message)
        return None

    @cached_property
    def tabm(self) -> Tabm | None:
        """The message as a TABM with its commitments, where it came as one."""
        if self.record.kind is Kind.TABM:
            return load_cbor(self.record.message)
        return None

    @cached_property
    def assignment(self) -> DataItem | None:
        """The signed assignment, where it is a data item."""
        if self.record.assignment and self.record.kind is not Kind.TABM:
            return DataItem.decode(self.record.assignment)
        return None

    @cached_property
    def http_assignment(self) -> Tabm | None:
        """The signed assignment without its body, where it is an HTTP message."""
        if self.record.assignment and self.record.kind is Kind.TABM:
            return load_cbor(self.record.assignment)
        return None

    @property
    def fields(self) -> Mapping[str, Value]:
        """What the message says, as rich values; nothing for a reference."""
        if self.item is not None:
            return to_message(self.item).fields
        if self.unsigned is not None:
            return self.unsigned.fields
        said = {key: value for key, value in (self.tabm or {}).items() if key != COMMITMENTS_KEY}
        return freeze(from_tabm(said))

    @property
    def sender(self) -> Signer | None:
        """Who signed the message, if anybody."""
        return _signer(self.item, self.tabm)

    @property
    def scheduler(self) -> Signer | None:
        """Who signed the assignment, where its variant is signed."""
        return _signer(self.assignment, self.http_assignment)

    def said(self, name: str) -> str:
        """Return what the signed assignment says under *name*, in lower case or with capitals.

        Empty where it says nothing, or nobody signed it.
        """
        if self.assignment is not None:
            raw = self.assignment.tag(name.encode()) or self.assignment.tag(name.title().encode())
            return (raw or b"").decode("utf-8", "replace")
        if self.http_assignment is None:
            return ""
        if name == "path":
            return path_text(self.http_assignment)
        value = self.http_assignment.get(name, b"")
        return value.decode("utf-8", "replace") if isinstance(value, bytes) else ""


def signed_items(stored: StoredAssignment) -> list[DataItem]:
    """Return the signed items of one slot: the assignment, and the message but for a reference.

    Raises:
        UnsupportedError: one of them is no data item.
    """
    items = [stored.assignment, stored.item]
    if stored.record.kind is Kind.REFERENCE:
        items.pop()
    found = [item for item in items if item is not None]
    if len(found) != len(items):
        raise UnsupportedError(
            f"slot {stored.slot} is not made of signed data items; accept application/json"
        )
    return found


def _signer(item: DataItem | None, tabm: Tabm | None) -> Signer | None:
    if item is not None:
        return Signer(item.id, item.address, bytes(item.owner), bytes(item.signature))
    for id_text, commitment in signed_of(tabm or {}).items():
        signature = signature_of(commitment)
        return Signer(decode_id(id_text), signature.address, signature.key, signature.value)
    return None
