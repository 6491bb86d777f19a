"""A schedule, and one assignment, as plain JSON messages: our own reading of HyperBEAM's shape.

Nothing is lost: every commitment carries its key, its signature and what else it takes, so that
what was signed can be rebuilt and verified from the JSON alone. A HyperBEAM message comes as its
TABM, typed by ``ao-types``.
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from seriatim.formats.ans104.codec import to_message
from seriatim.formats.codecs.json import message_to_plain
from seriatim.formats.ids import b64url, encode_id
from seriatim.formats.schedule.assignment import EPOCH, Block
from seriatim.formats.tabm.json import to_plain
from seriatim.formats.tabm.model import COMMITMENTS_KEY
from seriatim.formats.tabm.structured import Rich
from seriatim.formats.wire.stored import StoredAssignment

_INTEGERS: Final = ("block-height", "block-timestamp")


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
        "path": stored.said("path") or "compute",
        "process": encode_id(stored.process),
        "slot": stored.slot,
        "timestamp": record.timestamp_ms,
        "type": "Assignment",
        "variant": record.variant.tag,
    }
    for name in _INTEGERS:
        if text := stored.said(name):
            plain[name] = int(text)
    if block_hash := stored.said("block-hash"):
        plain["block-hash"] = block_hash
    if stored.assignment is not None:
        message = to_message(stored.assignment)
        plain[COMMITMENTS_KEY] = message_to_plain(message)[COMMITMENTS_KEY]
    elif stored.http_assignment is not None:
        plain[COMMITMENTS_KEY] = to_plain(stored.http_assignment)[COMMITMENTS_KEY]
    if stored.item is not None:
        plain["body"] = message_to_plain(to_message(stored.item))
    elif stored.tabm is not None:
        plain["body"] = to_plain(stored.tabm)
    elif stored.unsigned is not None:
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


def page_fields(process: bytes, block: Block, *, continues: bool) -> dict[str, Rich]:
    """Return what a page of *process* says beside its assignments, in every form of it."""
    return {
        "block-hash": b64url(block.hash),
        "block-height": block.height,
        "continues": continues,
        "process": encode_id(process),
        "timestamp": block.timestamp,
        "type": "schedule",
    }


def page_close(process: bytes, block: Block, *, continues: bool) -> bytes:
    """Return how a page of *process* ends, after its entries."""
    rest = page_fields(process, block, continues=continues)
    return b"}," + orjson.dumps(rest, option=orjson.OPT_SORT_KEYS)[1:]
