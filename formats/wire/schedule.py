"""A schedule, and one assignment, as plain JSON messages: our own reading of HyperBEAM's shape.

Nothing is lost: every commitment carries its key, its signature and the original tags, so that
the signed items can be rebuilt and verified from the JSON alone.
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from seriatim.formats.ans104.codec import to_message
from seriatim.formats.codecs.json import message_to_plain
from seriatim.formats.ids import b64url, encode_id
from seriatim.formats.schedule.assignment import EPOCH, Block
from seriatim.formats.schedule.record import Kind
from seriatim.formats.wire.stored import StoredAssignment

_INTEGERS: Final = {
    "block-height": ("block-height", "Block-Height"),
    "block-timestamp": ("block-timestamp",),
}


def assignment_to_plain(stored: StoredAssignment) -> dict[str, Any]:
    """Return one assignment with its message in ``body``.

    ``body`` is absent for a reference (legacy assign): the message's id is in ``message``.
    """
    record = stored.record
    plain: dict[str, Any] = {
        "data-protocol": "ao",
        "epoch": EPOCH,
        "hash-chain": encode_id(record.hash_chain),
        "message": encode_id(record.message_id),
        "path": _tag(stored, "path") or "compute",
        "process": encode_id(stored.process),
        "slot": stored.slot,
        "timestamp": record.timestamp_ms,
        "type": "Assignment",
        "variant": record.variant.tag,
    }
    for name, spellings in _INTEGERS.items():
        texts = [text for spelling in spellings if (text := _tag(stored, spelling))]
        if texts:
            plain[name] = int(texts[0])
    if block_hash := _tag(stored, "block-hash"):
        plain["block-hash"] = block_hash
    if stored.assignment is not None:
        message = to_message(stored.assignment)
        plain["commitments"] = message_to_plain(message)["commitments"]
    if stored.item is not None:
        plain["body"] = message_to_plain(to_message(stored.item))
    elif record.kind is Kind.UNSIGNED and stored.unsigned is not None:
        plain["body"] = message_to_plain(stored.unsigned)
    return plain


def encode_assignment(stored: StoredAssignment) -> bytes:
    """Return one assignment as JSON with sorted keys."""
    return orjson.dumps(assignment_to_plain(stored), option=orjson.OPT_SORT_KEYS)


def encode_entry(stored: StoredAssignment) -> bytes:
    """Return one member of a page's ``assignments``: the slot as key, the assignment."""
    return b'"%d":%b' % (stored.slot, encode_assignment(stored))


def page_open() -> bytes:
    """Return how a page begins; entries joined with commas follow."""
    return b'{"assignments":{'


def page_close(process: bytes, block: Block, *, continues: bool) -> bytes:
    """Return how a page of *process* ends, after its entries."""
    rest = {
        "block-hash": b64url(block.hash),
        "block-height": block.height,
        "continues": continues,
        "process": encode_id(process),
        "timestamp": block.timestamp,
        "type": "schedule",
    }
    return b"}," + orjson.dumps(rest, option=orjson.OPT_SORT_KEYS)[1:]


def _tag(stored: StoredAssignment, name: str) -> str:
    if stored.assignment is None:
        return ""
    return (stored.assignment.tag(name.encode()) or b"").decode("utf-8", "replace")
