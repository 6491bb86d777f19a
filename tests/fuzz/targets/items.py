"""Data items, and the messages that they are: one sequence of bytes is one item, in every form."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from seriatim.formats.ans104.codec import from_message, to_message
from seriatim.formats.ans104.item import DataItem, unsigned_item
from seriatim.formats.codecs.cbor import CborCodec
from seriatim.formats.codecs.json import JsonCodec
from seriatim.formats.errors import SchedulerError
from seriatim.formats.schedule.submission import submit_item
from seriatim.formats.tabm.ans104.items import from_item, message_id, to_item, verify
from seriatim.formats.tabm.ans104.nested import binary_item, encode_nested
from seriatim.formats.tabm.ans104.proof import id_of
from seriatim.formats.tabm.cbor import decode_cbor, encode_cbor
from tests.fuzz import seeds as recorded

CODECS: Final = (JsonCodec(), CborCodec())


def seeds() -> list[bytes]:
    """Return recorded items, and those that recorded messages become."""
    made = [encode_nested({"a": binary_item(b"1"), "b": binary_item(b"\xff")}).data]
    for tabm in recorded.tabms():
        try:
            made.append(to_item(tabm).raw)
        except SchedulerError:
            continue
    return recorded.items() + made


def check(raw: bytes) -> None:
    """See ``target.py``."""
    try:
        item = DataItem.decode(raw)
    except SchedulerError:
        return
    check_item(item, raw)
    with suppress(SchedulerError):
        item.verify()
    with suppress(SchedulerError):
        assert submit_item(item).message == raw
    message = to_message(item)
    assert from_message(message).raw == raw
    for codec in CODECS:
        assert from_message(codec.decode(codec.encode(message))).raw == raw
    check_tabm(item)


def check_item(item: DataItem, raw: bytes) -> None:
    """Return when *item* is exactly what *raw* says."""
    assert item.raw == raw
    parts = unsigned_item(
        signature_type=item.signature_type,
        owner=item.owner,
        target=item.target,
        anchor=item.anchor,
        tags=item.tags,
        data=bytes(item.data),
    )
    assert parts.signed(item.signature).raw == raw


def check_tabm(item: DataItem) -> None:
    """Return when *item* as HyperBEAM's message is *item* again, and is called so."""
    try:
        tabm = from_item(item)
    except SchedulerError:
        return
    assert to_item(tabm).raw == item.raw
    assert message_id(tabm) == id_of(item)
    assert to_item(decode_cbor(encode_cbor(tabm))).raw == item.raw
    with suppress(SchedulerError):
        verify(tabm)
