"""A slot of a queue, as a message has it: at what time what has happened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import orjson

from seriatim.formats.errors import MalformedError
from seriatim.formats.jobs.fold import Event
from seriatim.formats.message import Value


class Said(NamedTuple):
    """What a slot says.

    Attributes:
        at_ms: at what time.
        wall_ms: the wall clock then; see `QueueFold`.
        events: see `QueueFold`.
    """

    at_ms: int
    wall_ms: int
    events: Sequence[Event]


def slot_fields(at_ms: int, wall_ms: int, data: str) -> dict[str, Value]:
    """Return the fields of the message of a slot that says *data*; see `Said`."""
    fields: dict[str, Value] = {"at": at_ms, "data": data}
    return fields if wall_ms == at_ms else {**fields, "wall": wall_ms}


def read_slot(slot: int, fields: Mapping[str, Value]) -> Said:
    """Return what *slot* says, whose message has these *fields*.

    Raises:
        MalformedError: it says nothing that a queue says; code ``bad_slot``.
    """
    try:
        at_ms, data = fields["at"], fields["data"]
        wall_ms = fields.get("wall", at_ms)
        events = orjson.loads(data)  # type: ignore[arg-type]  # what it is, it says itself
    except (KeyError, ValueError, TypeError) as error:
        raise MalformedError(f"slot {slot} is none of a queue", code="bad_slot") from error
    if not isinstance(at_ms, int) or not isinstance(wall_ms, int):
        raise MalformedError(f"slot {slot} says no time", code="bad_slot")
    return Said(at_ms, wall_ms, events)
