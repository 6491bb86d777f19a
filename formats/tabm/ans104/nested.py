"""Items inside an item: a bundle of HyperBEAM's own kind, with a manifest that gives them keys.

It is big-endian, its header has unsigned ids, and its first item is the manifest: unsigned, its
data a JSON object of keys and unsigned ids. A value that is no message is an item with one tag.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Final, NamedTuple

import orjson

from seriatim.formats.ans104.avro import Tag
from seriatim.formats.ans104.bundle import Layout, decode_bundle, encode_bundle
from seriatim.formats.ans104.deep_hash import item_hash
from seriatim.formats.ans104.item import DataItem, unsigned_item
from seriatim.formats.codecs.json import parse_json
from seriatim.formats.errors import MalformedError, UnsupportedSchemeError
from seriatim.formats.ids import encode_id
from seriatim.formats.signing.scheme import SignatureType
from seriatim.formats.tabm.ans104.fields import UNSIGNED
from seriatim.formats.tabm.model import utf8

BUNDLE_KEYS: Final = frozenset({"bundle-format", "bundle-version", "bundle-map"})
"""Keys of the tags that say where the items inside are; they are no part of the message."""

_FORMAT: Final = Tag(b"bundle-format", b"binary")
_VERSION: Final = Tag(b"bundle-version", b"2.0.0")
_MAP: Final = b"bundle-map"
_MANIFEST_TAGS: Final = (Tag(b"data-protocol", _MAP), Tag(b"variant", b"0.0.1"))
_BINARY: Final = Tag(b"ao-type", b"binary")


class Bundled(NamedTuple):
    """Items inside, as data of the one around them, and the unsigned id of their manifest."""

    data: bytes
    manifest_id: str


def check_scheme(item: DataItem) -> None:
    """Return when the key of *item* is an RSA key, the only kind that HyperBEAM's messages name.

    Raises:
        UnsupportedSchemeError: it is not.
    """
    if item.signature_type != SignatureType.ARWEAVE:
        raise UnsupportedSchemeError(
            f"an item of signature type {item.signature_type} has no message form here; "
            "send it as the data item that it is"
        )


def unsigned_id_of(item: DataItem) -> bytes:
    """Return the id that *item* has without its signature, 32 bytes.

    Raises:
        UnsupportedSchemeError: see `check_scheme`.
    """
    check_scheme(item)
    owner = UNSIGNED["owner"]
    parts = (item.target, item.anchor, item.tag_block, item.data)
    return sha256(item_hash(item.signature_type, owner, *parts)).digest()


_LAYOUT: Final = Layout("big", unsigned_id_of)


def unsigned(tags: Sequence[Tag], data: bytes) -> DataItem:
    """Return the item of *tags* and *data* that nobody signed, and that goes nowhere."""
    return unsigned_item(
        signature_type=SignatureType.ARWEAVE, owner=UNSIGNED["owner"], tags=tags, data=data
    ).signed(UNSIGNED["signature"])


def binary_item(value: bytes) -> DataItem:
    """Return the item that is *value* alone."""
    return unsigned((_BINARY,), value)


def is_binary(item: DataItem) -> bool:
    """Tell whether *item* is a value and no message."""
    return item.tag(_BINARY.name) == _BINARY.value


def encode_nested(items: Mapping[str, DataItem]) -> Bundled:
    """Return *items*, sorted by their keys, as the data of an item.

    Raises:
        LimitExceededError: too many items.
        MalformedError: a key is not Unicode.
    """
    ids = {key: encode_id(unsigned_id_of(item)) for key, item in sorted(items.items())}
    for key in ids:
        utf8(key)
    manifest = unsigned(_MANIFEST_TAGS, orjson.dumps(ids))
    data = encode_bundle([manifest, *(items[key] for key in ids)], _LAYOUT)
    return Bundled(data, encode_id(unsigned_id_of(manifest)))


def bundle_tags(tags: Sequence[Tag], manifest_id: str) -> list[Tag]:
    """Return *tags* between those that say that the data are items."""
    return [_FORMAT, _VERSION, *tags, Tag(_MAP, manifest_id.encode())]


def manifest_id_of(item: DataItem) -> str | None:
    """Return the manifest that *item*'s tags name, ``None`` when they name no items inside.

    Tags in another case are those of standard bundles, which are data here.

    Raises:
        MalformedError: its data are items without a manifest; code ``bad_manifest``.
    """
    if item.tag(_FORMAT.name) != _FORMAT.value or item.tag(_VERSION.name) != _VERSION.value:
        return None
    manifest_id = item.tag(_MAP)
    if manifest_id is None:
        raise _bad("bundle-map is missing")
    return manifest_id.decode("ascii", "replace")


def decode_nested(item: DataItem) -> dict[str, DataItem] | None:
    """Return the items inside *item* by their keys, ``None`` when its data are no items.

    Raises:
        MalformedError: they are not what the manifest says, code ``bad_manifest``; or see
            `decode_bundle`.
        LimitExceededError: too many items, or a limit of `DataItem.decode`.
        UnsupportedSchemeError: one has another key than an RSA one.
    """
    manifest_id = manifest_id_of(item)
    if manifest_id is None:
        return None
    manifest, *items = decode_bundle(item.data, _LAYOUT) or (None,)
    if manifest is None or encode_id(unsigned_id_of(manifest)) != manifest_id:
        raise _bad("it is not the one that bundle-map names")
    ids = parse_json(bytes(manifest.data))
    if not isinstance(ids, dict) or len(ids) != len(items):
        raise _bad("it does not name each item once")
    named = dict(zip(ids, items, strict=True))
    if any(encode_id(unsigned_id_of(each)) != ids[key] for key, each in named.items()):
        raise _bad("it names another item, or in another order")
    return named


def _bad(reason: str) -> MalformedError:
    return MalformedError(f"the manifest cannot be read: {reason}", code="bad_manifest")
