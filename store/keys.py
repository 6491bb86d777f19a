"""The byte layout of the log's keys and places. Big-endian, so that byte order is slot order.

May live here: pure packing and unpacking. Must not: LMDB, which only ever sees the bytes.
"""

from __future__ import annotations

from typing import Final

from seriatim.formats.errors import MalformedError
from seriatim.formats.ids import ID_BYTES
from seriatim.formats.limits import JSON_INTEGER_MAX

NUMBER_BYTES: Final = 8
SLOT_MAX: Final = JSON_INTEGER_MAX
"""The highest slot that there can be, inclusive: slots travel as JSON integers."""

PLACE_BYTES: Final = ID_BYTES + NUMBER_BYTES
AFTER_LAST_SLOT: Final = b"\xff" * NUMBER_BYTES
"""Sorts after every slot of a process and before every key of the next one."""


def check_id(raw: bytes) -> bytes:
    """Return *raw* when it has the length of an id: a shorter one would match as a prefix.

    Raises:
        MalformedError: the length is not 32 bytes; code ``bad_id``.
    """
    if len(raw) != ID_BYTES:
        raise MalformedError(f"an id has {ID_BYTES} bytes, not {len(raw)}", code="bad_id")
    return raw


def number_bytes(value: int) -> bytes:
    """Return the 8 bytes for a slot or sequence number, from 0 to `SLOT_MAX`."""
    return value.to_bytes(NUMBER_BYTES, "big")


def number(stored: bytes | memoryview) -> int:
    """Return the number that `number_bytes` made *stored* of."""
    return int.from_bytes(stored, "big")


def place_key(process: bytes, slot: int) -> bytes:
    """Return the key of *slot* of *process*, 40 bytes; *slot* is from 0 to `SLOT_MAX`."""
    return process + number_bytes(slot)


def place_slot(key: bytes | memoryview) -> int:
    """Return the slot in a key that `place_key` made."""
    return number(key[ID_BYTES:])


def clamp_range(first: int, last: int) -> range:
    """Return the numbers from *first* to *last*, both inclusive, that can exist at all."""
    return range(max(first, 0), min(last, SLOT_MAX) + 1)
