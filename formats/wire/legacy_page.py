"""Reading pages of the legacy API (``legacy.py``), ours or an ao unit's.

They carry everything as text. What is not text is lost in them: such a message cannot be
rebuilt, and is refused as not verifiable rather than called tampered with, and so is one without an
anchor, for that is how a page shows an anchor that is no text. Assignment anchors,
which are random, survive with ``show-anchor`` alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from seriatim.formats.ans104.avro import Tag
from seriatim.formats.ans104.item import DataItem, unsigned_item
from seriatim.formats.errors import CommitmentError, NotVerifiableError
from seriatim.formats.ids import ID_BYTES, ID_CHARS, b64url_decode, decode_id
from seriatim.formats.schedule.record import Kind, Record
from seriatim.formats.schedule.variant import Variant
from seriatim.formats.signing.scheme import SCHEMES
from seriatim.formats.wire.legacy import node_of
from seriatim.formats.wire.page import (
    PageEntry,
    bad_page,
    check_is_not_aos2,
    check_says,
    check_slot,
    parse_page,
    sort_entries,
    text_of,
)
from seriatim.formats.wire.stored import StoredAssignment

_REPLACED: Final = "\N{REPLACEMENT CHARACTER}"
_DIGITS_MAX: Final = 19


class LegacyPageReader:
    """`PageReader` of ``GET /{process}?process-id=…&show-anchor``."""

    def entries(self, raw: bytes) -> Sequence[PageEntry]:
        """See `PageReader.entries`."""
        edges = parse_page(raw).get("edges")
        if not isinstance(edges, list):
            raise bad_page("a legacy page has edges")
        return sort_entries([_entry(edge) for edge in edges])

    def record(self, process: bytes, entry: PageEntry) -> Record:
        """See `PageReader.record`."""
        node = entry.plain
        assignment = _assignment(node.get("assignment"))
        message = node.get("message")
        item = None if message is None else _message(message)
        named = assignment.tag(b"Message")
        record = Record(
            Variant.LEGACY,
            Kind.REFERENCE if item is None else Kind.ITEM,
            _number(assignment, b"Timestamp"),
            process if named is None else decode_id(named.decode("ascii", "replace")),
            assignment.id,
            decode_id((assignment.tag(b"Hash-Chain") or b"").decode("ascii", "replace")),
            b"" if item is None else item.raw,
            assignment.raw,
        )
        shown = node_of(StoredAssignment(process, entry.slot, record), show_anchor=True)
        check_says(node.get("assignment"), shown["assignment"], slot=entry.slot)
        check_says(message, shown["message"], slot=entry.slot)
        return record


def _entry(edge: object) -> PageEntry:
    node = edge.get("node") if isinstance(edge, dict) else None
    if not isinstance(node, dict):
        raise bad_page("an edge has a node")
    check_is_not_aos2(node)
    tags = _tags(node.get("assignment"))
    nonce = next((value for name, value in tags if name == b"Nonce"), b"")
    return PageEntry(_decimal(nonce), node)


def _assignment(plain: object) -> DataItem:
    """Return the signed assignment that the object *plain* shows."""
    owner = plain.get("owner") if isinstance(plain, dict) else None
    tags = _tags(plain)
    variant = next((value for name, value in tags if name == b"Variant"), b"")
    if variant != Variant.LEGACY.tag.encode() or not text_of(owner, "key"):
        raise NotVerifiableError(
            "a legacy page translates the assignments of other variants than ao.TN.1, and no "
            "signature covers a translation; follow a node that serves the JSON schedule"
        )
    return _rebuild(plain, tags, b"")


def _message(plain: object) -> DataItem:
    """Return the signed message that the object *plain* shows."""
    owner = plain.get("owner") if isinstance(plain, dict) else None
    if not text_of(owner, "key"):
        raise NotVerifiableError("a legacy page shows an unsigned message as text, not as it is")
    data, tags = text_of(plain, "data"), _tags(plain)
    item = _rebuild(plain, tags, data.encode())
    is_replaced = _REPLACED in data or any(
        _REPLACED.encode() in each for tag in tags for each in tag
    )
    # No anchor is what a page shows of one that is no text, too.
    if (is_replaced or not item.anchor) and not _is_proven(item):
        raise NotVerifiableError(
            f"the signature of message {text_of(plain, 'id')} does not hold for what a legacy page "
            "shows of it: it, or its anchor, is not text, which such a page leaves out, or it has "
            "been changed; follow a node that serves the JSON schedule"
        )
    return item


def _rebuild(plain: Any, tags: Sequence[Tag], data: bytes) -> DataItem:
    """Return the item of which *plain* shows the rest; the page does not say its type.

    Three types have keys and signatures of the same size: the one that proves it is meant.
    """
    owner = b64url_decode(text_of(plain["owner"], "key"))
    signature = b64url_decode(text_of(plain, "signature"))
    target = plain.get("target")
    sizes = (len(signature), len(owner))
    items = [
        unsigned_item(
            signature_type=kind,
            owner=owner,
            target=decode_id(target) if isinstance(target, str) and target else b"",
            anchor=_anchor(plain.get("anchor")),
            tags=tags,
            data=data,
        ).signed(signature)
        for kind, scheme in SCHEMES.items()
        if tuple(scheme) == sizes
    ]
    if not items:
        raise bad_page(f"no type has a signature of {sizes[0]} bytes and a key of {sizes[1]}")
    if len(items) == 1:
        return items[0]
    return next(filter(_is_proven, items), items[0])


def _is_proven(item: DataItem) -> bool:
    try:
        item.verify()
    except CommitmentError:
        return False
    return True


def _anchor(shown: object) -> bytes:
    """Return the anchor: 32 bytes as text, or as base64url; the lengths tell them apart."""
    if shown is None or shown == "":
        return b""
    raw = shown.encode() if isinstance(shown, str) else b""
    if len(raw) == ID_BYTES:
        return raw
    if len(raw) == ID_CHARS:
        return decode_id(raw.decode())
    raise bad_page("an anchor is 32 bytes")


def _tags(plain: object) -> list[Tag]:
    shown = plain.get("tags") if isinstance(plain, dict) else None
    if not isinstance(shown, list):
        raise bad_page("a message and an assignment have tags")
    return [Tag(text_of(each, "name").encode(), text_of(each, "value").encode()) for each in shown]


def _number(item: DataItem, name: bytes) -> int:
    return _decimal(item.tag(name) or b"")


def _decimal(digits: bytes) -> int:
    if not digits.isdigit() or len(digits) > _DIGITS_MAX:
        raise bad_page(f"{digits[:32]!r} is no number")
    return check_slot(int(digits))
