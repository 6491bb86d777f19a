"""What an ao unit publishes: one signed item that carries an assignment and its message.

The item's data is an ANS-104 bundle with the assignment first; a reference has no message to
carry. Source: ao unit, and real production bundles (specification §3).
"""

from __future__ import annotations

from typing import Final, NamedTuple

from seriatim.formats.ans104.avro import Tag
from seriatim.formats.ans104.bundle import decode_bundle, encode_bundle, is_bundle
from seriatim.formats.ans104.item import DataItem, sign_item
from seriatim.formats.errors import MalformedError
from seriatim.formats.schedule.record import Kind, Record
from seriatim.formats.signing.wallet import Wallet

BUNDLE_TAGS: Final = (Tag(b"Bundle-Format", b"binary"), Tag(b"Bundle-Version", b"2.0.0"))

_ITEMS_MAX: Final = 2


class Publication(NamedTuple):
    """The items of a publication; ``message`` is ``None`` for a reference."""

    assignment: DataItem
    message: DataItem | None


def encode_publication(wallet: Wallet, record: Record, *, anchor: bytes) -> DataItem:
    """Return the signed item that publishes *record*.

    Args:
        wallet: the scheduler's.
        record: of a signed variant, with a signed message or a reference.
        anchor: 32 random bytes.

    Raises:
        MalformedError: the record holds no signed items; code ``unsigned_record``.
    """
    if not record.assignment or record.kind not in (Kind.ITEM, Kind.REFERENCE):
        raise MalformedError("only signed data items are published", code="unsigned_record")
    items = [DataItem.decode(record.assignment)]
    if record.kind is Kind.ITEM:
        items.append(DataItem.decode(record.message))
    return sign_item(wallet, anchor=anchor, tags=BUNDLE_TAGS, data=encode_bundle(items))


def decode_publication(item: DataItem) -> Publication:
    """Return what *item* publishes; no signature is checked.

    Raises:
        MalformedError: not such an item; code ``bad_publication``, or a code of `decode_bundle`.
    """
    items = decode_bundle(item.data) if is_bundle(item) else ()
    if not 1 <= len(items) <= _ITEMS_MAX:
        raise MalformedError(
            "an assignment, or an assignment and a message, are published", code="bad_publication"
        )
    return Publication(items[0], items[1] if len(items) == _ITEMS_MAX else None)
