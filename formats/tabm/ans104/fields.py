"""Which key of a TABM is a field of the item, which is a tag, and which is an item inside."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple, TypeAlias

from seriatim.formats.ans104.avro import Tag
from seriatim.formats.errors import MalformedError
from seriatim.formats.ids import ID_BYTES, ID_CHARS, b64url_decode, decode_id
from seriatim.formats.limits import TABM_TAG_VALUE_MAX_BYTES
from seriatim.formats.signing.scheme import SCHEMES, SignatureType
from seriatim.formats.tabm import sf
from seriatim.formats.tabm.model import COMMITMENTS_KEY, Tabm, normal_key, utf8

Fields: TypeAlias = "dict[str, bytes | Tabm]"

TARGET: Final = "target"
ANCHOR: Final = "last_tx"
DATA: Final = "data"
ORIGINAL_TAGS: Final = "original-tags"

_RSA: Final = SCHEMES[SignatureType.ARWEAVE]

UNSIGNED: Final[Mapping[str, bytes]] = {
    "id": bytes(ID_BYTES),
    "owner": bytes(_RSA.owner_bytes),
    "signature": bytes(_RSA.signature_bytes),
}
"""What the TABM of an item that nobody signed says of it."""

_DEFAULTS: Final[Mapping[str, bytes]] = {
    **UNSIGNED,
    "unsigned_id": bytes(ID_BYTES),
    ANCHOR: b"",
    TARGET: b"",
    DATA: b"",
}
# HyperBEAM takes these for fields of its own, at the cost of what the message says there.
_TAKEN: Final = frozenset({*UNSIGNED, "unsigned_id", "format", "tags", ORIGINAL_TAGS})
_NO_TAGS: Final = _TAKEN | {TARGET, ANCHOR, DATA}


class Placed(NamedTuple):
    """The parts of an item that a TABM says; ``inner`` are the items inside, by key."""

    target: bytes
    anchor: bytes
    data: bytes
    tags: list[Tag]
    inner: Fields


def fields_of_tags(tags: Iterable[Tag]) -> dict[str, bytes]:
    """Return the values of *tags* by key; several with one key become a list.

    Raises:
        MalformedError: a name is not UTF-8; code ``not_placeable``.
    """
    values: dict[str, list[bytes]] = {}
    for name, value in tags:
        values.setdefault(_key(name), []).append(value)
    return {
        key: found[0] if len(found) == 1 else sf.write_list(map(sf.Item, found))
        for key, found in values.items()
    }


def tags_of(fields: Mapping[str, bytes | Tabm]) -> list[Tag]:
    """Return the tags that *fields* become where nobody says which they were, sorted."""
    return _split({key: value for key, value in fields.items() if key not in _NO_TAGS})[0]


def place_fields(tabm: Tabm, original: Iterable[Tag] | None, *, is_signed: bool) -> Placed:
    """Return where each key of *tabm*, which has no commitments, stands in the item.

    Args:
        tabm: the values.
        original: the tags as they were signed; with them, what they do not say is an item inside.
        is_signed: whether a signature holds the data to what it is.

    Raises:
        MalformedError: a value would be lost, or be taken for another; code ``not_placeable``.
    """
    fields = dict(tabm)
    covered = {} if original is None else fields_of_tags(original)
    target = address(fields.pop(TARGET, b""))
    anchor = address(fields.pop(ANCHOR, b""))
    data = b"" if DATA in covered else _take_data(fields, is_signed=is_signed)
    for key in _TAKEN & fields.keys() - covered.keys():
        if fields.pop(key) != _DEFAULTS.get(key):
            raise not_placeable(f"no item can carry the key {key!r}")
    if original is None:
        tags, inner = _split(fields)
    else:
        tags = list(original)
        inner = {key: value for key, value in fields.items() if key not in covered}
    if inner and data:
        inner[DATA], data = data, b""
    return Placed(target, anchor, data, tags, inner)


def shown(tabm: Tabm) -> Fields:
    """Return what *tabm* says, in one spelling: without commitments, and what says nothing.

    Raises:
        MalformedError: an address is none; code ``not_placeable``.
    """
    said: Fields = {}
    for key, value in tabm.items():
        if isinstance(value, bytes):
            plain = address(value) if key in (TARGET, ANCHOR) else value
            if plain != _DEFAULTS.get(key):
                said[key] = plain
        elif key != COMMITMENTS_KEY:
            said[key] = shown(value)
    return said


def address(value: bytes | Tabm) -> bytes:
    """Return the 32 bytes that *value* is or spells in 43 characters, or none.

    Raises:
        MalformedError: neither; code ``not_placeable``.
    """
    if isinstance(value, bytes):
        if len(value) in (0, ID_BYTES):
            return value
        if len(value) == ID_CHARS:
            try:
                return decode_id(value.decode("ascii", "replace"))
            except MalformedError:
                pass
    raise not_placeable("target and last_tx are 32 bytes, or 43 characters, or empty")


def not_placeable(reason: str) -> MalformedError:
    """Return the error of what an item cannot tell from something else."""
    return MalformedError(f"data items cannot say this: {reason}", code="not_placeable")


def _take_data(fields: Fields, *, is_signed: bool) -> bytes:
    data = fields.get(DATA, b"")
    if not isinstance(data, bytes):
        return b""  # it stays among the fields: an item inside
    fields.pop(DATA, None)
    if not is_signed and _is_decoded(data):
        # HyperBEAM decodes it, so that the item is the one of the decoded data.
        raise not_placeable("data of 43 characters of base64url is taken for 32 bytes")
    return data


def _is_decoded(data: bytes) -> bool:
    if len(data) != ID_CHARS:
        return False
    try:
        b64url_decode(data.decode("ascii", "replace"))
    except MalformedError:
        return False
    return True


def _split(fields: Mapping[str, bytes | Tabm]) -> tuple[list[Tag], Fields]:
    """Return the tags of *fields*, sorted, and what no tag can be: maps, long values, no text."""
    tags: list[Tag] = []
    inner: Fields = {}
    for key, value in sorted(fields.items()):
        if isinstance(value, bytes) and _is_tag_value(value):
            tags.append(Tag(utf8(key), value))
        else:
            inner[key] = value
    return tags, inner


def _is_tag_value(value: bytes) -> bool:
    if len(value) > TABM_TAG_VALUE_MAX_BYTES:
        return False
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _key(name: bytes) -> str:
    try:
        return normal_key(name.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise not_placeable("the name of a tag is not UTF-8") from error
