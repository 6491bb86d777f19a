"""Data items as messages: tags in lower case as keys, everything else in the commitment.

The commitment keeps what is needed to rebuild the exact item (original tags in their order and
case, target and anchor fields), so the way there and back loses nothing:
``from_message(to_message(item))`` is the item, byte for byte.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from seriatim.formats.ans104.avro import Tag
from seriatim.formats.ans104.item import DataItem, unsigned_item
from seriatim.formats.errors import MalformedError
from seriatim.formats.ids import b64url, b64url_decode, encode_id
from seriatim.formats.limits import TAGS_MAX
from seriatim.formats.message import (
    BINARY_SUFFIX,
    COMMITMENTS_KEY,
    Commitment,
    Message,
    Value,
)

DEVICE: Final = "ans104@1.0"

_KINDS: Final = {
    1: "rsa-pss-sha256",
    2: "ed25519",
    3: "ethereum",
    4: "solana",
    5: "aptos",
    6: "multi-aptos",
    7: "typed-ethereum",
}
_OWN_KEYS: Final = frozenset({"target", "data", COMMITMENTS_KEY})
_TYPES: Final = {kind: number for number, kind in _KINDS.items()}


class Ans104Codec:
    """Signed data items; an unsigned message has no form here."""

    device = DEVICE
    content_type = "application/ans104"

    def encode(self, message: Message) -> bytes:
        """Return the item that *message* was, from its one ``ans104@1.0`` commitment.

        Raises:
            MalformedError: no such commitment, or not what an item can be.
        """
        return bytes(from_message(message).raw)

    def decode(self, raw: bytes) -> Message:
        """Return the item in *raw* as a message; its signature is not checked here.

        Raises:
            FormatError: *raw* is not a well-formed item.
        """
        return to_message(DataItem.decode(raw))


def to_message(item: DataItem) -> Message:
    """Return *item* as a message. Of tags with one name, the first gives the field.

    A tag whose name no field can have is found among the original tags only.
    """
    fields: dict[str, Value] = {}
    for name, value in reversed(item.tags):
        key = _text_key(name).lower()
        if key not in _OWN_KEYS and not key.endswith(BINARY_SUFFIX):
            fields[key] = _text(value)
    if item.target:
        fields["target"] = encode_id(bytes(item.target))
    if item.data:
        fields["data"] = _text(bytes(item.data))
    details: dict[str, Value] = {
        "original-tags": {
            str(number): {"name": _text(name), "value": _text(value)}
            for number, (name, value) in enumerate(item.tags, 1)
        }
    }
    if item.target:
        details["field-target"] = encode_id(bytes(item.target))
    if item.anchor:
        details["field-anchor"] = b64url(item.anchor)
    commitment = Commitment(
        device=DEVICE,
        kind=_KINDS[item.signature_type],
        committer=item.address,
        key=bytes(item.owner),
        signature=bytes(item.signature),
        details=details,
    )
    return Message(fields, {encode_id(item.id): commitment})


def from_message(message: Message) -> DataItem:
    """Return the item that *message* was made from.

    Raises:
        MalformedError: code ``bad_commitments``: not exactly one ``ans104@1.0`` commitment, or
            the fields do not agree with what it commits to.
    """
    found = [each for each in message.commitments.values() if each.device == DEVICE]
    if len(found) != 1 or found[0].kind not in _TYPES:
        raise MalformedError(
            "exactly one ans104@1.0 commitment of a known type is needed", code="bad_commitments"
        )
    item = item_of(found[0], data=_bytes(message.fields.get("data", "")))
    if to_message(item) != message:
        raise MalformedError(
            "the fields are not the ones that the commitment covers", code="bad_commitments"
        )
    return item


def item_of(commitment: Commitment, *, data: bytes) -> DataItem:
    """Return the item that carries *data* and that *commitment* was made on; not verified.

    Raises:
        MalformedError: not what an item can be; code ``bad_commitments`` for the most part.
        LimitExceededError: its tags pass a bound.
    """
    if commitment.device != DEVICE or commitment.kind not in _TYPES:
        raise MalformedError("not an ans104@1.0 commitment of a known type", code="bad_commitments")
    return unsigned_item(
        signature_type=_TYPES[commitment.kind],
        owner=commitment.key,
        target=_detail(commitment, "field-target"),
        anchor=_detail(commitment, "field-anchor"),
        tags=_original_tags(commitment.details.get("original-tags", {})),
        data=data,
    ).signed(commitment.signature)


def _original_tags(plain: Value) -> list[Tag]:
    if not isinstance(plain, Mapping) or len(plain) > TAGS_MAX:
        raise MalformedError("original-tags must be a map of tags", code="bad_commitments")
    tags: list[Tag] = []
    for number in range(1, len(plain) + 1):
        entry = plain.get(str(number))
        if not isinstance(entry, Mapping):
            raise MalformedError("original-tags are numbered from 1", code="bad_commitments")
        tags.append(Tag(_bytes(entry.get("name", "")), _bytes(entry.get("value", ""))))
    return tags


def _detail(commitment: Commitment, name: str) -> bytes:
    value = commitment.details.get(name, "")
    if not isinstance(value, str):
        raise MalformedError(f"{name} must be base64url text", code="bad_commitments")
    return b64url_decode(value)


def _bytes(value: Value) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    raise MalformedError("an item carries text and bytes only", code="bad_commitments")


def _text(raw: bytes) -> str | bytes:
    """Return *raw* as text where it is UTF-8, else as it is."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw


def _text_key(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")
