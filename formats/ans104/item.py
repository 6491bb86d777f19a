"""One data item: read strictly, checked, and built.

Layout, all integers little-endian (sizes of signature and owner: `SCHEMES`)::

    signature type     2
    signature          by type
    owner              by type
    target             00, or 01 and 32 bytes
    anchor             00, or 01 and 32 bytes
    number of tags     8
    size of tag block  8
    tag block          see avro.py
    data               all the rest

Source: ANS-104 §2; strict where readers differ (one spelling of the tags, nothing past an end).
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from struct import Struct
from typing import Final, NamedTuple, NoReturn, Self

from seriatim.formats.ans104.avro import Tag, decode_tags, encode_tags
from seriatim.formats.ans104.deep_hash import item_hash
from seriatim.formats.errors import LimitExceededError, MalformedError
from seriatim.formats.ids import encode_id
from seriatim.formats.limits import TAG_BLOCK_MAX_BYTES, TAGS_MAX
from seriatim.formats.signing.scheme import SCHEMES
from seriatim.formats.signing.verify import twin_of, verify
from seriatim.formats.signing.wallet import Wallet

_TYPE_BYTES: Final = 2
_FIELD_BYTES: Final = 32
_TAG_HEADER: Final = Struct("<QQ")

# Signature type → where the signature ends and the owner ends.
_ENDS: Final = {
    int(kind): (
        _TYPE_BYTES + scheme.signature_bytes,
        _TYPE_BYTES + scheme.signature_bytes + scheme.owner_bytes,
    )
    for kind, scheme in SCHEMES.items()
}


class DataItem:
    """A well-formed data item, over the bytes that it came in.

    Made by `DataItem.decode`, `UnsignedItem.signed` and `sign_item`. Well formed does not mean
    proven: that is `verify`. The item keeps the bytes and slices them when asked; it never
    changes, so the bytes under a view that was handed in must not change either.
    """

    __slots__ = (
        "_address",
        "_anchor_at",
        "_data_at",
        "_id",
        "_raw",
        "_signature_type",
        "_tags",
        "_tags_at",
    )

    def __init__(  # where each part stands; the callers have just found out
        self,
        raw: bytes | memoryview,
        signature_type: int,
        anchor_at: int,
        tags_at: int,
        data_at: int,
        tags: tuple[Tag, ...],
    ) -> None:
        """Take parts that are known to fit; everybody else calls `decode`."""
        self._raw = raw
        self._signature_type = signature_type
        self._anchor_at = anchor_at
        self._tags_at = tags_at
        self._data_at = data_at
        self._tags = tags
        self._id: bytes | None = None
        self._address: bytes | None = None

    @classmethod
    def decode(cls, raw: bytes | memoryview) -> Self:
        """Return the item that *raw* is, from its first byte to its last.

        Args:
            raw: the item; a view must be of bytes (format ``B``), and stays referred to.

        Raises:
            MalformedError: with the offset from the start of the item, and code ``truncated``,
                ``unknown_signature_type``, ``bad_presence_byte``, ``non_canonical_tags`` or
                ``tag_count_mismatch``.
            LimitExceededError: limit ``tags``, ``tag name``, ``tag value`` or ``tag block``.
        """
        size = len(raw)
        if size < _TYPE_BYTES:
            _refuse_truncated("signature type", size)
        signature_type = raw[0] | raw[1] << 8
        ends = _ENDS.get(signature_type)
        if ends is None:
            raise MalformedError(
                f"signature type {signature_type} is not known",
                code="unknown_signature_type",
                offset=0,
            )
        if size < ends[1]:
            _refuse_truncated("signature" if size < ends[0] else "owner", size)
        anchor_at = _end_of_field(raw, ends[1], "target")
        header_at = _end_of_field(raw, anchor_at, "anchor")
        tags_at = header_at + _TAG_HEADER.size
        if size < tags_at:
            _refuse_truncated("tag header", size)
        tag_count, block_bytes = _TAG_HEADER.unpack_from(raw, header_at)
        data_at = tags_at + block_bytes
        if size < data_at:
            _refuse_truncated("tag block", size)
        tags = _decode_tags(raw, tag_count, tags_at, data_at)
        return cls(raw, signature_type, anchor_at, tags_at, data_at, tags)

    @property
    def raw(self) -> bytes:
        """The item's exact bytes."""
        return bytes(self._raw)

    @property
    def signature_type(self) -> int:
        """The signature type, a key of `SCHEMES`."""
        return self._signature_type

    @property
    def signature(self) -> bytes:
        """The signature; all zeros in an item that nobody signed."""
        return bytes(self._raw[_TYPE_BYTES : _ENDS[self._signature_type][0]])

    @property
    def owner(self) -> bytes:
        """The public key in the form of its type."""
        signature_end, owner_end = _ENDS[self._signature_type]
        return bytes(self._raw[signature_end:owner_end])

    @property
    def target(self) -> bytes:
        """The target, 32 bytes, or none when it is absent."""
        return bytes(self._raw[_ENDS[self._signature_type][1] + 1 : self._anchor_at])

    @property
    def anchor(self) -> bytes:
        """The anchor, 32 bytes, or none when it is absent."""
        return bytes(self._raw[self._anchor_at + 1 : self._tags_at - _TAG_HEADER.size])

    @property
    def tags(self) -> tuple[Tag, ...]:
        """The tags in their order; a name may stand more than once."""
        return self._tags

    @property
    def tag_block(self) -> bytes:
        """The tags as they are signed."""
        return bytes(self._raw[self._tags_at : self._data_at])

    @property
    def data(self) -> memoryview:
        """The payload, without a copy."""
        return memoryview(self._raw)[self._data_at :]

    @property
    def id(self) -> bytes:
        """SHA-256 of the signature, 32 bytes."""
        if self._id is None:
            self._id = sha256(self.signature).digest()
        return self._id

    @property
    def twin_id(self) -> bytes:
        """The id of the same item in the other form of its signature; empty for none."""
        twin = twin_of(self.signature_type, bytes(self.signature))
        return b"" if twin is None else sha256(twin).digest()

    @property
    def address(self) -> bytes:
        """SHA-256 of the owner, 32 bytes, whatever the signature type."""
        if self._address is None:
            self._address = sha256(self.owner).digest()
        return self._address

    def tag(self, name: bytes) -> bytes | None:
        """Return the value of the first tag called *name*, case and all, or ``None``."""
        for tag_name, value in self._tags:
            if tag_name == name:
                return value
        return None

    def signing_hash(self) -> bytes:
        """Return the 48 bytes that the owner signs, over the raw tag block."""
        return item_hash(
            self._signature_type,
            self.owner,
            self.target,
            self.anchor,
            self.tag_block,
            self.data,
        )

    def verify(self) -> None:
        """Return when the signature holds; raise `CommitmentError` otherwise.

        Raises:
            BadSignatureError: the signature is not the owner's over this item.
            WeakKeyError: the owner's key proves nothing.
        """
        verify(self._signature_type, self.owner, self.signature, self.signing_hash())

    def __eq__(self, other: object) -> bool:
        """Items are equal when their bytes are."""
        return isinstance(other, DataItem) and self._raw == other._raw

    def __hash__(self) -> int:
        """Follow `__eq__`: equal bytes have equal signatures, hence equal ids."""
        return hash(self.id)

    def __repr__(self) -> str:
        """Show the id and the size, never the data."""
        return f"<DataItem {encode_id(self.id)}, {len(self._raw)} bytes>"


