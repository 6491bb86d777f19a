"""The legacy API's JSON: nodes, edges, pages, process metadata.

Key order is the order that an ao unit writes; clients do not depend on it, recorded replies do.
Source: ao unit; see ``docs/protocol/legacy.md``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from seriatim.formats.ans104.avro import Tag
from seriatim.formats.codecs.json import value_to_plain
from seriatim.formats.ids import b64url, encode_id
from seriatim.formats.schedule.assignment import BLOCK_HEIGHT_DIGITS, legacy_pairs
from seriatim.formats.schedule.variant import Variant
from seriatim.formats.tabm.json import to_plain
from seriatim.formats.tabm.model import COMMITMENTS_KEY
from seriatim.formats.wire.stored import Signer, StoredAssignment

PAGE_OPEN: Final = (
    b'{"page_info":{"has_next_page":false},"edges":[',
    b'{"page_info":{"has_next_page":true},"edges":[',
)
"""How a page begins, by whether there is a next page."""
PAGE_CLOSE: Final = b"]}"


def encode_edge(stored: StoredAssignment, cursor: str, *, show_anchor: bool = False) -> bytes:
    """Return one edge of a page; *cursor* is the timestamp or the nonce, as text.

    With *show_anchor*, an assignment anchor that is not text comes as base64url.
    """
    node = node_of(stored, show_anchor=show_anchor)
    return orjson.dumps({"node": node, "cursor": cursor})


def encode_view(stored: StoredAssignment) -> bytes:
    """Return the edge with its timestamp as the cursor: the stored view of ``ao.TN.1``."""
    return encode_edge(stored, str(stored.record.timestamp_ms))


def recursor(view: bytes, cursor: int) -> bytes:
    """Return *view* with *cursor* in place of its timestamp."""
    at = view.rindex(b'"', 0, -2)
    return b'%b"%d"}' % (view[:at], cursor)


def node_of(stored: StoredAssignment, *, show_anchor: bool = False) -> dict[str, Any]:
    """Return ``{"message", "assignment"}``; the message is ``None`` for an assign."""
    return {
        "message": message_of(stored),
        "assignment": assignment_of(stored, show_anchor=show_anchor),
    }


def encode_node(stored: StoredAssignment) -> bytes:
    """Return a single node, as ``GET /{id}`` and ``GET /{process}/latest`` answer."""
    return orjson.dumps(node_of(stored))


def encode_process(stored: StoredAssignment) -> bytes:
    """Return the process's own description, from its slot 0."""
    message = message_of(stored)
    assert message is not None, "slot 0 is a spawn"
    item = stored.item
    return orjson.dumps(
        {
            "process_id": encode_id(stored.process),
            "block": _block_height(stored),
            "owner": message["owner"],
            "tags": message["tags"],
            "timestamp": stored.record.timestamp_ms,
            "data": _strict_text(bytes(item.data)) if item else message["data"],
            "anchor": message["anchor"],
            "signature": message["signature"],
            "target": message["target"],
        }
    )


def message_of(stored: StoredAssignment) -> dict[str, Any] | None:
    """Return the message half of a node, ``None`` for an assign."""
    own = stored.record.message_id == stored.process
    item = stored.item
    if item is not None:
        target = encode_id(bytes(item.target)) if item.target else ""
        return {
            "id": encode_id(item.id),
            "owner": _owner(stored.sender),
            "data": bytes(item.data).decode("utf-8", "replace"),
            "tags": _tags(item.tags),
            "signature": b64url(item.signature),
            "anchor": _strict_text(bytes(item.anchor)) if item.anchor else None,
            "target": target or (None if own else ""),
        }
    if stored.unsigned is not None:
        fields: Mapping[str, Any] = stored.unsigned.fields
    elif stored.tabm is not None:
        fields = {
            key: value if isinstance(value, bytes) else orjson.dumps(to_plain(value))
            for key, value in stored.tabm.items()
            if key != COMMITMENTS_KEY
        }
    else:
        return None
    target = _field_text(fields.get("target", ""))
    return {
        "id": encode_id(stored.record.message_id),
        "owner": _owner(stored.sender),
        "data": _field_text(fields.get("data", "")),
        "tags": [
            {"name": name, "value": _field_text(value)}
            for name, value in sorted(fields.items())
            if name not in ("data", "target")
        ],
        "signature": b64url(stored.sender.signature) if stored.sender else "",
        "anchor": None,
        "target": target or (None if own else ""),
    }


def assignment_of(stored: StoredAssignment, *, show_anchor: bool = False) -> dict[str, Any]:
    """Return the assignment half of a node."""
    item = stored.assignment
    if item is not None and stored.record.variant is Variant.LEGACY:
        anchor = bytes(item.anchor)
        text = _strict_text(anchor) if anchor else None
        return {
            "id": encode_id(item.id),
            "owner": _owner(stored.scheduler),
            "tags": _tags(item.tags),
            "signature": b64url(item.signature),
            "anchor": b64url(anchor) if text is None and anchor and show_anchor else text,
            "target": "",
        }
    scheduler = stored.scheduler
    return {
        "id": encode_id(scheduler.id) if scheduler else "",
        "owner": _owner(scheduler),
        "tags": _translated_tags(stored),
        "signature": b64url(scheduler.signature) if scheduler else "",
        "anchor": None,
        "target": "",
    }


def _translated_tags(stored: StoredAssignment) -> list[dict[str, str]]:
    """Return the legacy names for an assignment of another variant.

    Legacy clients look for ``Nonce`` and ``Timestamp``. The signature covers the assignment's
    own form, so a translated one cannot be verified from this shape alone.
    """
    record = stored.record
    pairs = legacy_pairs(
        stored.process,
        stored.slot,
        record.hash_chain,
        _block_height(stored),
        record.timestamp_ms,
        record.variant,
        record.message_id,
    )
    return [{"name": name, "value": value} for name, value in pairs]


def _block_height(stored: StoredAssignment) -> str:
    """Return the assignment's block height as 12 digits, whatever its variant."""
    return stored.said("block-height").zfill(BLOCK_HEIGHT_DIGITS)


def _owner(signer: Signer | None) -> dict[str, str]:
    if signer is None:
        return {"address": "", "key": ""}
    return {"address": encode_id(signer.address), "key": b64url(signer.key)}


def _tags(tags: tuple[Tag, ...]) -> list[dict[str, str]]:
    return [
        {"name": name.decode("utf-8", "replace"), "value": value.decode("utf-8", "replace")}
        for name, value in tags
    ]


def _strict_text(raw: bytes) -> str | None:
    """Return *raw* as text, or ``None`` where it is not UTF-8."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _field_text(value: Any) -> str:  # any value of a message
    """Return a value of a message without tags as the text that a tag would carry."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, str):
        return value
    return orjson.dumps(value_to_plain(value)).decode()
