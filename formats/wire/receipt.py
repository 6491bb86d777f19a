"""The answer to a submission, as JSON: what a client needs to check its slot."""

from __future__ import annotations

from typing import Any, NamedTuple

from seriatim.formats.ids import b64url, encode_id
from seriatim.formats.schedule.assignment import Draft
from seriatim.formats.schedule.mode import MODE_HEADER, SchedulingMode
from seriatim.formats.schedule.record import NO_ID, Record
from seriatim.formats.schedule.variant import Variant


class Receipt(NamedTuple):
    """The answer to a submission. What it names is on disk, if ``mode`` does not say otherwise.

    Attributes:
        process: 32 raw bytes, as are all ids here.
        slot: the slot of the message.
        variant: the kind of the assignment.
        timestamp_ms: the assignment's timestamp.
        message_id: id of the message.
        assignment_id: id of the signed assignment; zeros where it is not signed.
        hash_chain: the chain value at this slot.
        assignment: the signed assignment item; empty where it is not signed.
        repeated: the message had this slot before.
        mode: what stands behind the answer; ``AGGRESSIVE`` knows neither chain nor assignment.
    """

    process: bytes
    slot: int
    variant: Variant
    timestamp_ms: int
    message_id: bytes
    assignment_id: bytes
    hash_chain: bytes
    assignment: bytes
    repeated: bool = False
    mode: SchedulingMode = SchedulingMode.LOCAL


def promise(draft: Draft) -> Receipt:
    """Return the answer to a message that is placed, and not on disk: its slot is a promise."""
    return Receipt(
        draft.process,
        draft.slot,
        draft.variant,
        draft.timestamp_ms,
        draft.message_id,
        assignment_id=NO_ID,
        hash_chain=b"",
        assignment=b"",
        mode=SchedulingMode.AGGRESSIVE,
    )


def receipt_of(process: bytes, slot: int, record: Record) -> Receipt:
    """Return the receipt of a message that is on disk already."""
    return Receipt(
        process,
        slot,
        record.variant,
        record.timestamp_ms,
        record.message_id,
        record.assignment_id,
        record.hash_chain,
        record.assignment,
        repeated=True,
    )


def receipt_to_plain(receipt: Receipt) -> dict[str, Any]:
    """Return *receipt* as plain JSON; the message itself is the client's own."""
    plain: dict[str, Any] = {}
    if receipt.hash_chain:
        plain["hash-chain"] = encode_id(receipt.hash_chain)
    plain |= {
        "id": encode_id(receipt.message_id),
        "process": encode_id(receipt.process),
        "slot": receipt.slot,
        "timestamp": receipt.timestamp_ms,
        "variant": receipt.variant.tag,
    }
    if receipt.mode is not SchedulingMode.LOCAL:
        plain[MODE_HEADER] = receipt.mode.value
    if receipt.assignment:
        plain["assignment-id"] = encode_id(receipt.assignment_id)
        plain["assignment"] = b64url(receipt.assignment)
    return plain
