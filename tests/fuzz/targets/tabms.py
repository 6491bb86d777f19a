"""TABMs as CBOR, JSON and lines, their rich values, and the items that they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import orjson

from seriatim.formats.ans104.item import DataItem
from seriatim.formats.codecs.json import parse_json
from seriatim.formats.errors import SchedulerError
from seriatim.formats.tabm.ans104.items import from_item, to_item
from seriatim.formats.tabm.cbor import decode_cbor, encode_cbor
from seriatim.formats.tabm.flat import decode_flat, encode_flat
from seriatim.formats.tabm.json import decode_json, encode_json, from_plain, to_plain
from seriatim.formats.tabm.model import Tabm, public
from seriatim.formats.tabm.structured import from_tabm, to_tabm
from tests.fuzz import seeds as recorded


def seeds() -> list[bytes]:
    """Return recorded messages in each form, and a recorded item with a commitment."""
    forms = [write(tabm) for tabm in recorded.tabms() for write in (encode_cbor, encode_flat)]
    texts = [each["json"] for each in recorded.hyperbeam_messages()]
    return [*forms, *(text.encode() for text in texts if isinstance(text, str)), *committed()]


def committed() -> list[bytes]:
    """Return recorded items as messages, which have their signatures and tags beside them."""
    found: list[bytes] = []
    for raw in recorded.items():
        try:
            found.append(encode_cbor(from_item(DataItem.decode(raw))))
        except SchedulerError:
            continue
    return found


def check(raw: bytes) -> None:
    """See ``target.py``."""
    for read in READERS:
        try:
            tabm = read(raw)
        except SchedulerError:
            continue
        check_tabm(tabm)


def check_tabm(tabm: Tabm) -> None:
    """Return when *tabm* means the same in every form that it has."""
    try:
        shown = public(tabm)
    except SchedulerError:
        return
    assert decode_cbor(encode_cbor(tabm)) == shown
    check_json(shown)
    check_values(shown)
    try:
        item = to_item(shown)
    except SchedulerError:
        return
    assert to_item(from_item(item)).raw == item.raw


def check_json(tabm: Tabm) -> None:
    """Return when *tabm* comes back from both of its forms in JSON, where it has them."""
    try:
        written = encode_json(tabm)
    except SchedulerError:
        return
    assert decode_json(written) == tabm


def check_values(tabm: Tabm) -> None:
    """Return when the rich values of *tabm* come back from a message of their own."""
    try:
        normal = to_tabm(from_tabm(tabm))
    except SchedulerError:
        return
    # Keys get their lower case now, so that defaults under such a key are known as ones only then.
    normal = to_tabm(from_tabm(normal))
    assert to_tabm(from_tabm(normal)) == normal


def read_cbor(raw: bytes) -> Tabm:
    """Return the TABM in *raw*, which is the one way to write it."""
    tabm = decode_cbor(raw)
    assert encode_cbor(tabm) == raw
    return tabm


def read_flat(raw: bytes) -> Tabm:
    """Return the TABM in the lines *raw*, which come back from lines."""
    tabm = decode_flat(raw)
    assert decode_flat(encode_flat(tabm)) == public(tabm)
    return tabm


def read_plain(raw: bytes) -> Tabm:
    """Return the TABM in *raw*, JSON as pages show it."""
    tabm = from_plain(parse_json(raw))
    assert from_plain(parse_json(orjson.dumps(to_plain(tabm)))) == tabm
    return tabm


READERS: Final[tuple[Callable[[bytes], Tabm], ...]] = (
    read_cbor,
    read_flat,
    decode_json,
    read_plain,
)
