"""``application/aos-2``: the schedule shape that ao's compute units read from HyperBEAM.

White space free, keys sorted at every level, capitalised node keys. Not verifiable: it carries
no public key and no raw bytes. Source: HyperBEAM's scheduler formats, specification §4.2.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from seriatim.formats.ans104.avro import Tag
from seriatim.formats.ans104.item import DataItem
from seriatim.formats.ids import b64url, encode_id
from seriatim.formats.schedule.assignment import Block
from seriatim.formats.tabm.json import to_plain
from seriatim.formats.tabm.model import Tabm
from seriatim.formats.wire.legacy import assignment_of, message_of
from seriatim.formats.wire.stored import Signer, StoredAssignment

_LINK_SUFFIX = "+link"
_NO_TAGS = frozenset({"anchor", "commitments", "data", "id", "owner", "signature", "target"})


def encode_edge(stored: StoredAssignment) -> bytes:
    """Return one edge; the cursor is the slot as a JSON number."""
    edge = {
        "cursor": stored.slot,
        "node": {"assignment": _assignment(stored), "message": _message(stored)},
    }
    return orjson.dumps(edge, option=orjson.OPT_SORT_KEYS)


def page_open() -> bytes:
    """Return how a page begins; edges joined with commas follow."""
    return b'{"edges":['


def page_close(process: bytes, block: Block, *, has_next_page: bool) -> bytes:
    """Return how a page of *process* ends, after its edges."""
    info = {
        "block-hash": b64url(block.hash),
        "block-height": str(block.height),
        "has_next_page": has_next_page,
        "process": encode_id(process),
        "timestamp": str(block.timestamp),
    }
    return b'],"page_info":' + orjson.dumps(info, option=orjson.OPT_SORT_KEYS) + b"}"


def _message(stored: StoredAssignment) -> dict[str, Any] | None:
    if stored.item is not None:
        return _item_struct(stored.item, _original_tags(stored.item.tags))
    if stored.tabm is not None:
        return _tabm_struct(stored.tabm, stored.record.message_id, stored.sender)
    legacy = message_of(stored)
    if legacy is None:
        return None
    return {
        "Anchor": "",
        "Data": legacy["data"],
        "From": "",
        "Id": legacy["id"],
        "Owner": "",
        "Signature": "",
        "Tags": _original_tags(
            Tag(tag["name"].encode(), tag["value"].encode()) for tag in legacy["tags"]
        ),
        "Target": legacy["target"] or "",
    }


def _assignment(stored: StoredAssignment) -> dict[str, Any]:
    item = stored.assignment
    if item is not None:
        kept = (tag for tag in item.tags if not tag.name.endswith(_LINK_SUFFIX.encode()))
        return _item_struct(item, _original_tags(kept))
    if stored.http_assignment is not None:
        return _tabm_struct(stored.http_assignment, stored.record.assignment_id, stored.scheduler)
    legacy = assignment_of(stored)
    tags = [tag for tag in legacy["tags"] if tag["name"] not in ("Nonce", "Message")]
    return {
        "Anchor": "",
        "Data": "",
        "From": "",
        "Id": "",
        "Owner": "",
        "Signature": "",
        "Tags": [*tags, {"name": "Slot", "value": str(stored.slot)}],
        "Target": "",
    }


def _tabm_struct(tabm: Tabm, own_id: bytes, signer: Signer | None) -> dict[str, Any]:
    owner = encode_id(signer.address) if signer else ""
    return {
        "Anchor": _value_text(tabm.get("anchor", b"")),
        "Data": _value_text(tabm.get("data", b"")),
        "From": _value_text(tabm.get("from-process", b"")) or owner,
        "Id": encode_id(own_id),
        "Owner": owner,
        # HyperBEAM shows signatures of data items only.
        "Signature": "",
        "Tags": [
            {"name": _tag_name(key.encode()).header_case, "value": _tag_value(value)}
            for key, value in sorted(tabm.items())
            if key not in _NO_TAGS
        ],
        "Target": _value_text(tabm.get("target", b"")),
    }


def _tag_value(value: bytes | Tabm) -> Any:
    """Return *value* as text, a map as the JSON object that it is."""
    return _value_text(value) if isinstance(value, bytes) else to_plain(value)


def _value_text(value: bytes | Tabm) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else ""


def _item_struct(item: DataItem, tags: list[dict[str, str]]) -> dict[str, Any]:
    owner = encode_id(item.address)
    sender = item.tag(b"From-Process") or item.tag(b"from-process")
    return {
        "Anchor": b64url(item.anchor),
        "Data": bytes(item.data).decode("utf-8", "replace"),
        "From": sender.decode("utf-8", "replace") if sender else owner,
        "Id": encode_id(item.id),
        "Owner": owner,
        "Signature": b64url(item.signature),
        "Tags": tags,
        "Target": encode_id(bytes(item.target)) if item.target else "",
    }


def _original_tags(tags: Iterable[Tag]) -> list[dict[str, str]]:
    """Return *tags* in their own order and case, or, all in lower case, in header case, sorted.

    HyperBEAM keeps the original tags of an item only where a name is not in lower case.
    """
    named = [(_tag_name(name), value.decode("utf-8", "replace")) for name, value in tags]
    if any(not name.is_lower for name, _ in named):
        return [{"name": name.text, "value": value} for name, value in named]
    named.sort()
    return [{"name": name.header_case, "value": value} for name, value in named]


class _TagName(NamedTuple):
    text: str
    header_case: str
    is_lower: bool


@lru_cache(maxsize=1024)
def _tag_name(name: bytes) -> _TagName:
    """Return what a tag's name looks like; the same few names come again and again."""
    text = name.decode("utf-8", "replace")
    header_case = "-".join(part.title() for part in text.split("-"))
    return _TagName(text, header_case, text == text.lower())
