"""Data items to TABMs and back, and what follows from them: ids, and who commits to what.

Each way is checked by the other one: an item whose message would be that of another item too is
refused, and so is a message that its item does not say. What HyperBEAM lets pass there, lets two
messages share an id. In one item's messages only these may differ: a target or anchor as 32 bytes
or as text, and defaults that are said or not.
"""

from __future__ import annotations

from typing import Final

from seriatim.formats.ans104.item import DataItem, unsigned_item
from seriatim.formats.errors import LimitExceededError
from seriatim.formats.ids import encode_id
from seriatim.formats.limits import BUNDLE_DEPTH_MAX
from seriatim.formats.signing.scheme import SignatureType
from seriatim.formats.tabm.ans104.fields import (
    ANCHOR,
    DATA,
    ORIGINAL_TAGS,
    TARGET,
    UNSIGNED,
    Fields,
    fields_of_tags,
    not_placeable,
    place_fields,
    shown,
    tags_of,
)
from seriatim.formats.tabm.ans104.later import as_of_may_2025
from seriatim.formats.tabm.ans104.nested import (
    BUNDLE_KEYS,
    binary_item,
    bundle_tags,
    check_scheme,
    decode_nested,
    encode_nested,
    is_binary,
    manifest_id_of,
    unsigned_id_of,
)
from seriatim.formats.tabm.ans104.proof import id_of, is_signed, read_proof, write_proof
from seriatim.formats.tabm.model import (
    COMMITMENTS_KEY,
    TYPES_KEY,
    Tabm,
    is_private,
    normal_key,
    public,
)
from seriatim.formats.tabm.structured import empty_keys

# What HyperBEAM takes out of the message of a signed item, tags of these names included.
_COMMITTED_APART: Final = frozenset(
    {"id", "owner", "signature", "commitment-device", ORIGINAL_TAGS}
)
_ALWAYS_COMMITTED: Final = frozenset({*UNSIGNED, ANCHOR, TARGET, DATA})


def from_item(item: DataItem) -> Fields:
    """Return *item* as a TABM, with its commitment; the signature is not checked.

    ``target`` and ``last_tx``, the anchor, are always there, raw. An item that nobody signed says
    so: ``id``, ``owner`` and ``signature`` are zeros. The commitment has the tags as they stand
    where keys and values do not give them back.

    Raises:
        MalformedError: its message would be that of another item too, code ``not_placeable``; or
            what is inside cannot be read.
        LimitExceededError: items inside deeper than ``BUNDLE_DEPTH_MAX``, or too many.
        UnsupportedSchemeError: it is signed in another way than by an RSA key.
    """
    tabm = _read(item, 1)
    if _write(tabm, 1).raw != item.raw:
        raise not_placeable("the message is not the item's alone")
    return tabm


def to_item(tabm: Tabm) -> DataItem:
    """Return the item that *tabm* is, with the signature of its commitment, which is not checked.

    A signed item comes back byte for byte, whichever of its messages *tabm* is; commitments of
    later versions are read too.

    Raises:
        MalformedError: the item would be another message's too, or the message says what its
            item does not, code ``not_placeable``; or its commitment cannot be read, code
            ``bad_commitments``.
        BadSignatureError: the commitment is another item's.
        LimitExceededError: nested deeper than ``BUNDLE_DEPTH_MAX``, too many tags or items.
        UnsupportedSchemeError: it is signed in another way than by an RSA key.
    """
    fields = as_of_may_2025(public(tabm))
    item = _write(fields, 1)
    if shown(_read(item, 1)) != shown(fields):
        raise not_placeable("the item says something else")
    return item


def unsigned_id(tabm: Tabm) -> str:
    """Return the id of *tabm* without its signature, 43 characters. Raises as `to_item` does."""
    return encode_id(unsigned_id_of(to_item(tabm)))


def message_id(tabm: Tabm) -> str:
    """Return the id of *tabm* with its signature, if it has one. Raises as `to_item` does."""
    return id_of(to_item(tabm))


