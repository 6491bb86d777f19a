"""Making a queue's rows out of its log alone: so that anybody can check what a node says of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import orjson

from seriatim.formats.errors import MalformedError
from seriatim.formats.jobs.fold import Event, QueueFold
from seriatim.formats.jobs.rows import Path
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


def replay(
    queue: str, spawned_ms: int, slots: Iterable[tuple[int, Mapping[str, Value]]]
) -> dict[Path, bytes]:
    """Return the rows of *queue*, as its slots say.

    Args:
        queue: its name.
        spawned_ms: when it was made.
        slots: what is in its log from slot 1 on: the slot, and the fields of its message.

    Raises:
        IllegalMoveError: what a slot says cannot happen.
        MalformedError: a slot says nothing that a queue says; code ``bad_slot``.
    """
    rows: dict[Path, bytes] = {}
    fold = QueueFold(queue, rows.get)
    fold.begin(0, spawned_ms, spawned_ms)
    keep_rows(rows, fold)
    for slot, fields in slots:
        said = read_slot(slot, fields)
        fold.begin(slot, said.at_ms, said.wall_ms)
        for event in said.events:
            fold.apply(event)
        keep_rows(rows, fold)
    return rows


def keep_rows(rows: dict[Path, bytes], fold: QueueFold) -> None:
    """Have *rows* say what the last slot of *fold* has changed."""
    for path, value in fold.rows():
        if value is None:
            rows.pop(path, None)
        else:
            rows[path] = value