class UnsignedItem(NamedTuple):
    """An item that has everything but its signature; made by `unsigned_item`.

    Apart from `sign_item` this lets the signature be made elsewhere: in another thread, or by a
    key that is not in this process.
    """

    signature_type: int
    owner: bytes
    target: bytes
    anchor: bytes
    tags: tuple[Tag, ...]
    tag_block: bytes
    data: bytes

    def signing_hash(self) -> bytes:
        """Return the 48 bytes to sign."""
        return item_hash(
            self.signature_type, self.owner, self.target, self.anchor, self.tag_block, self.data
        )

    def signed(self, signature: bytes) -> DataItem:
        """Return the item with *signature* in place, which is not checked.

        Raises:
            MalformedError: *signature* does not have the length of its type; code
                ``bad_field_length``.
        """
        scheme = SCHEMES[self.signature_type]
        _check_length("signature", signature, scheme.signature_bytes)
        raw = b"".join(
            (
                self.signature_type.to_bytes(_TYPE_BYTES, "little"),
                signature,
                self.owner,
                _encode_field(self.target),
                _encode_field(self.anchor),
                _TAG_HEADER.pack(len(self.tags), len(self.tag_block)),
                self.tag_block,
                self.data,
            )
        )
        anchor_at = _ENDS[self.signature_type][1] + 1 + len(self.target)
        tags_at = anchor_at + 1 + len(self.anchor) + _TAG_HEADER.size
        data_at = tags_at + len(self.tag_block)
        return DataItem(raw, self.signature_type, anchor_at, tags_at, data_at, self.tags)


