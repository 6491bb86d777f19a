"""Evidence: why a follower stopped, with the bytes by which a third person can check that.

A JSON object; ``null`` where there is nothing to show::

    {"seriatim-evidence": 1, "kind": "fork", "url": "…", "process": "…", "slot": 7,
     "scheduler": "…", "expected": "…", "given": "…",
     "before": {"message": "<base64url>", "assignment": "<base64url>", …},
     "stored": {…}, "received": {…}, "entry": "<base64url of the entry on the source's page>"}

An entry is JSON, or, of a page that is none, deterministic CBOR.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import orjson

from seriatim.formats.ids import b64url, encode_id
from seriatim.formats.schedule.record import Record

EVIDENCE_FORMAT: Final = 1


class Evidence(NamedTuple):
    """What a source served that cannot be followed, beside what it should have been.

    Attributes:
        kind: ``gap``, ``fork``, ``rewritten`` or ``tampered``.
        url: the source.
        process: 32 raw bytes.
        slot: the slot that does not hold.
        scheduler: address of the wallet that signs the process, or ``None`` where nobody does.
        expected: a sentence.
        given: a sentence.
        before: the verified record of the slot before, to which this one chains.
        stored: the verified record that the follower has of this slot.
        received: the record that the source served, where its page could be read so far.
        entry: the source's own words: the entry of its page; empty for none.
    """

    kind: str
    url: str
    process: bytes
    slot: int
    scheduler: bytes | None
    expected: str
    given: str
    before: Record | None = None
    stored: Record | None = None
    received: Record | None = None
    entry: bytes = b""


def encode_evidence(evidence: Evidence) -> bytes:
    """Return *evidence* as one JSON object, indented for people, with a line end."""
    plain = {
        "seriatim-evidence": EVIDENCE_FORMAT,
        "kind": evidence.kind,
        "url": evidence.url,
        "process": encode_id(evidence.process),
        "slot": evidence.slot,
        "scheduler": None if evidence.scheduler is None else encode_id(evidence.scheduler),
        "expected": evidence.expected,
        "given": evidence.given,
        "before": _record(evidence.before),
        "stored": _record(evidence.stored),
        "received": _record(evidence.received),
        "entry": b64url(evidence.entry) if evidence.entry else None,
    }
    return orjson.dumps(plain, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _record(record: Record | None) -> dict[str, Any] | None:
    if record is None:
        return None
    return {
        "kind": record.kind.name.lower(),
        "variant": record.variant.tag,
        "timestamp": record.timestamp_ms,
        "message-id": encode_id(record.message_id),
        "assignment-id": encode_id(record.assignment_id),
        "hash-chain": encode_id(record.hash_chain),
        "message": b64url(record.message),
        "assignment": b64url(record.assignment),
    }
