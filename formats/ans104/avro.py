"""A data item's tag block: Avro, in the one canonical spelling.

The block is an Avro array of records ``{name, value}``::

    count       zigzag varint, positive
    per tag     length of the name, name, length of the value, value
    end         00

Avro itself lets an array be split into several blocks, counts be negative and varints be padded,
so one list of tags has many spellings. Signatures cover the bytes, other implementations sign
and check what they re-encode; only the canonical spelling means the same to all. No tags at all
is no bytes at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple, NoReturn

from seriatim.formats.errors import LimitExceededError, MalformedError
from seriatim.formats.limits import (
    TAG_BLOCK_MAX_BYTES,
    TAG_NAME_MAX_BYTES,
    TAG_VALUE_MAX_BYTES,
    TAGS_MAX,
)

# Zigzag doubles a number that is not negative: two bytes reach 8191, past every bound here.
_VARINT_MORE: Final = 0x7F
_ONE_BYTE_MAX: Final = 0x7F >> 1
_TWO_BYTES_MAX: Final = 0x3FFF >> 1
assert max(TAG_BLOCK_MAX_BYTES, TAGS_MAX) <= _TWO_BYTES_MAX
assert min(TAG_NAME_MAX_BYTES, TAG_VALUE_MAX_BYTES) > _ONE_BYTE_MAX, "the fast path is unbounded"


class Tag(NamedTuple):
    """One tag. Names and values are bytes: clients send text that is not UTF-8, and sign it."""

    name: bytes
    value: bytes


def encode_tags(tags: Sequence[Tag]) -> bytes:
    """Return the canonical block of *tags*; no bytes when there are none.

    Raises:
        LimitExceededError: more than `TAGS_MAX` tags, or a name, a value or the whole block over
            its bound.

    >>> encode_tags([Tag(b"a", b"b"), Tag(b"type", b"Message")]).hex(" ")
    '04 02 61 02 62 08 74 79 70 65 0e 4d 65 73 73 61 67 65 00'
    """
    if not tags:
        return b""
    if len(tags) > TAGS_MAX:
        raise LimitExceededError("tags", given=len(tags), maximum=TAGS_MAX)
    parts = [_NUMBERS[len(tags)]]
    for name, value in tags:
        name_bytes, value_bytes = len(name), len(value)
        if name_bytes > TAG_NAME_MAX_BYTES or value_bytes > TAG_VALUE_MAX_BYTES:
            _refuse_sizes(name_bytes, value_bytes)
        parts += (_NUMBERS[name_bytes], name, _NUMBERS[value_bytes], value)
    parts.append(b"\0")
    block = b"".join(parts)
    if len(block) > TAG_BLOCK_MAX_BYTES:
        raise LimitExceededError("tag block", given=len(block), maximum=TAG_BLOCK_MAX_BYTES)
    return block


def decode_tags(block: bytes, count: int) -> tuple[Tag, ...]:
    """Return the tags of *block*, which must be what `encode_tags` gives for them.

    Args:
        block: the tag block, 0 to `TAG_BLOCK_MAX_BYTES` bytes.
        count: how many tags the item says that the block holds.

    Raises:
        MalformedError: code ``non_canonical_tags`` when the block is not canonical, code
            ``tag_count_mismatch`` when it is, but holds another number of tags. The offset
            counts from the start of the block.
        LimitExceededError: as in `encode_tags`.
    """
    if count > TAGS_MAX:
        raise LimitExceededError("tags", given=count, maximum=TAGS_MAX)
    if len(block) > TAG_BLOCK_MAX_BYTES:
        raise LimitExceededError("tag block", given=len(block), maximum=TAG_BLOCK_MAX_BYTES)
    try:
        tags = _decode_block(block) if block else ()
    except IndexError:
        _refuse("the tag block ends inside a tag", len(block))
    if len(tags) != count:
        raise MalformedError(
            f"the item says {count} tags, the block holds {len(tags)}",
            code="tag_count_mismatch",
            offset=0,
        )
    return tags


def _decode_block(block: bytes) -> tuple[Tag, ...]:
    """Read the one array block; IndexError when it ends where a number should stand."""
    end = len(block)
    count, at = _decode_number(block, 0)
    if count == 0:
        _refuse("no tags are spelled as an empty block", 0)
    if count > TAGS_MAX:
        raise LimitExceededError("tags", given=count, maximum=TAGS_MAX)
    tags: list[Tag] = []
    for _ in range(count):
        # This loop runs for every message: lengths of one byte (up to 63) are read in place.
        name_bytes = block[at]
        if name_bytes & 0x81:
            name_bytes, name_at = _decode_number(block, at)
        else:
            name_bytes >>= 1
            name_at = at + 1
        at = name_at + name_bytes
        value_bytes = block[at]
        if value_bytes & 0x81:
            value_bytes, value_at = _decode_number(block, at)
        else:
            value_bytes >>= 1
            value_at = at + 1
        name = block[name_at:at]
        at = value_at + value_bytes
        if at >= end:
            _refuse("the tag block ends inside a tag", end)
        if value_bytes > TAG_VALUE_MAX_BYTES or name_bytes > TAG_NAME_MAX_BYTES:
            _refuse_sizes(name_bytes, value_bytes)
        tags.append(_new_tag(Tag, (name, block[value_at:at])))
    if block[at]:
        _refuse("the tags are split into several blocks, or more are there than counted", at)
    if at + 1 != end:
        _refuse("there are bytes after the end of the tags", at + 1)
    return tuple(tags)


# `Tag(name, value)` is a Python function that does the same in twice the time.
_new_tag: Final = tuple.__new__


def _decode_number(block: bytes, at: int) -> tuple[int, int]:
    """Return the minimal, non-negative varint at *at*, and where it ends."""
    low = block[at]
    if low & 1:
        _refuse("a negative number stands in the tag block", at)
    if low <= _VARINT_MORE:
        return low >> 1, at + 1
    high = block[at + 1]
    if high == 0:
        _refuse("a number in the tag block is not written in its shortest form", at)
    if high > _VARINT_MORE:
        _refuse("a number in the tag block points past its end", at)
    return (low & 0x7F | high << 7) >> 1, at + 2


def _encode_number(number: int) -> bytes:
    """Return the zigzag varint of *number*, which the bounds keep under `_TWO_BYTES_MAX`."""
    if number <= _ONE_BYTE_MAX:
        return bytes((number << 1,))
    return bytes((number << 1 & 0x7F | 0x80, number >> 6))


# Every number that a tag block can hold: a look-up costs a third of the arithmetic, and each
# assignment encodes thirty of them.
_NUMBERS: Final = tuple(
    map(_encode_number, range(max(TAGS_MAX, TAG_NAME_MAX_BYTES, TAG_VALUE_MAX_BYTES) + 1))
)


def _refuse_sizes(name_bytes: int, value_bytes: int) -> NoReturn:
    if name_bytes > TAG_NAME_MAX_BYTES:
        raise LimitExceededError("tag name", given=name_bytes, maximum=TAG_NAME_MAX_BYTES)
    raise LimitExceededError("tag value", given=value_bytes, maximum=TAG_VALUE_MAX_BYTES)


def _refuse(reason: str, offset: int) -> NoReturn:
    raise MalformedError(reason, code="non_canonical_tags", offset=offset)
