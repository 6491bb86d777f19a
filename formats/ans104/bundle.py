"""Bundles: several items in one byte string, and items whose data is a bundle.

Layout, all integers little-endian unless a `Layout` says otherwise::

    number of items    32
    per item           size of the item, 32; its id, 32
    items              one after another, up to the last byte

Source: ANS-104 §2.2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter
from typing import Final, Literal, NamedTuple

from seriatim.formats.ans104.item import DataItem
from seriatim.formats.errors import LimitExceededError, MalformedError
from seriatim.formats.ids import ID_BYTES, encode_id
from seriatim.formats.limits import BUNDLE_DEPTH_MAX, BUNDLE_ITEMS_MAX

_NUMBER_BYTES: Final = 32
_ENTRY_BYTES: Final = _NUMBER_BYTES + ID_BYTES


class Layout(NamedTuple):
    """What bundles of one kind have in their headers.

    Attributes:
        byte_order: of the numbers.
        id_of: which id of an item stands there, 32 bytes.
    """

    byte_order: Literal["little", "big"]
    id_of: Callable[[DataItem], bytes]


STANDARD: Final = Layout("little", attrgetter("id"))


class Nested(NamedTuple):
    """An item found inside another one; a direct child has depth 1."""

    depth: int
    item: DataItem


def encode_bundle(items: Sequence[DataItem], layout: Layout = STANDARD) -> bytes:
    """Return the bundle of *items*, in their order.

    Raises:
        LimitExceededError: more than `BUNDLE_ITEMS_MAX` items.
    """
    if len(items) > BUNDLE_ITEMS_MAX:
        raise LimitExceededError("bundle items", given=len(items), maximum=BUNDLE_ITEMS_MAX)
    bodies = [item.raw for item in items]
    header = [len(items).to_bytes(_NUMBER_BYTES, layout.byte_order)]
    for item, body in zip(items, bodies, strict=True):
        header += (len(body).to_bytes(_NUMBER_BYTES, layout.byte_order), layout.id_of(item))
    return b"".join(header + bodies)


def decode_bundle(raw: bytes | memoryview, layout: Layout = STANDARD) -> tuple[DataItem, ...]:
    """Return the items of *raw*, each over its part of *raw*; signatures are not checked.

    Raises:
        MalformedError: with the offset from the start of *raw*: code ``truncated``,
            ``surplus_bytes`` after the last item, ``bundle_id_mismatch`` when an item is not the
            one that the header names, or any code of `DataItem.decode`.
        LimitExceededError: more than `BUNDLE_ITEMS_MAX` items, or a limit of `DataItem.decode`.
        SchedulerError: whatever the layout's ``id_of`` raises.
    """
    view = memoryview(raw)
    if len(view) < _NUMBER_BYTES:
        raise MalformedError(
            "the bundle ends inside its header", code="truncated", offset=len(view)
        )
    count = int.from_bytes(view[:_NUMBER_BYTES], layout.byte_order)
    start = _NUMBER_BYTES + count * _ENTRY_BYTES
    if start > len(view):
        raise MalformedError(
            "the bundle ends inside its header", code="truncated", offset=len(view)
        )
    if count > BUNDLE_ITEMS_MAX:
        raise LimitExceededError("bundle items", given=count, maximum=BUNDLE_ITEMS_MAX)
    items: list[DataItem] = []
    for entry_at in range(_NUMBER_BYTES, start, _ENTRY_BYTES):
        id_at = entry_at + _NUMBER_BYTES
        end = start + int.from_bytes(view[entry_at:id_at], layout.byte_order)
        item = _decode_part(view, start, end)
        if layout.id_of(item) != view[id_at : id_at + ID_BYTES]:
            raise MalformedError(
                f"the header names another item than {encode_id(item.id)}",
                code="bundle_id_mismatch",
                offset=id_at,
            )
        items.append(item)
        start = end
    if start != len(view):
        raise MalformedError(
            "there are bytes after the last item", code="surplus_bytes", offset=start
        )
    return tuple(items)


def is_bundle(item: DataItem) -> bool:
    """Tell whether *item*'s tags say that its data is a bundle of this layout."""
    return item.tag(b"Bundle-Format") == b"binary" and item.tag(b"Bundle-Version") == b"2.0.0"


def walk_bundle(item: DataItem) -> Iterator[Nested]:
    """Yield the items inside *item*, and those inside them, each before its own children.

    Nothing is yielded when *item* is not a bundle. What has been yielded is well formed, whatever
    is found later; nothing is verified. Parts never overlap, so the work is bounded by the size
    of *item* times `BUNDLE_DEPTH_MAX`.

    Raises:
        MalformedError: an item says that it is a bundle and is not; see `decode_bundle`.
        LimitExceededError: bundles stand in bundles deeper than `BUNDLE_DEPTH_MAX`.
    """
    waiting = [Nested(0, item)]
    while waiting:
        depth, found = waiting.pop()
        if depth:
            yield Nested(depth, found)
        if is_bundle(found):
            if depth == BUNDLE_DEPTH_MAX:
                raise LimitExceededError("bundle depth", given=depth + 1, maximum=BUNDLE_DEPTH_MAX)
            children = decode_bundle(found.data)
            waiting += (Nested(depth + 1, child) for child in reversed(children))


def _decode_part(view: memoryview, start: int, end: int) -> DataItem:
    """Return the item between two offsets; errors count from the start of the bundle."""
    if end > len(view):
        raise MalformedError("the bundle ends inside an item", code="truncated", offset=len(view))
    try:
        return DataItem.decode(view[start:end])
    except MalformedError as error:
        raise MalformedError(
            error.reason, code=error.code, offset=start + (error.offset or 0)
        ) from None