def committed_keys(tabm: Tabm) -> frozenset[str]:
    """Return the keys that the signature of *tabm* covers, none without one; see `to_item`.

    They need not be in *tabm*. Unlike HyperBEAM's they have those of long values too.
    """
    return _covered(to_item(tabm))


def verify(tabm: Tabm) -> dict[bytes, frozenset[str]]:
    """Check the signature of *tabm*.

    Returns:
        What the committer commits to, by its address; nothing when nobody signed.

    Raises:
        BadSignatureError, WeakKeyError: the signature does not hold.
        SchedulerError: as `to_item` does.
    """
    item = to_item(tabm)
    if not is_signed(item):
        return {}
    item.verify()
    return {item.address: _covered(item)}


def _covered(item: DataItem) -> frozenset[str]:
    if not is_signed(item):
        return frozenset()
    tagged = fields_of_tags(item.tags)
    inner = decode_nested(item) or {}
    types = tagged.get(TYPES_KEY, b"")
    return _ALWAYS_COMMITTED | tagged.keys() | inner.keys() | empty_keys(types)


def _read(item: DataItem, depth: int) -> Fields:
    check_scheme(item)
    _check_depth(depth)
    inner = decode_nested(item)
    if depth == 1 and is_binary(item):
        raise not_placeable("an item of ao-type binary is a value and no message")
    fields: Fields = {ANCHOR: item.anchor, TARGET: item.target}
    if not is_signed(item):
        fields |= UNSIGNED
    if inner is not None:
        fields |= {normal_key(key): _read_inner(each, depth + 1) for key, each in inner.items()}
    elif item.data:
        fields[DATA] = bytes(item.data)
    fields |= fields_of_tags(item.tags)
    kept = {key: value for key, value in fields.items() if not _is_apart(key, item)}
    commitments = write_proof(item, has_tags=not _gives_tags_back(kept, item))
    if commitments:
        kept[COMMITMENTS_KEY] = commitments
    return dict(sorted(kept.items()))


def _read_inner(item: DataItem, depth: int) -> bytes | Tabm:
    return bytes(item.data) if is_binary(item) else _read(item, depth)


def _is_apart(key: str, item: DataItem) -> bool:
    if is_signed(item) and key in _COMMITTED_APART:
        return True
    return key in BUNDLE_KEYS or key == COMMITMENTS_KEY or is_private(key)


def _gives_tags_back(fields: Fields, item: DataItem) -> bool:
    """Tell whether the tags of *item* follow from the keys and values of its message.

    HyperBEAM looks at the case of their names alone, and cannot check signatures over others.
    """
    manifest_id = manifest_id_of(item)
    tags = tags_of(fields)
    return list(item.tags) == (tags if manifest_id is None else bundle_tags(tags, manifest_id))


def _write(tabm: Tabm, depth: int) -> DataItem:
    _check_depth(depth)
    proof = read_proof(tabm)
    fields = {key: value for key, value in tabm.items() if key != COMMITMENTS_KEY}
    placed = place_fields(fields, proof.tags, is_signed=proof.is_signed)
    tags, data = placed.tags, placed.data
    if placed.inner:
        inner = {key: _write_inner(each, depth + 1) for key, each in placed.inner.items()}
        data, manifest_id = encode_nested(inner)
        if proof.tags is None:
            tags = bundle_tags(tags, manifest_id)
    item = unsigned_item(
        signature_type=SignatureType.ARWEAVE,
        owner=proof.owner,
        target=placed.target,
        anchor=placed.anchor,
        tags=tags,
        data=data,
    ).signed(proof.signature)
    proof.check(item)
    return item


def _write_inner(value: bytes | Tabm, depth: int) -> DataItem:
    return binary_item(value) if isinstance(value, bytes) else _write(value, depth)


def _check_depth(depth: int) -> None:
    if depth > BUNDLE_DEPTH_MAX:
        raise LimitExceededError("bundle depth", given=depth, maximum=BUNDLE_DEPTH_MAX)