def unsigned_item(  # the fields of ANS-104
    *,
    signature_type: int,
    owner: bytes,
    target: bytes = b"",
    anchor: bytes = b"",
    tags: Sequence[Tag] = (),
    data: bytes = b"",
) -> UnsignedItem:
    """Return an item that is ready to be signed.

    Args:
        signature_type: a key of `SCHEMES`.
        owner: the public key in the form of its type; zeros for an item that stays unsigned.
        target: 32 bytes, or none.
        anchor: 32 bytes, or none.
        tags: at most `TAGS_MAX`, in the order in which they are to stand.
        data: the payload.

    Raises:
        MalformedError: an unknown type (code ``unknown_signature_type``), or an owner, target
            or anchor of another length (code ``bad_field_length``).
        LimitExceededError: the tags pass a bound.
    """
    scheme = SCHEMES.get(signature_type)
    if scheme is None:
        raise MalformedError(
            f"signature type {signature_type} is not known", code="unknown_signature_type"
        )
    _check_length("owner", owner, scheme.owner_bytes)
    for name, field in (("target", target), ("anchor", anchor)):
        if field:
            _check_length(name, field, _FIELD_BYTES)
    return UnsignedItem(
        int(signature_type), owner, target, anchor, tuple(tags), encode_tags(tags), data
    )


def sign_item(
    wallet: Wallet,
    *,
    target: bytes = b"",
    anchor: bytes = b"",
    tags: Sequence[Tag] = (),
    data: bytes = b"",
) -> DataItem:
    """Return a new item, signed by *wallet*; arguments and errors as in `unsigned_item`."""
    unsigned = unsigned_item(
        signature_type=wallet.signature_type,
        owner=wallet.owner,
        target=target,
        anchor=anchor,
        tags=tags,
        data=data,
    )
    return unsigned.signed(wallet.sign(unsigned.signing_hash()))


def _end_of_field(raw: bytes | memoryview, at: int, name: str) -> int:
    """Return where the optional field that starts at *at* ends."""
    size = len(raw)
    if at >= size:
        _refuse_truncated(name, size)
    presence = raw[at]
    if presence > 1:
        raise MalformedError(
            f"the presence byte of the {name} is {presence}, not 0 or 1",
            code="bad_presence_byte",
            offset=at,
        )
    end = at + 1 + _FIELD_BYTES * presence
    if end > size:
        _refuse_truncated(name, size)
    return end


def _decode_tags(
    raw: bytes | memoryview, tag_count: int, tags_at: int, data_at: int
) -> tuple[Tag, ...]:
    """Return the tags of an item; sizes are checked before the block is copied out of it."""
    block_bytes = data_at - tags_at
    if tag_count > TAGS_MAX:
        raise LimitExceededError("tags", given=tag_count, maximum=TAGS_MAX)
    if block_bytes > TAG_BLOCK_MAX_BYTES:
        raise LimitExceededError("tag block", given=block_bytes, maximum=TAG_BLOCK_MAX_BYTES)
    try:
        return decode_tags(bytes(raw[tags_at:data_at]), tag_count)
    except MalformedError as error:
        raise MalformedError(
            error.reason, code=error.code, offset=tags_at + (error.offset or 0)
        ) from None


def _encode_field(field: bytes) -> bytes:
    return b"\1" + field if field else b"\0"


def _check_length(name: str, field: bytes, expected: int) -> None:
    if len(field) != expected:
        raise MalformedError(
            f"the {name} has {len(field)} bytes, not {expected}", code="bad_field_length"
        )


def _refuse_truncated(what: str, size: int) -> NoReturn:
    raise MalformedError(f"the item ends inside its {what}", code="truncated", offset=size)
