"""A schedule as its stored records, in CBOR: nothing is rendered, and nothing is lost.

Whoever reads it has what an export holds, and checks it in the same way (``audit.py``)::

    {"type": "schedule", "process": bytes 32, "variant": text, "continues": bool,
     "block-height": int, "block-hash": bytes, "timestamp": int,
     "assignments": [{"slot": int, "kind": text, "timestamp": int, "message-id": bytes 32,
                      "assignment-id": bytes 32, "hash-chain": bytes 32,
                      "message": bytes, "assignment": bytes}, …]}

Kinds are those of ``record.py``, in lower case; ids of what is not signed are zeros.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from seriatim.formats.codecs.cbor import dump_plain
from seriatim.formats.errors import MalformedError
from seriatim.formats.ids import ID_BYTES
from seriatim.formats.limits import JSON_INTEGER_MAX
from seriatim.formats.schedule.assignment import Block
from seriatim.formats.schedule.record import Kind, Record
from seriatim.formats.schedule.variant import Variant
from seriatim.formats.wire.stored import StoredAssignment

_MAP: Final = 5 << 5
_ARRAY: Final = 4 << 5
_ASSIGNMENTS: Final = "assignments"


def encode_entry(stored: StoredAssignment) -> bytes:
    """Return one member of ``assignments``."""
    record = stored.record
    return dump_plain(
        {
            "slot": stored.slot,
            "kind": record.kind.name.lower(),
            "timestamp": record.timestamp_ms,
            "message-id": record.message_id,
            "assignment-id": record.assignment_id,
            "hash-chain": record.hash_chain,
            "message": record.message,
            "assignment": record.assignment,
        }
    )


def page_open(
    process: bytes, variant: Variant, block: Block, *, slots: int, continues: bool
) -> bytes:
    """Return how a page begins; exactly *slots* entries follow, and nothing after them."""
    said: dict[str, Any] = {
        "type": "schedule",
        "process": process,
        "variant": variant.tag,
        "continues": continues,
        "block-height": block.height,
        "block-hash": block.hash,
        "timestamp": block.timestamp,
    }
    pairs = b"".join(dump_plain(key) + dump_plain(value) for key, value in said.items())
    head = _head(_MAP, len(said) + 1)
    return head + pairs + dump_plain(_ASSIGNMENTS) + _head(_ARRAY, slots)


def decode_entry(plain: Mapping[str, Any], variant: str) -> Record:
    """Return the record of one member of ``assignments``, on a page of *variant*.

    Raises:
        MalformedError: it is none; codes ``bad_page``, ``unknown_variant``.
    """
    try:
        return _record(plain, Variant.from_tag(variant))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise MalformedError(f"not a page of records ({error})", code="bad_page") from error


def _record(entry: Mapping[str, Any], variant: Variant) -> Record:
    return Record(
        variant,
        Kind[entry["kind"].upper()],
        _integer(entry["timestamp"]),
        _id(entry["message-id"]),
        _id(entry["assignment-id"]),
        _id(entry["hash-chain"]),
        _bytes(entry["message"]),
        _bytes(entry["assignment"]),
    )


def _integer(value: object) -> int:
    if type(value) is not int or not 0 <= value <= JSON_INTEGER_MAX:
        raise ValueError(f"{value!r:.32} is no integer from 0 on of 63 bits")
    return value


def _bytes(value: object) -> bytes:
    if not isinstance(value, bytes):
        raise TypeError(f"{value!r:.32} is not bytes")
    return value


def _id(value: object) -> bytes:
    raw = _bytes(value)
    if len(raw) != ID_BYTES:
        raise ValueError(f"an id has {ID_BYTES} bytes, not {len(raw)}")
    return raw


def _head(kind: int, count: int) -> bytes:
    """Return the head of a map or an array of *count* members (RFC 8949 §3)."""
    if count < 24:  # noqa: PLR2004  # the RFC's own numbers
        return bytes([kind | count])
    lengths = ((1, 24), (2, 25), (4, 26))
    size, extra = next((size, extra) for size, extra in lengths if count < 256**size)
    return bytes([kind | extra]) + count.to_bytes(size, "big")
