"""The head of a queue: the row that says of all of it where it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import orjson

from seriatim.formats.errors import MalformedError, StoreError


class QueueHead(NamedTuple):
    """What the row says.

    Attributes:
        slot: the last slot of the queue's log.
        at_ms: its time.
        states: how many jobs are in which state; without zeros.
        paused: whether nothing is granted. The settings say so, too: they may be long, and who
            looks once in a second has no other use for them.
        paces: see `QueueFold`.
        untold: the jobs that have ended, and whose children are still to be told.
    """

    slot: int
    at_ms: int
    states: Mapping[str, int]
    paused: bool
    paces: Mapping[str, int]
    untold: Sequence[str]


def encode_head(head: QueueHead) -> bytes:
    """Return the row that says *head*."""
    return orjson.dumps(head._asdict())


def decode_head(raw: bytes) -> QueueHead:
    """Return the head that *raw* says.

    Raises:
        MalformedError: it says something else, or more, as another version may have it; code
            ``bad_row``.
    """
    try:
        head = QueueHead(**orjson.loads(raw))
        if type(head.slot) is not int:
            raise TypeError("its slot is no number")
    except (ValueError, TypeError) as error:
        raise MalformedError(
            f"its head is damaged, or of another version of seriatim ({error}): export the queue "
            "and import it into a new folder, or restore the data folder from a copy",
            code="bad_row",
        ) from error
    return head


def read_head(queue: str, raw: bytes) -> QueueHead:
    """Return what the head of *queue* says.

    Raises:
        StoreError: its row is damaged, or of another version.
    """
    try:
        return decode_head(raw)
    except MalformedError as error:
        raise StoreError(f"queue {queue}: {error}") from error
