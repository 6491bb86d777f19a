"""Commitments of data items as later versions of HyperBEAM write them, in the form of May 2025.

They name keys and signature as text, list what is committed in the order of the tags, and keep
target and anchor to themselves. Read from their sources, against no running node: unproven.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from seriatim.formats.ans104.avro import Tag
from seriatim.formats.errors import UnsupportedError, UnsupportedSchemeError
from seriatim.formats.ids import b64url_decode
from seriatim.formats.tabm import sf
from seriatim.formats.tabm.ans104.fields import (
    ANCHOR,
    DATA,
    ORIGINAL_TAGS,
    TARGET,
    Fields,
    address,
    not_placeable,
)
from seriatim.formats.tabm.ans104.proof import (
    ALG_RSA,
    ALG_UNSIGNED,
    numbered,
    read_tags,
)
from seriatim.formats.tabm.model import (
    COMMITMENTS_KEY,
    TYPES_KEY,
    Tabm,
    bad_commitments,
    bytes_of,
    commitments_of,
    utf8,
)

_ALGS: Final = {b"rsa-pss-sha256": ALG_RSA, b"unsigned-sha256": ALG_UNSIGNED}
_KEY_SCHEME: Final = "publickey:"
_DATA_KEY: Final = "ao-data-key"
_ANCHOR: Final = "anchor"
_BODY: Final = "body"
_LISTED: Final = re.compile(rb"([0-9]{1,3}):(.*):([A-Za-z0-9_-]*)", re.DOTALL)


def as_of_may_2025(tabm: Tabm) -> Fields:
    """Return *tabm* with its commitment, and those of the messages in it, in the earlier form.

    What is in that form already, or cannot be read as a later one, stays as it is.

    Raises:
        MalformedError: a later commitment cannot be read, code ``bad_commitments``; or says what
            the earlier form cannot, code ``not_placeable``.
        UnsupportedError: its item has items inside.
        UnsupportedSchemeError: it is no RSA signature.
    """
    fields: Fields = {
        key: value if isinstance(value, bytes) or key == COMMITMENTS_KEY else as_of_may_2025(value)
        for key, value in tabm.items()
    }
    commitments = commitments_of(fields)
    if len(commitments) != 1:
        return fields
    ((id_text, commitment),) = commitments.items()
    if "type" not in commitment or "alg" in commitment:
        return fields
    if bytes_of(commitment, "bundle").strip(b'"') == b"true":
        raise UnsupportedError(
            "items inside an item are not read as later versions commit to them; "
            "send the data item itself"
        )
    del fields[COMMITMENTS_KEY]
    _move_addresses(fields, commitment)
    tags = _tags(fields, commitment)
    fields[COMMITMENTS_KEY] = {
        id_text: {
            "commitment-device": bytes_of(commitment, "commitment-device"),
            "committer": bytes_of(commitment, "committer"),
            ORIGINAL_TAGS: numbered(tags),
            **_signature(commitment),
        }
    }
    return fields


def _signature(commitment: Tabm) -> dict[str, bytes]:
    kind = bytes_of(commitment, "type")
    if kind not in _ALGS:
        raise UnsupportedSchemeError(f"no signature type {kind!r:.40} here")
    alg = {"alg": _ALGS[kind].encode()}
    if _ALGS[kind] == ALG_UNSIGNED:
        return alg
    keyid = _text(commitment, "keyid")
    if not keyid.startswith(_KEY_SCHEME):
        raise bad_commitments(f"its keyid is no {_KEY_SCHEME}")
    owner = b64url_decode(keyid.removeprefix(_KEY_SCHEME))
    return {**alg, "owner": owner, "signature": b64url_decode(_text(commitment, "signature"))}


def _move_addresses(fields: Fields, commitment: Tabm) -> None:
    """Put target and anchor of the item where the earlier form has them.

    A message says those rather than tags of their names.
    """
    target = address(bytes_of(commitment, f"field-{TARGET}"))
    if address(fields.get(TARGET, target)) != target:
        raise not_placeable("its target is a tag and no field")
    anchor = address(bytes_of(commitment, f"field-{_ANCHOR}"))
    if anchor and address(fields.pop(_ANCHOR, anchor)) != anchor:
        raise not_placeable("its anchor is not the one of the commitment")
    fields[TARGET], fields[ANCHOR] = target, anchor


def _tags(fields: Fields, commitment: Tabm) -> Sequence[Tag]:
    """Return the tags as they were signed; what is the data of the item is called so then."""
    if ORIGINAL_TAGS in commitment:
        original = _original(commitment[ORIGINAL_TAGS])
        for tag in original:
            if tag.name == _DATA_KEY.encode():
                _move_data(fields, tag.value.decode("utf-8", "replace"))
        return original
    has_body = DATA not in fields and _BODY in fields
    if has_body:
        _move_data(fields, _BODY)
    tags = [Tag(_DATA_KEY.encode(), _BODY.encode())] if has_body else []
    apart = {TARGET, ANCHOR, DATA, _BODY if has_body else DATA}
    for key in _committed(commitment.get("committed", b"")):
        if key in apart or (key == _ANCHOR and key not in fields):
            continue
        value = fields.get(key)
        if not isinstance(value, bytes):
            raise bad_commitments(f"it commits to {key[:64]!r}, which is no value of the message")
        tags.append(Tag(utf8(key), value))
    return tags


def _move_data(fields: Fields, key: str) -> None:
    if key in fields:
        fields[DATA] = fields.pop(key)
    fields[_DATA_KEY] = utf8(key)


def _committed(plain: bytes | Tabm) -> list[str]:
    """Return a list of keys: one value as structured fields have it, or a map counted from 1."""
    if isinstance(plain, bytes):
        values = [_listed(item) for item in sf.parse_list(plain)]
    else:
        count = len(plain.keys() - {TYPES_KEY})
        values = [bytes_of(plain, str(number)) for number in range(1, count + 1)]
    return [value.decode("utf-8", "replace") for value in values]


def _listed(item: sf.Item | sf.InnerList) -> bytes:
    if isinstance(item, sf.Item) and isinstance(item.value, bytes):
        return item.value
    raise bad_commitments("what it commits to is no list of keys")


def _original(plain: bytes | Tabm) -> list[Tag]:
    """Return original tags from a map, or from text: ``1:name:base64url of the value, 2:…``."""
    if not isinstance(plain, bytes):
        return list(read_tags(plain))
    tags: list[Tag] = []
    for number, entry in enumerate(plain.split(b", "), 1):
        found = _LISTED.fullmatch(entry)
        if found is None or int(found[1]) != number:
            raise bad_commitments(f"{ORIGINAL_TAGS} are not counted from 1")
        tags.append(Tag(found[2], b64url_decode(found[3].decode("ascii"))))
    return tags


def _text(commitment: Tabm, key: str) -> str:
    return bytes_of(commitment, key).decode("ascii", "replace")
