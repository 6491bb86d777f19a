"""The two rules by which an assignment follows from the one before it."""

from __future__ import annotations

from hashlib import sha256
from typing import Final

from seriatim.formats.ids import encode_id
from seriatim.formats.schedule.variant import Variant

GENESIS: Final = b""


def chain_over_messages(previous: bytes, message_id: bytes) -> bytes:
    """Return the chain value of the slot that takes *message_id* (``ao.N.1``, ``seriatim.1``).

    Args:
        previous: the raw 32-byte chain value of the slot before, ``GENESIS`` for slot 0.
        message_id: 32 raw bytes.

    Source:
        HyperBEAM's scheduler server: SHA-256 over the raw previous value and the *text* of the
        message id. HyperBEAM itself hashes the text of the previous value in the first slot
        after a restart; that form is neither read nor written.
    """
    return sha256(previous + encode_id(message_id).encode("ascii")).digest()


def chain_over_assignments(previous: bytes, previous_assignment_id: bytes, process: bytes) -> bytes:
    """Return the chain value of a legacy (``ao.TN.1``) slot.

    Args:
        previous: the raw 32-byte chain value of the slot before, ``GENESIS`` for slot 0.
        previous_assignment_id: id of the assignment before; ignored for slot 0.
        process: the process id, 32 raw bytes: the seed of slot 0.

    Source:
        ao unit: SHA-256 of the process id for nonce 0, afterwards SHA-256 of the
        previous assignment's id followed by the previous chain value, all raw.
    """
    if previous == GENESIS:
        return sha256(process).digest()
    return sha256(previous_assignment_id + previous).digest()


def next_chain(
    variant: Variant,
    *,
    process: bytes,
    previous: bytes,
    previous_assignment_id: bytes,
    message_id: bytes,
) -> bytes:
    """Return the chain value of the next slot by *variant*'s own rule; see the two above."""
    if variant is Variant.LEGACY:
        return chain_over_assignments(previous, previous_assignment_id, process)
    return chain_over_messages(previous, message_id)
