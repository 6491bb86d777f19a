"""Items inside an item: each promise of the bundle and its manifest, broken once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import orjson
import pytest

from seriatim.formats.ans104.avro import Tag
from seriatim.formats.ans104.item import DataItem, sign_item
from seriatim.formats.errors import LimitExceededError, MalformedError, UnsupportedSchemeError
from seriatim.formats.ids import encode_id
from seriatim.formats.limits import BUNDLE_DEPTH_MAX, TABM_TAG_VALUE_MAX_BYTES
from seriatim.formats.signing.scheme import WalletKind
from seriatim.formats.tabm.ans104.items import from_item, to_item
from seriatim.formats.tabm.ans104.nested import (
    binary_item,
    bundle_tags,
    decode_nested,
    unsigned,
    unsigned_id_of,
)
from seriatim.formats.tabm.model import Tabm
from tests.support.strategies import known_wallet

LONG = b"x" * (TABM_TAG_VALUE_MAX_BYTES + 1)
VALUES = {"a": LONG, "b": LONG[:-1] + b"y"}
ITEMS = [binary_item(value) for value in VALUES.values()]
MANIFEST_TAGS = (Tag(b"data-protocol", b"bundle-map"), Tag(b"variant", b"0.0.1"))


def ids(*items: DataItem) -> list[str]:
    return [encode_id(unsigned_id_of(item)) for item in items]


RIGHT = dict(zip(VALUES, ids(*ITEMS), strict=True))


def outer(
    manifest: bytes = orjson.dumps(RIGHT),
    items: Sequence[DataItem] = ITEMS,
    *,
    manifest_tags: Sequence[Tag] = MANIFEST_TAGS,
    manifest_id: str = "",
    header_ids: Sequence[bytes] = (),
    byte_order: Literal["big", "little"] = "big",
    tail: bytes = b"",
) -> DataItem:
    """Return an item with items inside, written by hand from what it is told."""
    first = unsigned(manifest_tags, manifest)
    every = [first, *items]
    named = header_ids or [unsigned_id_of(item) for item in every]
    data = len(every).to_bytes(32, byte_order)
    for item, id_raw in zip(every, named, strict=True):
        data += len(item.raw).to_bytes(32, byte_order) + id_raw
    data += b"".join(item.raw for item in every) + tail
    return unsigned(bundle_tags((), manifest_id or ids(first)[0]), data)


def test_long_values_are_items_inside() -> None:
    message: Tabm = dict(VALUES)
    item = to_item(message)
    assert item == outer()
    assert decode_nested(item) == dict(zip(VALUES, ITEMS, strict=True))
    found = from_item(item)
    assert {key: found[key] for key in VALUES} == VALUES


BROKEN = {
    "no JSON": (outer(b"{"), "bad_json"),
    "a list": (outer(orjson.dumps(list(RIGHT))), "bad_manifest"),
    "one key less": (outer(orjson.dumps({"a": RIGHT["a"]})), "bad_manifest"),
    "a key twice": (
        outer(b'{"a":"%b","a":"%b"}' % tuple(map(str.encode, RIGHT.values()))),
        "bad_manifest",
    ),
    "ids swapped": (outer(orjson.dumps({"a": RIGHT["b"], "b": RIGHT["a"]})), "bad_manifest"),
    "a number for an id": (outer(orjson.dumps({**RIGHT, "b": 1})), "bad_manifest"),
    "keys not sorted": (
        outer(orjson.dumps(dict(reversed(RIGHT.items()))), ITEMS[::-1]),
        "not_placeable",
    ),
    "white space": (outer(orjson.dumps(RIGHT) + b" "), "not_placeable"),
    "other manifest tags": (outer(manifest_tags=MANIFEST_TAGS[:1]), "not_placeable"),
    "another bundle-map": (outer(manifest_id=ids(ITEMS[0])[0]), "bad_manifest"),
    "ids of signatures": (outer(header_ids=[ITEMS[0].id] * 3), "bundle_id_mismatch"),
    "little-endian": (outer(byte_order="little"), "truncated"),
    "surplus": (outer(tail=b"\0"), "surplus_bytes"),
    "a private key": (outer(orjson.dumps({"priv-a": RIGHT["a"]}), ITEMS[:1]), "not_placeable"),
    "a key in upper case": (outer(orjson.dumps({"A": RIGHT["a"]}), ITEMS[:1]), "not_placeable"),
    "nothing inside": (outer(b"{}", []), "not_placeable"),
    "no manifest": (unsigned(bundle_tags((), "x"), bytes(32)), "bad_manifest"),
    "no bundle-map": (unsigned(bundle_tags((), "x")[:2], outer().data.tobytes()), "bad_manifest"),
    "no data": (unsigned(bundle_tags((), "x")[::-1], b""), "truncated"),
    "a value with more tags": (
        outer(
            orjson.dumps(
                {"a": ids(odd := unsigned([*binary_item(b"").tags, Tag(b"x", b"y")], LONG))[0]}
            ),
            [odd],
        ),
        "not_placeable",
    ),
}


@pytest.mark.parametrize(("item", "code"), BROKEN.values(), ids=BROKEN)
def test_a_bundle_that_hyperbeam_would_not_write_is_refused(item: DataItem, code: str) -> None:
    with pytest.raises(MalformedError) as caught:
        from_item(item)
    assert caught.value.code == code


def test_an_item_with_another_key_inside_is_refused() -> None:
    foreign = sign_item(known_wallet(WalletKind.ED25519), data=b"x")
    manifest = unsigned(MANIFEST_TAGS, orjson.dumps(RIGHT))
    with pytest.raises(UnsupportedSchemeError):
        from_item(outer(items=[foreign], header_ids=[unsigned_id_of(manifest), foreign.id]))


def test_a_short_value_inside_comes_back_as_it_stood() -> None:
    short = binary_item(b"1")
    item = outer(orjson.dumps({"a": ids(short)[0]}), [short])
    found = from_item(item)
    assert found["a"] == b"1"
    assert to_item(found) == item


def test_data_beside_items_is_one_of_them() -> None:
    item = to_item({"data": b"1", "m": {"x": b"y"}})
    assert list(decode_nested(item) or ()) == ["data", "m"]
    assert from_item(item)["data"] == b"1"


def nested(depth: int) -> Tabm:
    return {"m": nested(depth - 1)} if depth > 1 else {"x": b"y"}


def test_items_stand_in_items_to_a_bound() -> None:
    item = to_item(nested(BUNDLE_DEPTH_MAX))
    assert to_item(from_item(item)) == item
    with pytest.raises(LimitExceededError):
        to_item(nested(BUNDLE_DEPTH_MAX + 1))
    with pytest.raises(LimitExceededError):
        from_item(outer(orjson.dumps({"m": ids(item)[0]}), [item]))


@pytest.mark.parametrize("size", [TABM_TAG_VALUE_MAX_BYTES, TABM_TAG_VALUE_MAX_BYTES + 1])
def test_a_value_over_the_bound_is_an_item(size: int) -> None:
    item = to_item({"a": b"x" * size})
    assert (decode_nested(item) is not None) == (size > TABM_TAG_VALUE_MAX_BYTES)
